//! Logs that are lost and come back as they were when they were backed up last.

use std::fs;
use std::path::PathBuf;

use simp_engine::Engine;
use tempfile::TempDir;

use super::world::World;
use super::{HOSTS, address, trace};
use crate::driver::key_of;

/// The backups of all hosts, and their logs, which are files then.
pub struct Backups {
    folder: TempDir,
    files: usize,
    logs: [PathBuf; HOSTS],
    last: [Option<Vec<u8>>; HOSTS],
    /// Whose log has come back once.
    pub restored: [bool; HOSTS],
}

impl Backups {
    fn next_file(&mut self) -> PathBuf {
        self.files += 1;
        self.folder.path().join(self.files.to_string())
    }
}

impl World {
    /// From the beginning on.
    pub fn keep_backups(&mut self) {
        let mut backups = Backups {
            folder: tempfile::tempdir().unwrap(),
            files: 0,
            logs: Default::default(),
            last: Default::default(),
            restored: [false; HOSTS],
        };
        for (host, on) in self.hosts.iter_mut().enumerate() {
            backups.logs[host] = backups.next_file();
            on.store = Some(on.disk.open_file(&backups.logs[host]));
        }
        self.backups = Some(backups);
        self.trouble = self.random.pick(&[5, 20, 60]);
    }

    /// A host has just been killed: that is as good a moment for a backup as any, or for its disk to be lost.
    pub fn back_up_or_restore(&mut self, now: u64, host: usize) {
        let Some(backups) = &mut self.backups else { return };
        let choice = self.random.below(100);
        if choice < 40 {
            trace(now, host, &"is backed up");
            self.hosts[host].store.as_ref().unwrap().tidy_up().unwrap();
            backups.last[host] = Some(fs::read(&backups.logs[host]).unwrap());
        } else if choice < 70
            && let Some(log) = &backups.last[host]
        {
            trace(now, host, &"is restored");
            let log = log.clone();
            backups.restored[host] = true;
            backups.logs[host] = backups.next_file();
            fs::write(&backups.logs[host], log).unwrap();
            let mut store = self.hosts[host].disk.open_file(&backups.logs[host]);
            store.become_another().unwrap();
            let (policy, moment, random) = (self.policy(host), self.now(host, now), self.random.next());
            let place = (address(host), key_of(address(host)));
            let mut engine = Engine::new(moment, policy, place, store, random).unwrap();
            engine.give_up_all(moment).unwrap();
            self.hosts[host].store = Some(engine.into_store());
        }
    }

    /// Whether the log of this host has lost what came after a backup.
    pub fn is_restored(&self, host: usize) -> bool {
        self.backups.as_ref().is_some_and(|backups| backups.restored[host])
    }
}

//! What a loss of power leaves of simpd's log: all that simpd had promised.
//!
//! A real simpd chats, is killed, stopped and started again, and every call of it is recorded. For many moments
//! of that, the disk is made as a loss of power at that moment could leave it, and the log on it compared with
//! what had left simpd before. Some of these disks are given to a real simpd, which must go on from there.
//!
//! `SIMP_SEED=n` chooses other moments, `SIMP_ROUNDS=n` so many times as many.

mod disk;
mod log;
mod promises;
mod resume;
mod secure;
mod trace;
mod traffic;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Random, World};
use disk::{Disk, Image, Unsynced};
use log::Log;
use promises::{Datagrams, Promise, promises};
use resume::resume;
use trace::{Call, Record, Tracer, records};
use traffic::Traffic;

/// Moments tried in a round, besides those of the first start.
const MOMENTS: usize = 400;

/// Disks that a real simpd goes on from, in a round.
const STARTS: usize = 40;

/// The consumer whose mark is moved.
const CONSUMER: &str = "reader";

#[test]
fn nothing_that_was_promised_is_lost_with_the_power() {
    let variable = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let (seed, rounds) = (variable("SIMP_SEED").unwrap_or(1), variable("SIMP_ROUNDS").unwrap_or(1));
    println!("replay with: SIMP_SEED={seed} SIMP_ROUNDS={rounds} cargo test --test e2e power_loss");
    let world = World::new();
    fs::create_dir(world.path("state")).unwrap();
    // SQLite follows links in names, the tracer does not.
    let root = world.path("state").canonicalize().unwrap();
    let tracer = Tracer::new(&world, &root);
    let told = Traffic::new(&world, &tracer, Random(seed)).run();

    let trace = tracer.read();
    let run = Traced::new(&world, root, records(&trace));
    let promises = promises(&run.records, Datagrams::Clear, &told, &run.log);
    let mut found = Found::default();
    let mut started = 0;
    for seed in seed..seed + rounds {
        let disks = run.lose_power(&promises, &mut Random(seed), &mut found);
        // If something is lost already, that is what the test says.
        if found.losses.is_empty() {
            started += resume(&world, &run.log, &disks);
        }
    }
    let (moments, calls, losses) = (found.moments, run.records.len(), found.losses.len());
    println!(
        "power lost at {moments} moments among {calls} calls: {} promises checked, {losses} losses, {} duplicates; \
         simpd went on from {started} disks",
        found.promises, found.duplicates
    );
    assert!(losses == 0, "{}", found.losses[..losses.min(10)].join("\n"));
    assert_eq!(found.duplicates, 0);
    assert!(moments >= 300);
}

/// The folder with the log of the daemon on address number `host`.
fn log_folder(world: &World, host: u8) -> PathBuf {
    world.path("state").join(relative_log_folder(world, host))
}

fn relative_log_folder(world: &World, host: u8) -> PathBuf {
    Path::new("simp").join(world.address(host))
}

/// The files in this folder.
fn files(folder: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap())).collect()
}

/// All that was recorded, and what came of it.
struct Traced<'a> {
    world: &'a World,
    /// The folder that was watched.
    root: PathBuf,
    records: Vec<Record<'a>>,
    /// The log as simpd left it in the end.
    log: Log,
    /// Number of calls until a datagram left for the first time.
    first_output: usize,
    /// Moments at which entries are on their way from the write-ahead log to the log.
    checkpoint: Vec<usize>,
}

impl<'a> Traced<'a> {
    /// Goes through the records, and sees that nothing is missing in them.
    fn new(world: &'a World, root: PathBuf, records: Vec<Record<'a>>) -> Self {
        let first_output = records.iter().position(|record| record.call == Call::Datagram).unwrap();
        let folder = relative_log_folder(world, 1);
        let mut disk = Disk::new(&root);
        let mut checkpoint = Vec::new();
        for (moment, record) in records.iter().enumerate() {
            if moment > first_output && disk.is_being_changed(&folder.join("log.db")) {
                checkpoint.push(moment);
            }
            disk.apply(record);
        }
        assert!(checkpoint.len() > 100, "the log is copied back in {} calls", checkpoint.len());
        let place = world.path("last");
        disk.after_power_loss(Unsynced::Kept, &mut Random(0)).write(&folder, &place);
        assert!(files(&place) == files(&log_folder(world, 1)), "files were changed in a way not recorded");
        let log = Log::read(&place.join("log.db")).unwrap();
        assert!(log.entries.iter().map(|entry| entry.id).eq(1..=log.entries.len() as u64));
        Self { world, root, records, log, first_output, checkpoint }
    }

    /// Loses the power at many moments and checks what is left each time. Some of the disks are returned.
    fn lose_power(&self, promises: &[Promise], random: &mut Random, found: &mut Found) -> Vec<Image> {
        let place = self.world.path("disk");
        let mut disk = Disk::new(&self.root);
        let (mut done, mut disks) = (0, Vec::new());
        let moments = self.moments(random);
        for (tried, (moment, unsynced)) in moments.iter().enumerate() {
            self.records[done..*moment].iter().for_each(|record| disk.apply(record));
            done = *moment;
            let image = disk.after_power_loss(*unsynced, random);
            let before = promises.partition_point(|promise| promise.record < *moment);
            found.moments += 1;
            found.promises += before;
            image.write(&relative_log_folder(self.world, 1), &place);
            let log = Log::read(&place.join("log.db"));
            found.duplicates += log.as_ref().map_or(0, Log::duplicates);
            if let Err(loss) = log.and_then(|log| self.compare(&log, &promises[..before])) {
                found.losses.push(format!("after call {moment}, not synced: {unsynced:?}: {loss}"));
            } else if tried % (moments.len() / STARTS) == 0 && disks.len() < STARTS {
                disks.push(image);
            }
        }
        disks
    }

    /// The moments to try, in order: after so many calls, and what becomes of that which was not synced.
    fn moments(&self, random: &mut Random) -> Vec<(usize, Unsynced)> {
        let outputs: Vec<_> =
            (1..=self.records.len()).filter(|moment| self.records[moment - 1].call.is_output()).collect();
        let mut moments = Vec::new();
        for moment in 0..=self.first_output {
            moments.extend([(moment, Unsynced::Lost), (moment, Unsynced::Torn)]);
        }
        for _ in 0..MOMENTS {
            let unsynced = [Unsynced::Lost, Unsynced::Torn, Unsynced::Torn, Unsynced::Kept][random.index(4)];
            moments.push(match random.index(3) {
                0 => (outputs[random.index(outputs.len())], unsynced),
                1 => (self.checkpoint[random.index(self.checkpoint.len())], unsynced),
                _ => (random.index(self.records.len() + 1), unsynced),
            });
        }
        moments.sort_by_key(|(moment, _)| *moment);
        moments
    }

    /// This log is the beginning of the one that it became, and as long as was promised.
    fn compare(&self, log: &Log, promises: &[Promise]) -> Result<(), String> {
        let entries = log.entries.len();
        if let Some(wrong) = (0..entries).find(|at| self.log.entries.get(*at) != Some(&log.entries[*at])) {
            return Err(format!("entry {} is {:?}", wrong + 1, log.entries[wrong]));
        }
        let promised = promises.iter().map(|promise| promise.entries).max().unwrap_or_default();
        if entries < promised {
            return Err(format!("{promised} entries were promised, {entries} are there"));
        }
        let mark = promises.iter().map(|promise| promise.mark).max().unwrap_or_default();
        if log.mark < mark {
            return Err(format!("the mark {mark} was promised, it is {}", log.mark));
        }
        Ok(())
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    moments: usize,
    promises: usize,
    losses: Vec<String>,
    duplicates: usize,
}

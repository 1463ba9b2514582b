//! A simpd whose disk fails on demand, by `refuse.c`.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;

use crate::harness::{World, compile};

/// What may fail: the numbers of `enum call`.
pub const WRITES: u32 = 1;
pub const GROWS: u32 = 2;
pub const SYNCS: u32 = 4;
pub const OPENS: u32 = 16;
pub const READS: u32 = 64;
pub const REMOVES: u32 = 32;
/// All but reading.
pub const CHANGES: u32 = WRITES + GROWS + SYNCS + 8 + OPENS + 32;

/// Any number of times.
pub const FOR_GOOD: u32 = u32::MAX;

/// The library that lets a disk fail, once for all daemons of a world.
pub fn library(world: &World) -> PathBuf {
    compile(world, "refuse", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/disk/refuse.c"))
}

/// The disk of one daemon.
pub struct Disk {
    library: PathBuf,
    path: PathBuf,
    order: File,
    /// Where its files are; no part of the name is a link.
    folder: PathBuf,
}

impl Disk {
    /// One that fails in nothing yet. `order` is the name of a file that is not there.
    pub fn new(library: &Path, order: PathBuf, folder: PathBuf) -> Self {
        let file = File::options().read(true).write(true).create_new(true).open(&order).unwrap();
        file.write_all_at(&[0; 24], 0).unwrap();
        Self { library: library.to_owned(), path: order, order: file, folder }
    }

    /// Lets this simpd use it.
    pub fn attach(&self, command: &mut Command) {
        command
            .env("XDG_STATE_HOME", &self.folder)
            .env("LD_PRELOAD", &self.library)
            .env("SIMP_REFUSE", &self.path)
            .env("SIMP_REFUSE_FOLDER", &self.folder);
    }

    /// From now on, such calls fail, so many times, after so many that do not. Without an error, writes are cut
    /// short.
    pub fn fail(&self, calls: u32, after: u32, times: u32, error: Option<Errno>) {
        let error = error.map_or(0, |error| error as u32);
        // Which calls comes last: the daemon reads the order while it is written.
        for (at, number) in [(4, after), (8, times), (12, error), (16, 0), (20, 0), (0, calls)] {
            self.order.write_all_at(&number.to_ne_bytes(), at).unwrap();
        }
    }

    pub fn mend(&self) {
        self.order.write_all_at(&[0; 4], 0).unwrap();
    }

    fn number(&self, at: u64) -> u32 {
        let mut bytes = [0; 4];
        self.order.read_exact_at(&mut bytes, at).unwrap();
        u32::from_ne_bytes(bytes)
    }

    /// How many calls have failed since the last order.
    pub fn failed(&self) -> u32 {
        self.number(16)
    }

    /// How many of them were to open a file.
    pub fn opened(&self) -> u32 {
        self.number(20)
    }
}

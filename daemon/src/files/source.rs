//! A file of ours that peers read.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};

use nix::fcntl::OFlag;
use simp_control::error::system;
use simp_engine::Fault;

/// Why a file is not sent that is another one by now.
const CHANGED: &str = "it changed after it was offered";

/// What a peer hears of a file of ours that our system does not let us read.
const NOT_READ: &str = "it cannot be read any more";

/// A file of ours, open.
pub(super) struct Source {
    file: File,
    size: u64,
    modified: (i64, i64),
}

impl Source {
    /// Opens the file at this path, which had so many bytes when it was offered.
    pub(super) fn open(path: &str, size: u64) -> Result<Self, Fault> {
        // A link may lead to another file by now, and a pipe would hold everybody up.
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
        let file = file.map_err(|error| explain(&error))?;
        let there = file.metadata().map_err(|error| explain(&error))?;
        match there.is_file() && there.len() == size {
            true => Ok(Self { file, size, modified: (there.mtime(), there.mtime_nsec()) }),
            false => Err(CHANGED.into()),
        }
    }

    /// So many bytes of it from this one on.
    pub(super) fn read(&self, from: u64, length: u64) -> Result<Vec<u8>, Fault> {
        let there = self.file.metadata().map_err(|error| explain(&error))?;
        if there.len() != self.size || (there.mtime(), there.mtime_nsec()) != self.modified {
            return Err(CHANGED.into());
        }
        let mut bytes = vec![0; length as usize];
        self.file.read_exact_at(&mut bytes, from).map_err(|error| explain(&error))?;
        Ok(bytes)
    }
}

fn explain(error: &io::Error) -> Fault {
    Fault { why: format!("it cannot be read: {}", system(error)), told: NOT_READ }
}

//! Why the store does not work, as a user reads it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use simp_service::{disk, plain_file};

/// What SQLite wants on the disk at a time, in bytes: the shared memory beside the file.
const ROOM: usize = 1 << 15;

/// So many files SQLite opens at a time besides the one that it is about.
const OTHERS: usize = 4;

/// Why the store does not work.
#[derive(Debug, thiserror::Error)]
pub enum RoomStoreError {
    /// The file is something else.
    #[error("{0}: not a simp-room database (move it away)")]
    NotOurs(PathBuf),
    /// The system does not let us at it, and says why: the disk is full, say.
    #[error("{0}: {trouble}", trouble = disk::trouble(.1, "XDG_STATE_HOME", "move it away"))]
    System(PathBuf, io::Error),
    /// The disk does not do what it should.
    #[error("{0}: the disk fails (see the system's log, or set XDG_STATE_HOME to a folder on another disk)")]
    Failing(PathBuf),
    /// Another program has it, for longer than any of ours.
    #[error("{0}: in use by another program (end it, and try again)")]
    Busy(PathBuf),
    /// It was damaged, or SQLite takes a failure to read it for that.
    #[error(
        "{0}: damaged, or the disk fails to read it (see the system's log; if that has nothing, put a copy of it back, or \
         move it away to start without accounts)"
    )]
    Damaged(PathBuf),
    /// Anything else, in SQLite's words.
    #[error("{0}: cannot be used: {1}")]
    Other(PathBuf, rusqlite::Error),
}

impl RoomStoreError {
    /// Whether it is the disk's, and may pass.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::System(..) | Self::Failing(_) | Self::Busy(_) => true,
            Self::NotOurs(_) | Self::Damaged(_) | Self::Other(..) => false,
        }
    }

    /// What an error of SQLite means for the file at `path`.
    pub(super) fn explain(path: &Path, error: rusqlite::Error) -> Self {
        let there = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotOurs(there),
            Some(ErrorCode::DiskFull) => Self::System(there, io::ErrorKind::StorageFull.into()),
            Some(ErrorCode::ReadOnly) => Self::System(there, io::ErrorKind::ReadOnlyFilesystem.into()),
            // What the system says tells more than what SQLite makes of it.
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                let opened = File::options().read(true).write(true).open(path);
                let tried = opened.and_then(|_file| try_descriptors()).and_then(|()| try_room(path));
                match tried {
                    Ok(()) => Self::Failing(there),
                    Err(error) => Self::System(there, error),
                }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(there),
            // A table or a row that is not what we write.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::Unknown) => Self::Damaged(there),
            None => Self::Damaged(there),
            Some(_) => Self::Other(there, error),
        }
    }
}

/// Whether SQLite may open its other files too.
fn try_descriptors() -> io::Result<()> {
    (0..OTHERS).map(|_| File::open("/dev/null")).collect::<io::Result<Vec<_>>>().map(drop)
}

/// Whether there is room for what SQLite writes beside the file at `path`.
fn try_room(path: &Path) -> io::Result<()> {
    let beside = path.with_extension("try");
    let written = plain_file::renew(&beside).and_then(|mut file| file.write_all(&[0; ROOM]));
    let removed = fs::remove_file(&beside);
    written.and(removed)
}

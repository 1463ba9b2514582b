//! Why the log cannot be used, as a user reads it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use simp_control::error::{is_out_of_descriptors, system};

use crate::schema::SCHEMA_VERSION;

/// So many files SQLite has open at a time.
const FILES: usize = 5;

/// Why the log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It holds something else.
    #[error("{0}: not a log of simpd (move it away, or set XDG_STATE_HOME to another folder)")]
    NotALog(PathBuf),
    /// A newer simpd wrote it.
    #[error(
        "{path}: written by a newer simpd (schema {found}, this one knows {SCHEMA_VERSION}; install the newer one)"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// Something has the name of a file that we make.
    #[error("{0}: in the way of a file of simpd (move it away)")]
    InTheWay(PathBuf),
    /// No more files may be opened.
    #[error("{0}: too many open files (allow more of them: ulimit -n)")]
    Descriptors(PathBuf),
    /// No space is left.
    #[error("{0}: the disk is full (free some space, or set XDG_STATE_HOME to a folder on another disk)")]
    Full(PathBuf),
    /// No more space may be used.
    #[error(
        "{0}: the disk quota is exhausted (free some space, or set XDG_STATE_HOME to a folder on another disk)"
    )]
    Quota(PathBuf),
    /// It may be read and not written.
    #[error(
        "{0}: the disk is read-only (mount it for writing, or set XDG_STATE_HOME to a folder on another disk)"
    )]
    ReadOnly(PathBuf),
    /// The disk does not do what it should.
    #[error(
        "{path}: the disk fails: {error} (see the system's log, or set XDG_STATE_HOME to a folder on another disk)"
    )]
    Failing {
        /// The file.
        path: PathBuf,
        /// What SQLite or the system says.
        error: String,
    },
    /// Another process has it.
    #[error("{0}: in use by another program (does another simpd use this folder?)")]
    Busy(PathBuf),
    /// It was damaged, or SQLite takes a failure to read it for that.
    #[error(
        "{0}: damaged, or the disk fails to read it (see the system's log; if that has nothing, move it away to start with an empty log)"
    )]
    Damaged(PathBuf),
    /// Anything else, in SQLite's words.
    #[error("{path}: {error}")]
    Other {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        error: rusqlite::Error,
    },
}

impl StoreError {
    /// Whether the log may be usable again later, without anybody touching the file.
    pub fn may_pass(&self) -> bool {
        match self {
            // Also what nobody has thought of: simpd waits with its chats, where giving up would end them.
            Self::Full(_)
            | Self::InTheWay(_)
            | Self::Descriptors(_)
            | Self::Quota(_)
            | Self::ReadOnly(_)
            | Self::Failing { .. }
            | Self::Busy(_)
            | Self::Damaged(_)
            | Self::Other { .. } => true,
            Self::NotALog(_) | Self::Newer { .. } => false,
        }
    }

    /// What an error of the system means for the log at `path`.
    pub(crate) fn of_system(path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::StorageFull => Self::Full(path),
            io::ErrorKind::QuotaExceeded => Self::Quota(path),
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly(path),
            _ if is_out_of_descriptors(error) => Self::Descriptors(path),
            _ => Self::Failing { path, error: system(error) },
        }
    }

    /// What an error of SQLite means for the log at `path`.
    pub(crate) fn explain(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotALog(path),
            Some(ErrorCode::DiskFull) => Self::Full(path),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly(path),
            // SQLite does not say why, and has closed by now what it had opened.
            Some(ErrorCode::CannotOpen) if lacks_descriptors() => Self::Descriptors(path),
            // A disk that fails shows as either: as the second if a file beside the log cannot be made.
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => {
                Self::Failing { path, error: error.to_string() }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(path),
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged(path),
            _ => Self::Other { path, error },
        }
    }
}

/// Whether SQLite cannot open all the files that it needs at a time.
fn lacks_descriptors() -> bool {
    let opened: io::Result<Vec<_>> = (0..FILES).map(|_| File::open("/dev/null")).collect();
    opened.is_err_and(|error| is_out_of_descriptors(&error))
}

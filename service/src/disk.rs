//! Disks that cannot be written to: in words for people, and in time.

use std::fs::File;
use std::io;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};

use crate::system::system;

/// What it means that something cannot be written, and the remedy in parentheses. `variable` is the one that sets where that
/// is; `otherwise` is the remedy if the disk is not to blame.
pub fn trouble(error: &io::Error, variable: &str, otherwise: &str) -> String {
    if is_out_of_descriptors(error) {
        return format!("{} (allow more of them: ulimit -n)", system(error));
    }
    let (what, remedy) = match error.kind() {
        io::ErrorKind::StorageFull => ("the disk is full", "free some space"),
        io::ErrorKind::QuotaExceeded => ("the disk quota is exhausted", "free some space"),
        io::ErrorKind::ReadOnlyFilesystem => ("the disk is read-only", "mount it for writing"),
        _ => return format!("{} ({otherwise})", system(error)),
    };
    format!("{what} ({remedy}, or set {variable} to a folder on another disk)")
}

/// Sees to it that so many bytes can be appended to the file, also if others fill the disk meanwhile.
///
/// # Errors
/// There is no room for them. A file system that cannot promise it does not count as full.
pub(crate) fn reserve(file: &File, bytes: u32) -> io::Result<()> {
    let end = i64::try_from(file.metadata()?.len()).unwrap_or(i64::MAX);
    match fallocate(file, FallocateFlags::FALLOC_FL_KEEP_SIZE, end, bytes.into()).map_err(io::Error::from) {
        Err(error) if is_full(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Whether the process, or the machine, may open no more files.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EMFILE | Errno::ENFILE))
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_cannot_be_written_to_has_a_remedy_of_its_own() {
        for (kind, said) in [
            (
                io::ErrorKind::StorageFull,
                "the disk is full (free some space, or set HOME to a folder on another disk)",
            ),
            (
                io::ErrorKind::QuotaExceeded,
                "the disk quota is exhausted (free some space, or set HOME to a folder on another disk)",
            ),
            (
                io::ErrorKind::ReadOnlyFilesystem,
                "the disk is read-only (mount it for writing, or set HOME to a folder on another disk)",
            ),
        ] {
            assert_eq!(trouble(&kind.into(), "HOME", "move it away"), said);
        }
        let many = io::Error::from_raw_os_error(Errno::EMFILE as i32);
        let said = "too many open files (allow more of them: ulimit -n)";
        assert_eq!(trouble(&many, "HOME", "move it away"), said);
        let denied = io::Error::from_raw_os_error(13);
        assert_eq!(trouble(&denied, "HOME", "move it away"), "permission denied (move it away)");
    }

    #[test]
    fn what_is_reserved_does_not_show() {
        let file = tempfile::tempfile().unwrap();
        reserve(&file, 4_096).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 0);
    }
}

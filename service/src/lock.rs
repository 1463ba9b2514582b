//! A file that one process at a time holds. The kernel lets go of it when that process ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::{plain_file, process};

/// How often one that is being killed is looked at, and how often at most: for longer than a disk takes that works.
const PAUSE: Duration = Duration::from_millis(10);
const PAUSES_MAX: usize = 3_000;

/// Locks the file at `path`, which is made with mode 0600 if it is missing, for as long as the returned file is open.
/// What is written to it is appended. A link is not followed.
///
/// A killed process keeps its lock until the disk has what it was writing. That is waited for, so that whoever kills a
/// program can start it again at once.
///
/// # Errors
/// [`TryLockError::WouldBlock`], if another process has it; else why it cannot be opened or locked.
pub fn take(path: &Path) -> Result<File, TryLockError> {
    let file = plain_file::append(path).map_err(TryLockError::Error)?;
    take_after(file, |file| {
        let dying = holder(file).is_some_and(process::is_dying);
        if dying {
            sleep(PAUSE);
        }
        dying
    })
}

/// Tries while whoever has the lock is about to let go of it, and once more.
fn take_after(file: File, mut waited: impl FnMut(&File) -> bool) -> Result<File, TryLockError> {
    for _ in 0..PAUSES_MAX {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if waited(&file) => {}
            Err(TryLockError::WouldBlock) => break,
            tried => return tried.map(|()| file),
        }
    }
    file.try_lock().map(|()| file)
}

/// The id of the process that has locked this file, as far as the kernel tells; proc(5), `/proc/locks`.
fn holder(file: &File) -> Option<u32> {
    let inode = format!(":{}", file.metadata().ok()?.ino());
    let locks = fs::read_to_string("/proc/locks").ok()?;
    // 1: FLOCK ADVISORY WRITE pid major:minor:inode 0 EOF
    let mut locks = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    locks.find_map(|lock| match lock[..] {
        [_, "FLOCK", _, _, pid, locked, ..] if locked.ends_with(&inode) => pid.parse().ok(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_free_again_once_its_file_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = take(&path).unwrap();
        assert!(matches!(take(&path), Err(TryLockError::WouldBlock)));
        assert_eq!(holder(&first), Some(std::process::id()));
        drop(first);
        assert_eq!(holder(&take(&path).unwrap()), Some(std::process::id()));
        assert!(matches!(take(folder.path()), Err(TryLockError::Error(_))));
    }

    #[test]
    fn a_lock_is_waited_for_while_its_holder_is_killed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut first = Some(take(file.path()).unwrap());
        let second = plain_file::append(file.path()).unwrap();
        let mut looks = 0;
        let taken = take_after(second, |_| {
            looks += 1;
            // It lets go of it at the second look, after which it is not there to be asked a third time.
            first.take_if(|_| looks == 2).is_none()
        });
        assert!(taken.is_ok());
        assert_eq!(looks, 2);
    }
}

//! A file that one process at a time holds. The kernel lets go of it when that process ends, however it ends.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::plain_file;

/// Locks the file at `path`, which is made with mode 0600 if it is missing, for as long as the returned file is open.
/// What is written to it is appended. A link is not followed.
///
/// # Errors
/// [`TryLockError::WouldBlock`], if another process has it; else why it cannot be opened or locked.
pub fn take(path: &Path) -> Result<File, TryLockError> {
    let file = plain_file::append(path).map_err(TryLockError::Error)?;
    file.try_lock()?;
    Ok(file)
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
        drop(first);
        take(&path).unwrap();
        assert!(matches!(take(folder.path()), Err(TryLockError::Error(_))));
    }
}

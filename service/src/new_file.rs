//! Files that appear whole or not at all, and in the place of nothing.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::unistd::linkat;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::plain_file;

/// Where the kernel names the files that a process has open.
const DESCRIPTORS: &str = "/proc/self/fd";

/// A file that is being made. Dropped before it is [kept](Self::keep), it has never been there.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    file: File,
    /// The name that it has meanwhile: only where the file system has no files without one.
    meanwhile: Option<PathBuf>,
}

impl NewFile {
    /// Begins one with mode 0600.
    ///
    /// # Errors
    /// If it cannot be made; [`io::ErrorKind::AlreadyExists`] if there is one.
    pub fn begin(path: &Path) -> io::Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if path.file_name().is_none() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        match nameless(path) {
            Ok(file) => Ok(Self { path: path.to_owned(), file, meanwhile: None }),
            Err(error) if is_lack_of_nameless(&error) => Self::begin_hidden(path),
            Err(error) => Err(error),
        }
    }

    fn begin_hidden(path: &Path) -> io::Result<Self> {
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(".part");
        let hidden = folder(path).join(name);
        let file = plain_file::renew(&hidden)?;
        Ok(Self { path: path.to_owned(), file, meanwhile: Some(hidden) })
    }

    /// To write into.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// It is complete: once it is on the disk it gets its name, which is on the disk then too.
    ///
    /// # Errors
    /// If it cannot be; [`io::ErrorKind::AlreadyExists`] if there is one by now.
    pub fn keep(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        match &self.meanwhile {
            None => {
                let open = format!("{DESCRIPTORS}/{}", self.file.as_raw_fd());
                linkat(AT_FDCWD, Path::new(&open), AT_FDCWD, &self.path, AtFlags::AT_SYMLINK_FOLLOW)?;
            }
            Some(hidden) => rename(hidden, &self.path)?,
        }
        self.meanwhile = None;
        // Some file systems cannot sync a folder, and then there is nothing better.
        let _ = File::open(folder(&self.path)).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(hidden) = &self.meanwhile {
            let _ = fs::remove_file(hidden);
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file without a name, of which a kill leaves nothing.
fn nameless(path: &Path) -> io::Result<File> {
    if !Path::new(DESCRIPTORS).exists() {
        return Err(Errno::EOPNOTSUPP.into());
    }
    OpenOptions::new().write(true).mode(0o600).custom_flags(OFlag::O_TMPFILE.bits()).open(folder(path))
}

/// A kernel that does not know what is wanted takes it for an attempt to write a folder.
fn is_lack_of_nameless(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw);
    matches!(number, Some(Errno::EOPNOTSUPP | Errno::EISDIR | Errno::EINVAL))
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::io::Errno;
    // Not by nix, which has this with glibc alone.
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system cannot look for itself.
        Err(Errno::INVAL | Errno::NOSYS) if to.symlink_metadata().is_err() => fs::rename(from, to),
        Err(Errno::INVAL | Errno::NOSYS) => Err(io::ErrorKind::AlreadyExists.into()),
        renamed => Ok(renamed?),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// What is in a folder.
    fn names(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn a_file_is_there_once_it_is_kept_and_never_in_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for begin in [NewFile::begin, NewFile::begin_hidden] {
            // Dropped, it has never been.
            begin(&path).unwrap().file().write_all(b"half").unwrap();
            assert_eq!(names(folder.path()), [] as [PathBuf; 0]);
            let new = begin(&path).unwrap();
            new.file().write_all(b"whole").unwrap();
            assert!(!path.exists());
            new.keep().unwrap();
            assert_eq!(names(folder.path()), std::slice::from_ref(&path));
            assert_eq!(fs::read(&path).unwrap(), b"whole");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::remove_file(&path).unwrap();
            // Somebody else was faster.
            let late = begin(&path).unwrap();
            std::os::unix::fs::symlink("nowhere", &path).unwrap();
            assert_eq!(late.keep().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(NewFile::begin(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(names(folder.path()), std::slice::from_ref(&path));
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_of_the_system() {
        let folder = tempfile::tempdir().unwrap();
        let missing = NewFile::begin(&folder.path().join("none/file")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}

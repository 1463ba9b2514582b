//! Files that are files. A pipe would keep us waiting, a device has no end, and behind a link there may be a file of somebody
//! else.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;

/// Reads a file of the user's, which a link may lead to, if it has at most so many bytes.
///
/// # Errors
/// If it is not a regular file, is longer, cannot be read, or is not UTF-8.
pub fn read_to_string(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The same for one whose encoding does not matter.
///
/// # Errors
/// If it is not a regular file, is longer, or cannot be read.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open_to_read(path)?;
    let mut bytes = Vec::new();
    // Its length is not asked for: it may grow while it is read.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => {
            let line = format!("more than {} MiB", most >> 20);
            Err(io::Error::new(io::ErrorKind::FileTooLarge, line))
        }
        false => Ok(bytes),
    }
}

/// Opens a file of the user's, which a link may lead to, to read all of it.
///
/// # Errors
/// If it is not a regular file, or cannot be opened.
pub fn open_to_read(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true), OFlag::O_NONBLOCK, path)
}

/// Makes an empty file of our own with mode 0600. What has its name already is removed: a link or a pipe itself, never
/// what is behind it.
///
/// # Errors
/// If it cannot be made; [`io::ErrorKind::AlreadyExists`] if a folder has its name.
pub fn renew(path: &Path) -> io::Result<File> {
    let make = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match make() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // If it cannot be removed, it is still in the way.
            let _ = std::fs::remove_file(path);
            make()
        }
        made => made,
    }
}

/// Opens a file of our own to append to; makes it with mode 0600 if it is missing. A link is not followed.
///
/// # Errors
/// If it is not a regular file, or cannot be made or opened.
pub fn append(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
    open(OpenOptions::new().create(true).append(true).mode(0o600), flags, path)
}

fn open(options: &mut OpenOptions, flags: OFlag, path: &Path) -> io::Result<File> {
    let not_a_file = || io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
    // Without waiting for somebody at the other end of a pipe.
    let file = options.custom_flags(flags.bits()).open(path).map_err(|error| {
        match error.raw_os_error().map(Errno::from_raw) {
            // A socket, a pipe that nobody reads; a link.
            Some(Errno::ENXIO | Errno::EISDIR) => not_a_file(),
            Some(Errno::ELOOP) if flags.contains(OFlag::O_NOFOLLOW) => not_a_file(),
            _ => error,
        }
    })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_a_file()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use nix::sys::stat::Mode;

    use super::*;

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        nix::unistd::mkfifo(&path("pipe"), Mode::S_IRWXU).unwrap();
        let _listener = UnixListener::bind(path("socket")).unwrap();
        for special in [path("pipe"), path("socket"), folder.path().to_owned(), "/dev/zero".into()] {
            for error in [read(&special, 9).unwrap_err(), append(&special).unwrap_err()] {
                assert_eq!(error.to_string(), "not a regular file", "{}", special.display());
            }
        }
    }

    #[test]
    fn a_link_is_read_but_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "text").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(read_to_string(&link, 4).unwrap(), "text");
        assert_eq!(append(&link).unwrap_err().to_string(), "not a regular file");
        // Nor is one made that a link leads to.
        std::fs::remove_file(&file).unwrap();
        assert!(append(&link).is_err() && !file.exists());
        append(&file).unwrap();
    }

    #[test]
    fn what_is_too_long_is_refused_and_not_held() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        // More than any machine has room for, and nothing on the disk.
        File::create(&file).unwrap().set_len(1 << 42).unwrap();
        let error = read_to_string(&file, 1 << 20).unwrap_err();
        assert_eq!(error.to_string(), "more than 1 MiB");
        File::create(&file).unwrap().set_len(1 << 20).unwrap();
        assert_eq!(read_to_string(&file, 1 << 20).unwrap().len(), 1 << 20);
    }

    #[test]
    fn what_has_the_name_of_a_new_file_goes_and_what_is_behind_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "text").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        std::fs::hard_link(path("file"), path("second")).unwrap();
        nix::unistd::mkfifo(&path("pipe"), Mode::S_IRWXU).unwrap();
        for name in ["link", "second", "pipe", "none"] {
            renew(&path(name)).unwrap();
            assert!(path(name).symlink_metadata().unwrap().is_file(), "{name}");
            assert_eq!(std::fs::read(path("file")).unwrap(), b"text", "{name}");
        }
        assert_eq!(renew(folder.path()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}

//! Files that are files. A pipe would keep us waiting, a device has no end, and behind a link there may be a file of somebody
//! else.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;

/// Reads a file of the user's, which a link may lead to.
///
/// # Errors
/// If it is not a regular file or cannot be read, or is not UTF-8.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open(OpenOptions::new().read(true), OFlag::O_NONBLOCK, path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// The same for one whose encoding does not matter.
///
/// # Errors
/// If it is not a regular file or cannot be read.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(OpenOptions::new().read(true), OFlag::O_NONBLOCK, path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
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
            for error in [read(&special).unwrap_err(), append(&special).unwrap_err()] {
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
        assert_eq!(read_to_string(&link).unwrap(), "text");
        assert_eq!(append(&link).unwrap_err().to_string(), "not a regular file");
        // Nor is one made that a link leads to.
        std::fs::remove_file(&file).unwrap();
        assert!(append(&link).is_err() && !file.exists());
        append(&file).unwrap();
    }
}

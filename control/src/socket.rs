//! The control socket of a simpd: how it is called, how to connect to it, and what to say if nobody is there.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

use crate::error::{Error, Lost, Outcome, fail};
use crate::failure::FailureKind;
use crate::places;

/// The control socket of a simpd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// What to call its simpd: the address, or the socket's path if that was given.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

impl Socket {
    /// Connects.
    ///
    /// # Errors
    /// `no_daemon`, with the remedy.
    pub(crate) fn connect(&self) -> Outcome<UnixStream> {
        // The system's own words for it name neither the limit nor the remedy.
        if self.path.as_os_str().as_bytes().len() > places::SOCKET_PATH_MAX {
            let what = "too long for a Unix socket, which has at most 107 bytes";
            let line = format!("{}: {what} (set XDG_RUNTIME_DIR to a shorter path)", self.path.display());
            return Err(fail(FailureKind::NoDaemon, line));
        }
        UnixStream::connect(&self.path).map_err(|error| refused(&self.path, &error))
    }

    /// Connects once more to a simpd that was there before.
    ///
    /// # Errors
    /// [`Error::Lost`] if there is none now, and a failure if there is no use in waiting for it.
    pub(crate) fn connect_again(&self) -> Outcome<UnixStream> {
        UnixStream::connect(&self.path).map_err(|error| match is_absent(&error) {
            true => self.lost(),
            false => refused(&self.path, &error),
        })
    }

    /// The simpd that was here went away.
    pub(crate) fn lost(&self) -> Error {
        Lost { name: self.name.clone(), address: address(&self.path) }.into()
    }
}

/// Whether the error says that no simpd is there: one that died leaves its socket behind.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// Says why there is no simpd at this path, and what to do.
pub(crate) fn refused(path: &Path, error: &io::Error) -> Error {
    let why = match error.kind() {
        _ if is_absent(error) => {
            format!("simpd is not running (start it with: simpd {})", address(path))
        }
        io::ErrorKind::PermissionDenied => {
            let owner = owner(path);
            let who = if owner == "root" { "only root" } else { &format!("only {owner} and root") };
            format!("permission denied (this simpd belongs to {owner}; {who} may use it)")
        }
        _ => error.to_string(),
    };
    fail(FailureKind::NoDaemon, format!("{}: {why}", path.display()))
}

/// The address of the simpd with this socket, by which it is started.
fn address(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    places::parse_address(&stem).map_or("ADDR".to_owned(), places::daemon_name)
}

/// Whose socket it is; whose folder, if we may not even look at the socket.
fn owner(path: &Path) -> String {
    let uid = path.ancestors().find_map(|path| path.metadata().ok()).map_or(0, |metadata| metadata.uid());
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        _ => format!("uid {uid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_the_remedy() {
        let absent = io::Error::from(io::ErrorKind::NotFound);
        for (path, expected) in
            [("/r/127.0.0.1:7778.sock", "simpd 127.0.0.1:7778)"), ("/r/other.sock", "simpd ADDR)")]
        {
            let line = refused(Path::new(path), &absent).to_string();
            assert!(
                line.starts_with(&format!("{path}: simpd is not running")) && line.ends_with(expected),
                "{line}"
            );
        }
        let path = PathBuf::from(format!("/{}", "x".repeat(places::SOCKET_PATH_MAX)));
        let long = Socket { name: "x".into(), path };
        assert!(long.connect().unwrap_err().to_string().contains("XDG_RUNTIME_DIR"));
    }
}

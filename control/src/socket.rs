//! The control socket of a simpd: how it is called, how to connect to it, and what to say if nobody is there.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid};

use crate::address::Address;
use crate::error::{Error, Lost, OtherLog, Outcome, fail, with_remedy};
use crate::failure::FailureKind;
use crate::homes::{group_name, owner_of, user_name};
use crate::places;
use crate::trust::{self, Origin, Untrusted, folder_of, is_in};

/// The control socket of a simpd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// What to call its simpd: the address, or the socket's path if that was given.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    pub(crate) origin: Origin,
}

impl Socket {
    /// One that the user has named by its path.
    pub(crate) fn named(path: PathBuf) -> Self {
        Self { name: path.display().to_string(), path, origin: Origin::Named }
    }

    /// One of our own user's, in its place.
    pub(crate) fn placed(name: String, path: PathBuf) -> Self {
        Self { name, path, origin: Origin::Place }
    }

    /// Connects, if it is of a simpd that may be told everything.
    pub(crate) fn try_connect(&self) -> Result<UnixStream, Untrusted> {
        trust::connect(&self.path, self.origin)
    }

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
        self.try_connect().map_err(|error| self.refused(&error))
    }

    /// Connects once more to a simpd that was there before.
    ///
    /// # Errors
    /// [`Error::Lost`] if there is none now, and a failure if there is no use in waiting for it.
    pub(crate) fn connect_again(&self) -> Outcome<UnixStream> {
        self.try_connect().map_err(|error| match &error {
            Untrusted::Io(error) if is_absent(error) => self.lost(),
            _ => self.refused(&error),
        })
    }

    /// The simpd that was here went away.
    pub(crate) fn lost(&self) -> Error {
        Lost { name: self.name.clone(), address: address(&self.path) }.into()
    }

    /// Says why there is no simpd here that we may talk to, and what to do.
    pub(crate) fn refused(&self, error: &Untrusted) -> Error {
        match (error, self.origin) {
            (Untrusted::Io(error), _) => refused(&self.path, error),
            (Untrusted::Foreign(_, uid), Origin::Named) => denied(&self.path, &user_name(*uid)),
            // Not a simpd that we have no permission for: something that passes for ours.
            (Untrusted::Foreign(..), Origin::Place) => fail(FailureKind::NoDaemon, error.to_string()),
        }
    }

    /// The simpd that is here now has another log.
    pub(crate) fn other_log(&self) -> Error {
        OtherLog { name: self.name.clone() }.into()
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
            format!("simpd is not running (start it with: simpctl start {})", address(path))
        }
        io::ErrorKind::PermissionDenied => return denied(path, &owner_of(path)),
        _ => with_remedy(error),
    };
    fail(FailureKind::NoDaemon, format!("{}: {why}", path.display()))
}

fn denied(path: &Path, owner: &str) -> Error {
    let group = folder_of(path).symlink_metadata().ok().filter(|folder| folder.mode() & 0o010 != 0);
    let group = group.map(|folder| Gid::from_raw(folder.gid())).filter(|gid| !is_in(*gid)).map(group_name);
    let users: Vec<&str> = if owner == "root" { vec!["root"] } else { vec![owner, "root"] };
    let who = match (&group, users.as_slice()) {
        (None, [user]) => format!("only {user} may use it"),
        (None, users) => format!("only {} may use it", users.join(" and ")),
        (Some(group), users) => {
            let join = format!("usermod -aG {group} {}, and log in again", user_name(Uid::effective()));
            format!("only {} and the group {group} may use it; to join: {join}", users.join(", "))
        }
    };
    let why = format!("permission denied (this simpd belongs to {owner}; {who})");
    fail(FailureKind::NoDaemon, format!("{}: {why}", path.display()))
}

/// The address of the simpd with this socket, by which it is started.
fn address(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    Address::parse(&stem).map_or("ADDR".to_owned(), |address| places::daemon_name(address.socket_address()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_the_remedy() {
        let absent = io::Error::from(io::ErrorKind::NotFound);
        for (path, expected) in [
            ("/r/127.0.0.1:7778.sock", "simpctl start 127.0.0.1:7778)"),
            ("/r/other.sock", "simpctl start ADDR)"),
        ] {
            let line = refused(Path::new(path), &absent).to_string();
            assert!(
                line.starts_with(&format!("{path}: simpd is not running")) && line.ends_with(expected),
                "{line}"
            );
        }
        let path = PathBuf::from(format!("/{}", "x".repeat(places::SOCKET_PATH_MAX)));
        let long = Socket::named(path);
        assert!(long.connect().unwrap_err().to_string().contains("XDG_RUNTIME_DIR"));
    }
}

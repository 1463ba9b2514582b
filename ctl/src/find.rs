//! Which simpd: from `-d`, from `$SIMP_DAEMON`, or the only one that runs, to a connected socket.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use simp_control::FailureKind;
use simp_control::places;

use crate::stop::{Lost, Outcome, Stop, fail};

/// Where a simpd is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What to call it: its address, or the socket's path where that was given.
    pub name: String,
    /// Its socket.
    pub path: PathBuf,
}

impl Place {
    /// Connects once more to a simpd that was there before.
    ///
    /// # Errors
    /// [`Stop::Lost`] where there is none now, and a failure where there is no use in waiting for it.
    pub(crate) fn connect(&self) -> Outcome<UnixStream> {
        UnixStream::connect(&self.path).map_err(|error| match is_absent(&error) {
            true => self.lost(),
            false => refused(&self.path, &error),
        })
    }

    /// The simpd that was here went away.
    pub(crate) fn lost(&self) -> Stop {
        Lost { name: self.name.clone(), address: address(&self.path) }.into()
    }
}

/// A simpd that took our connection.
#[derive(Debug)]
pub struct Daemon {
    /// The connection, on which nothing has been said yet.
    pub stream: UnixStream,
    /// Where it is.
    pub place: Place,
}

/// Connects to the simpd that `-d` names, or else `$SIMP_DAEMON`, or else the only one that runs.
///
/// # Errors
/// A failure of kind `no_daemon` with the remedy, or `usage` where the name makes no sense.
pub fn daemon(option: Option<String>) -> Outcome<Daemon> {
    let named = option.or_else(|| std::env::var("SIMP_DAEMON").ok().filter(|name| !name.is_empty()));
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let folder = places::runtime_folder(runtime, Uid::effective().as_raw(), Path::is_dir);
    match named {
        Some(name) if name.contains('/') => connect(Path::new(&name), &name),
        Some(name) => match places::parse_address(&name) {
            Some(address) => connect(&places::socket_path(&folder, address), &places::daemon_name(address)),
            None => Err(fail(
                FailureKind::Usage,
                format!("{name}: neither the address of a simpd nor the path of its socket"),
            )),
        },
        None => only_one(&folder),
    }
}

/// Connects to a socket that was named.
fn connect(path: &Path, name: &str) -> Outcome<Daemon> {
    if path.as_os_str().as_bytes().len() > places::SOCKET_PATH_MAX {
        let what = "too long for a Unix socket, which has at most 107 bytes";
        let line = format!("{}: {what} (set XDG_RUNTIME_DIR to a shorter path)", path.display());
        return Err(fail(FailureKind::NoDaemon, line));
    }
    match UnixStream::connect(path) {
        Ok(stream) => Ok(Daemon { stream, place: Place { name: name.to_owned(), path: path.to_owned() } }),
        Err(error) => Err(refused(path, &error)),
    }
}

/// Connects to each socket in the folder; one that nobody listens at is left over from a simpd that died.
fn only_one(folder: &Path) -> Outcome<Daemon> {
    let mut running = Vec::new();
    let mut failed = None;
    for path in sockets(folder)? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match UnixStream::connect(&path) {
            Ok(stream) => running.push(Daemon { stream, place: Place { name, path } }),
            Err(error) if is_absent(&error) => (),
            Err(error) => failed = Some(refused(&path, &error)),
        }
    }
    if running.len() > 1 {
        let names: Vec<&str> = running.iter().map(|daemon| daemon.place.name.as_str()).collect();
        let line = format!("several simpd run: {} (choose one with -d ADDR)", names.join(", "));
        return Err(fail(FailureKind::NoDaemon, line));
    }
    let none = || fail(FailureKind::NoDaemon, "simpd is not running (start it with: simpd ADDR)");
    running.pop().ok_or_else(|| failed.unwrap_or_else(none))
}

/// The sockets in the folder, in the order of their names.
fn sockets(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(refused(folder, &error)),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "sock"));
    paths.sort();
    Ok(paths)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// Says why there is no simpd at this path, and what to do.
fn refused(path: &Path, error: &io::Error) -> Stop {
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

/// Whose socket it is; whose folder, where we may not even look at the socket.
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
        let long = format!("/{}", "x".repeat(places::SOCKET_PATH_MAX));
        assert!(connect(Path::new(&long), "x").unwrap_err().to_string().contains("XDG_RUNTIME_DIR"));
    }
}

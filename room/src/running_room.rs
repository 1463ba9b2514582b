//! Which room an operator means: the one that is named, or the only one that runs. One that was started in another
//! environment is found by its lock.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use simp_control::error::{Outcome, fail};
use simp_control::trust::{self, Origin, Untrusted};
use simp_control::{FailureKind, Holder, LOCK};

use crate::files::{rooms, runtime, socket};

/// Connects to the room with this name, or to the only one that runs; gives its name too.
///
/// # Errors
/// `no_daemon` with the remedy, if there is none that we may talk to.
pub fn connect(name: Option<String>) -> Outcome<(String, UnixStream)> {
    match name {
        Some(name) => named(&name).map(|stream| (name, stream)),
        None => only_one(),
    }
}

fn named(name: &str) -> Outcome<UnixStream> {
    let path = socket(name);
    let lock = rooms().map(|rooms| rooms.join(name).join(LOCK));
    let holder = lock.as_deref().and_then(Holder::of);
    let error = match at(&path) {
        Ok(stream) => return Ok(stream),
        Err(error) => error,
    };
    let elsewhere = holder.and_then(|holder| at(&holder.socket).ok());
    elsewhere.ok_or_else(|| match error {
        Untrusted::Foreign(..) => fail(FailureKind::NoDaemon, error.to_string()),
        Untrusted::Io(_) => {
            let why = format!("the room {name} is not running (start it: simp-room run --name {name})");
            fail(FailureKind::NoDaemon, format!("{}: {why}", path.display()))
        }
    })
}

fn at(path: &Path) -> Result<UnixStream, Untrusted> {
    trust::connect(path, Origin::Place)
}

/// A room that was killed leaves its socket, and its lock: only those count that somebody listens for.
fn only_one() -> Outcome<(String, UnixStream)> {
    let mut foreign = None;
    let mut running = Vec::new();
    for (name, path) in candidates() {
        match at(&path) {
            Ok(stream) => running.push((name, stream)),
            Err(error @ Untrusted::Foreign(..)) => {
                foreign = Some(fail(FailureKind::NoDaemon, error.to_string()));
            }
            Err(Untrusted::Io(_)) => {}
        }
    }
    // The folders have them in no order, and the line should be the same each time.
    running.sort_by(|(one, _), (other, _)| one.cmp(other));
    let none = || fail(FailureKind::NoDaemon, "no room runs (start one with: simp-room run)");
    if running.len() > 1 {
        let names: Vec<&str> = running.iter().map(|(name, _)| name.as_str()).collect();
        // Guessing would stop or kick in the wrong one.
        let line = format!("several rooms run: {} (choose one with --name)", names.join(", "));
        return Err(fail(FailureKind::NoDaemon, line));
    }
    running.pop().ok_or_else(|| foreign.unwrap_or_else(none))
}

/// The name and the socket of each that may run.
fn candidates() -> Vec<(String, PathBuf)> {
    let entries = runtime().read_dir().into_iter().flatten().flatten();
    let sockets = entries.map(|entry| entry.path());
    let sockets = sockets.filter(|path| path.extension().is_some_and(|extension| extension == "sock"));
    let mut found: Vec<(String, PathBuf)> =
        sockets.filter_map(|path| Some((path.file_stem()?.to_string_lossy().into_owned(), path))).collect();
    for (name, holder) in rooms().map(|rooms| Holder::all_in(&rooms)).unwrap_or_default() {
        if !found.iter().any(|(_, path)| holder.is_at(path)) {
            found.push((name, holder.socket));
        }
    }
    found
}

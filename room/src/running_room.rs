//! Which room an operator means: the one that is named, or the only one that runs. One that was started in another
//! environment is found by its lock.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use simp_control::error::{Error, Outcome, fail};
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
    if let Some(stream) = holder.as_ref().and_then(|holder| at(&holder.socket).ok()) {
        return Ok(stream);
    }
    let gone = holder.zip(lock).and_then(|(holder, lock)| without_socket(name, &holder, &lock));
    Err(match (error, gone) {
        (error @ Untrusted::Foreign(..), _) => fail(FailureKind::NoDaemon, error.to_string()),
        (Untrusted::Io(_), Some(gone)) => gone,
        (Untrusted::Io(_), None) => {
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
    running.pop().ok_or_else(|| foreign.or_else(any_without_socket).unwrap_or_else(none))
}

/// A room that runs although nobody can reach it.
fn any_without_socket() -> Option<Error> {
    let rooms = rooms()?;
    let mut holders = Holder::all_in(&rooms).into_iter();
    holders.find_map(|(name, holder)| without_socket(&name, &holder, &rooms.join(&name).join(LOCK)))
}

/// What is said of the room with this name, of whose socket nothing is heard, if it runs.
fn without_socket(name: &str, holder: &Holder, lock: &Path) -> Option<Error> {
    let pid = holder.alive(lock)?;
    // It makes the folder of the socket itself, but not the one above: the system may be about to.
    let above = holder.socket.parent()?.parent()?.display();
    let what = format!("the room {name} runs (pid {pid}), but its socket is gone");
    let line =
        format!("{}: {what} (it makes it again once the folder {above} is there)", holder.socket.display());
    Some(fail(FailureKind::NoDaemon, line))
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

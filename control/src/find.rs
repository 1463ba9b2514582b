//! Which simpd: the one that `-d` names, or `$SIMP_DAEMON`, or the only one that runs. One that was started in another
//! environment is found by its lock.

use std::env::VarError;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::address::{Address, AddressError};
use crate::connection::Connection;
use crate::error::{Error, Outcome, fail};
use crate::failure::FailureKind;
use crate::holder::{Holder, LOCK};
use crate::homes;
use crate::places;
use crate::socket::{Socket, is_absent, refused};
use crate::trust::Untrusted;

/// Connects to the simpd that `named` names, by its address or the path of its socket; if it is `None` to the one that
/// `$SIMP_DAEMON` names, and without that to the only one that runs.
///
/// # Errors
/// `no_daemon` with the remedy, or `usage` if the name makes no sense.
pub(crate) fn simpd(named: Option<String>) -> Outcome<Connection> {
    let whence = if named.is_none() { "SIMP_DAEMON: " } else { "" };
    let named = named.map_or_else(variable, |named| Ok(Some(named)))?;
    match named {
        // No address has a slash, so this is a path.
        Some(name) if name.contains('/') => {
            let socket = Socket::named(PathBuf::from(name));
            Ok(Connection::new(socket.connect()?, socket))
        }
        Some(name) => match Address::parse_complete(&name) {
            Ok(address) => with_address(address),
            Err(AddressError::NoAddress) => Err(fail(
                FailureKind::Usage,
                format!("{whence}'{name}': neither the address of a simpd nor the path of its socket"),
            )),
            Err(error) => Err(fail(FailureKind::Usage, format!("{whence}{name}: {error}"))),
        },
        None => only_one(),
    }
}

/// What `$SIMP_DAEMON` says.
///
/// # Errors
/// `usage`, if that is no text.
pub fn variable() -> Outcome<Option<String>> {
    match std::env::var("SIMP_DAEMON") {
        // Set but empty is not set: so a script can undo the variable for one command.
        Ok(name) => Ok(Some(name).filter(|name| !name.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(name)) => {
            let line = format!("SIMP_DAEMON: '{}': not UTF-8 (unset it, or use -d)", name.display());
            Err(fail(FailureKind::Usage, line))
        }
    }
}

/// Connects to the one with this address, wherever its socket is.
fn with_address(address: SocketAddr) -> Outcome<Connection> {
    let name = places::daemon_name(address);
    let socket = Socket::placed(name.clone(), places::socket_path(&homes::sockets(), address));
    let error = match socket.connect() {
        Ok(stream) => return Ok(Connection::new(stream, socket)),
        Err(error) => error,
    };
    let lock = locks().map(|locks| locks.join(&name).join(LOCK));
    let found = lock.and_then(|lock| Some((Holder::of(&lock)?, lock)));
    let Some((holder, lock)) = found else { return Err(with_reason(error)) };
    let elsewhere = Socket::placed(name, holder.socket.clone());
    match (elsewhere.try_connect(), holder.alive(&lock)) {
        (Ok(stream), _) => Ok(Connection::new(stream, elsewhere)),
        (Err(Untrusted::Io(absent)), Some(pid)) if is_absent(&absent) => {
            Err(unreachable(&elsewhere.path, pid))
        }
        _ => Err(with_reason(error)),
    }
}

/// Connects to each socket there is, which shows who is alive: all of our user's that run, in the order of their names,
/// and why there may be one that nobody can reach.
pub(crate) fn running() -> (Vec<Connection>, Option<Error>) {
    let mut running = Vec::new();
    let mut failed = None;
    for socket in candidates(&mut failed) {
        match socket.try_connect() {
            // The connection that shows it alive is the one that is used: between two attempts it could go away.
            Ok(stream) => running.push(Connection::new(stream, socket)),
            Err(Untrusted::Io(error)) if is_absent(&error) => (),
            // Somebody else's, perhaps: a reason only if there is none of ours.
            Err(error) => failed = Some(socket.refused(&error)),
        }
    }
    (running, failed.or_else(without_socket))
}

fn only_one() -> Outcome<Connection> {
    let (mut running, failed) = running();
    if running.len() > 1 {
        let names: Vec<&str> = running.iter().map(|simpd| simpd.socket().name.as_str()).collect();
        let line = format!("several simpd are running: {} (choose one with -d ADDR)", names.join(", "));
        return Err(fail(FailureKind::NoDaemon, line));
    }
    let none = || fail(FailureKind::NoDaemon, "simpd is not running (start it with: simpctl start)");
    running.pop().ok_or_else(|| with_reason(failed.unwrap_or_else(none)))
}

/// All sockets that are in their place, and then those that only a lock names, in the order of their names. `failed` is why
/// the place cannot be looked at.
fn candidates(failed: &mut Option<Error>) -> Vec<Socket> {
    let folder = homes::sockets();
    let mut sockets: Vec<Socket> = match folder.read_dir() {
        Ok(entries) => entries.flatten().filter_map(|entry| in_place(entry.path())).collect(),
        Err(error) => {
            *failed = Some(refused(&folder, &error)).filter(|_| !is_absent(&error));
            Vec::new()
        }
    };
    // The folder has them in no order, and the error that names them should be the same each time.
    sockets.sort_by(|one, other| one.path.cmp(&other.path));
    for (name, holder) in locks().map(|locks| Holder::all_in(&locks)).unwrap_or_default() {
        if !sockets.iter().any(|socket| holder.is_at(&socket.path)) {
            sockets.push(Socket::placed(name, holder.socket));
        }
    }
    sockets
}

fn in_place(path: PathBuf) -> Option<Socket> {
    let name = path.file_stem()?.to_string_lossy().into_owned();
    path.extension().is_some_and(|extension| extension == "sock").then(|| Socket::placed(name, path))
}

/// The folders of the daemons, each with its lock.
fn locks() -> Option<PathBuf> {
    homes::state().map(|state| state.join("simp"))
}

/// A simpd that runs although nobody can reach it.
fn without_socket() -> Option<Error> {
    let locks = locks()?;
    let mut holders = Holder::all_in(&locks).into_iter();
    holders.find_map(|(name, holder)| {
        Some(unreachable(&holder.socket, holder.alive(&locks.join(name).join(LOCK))?))
    })
}

fn unreachable(path: &Path, pid: u32) -> Error {
    let what = format!("simpd runs (pid {pid}), but its socket is gone");
    // What systemd removes when its user logs out only systemd can make again.
    let of_login =
        path.ancestors().nth(2).filter(|folder| folder.starts_with("/run/user") && !folder.exists());
    let remedy = match of_login {
        Some(folder) => {
            format!("{} is there only for a login: loginctl enable-linger keeps it", folder.display())
        }
        None => format!("make it again with: kill -HUP {pid}"),
    };
    fail(FailureKind::NoDaemon, format!("{}: {what} ({remedy})", path.display()))
}

/// That a simpd is missing may be because a variable does not count.
fn with_reason(error: Error) -> Error {
    match (error, homes::ignored_places().next()) {
        (Error::Failure(mut failure), Some(ignored)) => {
            failure.line = format!("{}; {ignored}", failure.line);
            failure.into()
        }
        (error, _) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_is_gone_with_the_login_of_its_user_has_another_remedy() {
        let line = |path| unreachable(Path::new(path), 7).to_string();
        assert_eq!(
            line("/run/user/4294967294/simp/a.sock"),
            "/run/user/4294967294/simp/a.sock: simpd runs (pid 7), but its socket is gone (/run/user/4294967294 is there \
             only for a login: loginctl enable-linger keeps it)"
        );
        let remedy = "simpd runs (pid 7), but its socket is gone (make it again with: kill -HUP 7)";
        assert_eq!(line("/no-such/simp/a.sock"), format!("/no-such/simp/a.sock: {remedy}"));
    }
}

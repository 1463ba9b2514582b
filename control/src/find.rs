//! Which simpd: the one that `-d` names, or `$SIMP_DAEMON`, or the only one that runs.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::unistd::Uid;

use crate::connection::Connection;
use crate::error::{Outcome, fail};
use crate::failure::FailureKind;
use crate::places;
use crate::socket::{Socket, is_absent, refused};

/// Connects to the simpd that `named` names, by its address or the path of its socket; if it is `None` to the one that
/// `$SIMP_DAEMON` names, and without that to the only one that runs.
///
/// # Errors
/// `no_daemon` with the remedy, or `usage` if the name makes no sense.
pub(crate) fn simpd(named: Option<String>) -> Outcome<Connection> {
    // Set but empty is not set: so a script can undo the variable for one command.
    let named = named.or_else(|| std::env::var("SIMP_DAEMON").ok().filter(|name| !name.is_empty()));
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let folder = places::runtime_folder(runtime, Uid::effective().as_raw(), Path::is_dir);
    match named {
        // No address has a slash, so this is a path.
        Some(name) if name.contains('/') => at(PathBuf::from(&name), name),
        Some(name) => match places::parse_address(&name) {
            Some(address) => at(places::socket_path(&folder, address), places::daemon_name(address)),
            None => Err(fail(
                FailureKind::Usage,
                format!("{name}: neither the address of a simpd nor the path of its socket"),
            )),
        },
        None => only_one(&folder),
    }
}

fn at(path: PathBuf, name: String) -> Outcome<Connection> {
    let socket = Socket { name, path };
    Ok(Connection::new(socket.connect()?, socket))
}

/// Connects to each socket in the folder, which shows who is alive.
fn only_one(folder: &Path) -> Outcome<Connection> {
    let mut running = Vec::new();
    let mut failed = None;
    for path in sockets(folder)? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match UnixStream::connect(&path) {
            // The connection that shows it alive is the one that is used: between two attempts it could go away.
            Ok(stream) => running.push(Connection::new(stream, Socket { name, path })),
            Err(error) if is_absent(&error) => (),
            // Somebody else's, perhaps: a reason only if there is none of ours.
            Err(error) => failed = Some(refused(&path, &error)),
        }
    }
    if running.len() > 1 {
        let names: Vec<&str> = running.iter().map(|simpd| simpd.socket().name.as_str()).collect();
        let line = format!("several simpd are running: {} (choose one with -d ADDR)", names.join(", "));
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
    // The folder has them in no order, and the error that names them should be the same each time.
    paths.sort();
    Ok(paths)
}

//! What a program tells the service manager that has started it, such as systemd: that it is ready, how it is, and that it
//! is ending (sd_notify(3)). Whoever was not started so has nobody to tell.

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};

/// Where a service manager wants to be told, if one does.
const VARIABLE: &str = "NOTIFY_SOCKET";

/// Whether we are not the process that the service manager has started.
static IS_ANOTHER: AtomicBool = AtomicBool::new(false);

/// From now on nobody is told anything: this process is in the background of one that may have been started so.
pub(crate) fn leave() {
    IS_ANOTHER.store(true, Ordering::Relaxed);
}

/// The program serves from now on, and this is how it is.
pub fn ready(status: &str) {
    tell(&format!("READY=1\nSTATUS={status}"));
}

/// How the program is, as one line.
pub fn status(status: &str) {
    tell(&format!("STATUS={status}"));
}

/// The program is putting its things away, and ends then.
pub fn stopping() {
    tell("STOPPING=1\nSTATUS=stopping");
}

fn tell(message: &str) {
    let name = std::env::var_os(VARIABLE).filter(|name| !name.is_empty());
    if let Some(name) = name.filter(|_| !IS_ANOTHER.load(Ordering::Relaxed)) {
        // A service manager that does not read must not hold us up, and one that is gone is no reason to end.
        let _ = send(&name, message);
    }
}

fn send(name: &OsString, message: &str) -> io::Result<()> {
    let address = match name.as_bytes() {
        // Such a socket has a name, but no file.
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(message.as_bytes(), &address)?;
    Ok(())
}

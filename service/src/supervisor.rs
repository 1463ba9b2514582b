//! What a program tells the service manager that has started it, such as systemd: that it is ready, how it is, that it does
//! not hang, and that it is ending (sd_notify(3)). Whoever was not started so has nobody to tell.

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Where a service manager wants to be told, if one does.
const VARIABLE: &str = "NOTIFY_SOCKET";

/// How often it wants to hear from us, in microseconds, and from which process.
const WATCHDOG: (&str, &str) = ("WATCHDOG_USEC", "WATCHDOG_PID");

/// Whether we are not the process that the service manager has started.
static IS_ANOTHER: AtomicBool = AtomicBool::new(false);

/// From now on nobody is told anything: this process is in the background of one that may have been started so.
pub(crate) fn leave() {
    IS_ANOTHER.store(true, Ordering::Relaxed);
}

/// The program serves from now on, and this is how it is.
pub fn ready(status: &str) {
    tell(&format!("READY=1\nSTATUS={}", one_line(status)));
}

/// How the program is, as one line.
pub fn status(status: &str) {
    tell(&format!("STATUS={}", one_line(status)));
}

/// The program reads its settings again; [`ready`] says that it has.
pub fn reloading() {
    // By this the service manager tells a later READY from one that was on its way already.
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default();
    tell(&format!("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reading the configuration", now.as_micros()));
}

/// How often to say that we are [`alive`], if the service manager takes a program that is silent for one that hangs: twice
/// within its limit.
pub fn watchdog() -> Option<Duration> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let is_another = number(WATCHDOG.1).is_some_and(|pid| pid != std::process::id().into());
    let limit = number(WATCHDOG.0).filter(|limit| *limit > 1 && !is_another && manager().is_some());
    limit.map(|limit| Duration::from_micros(limit / 2))
}

/// The program does not hang.
pub fn alive() {
    tell("WATCHDOG=1");
}

/// The program is putting its things away, and ends then.
pub fn stopping() {
    tell("STOPPING=1\nSTATUS=stopping");
}

/// What comes on a line of its own is told by itself.
fn one_line(status: &str) -> String {
    status.replace('\n', " ")
}

fn manager() -> Option<OsString> {
    let name = std::env::var_os(VARIABLE).filter(|name| !name.is_empty());
    name.filter(|_| !IS_ANOTHER.load(Ordering::Relaxed))
}

fn tell(message: &str) {
    if let Some(name) = manager() {
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

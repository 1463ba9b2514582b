//! What every test stands on: a world of its own with folders and addresses, daemons and commands in it, and
//! a bare SIMP peer. Nothing here sleeps: it waits for an event, with a deadline that only a failure reaches.
//!
//! - `world`: the folders and addresses of a test. `daemon`: a simpd there. `command`: any other program.
//! - `asking`: the client of the control API. `peer`: a peer that does what the test says. `double`: another
//!   implementation. `scripted`: a simpd that says what the test says. `terminal`: a program with its screen and keys.
//! - `browser`: a page that somebody looks at.
//! - `names`: what the machine knows of hosts. `nats`: the servers between the doors of a room. `stranger`: a bare client of them. `way`: how a door gets there.
//! - here: the deadline, the seed, and what the machine is and can do.

mod asking;
mod browser;
mod command;
mod daemon;
mod double;
mod names;
mod nats;
mod peer;
pub mod scripted;
mod stranger;
mod terminal;
mod way;
mod world;

pub use asking::{Raw, TestClient, connect, message, queued, send};
pub use browser::{Browser, Look};
pub use command::{Ran, Running, compile, is_connected_to, run};
pub use daemon::Daemon;
pub use double::RunningDouble;
pub use names::Names;
pub use nats::{Servers, Setup};
pub use peer::Peer;
pub use simp_seeds::Random;
pub use stranger::Stranger;
pub use terminal::Terminal;
pub use way::Way;
pub use world::World;

use std::fs::File;
use std::io::{self, Write as _};
use std::net::UdpSocket;
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// How long anything may take before the test has failed.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Repeats a call that a signal cut short: one with a time limit is not taken up again by the system.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Runs this and fails the test where it does not end.
pub fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    receiver.recv_timeout(DEADLINE).expect("nothing happened within the deadline")
}

/// Says that this machine cannot run `test`, or the part of it that is named with it, and why. A test that passes is not
/// heard, so the same line goes to the file that `SIMP_SKIPPED` names: tests/run.sh lists them.
pub fn skipped(test: &str, why: &str) {
    eprintln!("SKIPPED {test}: {why}");
    if let Some(path) = std::env::var_os("SIMP_SKIPPED") {
        let mut list = File::options().create(true).append(true).open(path).unwrap();
        // In one piece: other tests write there at the same time.
        list.write_all(format!("{test}: {why}\n").as_bytes()).unwrap();
    }
}

/// Whether this machine has IPv6; says that `test` is skipped if not.
pub fn has_ipv6(test: &str) -> bool {
    let has = UdpSocket::bind("[::1]:0").is_ok();
    if !has {
        skipped(test, "this machine has no IPv6");
    }
    has
}

/// Whether root runs the tests; says that `test` is skipped if not.
pub fn is_root(test: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        skipped(test, "only root can run it");
    }
    root
}

/// Whether this program can be run by its name; says that `test` is skipped if not.
pub fn has_program(test: &str, program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has = std::env::split_paths(&path).any(|folder| folder.join(program).exists());
    if !has {
        skipped(test, &format!("{program} is not installed"));
    }
    has
}

/// Whether so many files may be open; says that `test` is skipped if not.
pub fn may_open_files(test: &str, count: u64) -> bool {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if hard < count {
        skipped(test, &format!("this system allows only {hard} open files"));
        return false;
    }
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(count), hard).unwrap();
    true
}

/// Memory of a process that is resident, in KiB.
pub fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Another seed each time, or that of `SIMP_SEED`; printed, to be taken again.
pub fn seed() -> u64 {
    let seed =
        std::env::var("SIMP_SEED").map_or_else(|_| std::process::id().into(), |seed| seed.parse().unwrap());
    println!("SIMP_SEED={seed}");
    seed
}

//! The process groups of commands that may be ended with all that they have started. A terminal sends its signals to our
//! group alone, and many a supervisor its own to us alone, so they are passed on.

use std::collections::BTreeSet;
use std::io;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// The groups that run, by the process that leads each.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a command that leads a group of its own.
pub(super) fn start(command: &mut Command) -> io::Result<Child> {
    static PASSING_ON: Once = Once::new();
    PASSING_ON.call_once(pass_on);
    // A signal between the two would not reach it.
    let mut running = running();
    let child = command.spawn()?;
    running.insert(child.id());
    Ok(child)
}

/// It has ended, and is not reaped yet: from then on its number may be that of others.
pub(super) fn over(child: &Child) {
    running().remove(&child.id());
}

/// From now on the signals of a terminal and of supervisors reach the groups too, and then end this process as ever.
fn pass_on() {
    // What whoever started us has had ignored, as nohup does, is ignored.
    let heeded = [SIGINT, SIGQUIT, SIGHUP, SIGTERM].into_iter().filter(|signal| !is_ignored(*signal));
    // Without it they end this process alone.
    let Ok(mut signals) = Signals::new(heeded) else { return };
    thread::spawn(move || {
        for signal in signals.forever() {
            let running = running();
            for group in running.iter() {
                let signal = Signal::try_from(signal).unwrap_or(Signal::SIGTERM);
                let _ = killpg(Pid::from_raw(*group as i32), signal);
            }
            let _ = emulate_default_handler(signal);
        }
    });
}

/// Whether this process ignores a signal, as far as the system tells.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

//! Signals that end a program, if it is the first process of a container. To any other process the kernel does that by
//! itself; the first one it gives only the signals that it has asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;

/// What a shell adds to the number of the signal that ended a program, to make an exit status of it.
const SIGNALLED: i32 = 128;

/// That these signals end the program, until it deals with them itself.
#[derive(Debug)]
pub struct Ending(Arc<AtomicBool>);

/// From now on SIGTERM, SIGINT, SIGHUP and SIGQUIT end this process wherever it waits, also if it is the first one: at
/// once, as they do by default, and then with the exit status 128 + n that a shell shows for it.
pub fn by_signals() -> Ending {
    let ending = Ending(Arc::new(AtomicBool::new(true)));
    if std::process::id() == 1 {
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] {
            // It fails for signals that cannot be caught, which these are not.
            let _ = flag::register_conditional_shutdown(signal, SIGNALLED + signal, Arc::clone(&ending.0));
        }
    }
    ending
}

impl Ending {
    /// The program deals with signals itself from now on, in its own order.
    pub fn hand_over(self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

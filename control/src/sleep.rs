//! Time while the machine sleeps: it counts, and whoever waits for the end of a time limit is woken up afterwards. The
//! clock of the standard library stops meanwhile, and so does every wait of the system.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::clock_gettime;

/// The present moment, on a clock that goes on while the machine sleeps. It may be compared with other moments of this
/// clock only, and not with those of [`Instant::now`].
pub fn now() -> Instant {
    static ORIGIN: OnceLock<(Instant, Duration)> = OnceLock::new();
    let (origin, booted) = *ORIGIN.get_or_init(|| (Instant::now(), since_boot()));
    origin + since_boot().saturating_sub(booted)
}

fn since_boot() -> Duration {
    // Every Linux that we run on has this clock.
    clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default()
}

/// A descriptor that becomes readable once the machine has slept, or somebody has set its clock. Until then it costs
/// nothing.
#[derive(Debug)]
pub struct Waking(TimerFd);

impl Waking {
    /// From now on it is noticed.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn watch() -> Result<Self, Errno> {
        let timer =
            TimerFd::new(ClockId::CLOCK_REALTIME, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        // Its time never comes. But it is cancelled whenever the time of day jumps, and a sleep is such a jump.
        let never = Expiration::OneShot(TimeSpec::new(i64::MAX, 0));
        timer
            .set(never, TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET)?;
        Ok(Self(timer))
    }

    /// It was noticed: readable again after the next time.
    pub fn noticed(&self) {
        // That the timer was cancelled is what the failure of this says.
        let _ = self.0.wait();
    }
}

impl AsFd for Waking {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_on_and_a_machine_that_is_awake_wakes_nobody() {
        let (waking, before) = (Waking::watch().unwrap(), now());
        let mut fds = [nix::poll::PollFd::new(waking.as_fd(), nix::poll::PollFlags::POLLIN)];
        assert_eq!(nix::poll::poll(&mut fds, 0u8), Ok(0));
        waking.noticed();
        assert!(now() > before);
    }
}

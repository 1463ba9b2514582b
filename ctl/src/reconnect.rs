//! What a command does whose simpd goes away while it waits: it says so once, waits for simpd on the same
//! socket, and goes on where it was.

use std::time::{Duration, Instant};

use crate::client::Client;
use crate::output::complain;
use crate::stop::{Outcome, Stop};

/// How long simpd is waited for by a command that has no time limit.
const WAIT: Duration = Duration::from_secs(60);

/// The pause after the first attempt; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(1);

impl Client {
    /// Waits for simpd until the deadline, or for a minute where there is none, and goes on with it.
    ///
    /// # Errors
    /// [`Stop::Lost`] where it does not come back in time.
    pub(crate) fn reconnect(&mut self, deadline: Option<Instant>) -> Outcome {
        complain(&format!("simpd on {} went away, waiting for it", self.place().name));
        let deadline = deadline.unwrap_or_else(|| Instant::now() + WAIT);
        let mut pause = FIRST_PAUSE;
        loop {
            match self.replace(deadline) {
                Ok(true) => return Ok(()),
                Ok(false) | Err(Stop::Lost(_)) => (),
                Err(stop) => return Err(stop),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.place().lost());
            }
            self.pause(pause.min(left))?;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }
}

/// Does what asks something of simpd, and does it again as often as simpd goes away before it has answered.
/// `ask` is told whether it is done again: what was asked before may have been carried out.
pub(crate) fn insist<T>(
    client: &mut Client,
    deadline: Option<Instant>,
    mut ask: impl FnMut(&mut Client, bool) -> Outcome<T>,
) -> Outcome<T> {
    let mut again = false;
    loop {
        match ask(client, again) {
            Err(Stop::Lost(_)) => client.reconnect(deadline)?,
            outcome => return outcome,
        }
        again = true;
    }
}

//! Who copies the file of the log, which is held for it. One at a time: the file has what was there when it was held, and
//! whoever comes later wants more.

use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::inputs::{ClientId, Inputs};
use crate::now::Now;

/// The file is held for so long at most.
pub const HELD_FOR: Duration = Duration::from_secs(600);

/// For whom the file is held.
#[derive(Debug, Default)]
pub struct Hold(Option<Holder>);

#[derive(Debug)]
struct Holder {
    client: ClientId,
    until: Instant,
}

impl Hold {
    /// It is held for this client from now on.
    pub fn begin(&mut self, now: Instant, client: ClientId) {
        self.0 = Some(Holder { client, until: now + HELD_FOR });
    }

    /// Whether it is held for anybody.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether it was held for this client, for which it is no more from now on.
    pub fn end(&mut self, client: ClientId) -> bool {
        self.0.take_if(|holder| holder.client == client).is_some()
    }

    /// When it is held no more, whoever it is for.
    pub fn until(&self) -> Option<Instant> {
        self.0.as_ref().map(|holder| holder.until)
    }
}

impl Engine {
    /// The file is no longer held for a client that is gone, or that takes too long.
    pub(crate) fn end_hold_in_time(&mut self, now: Now, inputs: &Inputs) {
        let ended =
            self.hold.0.take_if(|holder| inputs.gone.contains(&holder.client) || holder.until <= now.instant);
        if ended.is_some_and(|holder| holder.until <= now.instant) {
            tracing::warn!("a backup is given up: it took more than {} s", HELD_FOR.as_secs());
        }
    }

    /// After the requests of a turn: what was held in the last one for somebody who did not come again is held for nobody.
    pub(crate) fn end_hold_for_nobody(&mut self) {
        if !self.hold.is_on() {
            self.store.end_hold();
        }
    }
}

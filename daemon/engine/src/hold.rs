//! Who copies the file of the log, which is held for it. One at a time: the file has what was there when it was held, and
//! whoever comes later wants more.

use std::time::{Duration, Instant};

use crate::inputs::ClientId;

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

    /// It is no longer held for a client that is gone, or that takes too long.
    pub fn end_in_time(&mut self, now: Instant, gone: &[ClientId]) {
        let ended = self.0.take_if(|holder| gone.contains(&holder.client) || holder.until <= now);
        if ended.is_some_and(|holder| holder.until <= now) {
            tracing::warn!("a backup is given up: it took more than {} s", HELD_FOR.as_secs());
        }
    }

    /// When it is held no more, whoever it is for.
    pub fn until(&self) -> Option<Instant> {
        self.0.as_ref().map(|holder| holder.until)
    }
}

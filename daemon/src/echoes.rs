//! Until when ACKs may come of what was sent outside a present chat: a new chat's first message must not leave
//! before, for such an ACK would pass for its own (SIMP 6).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// After this long, a datagram and the ACK that it caused are both dead.
pub const DEAD_AFTER: Duration = Duration::from_secs(5);

/// With more addresses than this, those that are over are forgotten. No more are noted in 5 s than strangers are
/// answered and chats end.
const SOME: usize = 1_024;

/// What is still to come, by address.
#[derive(Debug, Default)]
pub struct Echoes {
    until: HashMap<SocketAddr, Instant>,
    everyone: Option<Instant>,
}

impl Echoes {
    /// An ACK may come from this address until then.
    pub fn note(&mut self, now: Instant, from: SocketAddr, until: Instant) {
        if self.until.len() >= SOME {
            self.until.retain(|_, until| *until > now);
        }
        let noted = self.until.entry(from).or_insert(until);
        *noted = until.max(*noted);
    }

    /// An ACK may come from any address until then: what was sent before is not known.
    pub fn note_everyone(&mut self, until: Instant) {
        self.everyone = Some(until);
    }

    /// Until when an ACK may come from this address.
    pub fn until(&self, now: Instant, from: SocketAddr) -> Option<Instant> {
        self.until.get(&from).copied().max(self.everyone).filter(|until| *until > now)
    }
}

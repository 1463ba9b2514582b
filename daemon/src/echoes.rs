//! Until when ACKs may come of what was sent outside a present chat: a new chat's first message must not leave
//! before, for such an ACK would pass for its own (SIMP 6).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// After this long, a datagram and the ACK that it caused are both dead.
pub const DEAD_AFTER: Duration = Duration::from_secs(5);

/// With more addresses than this, and than twice those left the last time, those that are over are forgotten. No
/// more are noted in 5 s than strangers are answered and chats end.
const SOME: usize = 1_024;

/// What is still to come, by address.
#[derive(Debug, Default)]
pub struct Echoes {
    until: HashMap<SocketAddr, Instant>,
    /// How many addresses there were when some were forgotten last.
    left: usize,
    everyone: Option<Instant>,
}

impl Echoes {
    /// An ACK may come from this address until then.
    pub fn note(&mut self, now: Instant, from: SocketAddr, until: Instant) {
        if self.until.len() >= SOME.max(2 * self.left) {
            self.until.retain(|_, until| *until > now);
            self.left = self.until.len();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_whose_time_is_over_are_forgotten_and_no_others() {
        let now = Instant::now();
        let mut echoes = Echoes::default();
        let address = |n: u32| SocketAddr::from((n.to_be_bytes(), 7777));
        for round in 0..4 {
            let now = now + 2 * DEAD_AFTER * round;
            for n in 0..3 * SOME as u32 {
                echoes.note(now, address(10_000 * round + n), now + DEAD_AFTER);
            }
            assert!((0..3 * SOME as u32).all(|n| echoes.until(now, address(10_000 * round + n)).is_some()));
            assert!(echoes.until.len() <= 7 * SOME, "{}", echoes.until.len());
        }
    }
}

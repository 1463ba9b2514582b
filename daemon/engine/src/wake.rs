//! What may still come after a chat, or after an answer to a stranger: ACKs of what we sent, and a peer's FIN once
//! more. A new chat must not take either for its own (SIMP 6).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use simp_proto::{COPY_LIVES_FOR, Chat, Datagram, Operation};

use crate::ongoing::Ongoing;

/// After this long, a datagram and the ACK that it caused are both dead.
pub const DEAD_AFTER: Duration = Duration::from_secs(5);

/// For this long after a chat its peer may end it once more, if our answer was lost.
const FIN_AGAIN_WITHIN: Duration = Duration::from_secs(10);

/// With more addresses than this, and than twice those left the last time, those that are over are forgotten. No
/// more are noted in 5 s than strangers are answered and chats end.
const SOME: usize = 1_024;

/// What is still to come, by address.
#[derive(Debug, Default)]
pub struct Wake {
    acks: Deadlines,
    fins: Deadlines,
    /// Copies of what we sent in a chat that is over, and that left late.
    copies: Deadlines,
    /// Of what the last run sent nothing is known: an ACK may come from anybody until then.
    acks_of_all: Option<Instant>,
}

impl Wake {
    /// An ACK may come from this address until then.
    pub fn note_acks(&mut self, now: Instant, from: SocketAddr, until: Instant) {
        self.acks.note(now, from, until);
    }

    /// Something of a chat that is over has left only now.
    pub fn note_late(&mut self, now: Instant, to: SocketAddr) {
        self.acks.note(now, to, now + DEAD_AFTER);
        self.copies.note(now, to, now + COPY_LIVES_FOR);
    }

    /// Until when it may be under way; `None` if nothing is.
    pub fn copies_until(&self, now: Instant, to: SocketAddr) -> Option<Instant> {
        self.copies.until(to).filter(|until| *until > now)
    }

    /// ACKs of what the last run sent may come for a while.
    pub fn note_last_run(&mut self, now: Instant) {
        self.acks_of_all = Some(now + DEAD_AFTER);
    }

    /// Until when an ACK may come from this address; `None` if none may.
    pub fn acks_until(&self, now: Instant, from: SocketAddr) -> Option<Instant> {
        // `None` is less than any moment.
        self.acks.until(from).max(self.acks_of_all).filter(|until| *until > now)
    }

    /// Whether a peer at this address may end once more a chat that is over.
    pub fn may_end_again(&self, now: Instant, from: SocketAddr) -> bool {
        self.fins.until(from).is_some_and(|until| until > now)
    }
}

/// What may not be taken for something new.
impl Wake {
    /// Whether this is the ACK of a FIN rather than an acceptance: soon after a chat, it accepts only from a peer
    /// that is known to accept so.
    pub fn is_late_ack(&self, now: Instant, ongoing: &Ongoing, datagram: &Datagram) -> bool {
        datagram.operation == Operation::Ack
            && self.may_end_again(now, ongoing.place.address())
            && ongoing.chat.plain().is_some_and(|chat| chat.would_take_for_acceptance(datagram))
    }

    /// Whether a datagram from an address without a chat may be of what was there before: an ACK of what we sent,
    /// or a FIN that ends once more a chat that is over.
    pub fn may_be_late(&self, now: Instant, from: SocketAddr, operation: Operation) -> bool {
        let ends_again = self.may_end_again(now, from);
        match operation {
            Operation::SynAck => false,
            Operation::Ack => ends_again || self.acks_until(now, from).is_some(),
            _ => ends_again,
        }
    }

    /// A chat is over.
    pub fn note_over(&mut self, now: Instant, ongoing: &Ongoing) {
        let address = ongoing.place.address();
        if let Some(until) = ongoing.chat.plain().and_then(Chat::acks_until).filter(|until| *until > now) {
            self.acks.note(now, address, until);
        }
        // A peer that answered from another port does so again: what comes from there may answer our next invitation.
        if ongoing.place.moved_from().is_none() {
            self.fins.note(now, address, now + FIN_AGAIN_WITHIN);
        }
    }
}

/// A moment for each address.
#[derive(Debug, Default)]
struct Deadlines {
    until: HashMap<SocketAddr, Instant>,
    /// How many addresses there were after some were forgotten last.
    left: usize,
}

impl Deadlines {
    fn note(&mut self, now: Instant, from: SocketAddr, until: Instant) {
        if self.until.len() >= SOME.max(2 * self.left) {
            self.until.retain(|_, until| *until > now);
            self.left = self.until.len();
        }
        // The later one counts, whatever was noted last.
        let noted = self.until.entry(from).or_insert(until);
        *noted = until.max(*noted);
    }

    fn until(&self, from: SocketAddr) -> Option<Instant> {
        self.until.get(&from).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_whose_time_is_over_are_forgotten_and_no_others() {
        let now = Instant::now();
        let mut wake = Wake::default();
        let address = |n: u32| SocketAddr::from((n.to_be_bytes(), 7777));
        for round in 0..4 {
            let now = now + 2 * DEAD_AFTER * round;
            for n in 0..3 * SOME as u32 {
                wake.note_acks(now, address(10_000 * round + n), now + DEAD_AFTER);
            }
            let is_noted = |n| wake.acks_until(now, address(10_000 * round + n)).is_some();
            assert!((0..3 * SOME as u32).all(is_noted));
            assert!(wake.acks.until.len() <= 7 * SOME, "{}", wake.acks.until.len());
        }
    }
}

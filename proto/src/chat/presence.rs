//! Whether the peer of a chat is there, for a caller that has more peers than places: asking it, and giving its place to
//! another (SIMP 5).

use std::time::Instant;

use simp_values::Reason;
use simp_values::text::Seq;

use super::Chat;
use super::phase::Phase;
use crate::arq::RETRANSMIT_AFTER;
use crate::datagram::Operation;

impl Chat {
    /// Asks the peer of an open chat whether it is there, by a SYN+ACK, which it answers with ACK (SIMP 2). False if
    /// that is not possible now, or not necessary: a message of ours is in flight, and will tell.
    pub fn ask(&mut self, now: Instant) -> bool {
        let can_ask = matches!(self.phase, Phase::Open { .. })
            && self.messages.sent().is_none()
            && !self.is_held_back();
        if can_ask {
            // The ACK must not pass for that of a message.
            self.messages.arq.hold(now + RETRANSMIT_AFTER, false);
            self.out.transmit(Operation::SynAck, Seq::ZERO.field());
        }
        can_ask
    }

    /// Ends a chat whose peer has not answered, although there was time: it is gone. No effect on a chat that is over.
    pub fn end_unanswered(&mut self, now: Instant) {
        if !self.is_over_for_us() {
            self.end_with_peer_gone(now);
        }
    }

    /// Ends a chat that the peer has forgotten, for it invites anew, in another way.
    pub fn end_forgotten(&mut self) {
        let reason = match self.phase {
            Phase::Closed => return,
            Phase::Leaving { untold, .. } => return self.end_left(untold),
            Phase::Invited { .. } => Reason::Withdrawn,
            _ => Reason::PeerRestarted,
        };
        self.give_up(reason);
        self.end(reason, None);
    }

    /// Ends a request whose place another one needs, as if its time were over; no effect on anything else. Its peer is
    /// not told: if it is there, its SYN comes again.
    pub fn give_way(&mut self) {
        if matches!(self.phase, Phase::Invited { .. }) {
            self.end(Reason::RequestExpired, None);
        }
    }
}

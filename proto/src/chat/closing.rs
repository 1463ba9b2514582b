//! What ends a chat, or what was to become one (SIMP 2, 5, 7).

use std::time::{Duration, Instant};

use simp_values::Reason;

use super::phase::Phase;
use super::{Chat, ChatEvent, WORDS_MAX, words};
use crate::arq::{MessageId, RETRANSMIT_AFTER, Repeat};
use crate::datagram::{Datagram, Operation};
use crate::dialect::Habit;
use crate::form::Form;

/// To a peer that has shown habits of its own a FIN leaves again after this long, with the other number (SIMP 7).
const OTHER_FIN_AFTER: Duration = Duration::from_secs(2);

/// How often a FIN is transmitted to such a peer: each number once, and the first again. Those that were seen either
/// answer one of these or none.
const FINS_TO_FOREIGN: u32 = 3;

/// How often a FIN is transmitted to a peer that never acknowledges.
const FINS_UNCONFIRMED: u32 = 2;

impl Chat {
    /// Ends what was not open yet: our user knows it at once, the peer is told until it answers.
    pub(super) fn end_opening(&mut self, now: Instant, reason: Reason) {
        self.out.tell(ChatEvent::Closed { reason, text: None });
        self.transmit_fin(now, 0, None);
    }

    /// Ends an invitation that the peer does not accept.
    pub(super) fn end_refused(&mut self, datagram: &Datagram) {
        let text = words(datagram, WORDS_MAX);
        let reason = if says_busy(text.as_deref()) { Reason::PeerBusy } else { Reason::PeerDeclined };
        self.end(reason, text);
    }

    /// The peer takes back its invitation.
    pub(super) fn end_withdrawn(&mut self, datagram: &Datagram) {
        self.give_up(Reason::Withdrawn);
        self.end(Reason::Withdrawn, words(datagram, WORDS_MAX));
    }

    /// Ends a chat whose peer does not answer, and tells our user so (SIMP 4). It is told once all the same: if only its answers are lost, it
    /// would stay in a chat that no longer exists.
    pub(super) fn end_with_peer_gone(&mut self, now: Instant) {
        self.give_up(Reason::PeerGone);
        // Its ACK may still come when the next chat with this peer begins.
        self.messages.arq.hold(now + RETRANSMIT_AFTER, false);
        self.out.transmit(Operation::Fin, self.messages.seq().field());
        self.end(Reason::PeerGone, None);
    }

    /// We leave, and deliver nothing more.
    pub(super) fn leave(&mut self, now: Instant) {
        self.give_up(Reason::Quit);
        self.transmit_fin(now, 0, Some(Reason::Quit));
    }

    /// Transmits a FIN after so many. A foreign peer gets both numbers in turn, and so does a plain one that has
    /// acknowledged nothing, from the third on.
    pub(super) fn transmit_fin(&mut self, now: Instant, sent: u32, untold: Option<Reason>) {
        let dialect = self.messages.dialect();
        let is_foreign = dialect.is_foreign();
        // Some answer a FIN only with the number that they expect next, and nothing tells which that is.
        let is_other = match is_foreign {
            // One that counts looks at no other.
            true => sent % 2 == 1 && dialect.form() != Form::Of2021,
            false => !self.messages.is_acknowledged() && sent >= 2 && sent.is_multiple_of(2),
        };
        let seq = self.messages.seq();
        let seq = if is_other { seq.next() } else { seq };
        let fin = Repeat { sent: sent + 1, due: (now + self.fin_again_after()).into() };
        let leaving = Phase::Leaving { fin, dead_at: (now + RETRANSMIT_AFTER).into(), untold };
        // Only the first is a change to be kept: how often it was repeated means nothing after a restart.
        if sent == 0 {
            self.set_phase(leaving);
        } else {
            self.phase = leaving;
        }
        self.out.transmit(Operation::Fin, seq.field());
    }

    /// When a chat that we have left is closed at the latest, as far as is known; `None` for any other.
    pub fn ends_at(&self) -> Option<Instant> {
        let Phase::Leaving { fin, .. } = self.phase else { return None };
        Some(fin.due + self.fin_again_after() * self.fin_attempts().saturating_sub(fin.sent))
    }

    /// How long after a FIN the next one leaves, or the chat is over.
    fn fin_again_after(&self) -> Duration {
        if self.dialect().is_foreign() { OTHER_FIN_AFTER } else { RETRANSMIT_AFTER }
    }

    /// How often a FIN is transmitted.
    pub(super) fn fin_attempts(&self) -> u32 {
        let dialect = self.dialect();
        match () {
            () if dialect.has(Habit::NeverAcks) => FINS_UNCONFIRMED,
            () if dialect.is_foreign() => FINS_TO_FOREIGN.min(self.us.settings.attempts),
            () => self.us.settings.attempts,
        }
    }

    /// Answers a FIN as the peer wants it answered.
    pub(super) fn answer_fin(&mut self, seq: u8) {
        let dialect = self.dialect();
        self.out.transmit(dialect.answer_to_fin(), dialect.form().ack_of_control(seq));
    }

    /// Ends a chat whose FIN may still be answered: it was not acknowledged, or left more than once.
    pub(super) fn end_leaving(&mut self, untold: Option<Reason>) {
        if let Phase::Leaving { dead_at, .. } = self.phase {
            self.messages.arq.hold(dead_at, false);
        }
        self.end_left(untold);
    }

    /// Ends a chat that we have left; `untold`: why, if our user has not been told.
    pub(super) fn end_left(&mut self, untold: Option<Reason>) {
        match untold {
            Some(reason) => self.end(reason, None),
            None => self.set_phase(Phase::Closed),
        }
    }

    /// Nothing of ours is transmitted any more.
    pub(super) fn give_up(&mut self, reason: Reason) {
        let given_up = self.messages.give_up().filter(|id| *id != MessageId::NOT_IN_LOG);
        given_up.for_each(|id| self.out.tell(ChatEvent::Undelivered(id, reason)));
    }

    /// It is over for both.
    pub(super) fn end(&mut self, reason: Reason, text: Option<String>) {
        self.set_phase(Phase::Closed);
        self.out.tell(ChatEvent::Closed { reason, text });
    }
}

/// Whether an ERR means "in another chat". Implementations word it differently, all with one of these.
fn says_busy(text: Option<&str>) -> bool {
    let text = text.unwrap_or_default().to_ascii_lowercase();
    ["busy", "another chat", "already in"].iter().any(|words| text.contains(words))
}

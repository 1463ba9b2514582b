//! What opens and ends a chat, as the table's rows have it, and what the peer says outside messages.

use std::time::Instant;

use super::{Chat, ChatEvent, Handled, Phase, SYN_IS_LATE_FOR, words};
use crate::datagram::{Datagram, Operation};
use crate::dialect::Habit;
use crate::state::Reason;
use crate::text::read_payload;

/// What is told of a refusal that has no words because it is no SIMP.
const UNREADABLE: &str = "its answer cannot be read";

impl Chat {
    /// Answers a FIN as the peer wants it answered.
    pub(super) fn answer_fin(&mut self, seq: u8) {
        self.transmit(self.dialect.answer_to_fin(), seq);
    }

    /// The peer has answered our invitation at once with what cannot be read: some refuse so (SIMP 7). Where its user is
    /// being asked, it says nothing.
    pub fn handle_unreadable_answer(&mut self) {
        if let Phase::Inviting { rings: false, .. } = self.phase {
            self.end(Reason::PeerDeclined, Some(UNREADABLE.to_owned()));
        }
    }

    /// Whether this would answer our invitation, did it come from the peer: a message is none, for it may be of an
    /// earlier chat.
    pub fn is_answered_by(&self, now: Instant, datagram: &Datagram) -> bool {
        use Operation as Op;
        match (self.phase, datagram.operation) {
            (Phase::Inviting { .. }, Op::SynAck | Op::Fin | Op::ErrFin | Op::Err) => true,
            (Phase::Inviting { rings, .. }, Op::Ack) => {
                !datagram.payload.is_empty() || !(rings || self.delivery.is_held(now))
            }
            _ => false,
        }
    }

    /// Whether a bare ACK would accept our invitation, though the peer is not known to accept so.
    pub fn would_take_for_acceptance(&self, ack: &Datagram) -> bool {
        let invites = matches!(self.phase, Phase::Inviting { rings: false, .. });
        invites && ack.payload.is_empty() && !self.dialect.has(Habit::AcceptsByAck)
    }

    /// Ends an invitation that the peer does not accept.
    pub(super) fn end_refused(&mut self, datagram: &Datagram) {
        let text = words(datagram);
        let reason = if says_busy(text.as_deref()) { Reason::PeerBusy } else { Reason::PeerDeclined };
        self.end(reason, text);
    }

    /// The peer's first message, where that is how it accepts, or all that came of its acceptance (SIMP 7).
    pub(super) fn handle_accepting_message(&mut self, now: Instant, datagram: &Datagram) -> Handled {
        self.user = datagram.user;
        self.open(now, Operation::Ack);
        self.handle_chat(now, datagram)
    }

    /// Whether a SYN with this text is a late copy of the one that began the chat.
    pub(super) fn is_invitation(&self, now: Instant, since: Option<Instant>, text: &str) -> bool {
        since.is_some_and(|since| now < since + SYN_IS_LATE_FOR) && self.invitation() == Some(text)
    }

    /// The peer says for the first time that something is wrong, or says it again.
    pub(super) fn handle_error(&mut self, datagram: &Datagram) -> Handled {
        let text = read_payload(&datagram.payload);
        self.delivery.note_hears();
        let last = &mut self.heard_mut().error;
        if last.as_deref() == Some(&text) {
            return Handled::Ignored;
        }
        *last = Some(text.as_str().into());
        self.events.push_back(ChatEvent::Error { text });
        Handled::Accepted
    }
}

/// Whether an ERR means "in another chat". Implementations word it differently, all with one of these.
fn says_busy(text: Option<&str>) -> bool {
    let text = text.unwrap_or_default().to_ascii_lowercase();
    ["busy", "another chat", "already in"].iter().any(|words| text.contains(words))
}

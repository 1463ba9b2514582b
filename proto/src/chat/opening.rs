//! What opens a chat: invitations, requests, and their answers (SIMP 2, 7).

use std::time::{Duration, Instant};

use simp_values::Reason;
use simp_values::text::{Seq, Text};

use super::phase::{Acceptance, Invitee, OpenedBy, Phase};
use super::{Chat, ChatEvent, Handled};
use crate::arq::{MessageId, Outgoing, RETRANSMIT_AFTER, Repeat};
use crate::datagram::{Datagram, Operation};
use crate::dialect::{Habit, LOOKS_WITHIN, RINGING_USER};
use crate::moment::Moment;
use crate::numbering::Inviter;

/// A SYN from the peer of an open chat is a late copy this long after the opening; later, the peer has
/// forgotten the chat and invites again (SIMP 2).
const SYN_IS_LATE_FOR: Duration = Duration::from_secs(10);

/// Whoever invites with a text may wait for a bare ACK: it leaves this long after our SYN+ACK if nothing has come
/// (SIMP 7).
const BARE_ACK_AFTER: Duration = Duration::from_millis(500);

/// Whoever waits to be told that our user is asked is told this long after its SYN. It gives up 5 s after that, and takes a
/// refusal better before (SIMP 7).
pub(super) const RING_AFTER: Duration = Duration::from_millis(3_500);

/// How the message ends that accepts an invitation, with those that wait for one (SIMP 7).
pub(super) const ACCEPTED: &str = "accepted.";

impl Chat {
    /// Whether its SYN+ACK says only that its user is being asked.
    pub(super) fn is_ringing(&self, syn_ack: &Datagram) -> bool {
        let dialect = self.dialect();
        syn_ack.user.as_str() == RINGING_USER && (!dialect.is_pinned() || dialect.has(Habit::Rings))
    }

    /// Whether it waits for a message that accepts, and for a SYN+ACK before that.
    pub(super) fn waits_for_ringing(&self, syn: &Datagram) -> bool {
        let dialect = self.dialect();
        dialect.has(Habit::Rings) || (syn.user.as_str() == RINGING_USER && !dialect.is_pinned())
    }

    /// Acknowledges a SYN+ACK or a FIN with this number.
    pub(super) fn acknowledge_control(&mut self, seq: u8) {
        self.out.transmit(Operation::Ack, self.dialect().form().ack_of_control(seq));
    }

    /// Accepts, as far as we are concerned.
    pub(super) fn send_syn_ack(&mut self, now: Instant) {
        let ack_at = self.invitation().map(|_| (now + BARE_ACK_AFTER).into());
        self.set_phase(Phase::Accepting { syn_ack: Repeat::first(now), ack_at });
        self.out.transmit(Operation::SynAck, Seq::ZERO.field());
    }

    /// Says that our user is asked.
    pub(super) fn ring(&mut self) {
        if let Phase::Invited { acceptance, .. } = &mut self.phase {
            *acceptance = Acceptance::Message;
            self.out.transmit(Operation::SynAck, Seq::ZERO.field());
        }
    }

    /// Accepts if the peer waits for a message that says so (SIMP 7). First it must know that our user is asked.
    pub(super) fn accept_by_message(&mut self, now: Instant) {
        let is_told = matches!(self.phase, Phase::Invited { acceptance: Acceptance::Message, .. });
        if !is_told {
            self.ring();
            self.messages.arq.hold(now + LOOKS_WITHIN, false);
        }
        self.open(now, OpenedBy::SynAck);
        // A user name is printable ASCII, so that this is a text.
        if let Ok(text) = Text::new(&format!("{} {ACCEPTED}", self.us.user)) {
            self.messages.arq.push(Outgoing { id: MessageId::NOT_IN_LOG, text });
        }
        self.deliver(now);
    }

    /// Messages may go both ways from now on.
    pub(super) fn open(&mut self, now: Instant, opened_by: OpenedBy) {
        // The peer is in the chat once it has our SYN+ACK, or our ACK of its own.
        let for_them = match self.phase {
            Phase::Inviting { .. } | Phase::Invited { .. } => Some(now),
            Phase::Accepting { syn_ack, .. } => Some(syn_ack.due - RETRANSMIT_AFTER * syn_ack.sent),
            _ => None,
        };
        let inviter = if opened_by == OpenedBy::Ack { Inviter::Us } else { Inviter::Them };
        self.messages.open(now, inviter, for_them);
        self.set_phase(Phase::Open { since: Some(now.into()), opened_by });
        self.out.tell(ChatEvent::Opened);
    }

    /// The peer's first message, if that is how it accepts, or all that came of its acceptance (SIMP 7).
    pub(super) fn handle_accepting_message(&mut self, now: Instant, datagram: &Datagram) -> Handled {
        self.user = datagram.user.into();
        self.open(now, OpenedBy::Ack);
        self.handle_chat(now, datagram)
    }

    /// Whether an invitation or a request has found no answer in time: whatever comes now is too late for it.
    pub fn is_expired(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Inviting { expires, .. } | Phase::Invited { expires, .. } if expires <= now)
    }

    /// Whether this would answer our invitation, did it come from the peer: a message is none, for it may be of an
    /// earlier chat.
    pub fn is_answered_by(&self, now: Instant, datagram: &Datagram) -> bool {
        use Operation as Op;
        match (self.phase, datagram.operation) {
            _ if self.is_expired(now) => false,
            (Phase::Inviting { .. }, Op::SynAck | Op::Fin | Op::ErrFin | Op::Err) => true,
            (Phase::Inviting { invitee, .. }, Op::Ack) => {
                let is_open = invitee != Invitee::Ringing && !self.messages.arq.is_held(now);
                !datagram.payload.is_empty() || is_open
            }
            _ => false,
        }
    }

    /// Whether a bare ACK would accept our invitation, though the peer is not known to accept so.
    pub fn would_take_for_acceptance(&self, ack: &Datagram) -> bool {
        let invites = matches!(self.phase, Phase::Inviting { invitee, .. } if invitee != Invitee::Ringing);
        invites && ack.payload.is_empty() && !self.dialect().has(Habit::AcceptsByAck)
    }

    /// A SYN from the peer of an open chat: a late copy, or the peer has restarted (SIMP 2).
    pub(super) fn handle_late_syn(
        &mut self,
        now: Instant,
        since: Option<Moment>,
        opened_by: OpenedBy,
    ) -> Handled {
        if since.is_none_or(|since| now >= since + SYN_IS_LATE_FOR) {
            self.give_up(Reason::PeerRestarted);
            self.end(Reason::PeerRestarted, None);
            return Handled::InvitesAnew;
        }
        // The ACK that a SYN+ACK brings must not pass for that of a message in flight, and one of ours not at
        // the peer: were it still missing there, the SYN+ACK would come again.
        if opened_by == OpenedBy::Ack || self.messages.sent().is_some() {
            return Handled::Ignored;
        }
        // The peer may have forgotten the chat after all, and say again what it said last.
        self.messages.note_restart();
        self.kept.is_outdated = true;
        self.messages.arq.hold(now + RETRANSMIT_AFTER, false);
        self.out.transmit(Operation::SynAck, Seq::ZERO.field());
        Handled::Expected
    }

    /// Whether a SYN with this text is a late copy of the one that began the chat.
    pub(super) fn is_invitation(&self, now: Instant, since: Option<Moment>, text: &str) -> bool {
        since.is_some_and(|since| now < since + SYN_IS_LATE_FOR) && self.invitation() == Some(text)
    }
}

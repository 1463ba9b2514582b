//! The table of SIMP: what a chat in each state makes of each datagram, and of the passing of time.

use std::time::{Duration, Instant};

use simp_values::Reason;
use simp_values::text::{Seq, read_payload};

use super::opening::ACCEPTED;
use super::phase::{Acceptance, Invitee, OpenedBy, Phase};
use super::talking::HANDSHAKE_ACK_COPIES_WITHIN;
use super::{Chat, ChatEvent, Handled, WORDS_MAX, words};
use crate::arq::{RETRANSMIT_AFTER, Repeat};
use crate::datagram::{Datagram, Operation};
use crate::dialect::Habit;
use crate::moment::Moment;

/// A SYN+ACK is not repeated for copies of one SYN that come together.
const SYN_COPIES_WITHIN: Duration = Duration::from_secs(1);

/// After how long an unanswered SYN is repeated, then again, then always (SIMP 4). Rarely, because several
/// implementations ask their user for every SYN.
pub(super) const SYN_AGAIN_AFTER: [Duration; 3] =
    [Duration::from_secs(20), Duration::from_secs(40), Duration::from_secs(120)];

/// Input: what happened. It cannot fail; what makes no sense is ignored.
impl Chat {
    /// The peer sent a datagram.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &Datagram) -> Handled {
        // After the machine has slept, the answer may be there together with the end of the time for it.
        if self.is_expired(now) {
            self.do_what_is_due(now);
        }
        if let Phase::Open { opened_by, .. } | Phase::Draining { opened_by, .. } = &mut self.phase
            && *opened_by == OpenedBy::BothUnheard
        {
            *opened_by = OpenedBy::SynAck;
        }
        if self.phase != Phase::Closed {
            self.messages.see_form(datagram);
        }
        let handled = self.look_up(now, datagram);
        if self.messages.arq.waits() {
            // It may have shown that nobody takes turns after all.
            self.deliver_if_open(now);
        }
        self.tell_learned();
        handled
    }

    /// How the peer speaks may have shown: that is kept.
    pub(super) fn tell_learned(&mut self) {
        if let Some(learned) = self.messages.detector.poll_learned() {
            self.kept.is_outdated = true;
            if !self.is_over_for_us() {
                self.out.tell(ChatEvent::Learned(learned));
            }
        }
    }

    /// The table of SIMP: what each phase makes of each operation.
    fn look_up(&mut self, now: Instant, datagram: &Datagram) -> Handled {
        use Operation as Op;
        match (self.phase, datagram.operation) {
            (Phase::Inviting { syn, expires, invitee }, _) => {
                return self.look_up_inviting(now, datagram, (syn, expires, invitee));
            }
            (Phase::Invited { acceptance: Acceptance::Message, .. }, Op::Syn) => {
                self.out.transmit(Op::SynAck, Seq::ZERO.field());
            }
            (Phase::Invited { .. } | Phase::Accepting { .. }, Op::Fin | Op::ErrFin | Op::FinAck) => {
                self.answer_fin(datagram.seq);
                self.end_withdrawn(datagram);
            }
            (Phase::Invited { .. } | Phase::Accepting { .. }, Op::Err) => self.end_withdrawn(datagram),
            (Phase::Accepting { syn_ack, ack_at }, _) => {
                return self.look_up_accepting(now, datagram, syn_ack, ack_at);
            }
            (Phase::Open { since, opened_by } | Phase::Draining { since, opened_by }, _) => {
                return self.look_up_open(now, datagram, since, opened_by);
            }
            (Phase::Leaving { fin, untold, .. }, _) => {
                return self.look_up_leaving(now, datagram, fin, untold);
            }
            // The peer's invitation waits for our user, and its copies change nothing.
            (Phase::Invited { .. }, Op::Syn | Op::SynAck | Op::Ack | Op::Chat) | (Phase::Closed, _) => {
                return Handled::Ignored;
            }
        }
        Handled::Expected
    }

    /// Our invitation is answered, or the peer's user is being asked.
    fn look_up_inviting(
        &mut self,
        now: Instant,
        datagram: &Datagram,
        (syn, expires, invitee): (Repeat, Moment, Invitee),
    ) -> Handled {
        use Operation as Op;
        // What comes may be of an earlier chat, and then says nothing.
        let is_held = self.messages.arq.is_held(now);
        match datagram.operation {
            Op::SynAck if self.is_ringing(datagram) => {
                self.acknowledge_control(datagram.seq);
                let syn = Repeat { due: expires, ..syn };
                self.phase = Phase::Inviting { syn, expires, invitee: Invitee::Ringing };
            }
            Op::SynAck => {
                self.user = datagram.user.into();
                self.messages.detector.see_syn_ack(datagram);
                self.acknowledge_control(datagram.seq);
                self.open(now, OpenedBy::Ack);
            }
            Op::Chat if invitee == Invitee::Ringing || self.dialect().has(Habit::Rings) => {
                let says_so = read_payload(&datagram.payload).trim_end().ends_with(ACCEPTED);
                self.messages.detector.see_ringing(says_so);
                return self.handle_accepting_message(now, datagram);
            }
            // The SYN+ACK may be lost, and some repeat nothing: then a chat stands for it.
            Op::Chat if invitee == Invitee::Stranger || (self.dialect().is_foreign() && !is_held) => {
                return self.handle_accepting_message(now, datagram);
            }
            // A bare ACK accepts, or with words refuses.
            Op::Ack if !datagram.payload.is_empty() => self.end_refused(datagram),
            Op::Ack if invitee != Invitee::Ringing && !is_held => {
                self.user = datagram.user.into();
                self.messages.detector.see_acceptance(true);
                self.open(now, OpenedBy::Ack);
            }
            // Both invited each other: each invitation accepts the other.
            Op::Syn => {
                self.user = datagram.user.into();
                self.send_syn_ack(now);
            }
            Op::Fin | Op::ErrFin | Op::FinAck => {
                self.answer_fin(datagram.seq);
                self.end_refused(datagram);
            }
            Op::Err => self.end_refused(datagram),
            Op::Ack | Op::Chat => return Handled::Ignored,
        }
        Handled::Expected
    }

    /// We accepted. The ACK may be lost, then a chat stands for it.
    fn look_up_accepting(
        &mut self,
        now: Instant,
        datagram: &Datagram,
        syn_ack: Repeat,
        ack_at: Option<Moment>,
    ) -> Handled {
        use Operation as Op;
        match datagram.operation {
            Op::Ack => {
                self.messages.detector.see_opening_ack(datagram);
                self.open(now, OpenedBy::SynAck);
                let copies = now + HANDSHAKE_ACK_COPIES_WITHIN;
                // It may be of something sent before this chat: then that of the SYN+ACK is still to come.
                let is_sure = syn_ack.sent == 1 && !self.messages.arq.is_held(now);
                self.messages
                    .arq
                    .hold(if is_sure { copies } else { copies.max(syn_ack.due.instant()) }, false);
            }
            Op::SynAck => {
                self.acknowledge_control(datagram.seq);
                self.open(now, OpenedBy::SynAck);
                self.messages.arq.hold(syn_ack.due, syn_ack.sent == 1);
            }
            Op::Chat => {
                self.open(now, OpenedBy::SynAck);
                self.messages.arq.hold(syn_ack.due, syn_ack.sent == 1);
                return self.handle_chat(now, datagram);
            }
            Op::Syn => {
                if syn_ack.sent == 0 || syn_ack.due > now + (RETRANSMIT_AFTER - SYN_COPIES_WITHIN) {
                    return Handled::Ignored;
                }
                let syn_ack = Repeat { sent: syn_ack.sent + 1, due: (now + RETRANSMIT_AFTER).into() };
                self.phase = Phase::Accepting { syn_ack, ack_at };
                self.out.transmit(Op::SynAck, Seq::ZERO.field());
            }
            Op::Fin | Op::ErrFin | Op::FinAck | Op::Err => return Handled::Ignored,
        }
        Handled::Expected
    }

    /// Messages go both ways.
    fn look_up_open(
        &mut self,
        now: Instant,
        datagram: &Datagram,
        since: Option<Moment>,
        opened_by: OpenedBy,
    ) -> Handled {
        use Operation as Op;
        match datagram.operation {
            Op::Chat => return self.handle_chat(now, datagram),
            Op::Ack => return self.handle_ack(now, datagram.seq),
            Op::SynAck => {
                // If an ACK seemed to be the acceptance, it was of something else.
                self.messages.detector.see_acceptance(false);
                self.acknowledge_control(datagram.seq);
            }
            Op::Syn => {
                return match words(datagram, self.us.settings.message_max) {
                    Some(text) if !self.is_invitation(now, since, &text) => {
                        self.handle_line(now, datagram.seq, text)
                    }
                    _ => self.handle_late_syn(now, since, opened_by),
                };
            }
            Op::Fin | Op::ErrFin | Op::FinAck => {
                self.answer_fin(datagram.seq);
                self.give_up(Reason::PeerQuit);
                self.end(Reason::PeerQuit, words(datagram, WORDS_MAX));
            }
            Op::Err => return self.handle_error(datagram),
        }
        Handled::Expected
    }

    /// We are leaving, and wait for the ACK of our FIN. `untold`: why, as long as the user has not been told.
    fn look_up_leaving(
        &mut self,
        now: Instant,
        datagram: &Datagram,
        fin: Repeat,
        untold: Option<Reason>,
    ) -> Handled {
        use Operation as Op;
        match datagram.operation {
            // The peer knows nothing of that yet: its messages still count.
            Op::Chat if untold.is_some() => return self.handle_chat(now, datagram),
            // A late ACK of our last message must not pass for that of the FIN; some peers put no number in their
            // ACKs, so after a repeat any will do.
            Op::Ack | Op::FinAck => {
                let is_numbered = !self.dialect().has(Habit::UnnumberedAcks);
                if is_numbered && datagram.seq != self.messages.seq().field() && fin.sent < 2 {
                    return Handled::Ignored;
                }
                // It may be of something sent before: then that of the FIN is still to come.
                let is_sure = fin.sent == 1 && !self.messages.arq.is_held(now);
                if is_sure { self.end_left(untold) } else { self.end_leaving(untold) }
            }
            Op::Fin | Op::ErrFin => {
                self.answer_fin(datagram.seq);
                self.end_leaving(untold);
            }
            Op::Syn if datagram.payload.is_empty() => {
                self.end_leaving(untold);
                return Handled::InvitesAnew;
            }
            // Our invitation was taken back while its acceptance was under way: the FIN says it again.
            Op::SynAck if untold.is_none() && fin.sent < self.fin_attempts() => {
                self.transmit_fin(now, fin.sent, None);
            }
            Op::SynAck | Op::Err | Op::Chat | Op::Syn => return Handled::Ignored,
        }
        Handled::Expected
    }

    /// Nothing listens at the peer's address. That ends an opening at once (SIMP 4), and a leaving; an open
    /// chat keeps trying, for its peer may be starting again.
    pub fn handle_unreachable(&mut self) {
        match self.phase {
            Phase::Inviting { .. } | Phase::Accepting { .. } => {
                self.give_up(Reason::NobodyThere);
                self.end(Reason::NobodyThere, None);
            }
            Phase::Leaving { untold, .. } => self.end_leaving(untold),
            Phase::Invited { .. } | Phase::Open { .. } | Phase::Draining { .. } | Phase::Closed => {}
        }
    }

    /// Time has passed. A call that is early or without need does nothing. Returns whether a datagram is
    /// transmitted once more.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        self.transmit_late_ack(Some(now));
        let is_again = self.do_what_is_due(now);
        self.tell_learned();
        is_again
    }

    fn do_what_is_due(&mut self, now: Instant) -> bool {
        match self.phase {
            Phase::Inviting { expires, .. } if expires <= now => self.end_opening(now, Reason::NoAnswer),
            Phase::Inviting { syn, expires, invitee } if syn.due <= now && !self.is_held_back() => {
                let pause = SYN_AGAIN_AFTER.get(syn.sent as usize).unwrap_or(&SYN_AGAIN_AFTER[2]);
                // Such a peer gets one, also if our own system did not take the first.
                let due = if self.dialect().behaves_otherwise() { expires } else { (now + *pause).into() };
                let syn = Repeat { sent: syn.sent + 1, due };
                self.phase = Phase::Inviting { syn, expires, invitee };
                self.out.transmit(Operation::Syn, Seq::ZERO.field());
                return true;
            }
            Phase::Invited { expires, .. } if expires <= now => self.end_opening(now, Reason::RequestExpired),
            Phase::Invited { acceptance: Acceptance::RingAt(at), .. }
                if at <= now && !self.is_held_back() =>
            {
                self.ring();
            }
            Phase::Accepting { .. } if self.is_held_back() => {}
            Phase::Accepting { syn_ack, ack_at } if syn_ack.due <= now => {
                match syn_ack.again(now, self.us.settings.attempts) {
                    Some(syn_ack) => {
                        self.phase = Phase::Accepting { syn_ack, ack_at };
                        self.out.transmit(Operation::SynAck, Seq::ZERO.field());
                        return true;
                    }
                    None => self.end_with_peer_gone(now),
                }
            }
            Phase::Accepting { syn_ack, ack_at: Some(at) } if at <= now => {
                self.out.transmit(Operation::Ack, Seq::ZERO.field());
                self.open(now, OpenedBy::BothUnheard);
                self.messages.arq.hold(syn_ack.due, true);
                self.deliver(now);
            }
            Phase::Open { .. } | Phase::Draining { .. } => return self.deliver(now),
            Phase::Leaving { fin, untold, .. } if fin.due <= now => {
                if fin.sent >= self.fin_attempts() {
                    self.end_leaving(untold);
                } else {
                    self.transmit_fin(now, fin.sent, untold);
                    return true;
                }
            }
            Phase::Inviting { .. }
            | Phase::Invited { .. }
            | Phase::Accepting { .. }
            | Phase::Leaving { .. }
            | Phase::Closed => {}
        }
        false
    }
}

//! Messages both ways in an open chat: what the peer says, when it is acknowledged, and what becomes of ours.

use std::time::{Duration, Instant};

use simp_values::text::{Seq, read_payload_up_to};

use super::pending::Transmit;
use super::phase::{OpenedBy, Phase};
use super::{Chat, ChatEvent, Handled, WORDS_MAX};
use crate::arq::MessageId;
use crate::datagram::{Datagram, Operation};
use crate::dialect::{Habit, RINGING_USER};
use crate::outcome::{Due, Heard, Outcome};

/// The ACK of our SYN+ACK looks like that of our first message (SIMP 2, 3). So the first message waits while
/// such an ACK may still come: until the last SYN+ACK and its ACK are dead or, if only one SYN+ACK left and
/// its ACK has come, this long for copies.
pub(super) const HANDSHAKE_ACK_COPIES_WITHIN: Duration = Duration::from_millis(500);

impl Chat {
    /// A message of the peer. Its ACK is queued here, but leaves only after the commit: once the peer sees it, the peer
    /// forgets the message.
    pub(super) fn handle_chat(&mut self, now: Instant, datagram: &Datagram) -> Handled {
        // Only control datagrams of one that rings have that name. This is the user's own.
        if self.dialect().has(Habit::Rings) && datagram.user.as_str() == RINGING_USER {
            self.messages.see_no_ringing();
        }
        // Cut before anything else: after a restart a copy is known by the text that was kept.
        let payload = self.dialect().text_of(&datagram.payload);
        let (seq, text) = (datagram.seq, read_payload_up_to(payload, self.us.settings.message_max));
        let lines = self.aside.as_mut().map(|aside| &mut aside.lines).filter(|lines| lines.is_any());
        match lines.map(|lines| lines.is_last(now, &text)) {
            // Shown when it came as a SYN; the ACK is missing all the same.
            Some(true) => {
                self.acknowledge(now, seq);
                return Handled::Duplicate;
            }
            Some(false) => {}
            None => self.messages.detector.see_no_line(),
        }
        let incoming = self.messages.handle_chat(now, (seq, &text), datagram.deviations);
        let handled = match incoming {
            Heard::New(outcome) => {
                if let Some(outcome) = outcome {
                    // First, for the peer had ours before it said this.
                    self.tell_outcome(outcome);
                }
                self.out.tell(ChatEvent::Message {
                    number: u64::from(seq),
                    is_kept: false,
                    text,
                    answers: None,
                });
                Handled::Expected
            }
            Heard::Copy => Handled::Duplicate,
        };
        self.acknowledge(now, seq);
        self.deliver_if_open(now);
        handled
    }

    /// An ACK in an open chat.
    pub(super) fn handle_ack(&mut self, now: Instant, seq: u8) -> Handled {
        let Some(outcome) = self.messages.handle_ack(now, seq) else {
            self.messages.arq.handle_other_ack(now + HANDSHAKE_ACK_COPIES_WITHIN);
            return Handled::Ignored;
        };
        self.tell_outcome(outcome);
        if !self.leave_if_drained(now) {
            self.deliver(now);
        }
        Handled::Expected
    }

    /// A SYN with a text in an open chat: a line, which comes as a message too (SIMP 7).
    pub(super) fn handle_line(&mut self, now: Instant, seq: u8, text: String) -> Handled {
        self.out.transmit(Operation::Ack, seq);
        if !self.aside_mut().lines.is_new(now, &text) {
            return Handled::Duplicate;
        }
        self.messages.handle_line(now);
        // What was not numbered must not pass for the last message after a restart.
        self.kept.is_outdated = true;
        self.out.tell(ChatEvent::Message { number: u64::from(seq), is_kept: false, text, answers: None });
        self.deliver_if_open(now);
        Handled::Expected
    }

    /// Acknowledges a message of the peer, when the peer can take it.
    pub(super) fn acknowledge(&mut self, now: Instant, seq: u8) {
        let seq = self.dialect().ack_of(seq);
        match self.dialect().ack_after() {
            None => {}
            Some(Duration::ZERO) => self.out.transmit(Operation::Ack, seq),
            Some(after) => {
                // There is one place for a late ACK: whatever is in it leaves now.
                self.transmit_late_ack(None);
                self.aside_mut().late_ack = Some((now + after, seq));
            }
        }
    }

    /// Transmits the ACK that leaves late, if its time has come; at any time without one.
    pub(super) fn transmit_late_ack(&mut self, now: Option<Instant>) {
        let late_ack = self.aside.as_mut().map(|aside| &mut aside.late_ack);
        let is_due = |(at, _): &mut (Instant, u8)| now.is_none_or(|now| *at <= now);
        if let Some((_, seq)) = late_ack.and_then(|ack| ack.take_if(is_due)) {
            self.out.transmit(Operation::Ack, seq);
        }
    }

    fn tell_outcome(&mut self, outcome: Outcome) {
        let (ids, event): (_, fn(MessageId) -> ChatEvent) = match outcome {
            Outcome::Delivered(together) => (together.ids(), ChatEvent::Delivered),
            Outcome::Unconfirmed(together) => (together.ids(), ChatEvent::Unconfirmed),
        };
        for id in ids {
            match id {
                // Nothing in the log says that it turned the number over.
                MessageId::NOT_IN_LOG => self.kept.is_outdated = true,
                id => self.out.tell(event(id)),
            }
        }
    }

    pub(super) fn deliver_if_open(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Open { .. } | Phase::Draining { .. }) && !self.leave_if_drained(now) {
            self.deliver(now);
        }
    }

    /// Lets the delivery do what is due. Returns whether a datagram is transmitted once more.
    pub(super) fn deliver(&mut self, now: Instant) -> bool {
        while !self.is_held_back() {
            match self.messages.handle_timeout(now, self.us.settings.attempts) {
                Due::Nothing => return false,
                due @ (Due::First | Due::Again) => {
                    if due == Due::Again && self.is_unheard() {
                        // A message means nothing to a peer that does not know it is in the chat.
                        self.out.transmit(Operation::SynAck, Seq::ZERO.field());
                        self.out.transmit(Operation::Ack, Seq::ZERO.field());
                    }
                    self.out.push(Transmit::InFlight);
                    return due == Due::Again;
                }
                Due::Over(outcome) => self.tell_outcome(outcome),
                Due::PeerGone => {
                    self.end_with_peer_gone(now);
                    return false;
                }
            }
            if self.leave_if_drained(now) {
                return false;
            }
        }
        false
    }

    /// Whether what opened the chat may be lost.
    fn is_unheard(&self) -> bool {
        let (Phase::Open { opened_by, .. } | Phase::Draining { opened_by, .. }) = self.phase else {
            return false;
        };
        opened_by == OpenedBy::BothUnheard
    }

    /// Leaves if only the last message was waited for.
    pub(super) fn leave_if_drained(&mut self, now: Instant) -> bool {
        let is_drained = matches!(self.phase, Phase::Draining { .. }) && self.messages.arq.len() == 0;
        if is_drained {
            self.leave(now);
        }
        is_drained
    }

    /// The peer says for the first time that something is wrong, or says it again.
    pub(super) fn handle_error(&mut self, datagram: &Datagram) -> Handled {
        let text = read_payload_up_to(&datagram.payload, WORDS_MAX);
        let sent = self.messages.sent();
        self.messages.detector.see_hearing(sent);
        let last = &mut self.aside_mut().error;
        if last.as_deref() == Some(&text) {
            return Handled::Ignored;
        }
        *last = Some(text.as_str().into());
        self.out.tell(ChatEvent::Error { text });
        Handled::Expected
    }
}

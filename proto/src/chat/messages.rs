//! Messages both ways in an open chat: what the peer says, and what becomes of ours.

use std::time::{Duration, Instant};

use super::{Chat, ChatEvent, HANDSHAKE_ACK_COPIES_WITHIN, Handled, Line, NOT_IN_LOG, Phase, Transmit};
use crate::datagram::{Datagram, Operation};
use crate::delivery::{Due, Incoming, MessageId, Verdict, hash};
use crate::deviations::Deviations;
use crate::dialect::Habit;
use crate::text::{Seq, read_payload};

/// A line that came as a SYN comes as a message too within this long.
const LINE_COMES_WITHIN: Duration = Duration::from_secs(3);

/// A repeat comes from this long after, where its peer did not see the ACK.
const REPEATED_FROM: Duration = Duration::from_secs(4);

/// So often in a row the ACK of a message was missed: then it came too fast.
const MISSED: u8 = 1;

/// So often in a row one that came later was missed too: it was not that.
const MISSED_LATER: u8 = 3;

/// So many of our texts in a row that come back are no chance.
const ECHOES: u8 = 3;

impl Chat {
    /// A message of the peer. Its ACK is queued here, but leaves only after the commit: once the peer sees it, the peer
    /// forgets the message.
    pub(super) fn handle_chat(&mut self, now: Instant, datagram: &Datagram) -> Handled {
        let (seq, text) = (datagram.seq, read_payload(self.dialect.text_of(&datagram.payload)));
        if datagram.deviations.has(Deviations::OPERATION) && !self.delivery.is_acked() {
            self.dialect.set(Habit::NeverAcks, true);
        }
        if self.has_come_as_line(now, &text) {
            self.acknowledge(now, seq);
            return Handled::Duplicate;
        }
        self.dialect.set(Habit::LineAsSyn, self.dialect.has(Habit::LineAsSyn) && self.line().is_some());
        let (verdict, before, delivered) = self.delivery.handle_chat(now, (seq, &text), &mut self.dialect);
        if let Some(Incoming { seq, text }) = before {
            self.events.push_back(ChatEvent::Message { seq, text });
        }
        let handled = match verdict {
            Verdict::New => {
                self.note_new(&text);
                self.events.push_back(ChatEvent::Message { seq, text });
                self.acknowledge(now, seq);
                Handled::Accepted
            }
            Verdict::Duplicate(since) => {
                self.note_repeat(since);
                self.acknowledge(now, seq);
                Handled::Duplicate
            }
            Verdict::Doubtful => Handled::Ignored,
        };
        if let Some(id) = delivered {
            self.tell_delivered(id);
        }
        self.deliver_if_open(now);
        handled
    }

    /// An ACK in an open chat.
    pub(super) fn handle_ack(&mut self, now: Instant, seq: u8) -> Handled {
        let Some(id) = self.delivery.handle_ack(now, seq, &mut self.dialect) else {
            self.delivery.handle_other_ack(now + HANDSHAKE_ACK_COPIES_WITHIN);
            return Handled::Ignored;
        };
        self.tell_delivered(id);
        if !self.leave_if_drained(now) {
            self.deliver(now);
        }
        Handled::Accepted
    }

    /// A SYN with a text in an open chat: a line, which comes as a message too (SIMP 7).
    pub(super) fn handle_line(&mut self, now: Instant, seq: u8, text: String) -> Handled {
        self.transmit(Operation::Ack, seq);
        let again = |line: &Line| {
            !line.is_message && line.text == text && now < line.at + REPEATED_FROM + LINE_COMES_WITHIN
        };
        if self.line().is_some_and(again) {
            return Handled::Duplicate;
        }
        self.dialect.set(Habit::LineAsSyn, true);
        if !self.delivery.is_acked() {
            // It has its ACKs for SYNs.
            self.dialect.set(Habit::NeverAcks, true);
        }
        // What the delivery has not seen must not pass for its last message after a restart.
        self.changed = true;
        self.heard_mut().line = Some(Line { text: text.clone(), at: now, is_message: false });
        self.events.push_back(ChatEvent::Message { seq, text });
        self.deliver_if_open(now);
        Handled::Accepted
    }

    /// The last line that came as a SYN.
    fn line(&self) -> Option<&Line> {
        self.heard.as_ref()?.line.as_ref()
    }

    /// Whether this message has come as a line already.
    fn has_come_as_line(&mut self, now: Instant, text: &str) -> bool {
        let Some(line) = self.heard.as_mut().and_then(|heard| heard.line.as_mut()) else { return false };
        let before = text.strip_suffix(line.text.as_str()).filter(|_| now < line.at + LINE_COMES_WITHIN);
        let is_it = before.is_some_and(|before| before.is_empty() || before.ends_with([' ', ':', '>']));
        line.is_message |= is_it;
        is_it
    }

    /// Acknowledges a message of the peer, when the peer can take it.
    pub(super) fn acknowledge(&mut self, now: Instant, seq: u8) {
        match self.dialect.ack_after() {
            None => {}
            Some(Duration::ZERO) => self.transmit(Operation::Ack, seq),
            Some(after) => {
                self.transmit_late_ack(None);
                self.late_ack = Some((now + after, seq));
            }
        }
    }

    /// Transmits the ACK that leaves late, if its time has come; at any time without one.
    pub(super) fn transmit_late_ack(&mut self, now: Option<Instant>) {
        if let Some((_, seq)) = self.late_ack.take_if(|(at, _)| now.is_none_or(|now| *at <= now)) {
            self.transmit(Operation::Ack, seq);
        }
    }

    /// A new message came: whether it is what we sent, and the last one was not repeated any more.
    fn note_new(&mut self, text: &str) {
        let heard = self.heard.get_or_insert_default();
        let is_ours = heard.ours.is_some_and(|ours| ours == hash(text));
        heard.echoed = if is_ours { heard.echoed.saturating_add(1) } else { 0 };
        self.dialect.set(Habit::Echoes, heard.echoed >= ECHOES);
        if !std::mem::take(&mut heard.is_last_repeated) {
            heard.repeated = 0;
        }
    }

    /// The peer repeats what was acknowledged: its ACK was lost, or came while the peer did not look.
    fn note_repeat(&mut self, since: Option<Duration>) {
        // To one that holds to the specification a later ACK might pass for that of the message after the next.
        if !self.dialect.is_foreign() || since.is_none_or(|since| since < REPEATED_FROM) {
            return;
        }
        let heard = self.heard.get_or_insert_default();
        if !std::mem::replace(&mut heard.is_last_repeated, true) {
            heard.repeated = heard.repeated.saturating_add(1);
        }
        let is_late = self.dialect.has(Habit::MissesFastAcks);
        if heard.repeated >= if is_late { MISSED_LATER } else { MISSED } {
            heard.repeated = 0;
            self.dialect.set(Habit::MissesFastAcks, !is_late);
        }
    }

    /// Shows a message that may be a copy: better twice than lost. Gives its number.
    pub(super) fn end_doubt(&mut self) -> Option<u8> {
        let Incoming { seq, text } = self.delivery.received.end_doubt(&mut self.dialect)?;
        self.events.push_back(ChatEvent::Message { seq, text });
        Some(seq)
    }

    fn tell_delivered(&mut self, id: MessageId) {
        match id {
            // Nothing in the log says that it turned the number over.
            NOT_IN_LOG => self.changed = true,
            _ => self.events.push_back(ChatEvent::Delivered(id)),
        }
    }

    fn deliver_if_open(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Open { .. } | Phase::Draining { .. }) && !self.leave_if_drained(now) {
            self.deliver(now);
        }
    }

    /// Lets the delivery do what is due. Returns whether a datagram is transmitted once more.
    pub(super) fn deliver(&mut self, now: Instant) -> bool {
        if self.delivery.received.doubt_until().is_some_and(|until| until <= now)
            && let Some(seq) = self.end_doubt()
        {
            self.acknowledge(now, seq);
        }
        loop {
            match self.delivery.handle_timeout(now, self.settings.attempts, &mut self.dialect) {
                Due::Nothing => return false,
                due @ (Due::First | Due::Again) => {
                    let ours = self.delivery.in_flight().map(|(_, message)| hash(message.text.as_str()));
                    self.heard_mut().ours = ours;
                    if due == Due::Again && self.is_unheard {
                        self.transmit(Operation::SynAck, Seq::Zero.field());
                        self.transmit(Operation::Ack, Seq::Zero.field());
                    }
                    self.transmits.push_back(Transmit::InFlight);
                    return due == Due::Again;
                }
                Due::Delivered(id) => self.tell_delivered(id),
                Due::Unconfirmed(NOT_IN_LOG) => self.changed = true,
                Due::Unconfirmed(id) => self.events.push_back(ChatEvent::Unconfirmed(id)),
                Due::GivenUp => {
                    self.end_with_peer_gone(now);
                    return false;
                }
            }
            if self.leave_if_drained(now) {
                return false;
            }
        }
    }

    /// Leaves where only the last message was waited for.
    pub(super) fn leave_if_drained(&mut self, now: Instant) -> bool {
        let is_drained = matches!(self.phase, Phase::Draining { .. }) && self.delivery.len() == 0;
        if is_drained {
            self.leave(now);
        }
        is_drained
    }
}

//! What becomes of ours: by the peer's ACKs, and by the passing of time.

use std::time::{Duration, Instant};

use simp_values::text::Seq;

use super::{Beginning, EarlierAcks, Messages, RIGHT_ACK_WITHIN};
use crate::arq::{COPY_LIVES_FOR, InFlight, MessageId, RETRANSMIT_AFTER, Together};
use crate::detector::{Before, Earlier, Unanswered};
use crate::dialect::{Habit, LOOKS_WITHIN};
use crate::outcome::{Due, Outcome};

/// After so many transmissions the other number is tried, with a peer that has shown that it differs. One that has not
/// would take a copy with the other number for another message.
const TRY_OTHER_AFTER: u32 = 2;

/// A peer with one counter for both directions ignores a copy of what it has, so that the first copies need not wait
/// until the one before is dead everywhere. And those that were seen miss much of what comes right after our ACK.
const SOON_AFTER: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_secs(2), Duration::from_secs(2), Duration::from_secs(2)];

/// To a peer that never acknowledges, the next message leaves this long after the last; to one that shows nothing else
/// by which it differs, when no copy of the last can come after it any more.
const UNCONFIRMED_AFTER: Duration = Duration::from_millis(300);

/// Our messages.
impl Messages {
    /// An ACK came: what becomes of the message in flight by it, if it is of that.
    pub(crate) fn handle_ack(&mut self, now: Instant, seq: u8) -> Option<Outcome> {
        // Before our first message it is of the opening.
        let is_of_message = self.arq.in_flight().is_some() || self.earlier_acks.may_come_until.is_some();
        if self.dialect().has(Habit::NeverAcks) && is_of_message {
            self.detector.see_any_ack();
            self.arq.set_due(now + RETRANSMIT_AFTER, 1);
        }
        self.arq.count_ack();
        let number = self.dialect().acked_by(seq);
        let has_its_number = self.arq.in_flight().is_some_and(|in_flight| in_flight.has_number(number));
        let is_numbered = !self.dialect().has(Habit::UnnumberedAcks);
        if self.earlier_acks.claim(now, is_numbered, has_its_number && self.is_one_before()) {
            return None;
        }
        let ours = self.arq.in_flight()?.seq;
        self.detector.see_ack(has_its_number && number == self.seq().field());
        match () {
            () if has_its_number => self.confirm(now, Seq::new(number)),
            () if !is_numbered => self.confirm(now, self.seq()),
            () if self.dialect().is_pinned() => None,
            () => self.handle_stray_ack(now, ours, seq),
        }
    }

    /// An ACK came that has another number than ours in flight, but may be of that all the same.
    fn handle_stray_ack(&mut self, now: Instant, ours: Seq, seq: u8) -> Option<Outcome> {
        self.arq.note_stray_ack(now);
        // A plain peer may show both signs, if several of its messages are lost between.
        let is_sign = self.dialect().is_foreign() || self.duplicates.is_next();
        let outcome = self.confirm_unnumbered(now, is_sign);
        let is_of_earlier = seq <= 1 && self.earlier_acks.may_come_until.is_some_and(|until| now < until);
        if outcome.is_none() && !is_of_earlier {
            self.detector.see_wrong_ack(ours, seq);
            self.arq.doubt_ack(now + RIGHT_ACK_WITHIN);
        }
        outcome
    }

    /// Whether the message before was left unconfirmed and only one copy of it had left, with the other number than the
    /// one in flight has.
    fn is_one_before(&self) -> bool {
        let EarlierAcks { missing, may_be_unread, .. } = self.earlier_acks;
        missing == 1 && may_be_unread && self.dialect().is_foreign()
    }

    /// The peer has the copy of the message in flight that has this number.
    pub(super) fn confirm(&mut self, now: Instant, seq: Seq) -> Option<Outcome> {
        let in_flight = self.arq.settle()?;
        let is_unnumbered = self.dialect().has(Habit::UnnumberedAcks);
        // Whoever answers at once has read all before it: what is missing then was lost.
        let is_late = now > in_flight.transmitted + RIGHT_ACK_WITHIN;
        // ACKs of its other copies, which may have the number of the next message.
        let has_other = in_flight.other.is_some() && (is_late || !self.is_counted_together());
        if has_other || (is_unnumbered && in_flight.is_repeated()) {
            self.arq.hold(in_flight.transmitted + RETRANSMIT_AFTER, false);
        }
        if self.numbering.handle_ack(seq) {
            self.detector.see_rule(self.numbering.rule());
        }
        self.detector.see_delivered(in_flight.repeat.sent);
        let is_doubtful = self.earlier_acks.may_be_unread;
        let ended = self.end_message(now, &in_flight);
        self.earlier_acks.missing = if is_late { in_flight.unanswered() } else { 0 };
        if in_flight.message.id == MessageId::NOT_IN_LOG {
            self.arq.hold(now + LOOKS_WITHIN, false);
        }
        Some(if is_doubtful { Outcome::Unconfirmed(ended) } else { Outcome::Delivered(ended) })
    }

    fn end_message(&mut self, now: Instant, in_flight: &InFlight) -> Together {
        // Of a copy made on the way an ACK may come a little later. Of one that was repeated much later, for that may
        // be why.
        let late = if in_flight.is_repeated() { RETRANSMIT_AFTER } else { RIGHT_ACK_WITHIN };
        self.earlier_acks.may_come_until = Some((in_flight.transmitted + RETRANSMIT_AFTER + late).into());
        self.earlier_acks.missing = in_flight.unanswered();
        self.earlier_acks.may_be_unread = false;
        self.turns.pass_to_them(now);
        in_flight.together()
    }

    /// What is due: the next message if none is in flight, or the one in flight again, or its end.
    pub(crate) fn handle_timeout(&mut self, now: Instant, attempts: u32) -> Due {
        let Some(in_flight) = self.arq.in_flight() else { return self.begin_next(now) };
        let InFlight { repeat, doubtful_ack, .. } = *in_flight;
        if doubtful_ack.is_some_and(|at| at <= now) {
            self.detector.see_unnumbered_ack();
            return self.confirm(now, self.seq()).map_or(Due::Nothing, Due::Over);
        }
        if repeat.due > now {
            return Due::Nothing;
        }
        match self.detector.unanswered(repeat.sent, attempts, self.before()) {
            Unanswered::Repeat => {
                self.arq.repeat(now, self.number_of_copy(repeat.sent));
                self.hasten_next_copy(now, repeat.sent + 1);
                Due::Again
            }
            Unanswered::GoOn => self.leave_unconfirmed(now),
            Unanswered::PeerGone => Due::PeerGone,
        }
    }

    /// What is known before the message in flight goes unanswered.
    pub(super) fn before(&self) -> Before {
        Before {
            ours: match () {
                () if self.is_acknowledged() => Earlier::Acknowledged,
                () if self.numbering.is_first_of_ours() => Earlier::None,
                () => Earlier::Unacknowledged,
            },
            is_unspecified: self.numbering.is_unspecified(),
            may_be_other: self.numbering.may_be_other(self.dialect().is_foreign()),
        }
    }

    /// The number of the next copy, after so many. The other one is tried in turn if the peer may want that, but only for
    /// the first message that it does not acknowledge. Not after a restart: which copies had which number is not kept.
    fn number_of_copy(&self, sent: u32) -> Seq {
        let may_be_other = self.numbering.may_be_other(self.dialect().is_foreign());
        let is_first = self.beginning != Beginning::Earlier && self.detector.is_first_unanswered();
        let is_others_turn = sent >= TRY_OTHER_AFTER && sent.is_multiple_of(2);
        if may_be_other && is_first && is_others_turn { self.seq().next() } else { self.seq() }
    }

    /// Takes a message back that has not left. False if it is not among those that wait.
    pub(crate) fn take_back(&mut self, id: MessageId) -> bool {
        self.arq.take_back(id, self.join_up_to())
    }

    /// Bytes of the messages that leave together.
    fn join_up_to(&self) -> usize {
        let dialect = self.dialect();
        if dialect.takes_turns() { dialect.text_max() } else { 0 }
    }

    fn begin_next(&mut self, now: Instant) -> Due {
        let is_early = self.our_turn_from().is_some_and(|from| now < from);
        if is_early || !self.arq.begin(now, self.seq(), self.join_up_to()) {
            return Due::Nothing;
        }
        if self.detector.is_sent_once(self.numbering.is_first_of_ours()) {
            let after = if self.dialect().is_foreign() { UNCONFIRMED_AFTER } else { COPY_LIVES_FOR };
            self.arq.set_due(now + after, 1);
        }
        self.hasten_next_copy(now, 1);
        self.detector.begin_message();
        Due::First
    }

    /// So many copies have left. The next one leaves earlier to a peer that is known to ignore it if it has one.
    fn hasten_next_copy(&mut self, now: Instant, sent: u32) {
        if self.is_counted_together()
            && let Some(after) = sent.checked_sub(1).and_then(|at| SOON_AFTER.get(at as usize))
        {
            self.arq.hasten(now + *after);
        }
    }

    fn leave_unconfirmed(&mut self, now: Instant) -> Due {
        let seq = self.seq();
        let Some(in_flight) = self.arq.settle() else { return Due::Nothing };
        self.numbering.settle(seq);
        self.earlier_acks.say_nothing_until = Some((in_flight.transmitted + RETRANSMIT_AFTER).into());
        let ended = self.end_message(now, &in_flight);
        self.earlier_acks.may_be_unread = !self.is_acknowledged();
        Due::Over(Outcome::Unconfirmed(ended))
    }
}

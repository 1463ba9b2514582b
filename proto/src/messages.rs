//! The messages of one chat, both ways: brings together what transmits ours ([`Arq`]), what numbers them
//! ([`Numbering`]), what tells the peer's from their copies ([`Duplicates`]) and what finds out how it speaks
//! ([`Detector`]). None of these calls another. Knows nothing of opening and closing.

use std::time::{Duration, Instant};

use crate::arq::{Arq, COPY_LIVES_FOR, InFlight, MessageId, RETRANSMIT_AFTER, Together};
use crate::datagram::Datagram;
use crate::detector::{Before, Detector, Earlier, Unanswered};
use crate::deviations::Deviations;
use crate::dialect::{Dialect, Habit};
use crate::duplicates::{Duplicates, KnownBy, LastReceived};
use crate::numbering::{Inviter, Numbering, Rule};
use crate::outcome::{Due, Heard, Outcome};
use crate::text::Seq;
use crate::turns::Turns;

/// An ACK with another number than the one in flight is taken for it after this long without the right one.
const RIGHT_ACK_WITHIN: Duration = Duration::from_millis(500);

/// A peer that waits for our ACK is ready for our message so long after it.
const TAKES_ACK_WITHIN: Duration = Duration::from_millis(100);

/// After so many transmissions the other number is tried, with a peer that has shown that it differs. One that has not
/// would take a copy with the other number for another message.
const TRY_OTHER_AFTER: u32 = 2;

/// A peer with one counter for both directions ignores a copy of what it has, so that the first copies need not wait
/// until the one before is dead everywhere. And those that were seen miss much of what comes right after our ACK.
const SOON_AFTER: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_secs(2), Duration::from_secs(2), Duration::from_secs(2)];

/// So soon after the opening, no peer that holds to the specification has given up its first message. Later, what comes
/// first may have another before it.
const FIRST_COMES_WITHIN: Duration = Duration::from_millis(19_500);

/// To a peer that never acknowledges, the next message leaves this long after the last; to one that shows nothing else
/// by which it differs, when no copy of the last can come after it any more.
const UNCONFIRMED_AFTER: Duration = Duration::from_millis(300);

/// So soon after its last message no peer has gone on from another that never came: one of ours that takes us for a peer
/// that never acknowledges does so after [`COPY_LIVES_FOR`], and is at its old number again after twice that.
const GOES_ON_AFTER: Duration = Duration::from_secs(4);

/// A foreign peer that writes this long after our message, and has acknowledged none, does not acknowledge.
const SPEAKS_INSTEAD_AFTER: Duration = Duration::from_secs(1);

/// After the message that accepts, the next one leaves so much later.
const ACCEPTED_AFTER: Duration = Duration::from_millis(800);

/// ACKs that may come and are not of the message in flight.
#[derive(Debug, Clone, Copy, Default)]
struct EarlierAcks {
    /// Until then, an ACK with another number may be of the message before.
    may_come_until: Option<Instant>,
    /// Until then, no ACK says anything: one may be of a message that was reported as unconfirmed.
    say_nothing_until: Option<Instant>,
    /// Of a peer whose ACKs have no number: how many copies of the message before it may still answer, because it read
    /// none of them for a while. Each accounts for one ACK, whenever that comes.
    missing: u32,
}

/// What is known of how the chat began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// It has not, or when it did so for the peer is not known.
    Unknown,
    /// For the peer at this moment at the earliest.
    At(Instant),
    /// Before a restart of ours: which numbers were tried since is not known.
    Earlier,
}

/// Both directions of one chat's messages.
#[derive(Debug)]
pub(crate) struct Messages {
    pub(crate) arq: Arq,
    pub(crate) detector: Detector,
    numbering: Numbering,
    duplicates: Duplicates,
    earlier_acks: EarlierAcks,
    beginning: Beginning,
    turns: Turns,
    /// The message before was left although it may be lost, so the peer may take the next for a copy, and acknowledge it
    /// unread.
    is_number_doubtful: bool,
    /// The peer's last message had the number of the one before, and came soon after it.
    is_again_soon: bool,
}

impl Messages {
    /// Before a chat with a peer of whom this is known.
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            arq: Arq::default(),
            detector: Detector::new(dialect),
            numbering: Numbering::begin(dialect.rule(), dialect.is_pinned(), Inviter::Us),
            duplicates: Duplicates::default(),
            earlier_acks: EarlierAcks::default(),
            beginning: Beginning::Unknown,
            turns: Turns::default(),
            is_number_doubtful: false,
            is_again_soon: false,
        }
    }

    /// Goes on where an earlier run stopped. `next`: the number of our message in flight, or of the next one.
    pub(crate) fn resume(dialect: Dialect, next: Seq, received: Option<LastReceived>) -> Self {
        Self {
            numbering: Numbering::resume(dialect.rule(), dialect.is_pinned(), next),
            duplicates: Duplicates::resume(received),
            beginning: Beginning::Earlier,
            ..Self::new(dialect)
        }
    }

    /// The chat opens: the opening may have shown how the peer numbers. `for_them`: when it opened for the peer at the
    /// earliest, if that is known.
    pub(crate) fn open(&mut self, now: Instant, inviter: Inviter, for_them: Option<Instant>) {
        let dialect = self.dialect();
        self.numbering = Numbering::begin(dialect.rule(), dialect.is_pinned(), inviter);
        self.beginning = for_them.map_or(Beginning::Unknown, Beginning::At);
        self.turns = Turns::begin(now, inviter);
    }

    /// A datagram of any kind came: how it is written. A peer may change its form in a chat, and how both count with it.
    pub(crate) fn see_form(&mut self, datagram: &Datagram) {
        self.detector.see_form(datagram);
        let (dialect, seq) = (self.dialect(), self.seq());
        let counts = dialect.rule() == Rule::BothCount;
        if counts != (self.numbering.rule() == Rule::BothCount) {
            let next = if counts { seq } else { Seq::of(seq.field()) };
            self.numbering = Numbering::resume(dialect.rule(), dialect.is_pinned(), next);
        }
    }

    /// Whoever was thought to ring does not.
    pub(crate) fn see_no_ringing(&mut self) {
        self.detector.see_ringing(false);
        self.numbering.assume(self.dialect().rule());
    }

    /// From now on the peer is held to what is known: our user has said so.
    pub(crate) fn pin(&mut self) {
        self.detector.pin();
        let rule = self.dialect().rule();
        self.numbering.pin(rule);
    }

    /// What is known of how the peer speaks.
    pub(crate) fn dialect(&self) -> Dialect {
        self.detector.dialect()
    }

    /// The number that the rule gives our message in flight, or the next one. A copy in flight may have the other.
    pub(crate) fn seq(&self) -> Seq {
        self.numbering.next()
    }

    /// What a duplicate is known by.
    pub(crate) fn last_received(&self) -> Option<LastReceived> {
        self.duplicates.last()
    }

    /// The peer may have been started again, and begin with its numbers anew.
    pub(crate) fn note_restart(&mut self) {
        self.numbering.forget_theirs();
        self.duplicates.note_restart();
    }

    /// Whether the peer has acknowledged a message of ours in this chat.
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.numbering.is_acknowledged()
    }

    /// How many copies of the message in flight have left; `None` if none is.
    pub(crate) fn sent(&self) -> Option<u32> {
        self.arq.in_flight().map(|in_flight| in_flight.repeat.sent)
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let deadline = self.arq.deadline();
        if !self.arq.waits() {
            return deadline;
        }
        // If our user has just said that the peer takes no turns, the end of the turn is soon enough.
        deadline.max(self.our_turn_from()).or(self.turns.ours_from())
    }

    /// When it is our turn, to a peer that takes turns, if that is not so already.
    fn our_turn_from(&self) -> Option<Instant> {
        self.turns.ours_from().filter(|_| self.dialect().takes_turns())
    }

    /// We are leaving: from now on no message of ours waits for its turn.
    pub(crate) fn end_turns(&mut self) {
        self.turns.end();
    }

    /// Takes out all that is not acknowledged, in order. The number of the message in flight is used up: its ACK may
    /// still come, and must not pass for that of the FIN.
    pub(crate) fn give_up(&mut self) -> impl Iterator<Item = MessageId> + use<> {
        let (in_flight, queue) = self.arq.give_up();
        if in_flight.is_some() {
            self.numbering.settle(self.seq());
        }
        let in_flight = in_flight.into_iter().flat_map(|in_flight| in_flight.together().ids());
        in_flight.chain(queue.into_iter().map(|message| message.id))
    }
}

/// The peer's messages.
impl Messages {
    /// A message of the peer came.
    pub(crate) fn handle_chat(
        &mut self,
        now: Instant,
        (seq, text): (u8, &str),
        deviations: Deviations,
    ) -> Heard {
        self.detector.see_chat(deviations, self.is_acknowledged());
        let this = LastReceived::of(seq, text);
        if let Some(since) = self.duplicates.copy_after(now, this, self.known_by()) {
            self.detector.see_copy(since, self.sent());
            return Heard::Copy;
        }
        let is_soon = self.duplicates.first_at().is_some_and(|first| now < first + GOES_ON_AFTER);
        let has_stray_ack = is_soon && self.has_stray_ack_since();
        let mut delivered = if self.is_counted_together() { self.confirm_by_number(now, seq) } else { None };
        self.detector.see_new(self.sent());
        // The first message that comes late need not be the peer's first.
        if !matches!(self.beginning, Beginning::At(at) if now < at + FIRST_COMES_WITHIN) {
            self.numbering.forget_beginning();
        }
        let ours = self.arq.in_flight().map(|in_flight| in_flight.seq);
        // A second sign, should its numbers be one.
        let is_unanswered = self.sent().is_some_and(|sent| sent > 1) && !self.is_acknowledged();
        let is_one_enough =
            self.dialect().behaves_otherwise() || (is_unanswered && self.numbering.is_first_of_theirs());
        if self.numbering.handle_theirs(seq, ours, is_one_enough) {
            self.detector.see_rule(self.numbering.rule());
            if is_unanswered {
                self.arq.renumber(now + TAKES_ACK_WITHIN, self.seq());
            }
        }
        // Ours had a number that is used up, and is not looked at.
        if self.is_counted_together() && ours.is_some_and(|ours| ours != self.seq()) {
            self.arq.renumber(now, self.seq());
        }
        self.is_again_soon = is_soon && self.numbering.seems_constant();
        if has_stray_ack && self.is_shown_unnumbered() {
            self.detector.see_unnumbered_ack();
            delivered = delivered.or(self.confirm(now, self.seq()));
        }
        self.duplicates.note_new(now, this);
        self.end_wait_if_vain(now);
        self.turns.pass_to_us(now);
        if self.dialect().takes_turns() {
            // What came before our ACK was not looked at.
            self.arq.hasten(now + TAKES_ACK_WITHIN);
        }
        Heard::New(delivered)
    }

    /// Whether an ACK with another number than ours in flight has come, and the peer's last message had its old number:
    /// two signs that its numbers say nothing. Either alone may be of something lost or late.
    fn is_shown_unnumbered(&self) -> bool {
        let is_stray = self.arq.in_flight().is_some_and(|in_flight| in_flight.stray_ack.is_some());
        is_stray && self.numbering.seems_constant() && !self.dialect().is_pinned()
    }

    /// A line of the peer came as a SYN.
    pub(crate) fn handle_line(&mut self, now: Instant) {
        self.detector.see_line(self.is_acknowledged());
        self.end_wait_if_vain(now);
    }

    /// A foreign peer may just have shown that it never acknowledges what is in flight.
    fn end_wait_if_vain(&mut self, now: Instant) {
        let dialect = self.dialect();
        if dialect.has(Habit::NeverAcks)
            && dialect.is_foreign()
            && let Some(sent) = self.sent()
        {
            self.arq.set_due(now, sent);
        } else if self.detector.speaks_instead(self.before())
            && let Some(in_flight) = self.arq.in_flight()
        {
            self.arq.hasten(now.max(in_flight.transmitted + SPEAKS_INSTEAD_AFTER));
        }
    }

    /// Whether numbers of this chat have shown that the peer has one counter for both directions.
    fn is_counted_together(&self) -> bool {
        self.numbering.rule().is_one_counter() && self.numbering.is_shown()
    }

    /// The same, or those that ring like it were seen to count so.
    fn seems_counted_together(&self) -> bool {
        let is_one_counter = self.numbering.rule().is_one_counter();
        self.is_counted_together() || (is_one_counter && self.dialect().has(Habit::Rings))
    }

    /// The peer counts both directions together: the number after that of ours in flight shows that it has ours.
    fn confirm_by_number(&mut self, now: Instant, seq: u8) -> Option<Outcome> {
        let ours = self.arq.in_flight()?.seq;
        if ours.next().field() != seq {
            return None;
        }
        let outcome = self.confirm(now, ours);
        self.arq.hold(now + RIGHT_ACK_WITHIN, false);
        outcome
    }

    /// What a copy of the peer's last message is known by.
    fn known_by(&self) -> KnownBy {
        let dialect = self.dialect();
        let ack_after = dialect.ack_after().unwrap_or_default();
        match self.numbering.rule() {
            Rule::Marks => KnownBy::Mark,
            Rule::Constant => KnownBy::Time { ack_after, any_number: true },
            // What it says again after one of ours has the same number again.
            _ if self.seems_counted_together() && self.numbering.is_after_ours() => KnownBy::Late,
            _ if self.seems_unnumbered() && self.numbering.may_be_constant() => {
                KnownBy::Time { ack_after, any_number: false }
            }
            _ if self.has_stray_ack_since() && self.numbering.may_be_constant() => KnownBy::NumberIfLate,
            _ => KnownBy::Number,
        }
    }

    /// Whether its messages need not be numbered: its ACKs are not, or it is sure to have none.
    fn seems_unnumbered(&self) -> bool {
        let dialect = self.dialect();
        dialect.has(Habit::UnnumberedAcks) || (dialect.has(Habit::NeverAcks) && dialect.is_foreign())
    }

    /// Whether an ACK has come since the peer's last message that may be of ours in flight, and has another number.
    fn has_stray_ack_since(&self) -> bool {
        let stray = self.arq.in_flight().and_then(|in_flight| in_flight.stray_ack);
        stray.zip(self.duplicates.last_at()).is_some_and(|(stray, last)| stray >= last)
    }
}

/// Our messages.
impl Messages {
    /// An ACK came: what becomes of the message in flight by it, if it is of that.
    pub(crate) fn handle_ack(&mut self, now: Instant, seq: u8) -> Option<Outcome> {
        let EarlierAcks { may_come_until, say_nothing_until, .. } = self.earlier_acks;
        // Before our first message it is of the opening.
        let is_of_message = self.arq.in_flight().is_some() || may_come_until.is_some();
        if self.dialect().has(Habit::NeverAcks) && is_of_message {
            self.detector.see_any_ack();
            self.arq.set_due(now + RETRANSMIT_AFTER, 1);
        }
        let number = self.dialect().acked_by(seq);
        let is_of_next = self.is_of_next(number);
        let says_nothing = say_nothing_until.is_some_and(|until| now < until) && !is_of_next;
        let is_of_copy = self.is_of_earlier_copy();
        self.arq.count_ack();
        if says_nothing || is_of_copy {
            return None;
        }
        if is_of_next {
            // What is answered first was sent first.
            self.earlier_acks.say_nothing_until = None;
        }
        let in_flight = self.arq.in_flight()?;
        let ours = in_flight.seq;
        if in_flight.has_number(number) {
            self.detector.see_ack(number == self.seq().field());
            return self.confirm(now, Seq::new(number));
        }
        self.detector.see_ack(false);
        if self.dialect().has(Habit::UnnumberedAcks) {
            return self.confirm(now, self.seq());
        }
        let is_of_earlier = seq <= 1 && may_come_until.is_some_and(|until| now < until);
        if self.dialect().is_pinned() {
            return None;
        }
        self.arq.note_stray_ack(now);
        // A plain peer may show both, if several of its messages are lost between.
        if (self.dialect().is_foreign() || self.is_again_soon) && self.is_shown_unnumbered() {
            self.detector.see_unnumbered_ack();
            return self.confirm(now, self.seq());
        }
        if !is_of_earlier {
            self.detector.see_wrong_ack(ours, seq);
            self.arq.doubt_ack(now + RIGHT_ACK_WITHIN);
        }
        None
    }

    /// Whether an ACK with this number is of the message in flight although the one before was left unconfirmed: of that
    /// one copy has left, and it had the other number.
    fn is_of_next(&self, number: u8) -> bool {
        let is_its_number = self.arq.in_flight().is_some_and(|in_flight| in_flight.has_number(number));
        let is_one = self.earlier_acks.missing == 1 && self.dialect().is_foreign();
        is_its_number && is_one && self.is_number_doubtful
    }

    /// Whether an ACK without a number counts as that of a copy of the message before.
    fn is_of_earlier_copy(&mut self) -> bool {
        let is_of_copy = self.earlier_acks.missing > 0 && self.dialect().has(Habit::UnnumberedAcks);
        if is_of_copy {
            self.earlier_acks.missing -= 1;
        }
        is_of_copy
    }

    /// The peer has the copy of the message in flight that has this number.
    fn confirm(&mut self, now: Instant, seq: Seq) -> Option<Outcome> {
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
        let is_doubtful = self.is_number_doubtful;
        let ended = self.end_message(now, &in_flight);
        self.earlier_acks.missing = if is_late { in_flight.unanswered() } else { 0 };
        if in_flight.message.id == MessageId::NOT_IN_LOG {
            // Its program looks for the acceptance a few times a second, and takes what comes with it for a part of it.
            self.arq.hold(now + ACCEPTED_AFTER, false);
        }
        Some(if is_doubtful { Outcome::Unconfirmed(ended) } else { Outcome::Delivered(ended) })
    }

    fn end_message(&mut self, now: Instant, in_flight: &InFlight) -> Together {
        // Of a copy made on the way an ACK may come a little later. Of one that was repeated much later, for that may
        // be why.
        let late = if in_flight.is_repeated() { RETRANSMIT_AFTER } else { RIGHT_ACK_WITHIN };
        self.earlier_acks.may_come_until = Some(in_flight.transmitted + RETRANSMIT_AFTER + late);
        self.earlier_acks.missing = in_flight.unanswered();
        self.is_number_doubtful = false;
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
    fn before(&self) -> Before {
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

    fn begin_next(&mut self, now: Instant) -> Due {
        let is_early = self.our_turn_from().is_some_and(|from| now < from);
        let dialect = self.dialect();
        let join_up_to = if dialect.takes_turns() { dialect.text_max() } else { 0 };
        if is_early || !self.arq.begin(now, self.seq(), join_up_to) {
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
        self.earlier_acks.say_nothing_until = Some(in_flight.transmitted + RETRANSMIT_AFTER);
        let ended = self.end_message(now, &in_flight);
        self.is_number_doubtful = !self.is_acknowledged();
        Due::Over(Outcome::Unconfirmed(ended))
    }
}

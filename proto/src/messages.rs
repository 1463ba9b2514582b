//! The messages of one chat, both ways: brings together what transmits ours ([`Arq`]), what numbers them
//! ([`Numbering`]), what tells the peer's from their copies ([`Duplicates`]) and what finds out how it speaks
//! ([`Detector`]). None of these calls another. Knows nothing of opening and closing.
//!
//! - here: both directions, and the peer's. `ours`: what becomes of ours.

mod ours;

use std::time::{Duration, Instant};

use simp_values::text::Seq;

use crate::arq::{Arq, MessageId};
use crate::datagram::Datagram;
use crate::detector::Detector;
use crate::deviations::Deviations;
use crate::dialect::{Dialect, Habit};
use crate::duplicates::{Duplicates, KnownBy, LastReceived};
use crate::moment::Moment;
use crate::numbering::{Inviter, Numbering, Rule};
use crate::outcome::{Heard, Outcome};
use crate::turns::Turns;

/// An ACK with another number than the one in flight is taken for it after this long without the right one.
const RIGHT_ACK_WITHIN: Duration = Duration::from_millis(500);

/// A peer that waits for our ACK is ready for our message so long after it.
const TAKES_ACK_WITHIN: Duration = Duration::from_millis(100);

/// So soon after the opening, no peer that holds to the specification has given up its first message. Later, what comes
/// first may have another before it.
const FIRST_COMES_WITHIN: Duration = Duration::from_millis(19_500);

/// A foreign peer that writes this long after our message, and has acknowledged none, does not acknowledge.
const SPEAKS_INSTEAD_AFTER: Duration = Duration::from_secs(1);

/// ACKs that may come and are not of the message in flight.
#[derive(Debug, Clone, Copy, Default)]
struct EarlierAcks {
    /// Until then, an ACK with another number may be of the message before.
    may_come_until: Option<Moment>,
    /// Until then, no ACK says anything: one may be of a message that was reported as unconfirmed.
    say_nothing_until: Option<Moment>,
    /// Of a peer whose ACKs have no number: how many copies of the message before it may still answer, because it read
    /// none of them for a while. Each accounts for one ACK, whenever that comes.
    missing: u8,
    /// The message before was left although it may be lost, so the peer may take the next for a copy, and acknowledge it
    /// unread.
    may_be_unread: bool,
}

impl EarlierAcks {
    /// Whether an ACK that comes now is, or may be, of an earlier message. `is_numbered`: the peer's ACKs have numbers.
    /// `is_of_next`: by its number it is of the message in flight and of no other.
    fn claim(&mut self, now: Instant, is_numbered: bool, is_of_next: bool) -> bool {
        if !is_numbered && self.missing > 0 {
            self.missing -= 1;
            return true;
        }
        if is_of_next {
            // What is answered first was sent first.
            self.say_nothing_until = None;
        }
        self.say_nothing_until.is_some_and(|until| now < until)
    }
}

/// What is known of how the chat began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// It has not, or when it did so for the peer is not known.
    Unknown,
    /// For the peer at this moment at the earliest.
    At(Moment),
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
        self.beginning = for_them.map_or(Beginning::Unknown, |at| Beginning::At(at.into()));
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
        let moment = Moment::from(now);
        if let Some(since) = self.duplicates.copy_after(moment, this, self.known_by()) {
            self.detector.see_copy(since, self.sent());
            return Heard::Copy;
        }
        let has_stray_ack = self.has_stray_ack_since();
        self.duplicates.note_new(moment, this);
        let delivered = self.confirm_by_number(now, seq);
        self.detector.see_new(self.sent());
        self.see_number(now, seq);
        let is_sign = has_stray_ack && self.duplicates.is_next();
        let delivered = delivered.or_else(|| self.confirm_unnumbered(now, is_sign));
        self.end_wait_if_vain(now);
        self.turns.pass_to_us(now);
        if self.dialect().takes_turns() {
            // What came before our ACK was not looked at.
            self.arq.hasten(now + TAKES_ACK_WITHIN);
        }
        Heard::New(delivered)
    }

    /// A new message of the peer has this number: it may show how the peer counts, and that ours in flight has a number of
    /// no use.
    fn see_number(&mut self, now: Instant, seq: u8) {
        // The first message that comes late need not be the peer's first.
        let is_soon = |at: Moment| Moment::from(now).since(at) < FIRST_COMES_WITHIN;
        if !matches!(self.beginning, Beginning::At(at) if is_soon(at)) {
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
    }

    /// Two signs show together that the peer's ACKs have no numbers: an ACK with another number than ours in flight, and a
    /// message that had the number of the one before it. Either alone may be of something lost or late. `is_sign`: in
    /// this order, and this close, they are two. Then the ACK is of ours in flight.
    fn confirm_unnumbered(&mut self, now: Instant, is_sign: bool) -> Option<Outcome> {
        let is_stray = self.arq.in_flight().is_some_and(|in_flight| in_flight.stray_ack.is_some());
        if !is_sign || !is_stray || !self.numbering.seems_constant() || self.dialect().is_pinned() {
            return None;
        }
        self.detector.see_unnumbered_ack();
        self.confirm(now, self.seq())
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

    /// If the peer counts both directions together, the number after that of ours in flight shows that it has ours.
    fn confirm_by_number(&mut self, now: Instant, seq: u8) -> Option<Outcome> {
        let ours = self.arq.in_flight()?.seq;
        if !self.is_counted_together() || ours.next().field() != seq {
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

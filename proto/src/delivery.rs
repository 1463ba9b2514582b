//! Stop-and-wait: one message in flight, resent until acknowledged (SIMP 3, 4), numbered as the peer wants it
//! (SIMP 7). Knows nothing of opening and closing; [`Chat`](crate::Chat) does.
//!
//! - here: our messages, and what the peer makes of them. `due`: what time makes of them.
//! - `received`: the peer's messages, and the filter for duplicates.

mod due;
mod received;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::dialect::{Dialect, Habit};
use crate::text::{Seq, Text};

pub use received::LastReceived;
pub(crate) use received::{Counting, Incoming, Received, Verdict, hash};

/// How long we wait for an ACK before transmitting the same datagram again (SIMP 4). Never shorter: a late
/// copy of one message is taken for the next but one if it is still under way then (SIMP 6).
pub const RETRANSMIT_AFTER: Duration = Duration::from_secs(5);

/// No copy of a datagram lives longer than this in the network (SIMP 6): half of [`RETRANSMIT_AFTER`], in which
/// a datagram and the ACK that it causes are both dead.
pub(crate) const COPY_LIVES_FOR: Duration = Duration::from_millis(2_500);

/// An ACK with another number than the one in flight is taken for it after this long without the right one.
const RIGHT_ACK_WITHIN: Duration = Duration::from_millis(500);

/// A peer that has shown habits of its own never acknowledges if it answers so often otherwise.
const SIGNS_WITHOUT_ACK: u32 = 3;

/// After so many numbers that one counter for both directions does not give, the peer has none.
const APART: u8 = 2;

/// The number of a message of ours: the id of its `queued` entry in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

/// A message of ours on its way to the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its number in the log.
    pub id: MessageId,
    /// What it says.
    pub text: Text,
}

/// How often a datagram was transmitted, and when it is due again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeat {
    /// Transmissions so far.
    pub(crate) sent: u32,
    /// The next one, if nothing answers until then.
    pub(crate) due: Instant,
}

impl Repeat {
    /// Transmitted for the first time.
    pub(crate) fn first(now: Instant) -> Self {
        Self { sent: 1, due: now + RETRANSMIT_AFTER }
    }

    /// Transmitted once more; `None` where that was already done `attempts` times.
    pub(crate) fn again(self, now: Instant, attempts: u32) -> Option<Self> {
        (self.sent < attempts).then(|| Self { sent: self.sent + 1, due: now + RETRANSMIT_AFTER })
    }
}

/// What the passing of time did to the message in flight.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing.
    Nothing,
    /// It is to be transmitted, for the first time.
    First,
    /// It is to be transmitted again.
    Again,
    /// An ACK with another number is taken for its own.
    Delivered(MessageId),
    /// It was transmitted as often as makes sense, and the peer may have it.
    Unconfirmed(MessageId),
    /// It was transmitted as often as allowed, and never acknowledged.
    GivenUp,
}

#[derive(Debug)]
struct InFlight {
    message: Outgoing,
    repeat: Repeat,
    /// When the last copy left.
    transmitted: Instant,
    /// The message before it, in either direction.
    behind: Option<Behind>,
    /// The last copy has the other number.
    is_other: bool,
    /// Some copy had.
    tried_other: bool,
    /// Some copy of the run before may have had.
    was_tried: bool,
    /// An ACK came that can be of nothing else, but has another number: when it counts.
    doubtful_ack: Option<Instant>,
    /// The peer has shown that it lives since the last copy left.
    has_sign: bool,
}

/// No new message is transmitted for a while, because an ACK may come that is not its own.
#[derive(Debug, Clone, Copy)]
struct Hold {
    until: Instant,
    /// Whether that is one ACK which has not come yet, so that only copies can follow it.
    ack_missing: bool,
}

/// What the next message comes behind.
#[derive(Debug, Clone, Copy)]
struct Behind {
    seq: u8,
    is_ours: bool,
}

/// Both directions of one chat's messages.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    seq: Seq,
    /// In a box, for most of 10,000 chats have none.
    in_flight: Option<Box<InFlight>>,
    queue: VecDeque<Outgoing>,
    pub(crate) received: Received,
    hold: Option<Hold>,
    /// Until when an ACK may come of a message before the one in flight.
    earlier_acks_until: Option<Instant>,
    /// Until when ACKs may come of messages that were told as unconfirmed: they say nothing.
    deaf_until: Option<Instant>,
    /// The peer has acknowledged a message in this chat, and its numbers have not shown since that it counts otherwise.
    is_acked: bool,
    /// The chat has gone on after a restart: what the peer had before that is not known.
    is_resumed: bool,
    /// New messages of the peer since the first copy of what is in flight.
    news: u32,
    /// How many copies had left when it showed by its messages that it hears us.
    hears_from: Option<u32>,
    /// Messages told as unconfirmed since the last that was acknowledged.
    unconfirmed: u32,
    /// How often the peer showed that it lives, but not that it has what was in flight, since its last ACK.
    signs: u32,
    /// The last ACK had the right number.
    ack_fitted: bool,
    /// Our first message was acknowledged with 1 only.
    wants_one: bool,
    /// The number of our next message is another than the events of the chat tell.
    is_renumbered: bool,
    /// The last message in either direction.
    behind: Option<Behind>,
    /// How many numbers were not what one counter for both directions gives.
    apart: u8,
    /// As far as is known, the peer has one counter for both directions.
    counts_together: bool,
    /// It may have, for all that can be told: then each of its messages changes the number of ours.
    is_ambiguous: bool,
}

impl Delivery {
    /// At the beginning of a chat.
    pub(crate) fn begin() -> Self {
        Self { received: Received::begin(), ..Self::default() }
    }

    /// Goes on where an earlier run stopped.
    pub(crate) fn resume(seq: Seq, received: Option<LastReceived>, dialect: Dialect) -> Self {
        Self {
            seq,
            received: Received::resume(received),
            is_resumed: true,
            counts_together: dialect.has(Habit::OneCounter),
            is_acked: dialect.has(Habit::NumbersKnown),
            ..Self::default()
        }
    }

    /// The chat opens: the number of our first message. `theirs_from`: when it opened for the peer at the earliest, if
    /// that is known.
    pub(crate) fn open(&mut self, theirs_from: Option<Instant>, dialect: Dialect) {
        self.received.open(theirs_from);
        // One counter begins where it begins, whoever speaks first.
        let is_one_for_both = dialect.has(Habit::OneCounter) && dialect.has(Habit::BeginsAtOne);
        let is_one = dialect.has(Habit::StartsAtOne) || is_one_for_both;
        self.seq = if is_one { Seq::One } else { Seq::Zero };
        // Whoever rings counts so, as far as is known. If this one does not, the other number is tried.
        self.counts_together = dialect.has(Habit::OneCounter)
            || (dialect.has(Habit::Rings) && !dialect.has(Habit::NumbersKnown));
    }

    /// Whether the number of our next message is another than the events of the chat tell, since the last call.
    pub(crate) fn take_renumbered(&mut self) -> bool {
        std::mem::take(&mut self.is_renumbered)
    }

    /// The bit of the message in flight, or of the next one.
    pub(crate) fn seq(&self) -> Seq {
        self.seq
    }

    /// Takes the next message for new, whatever it is.
    pub(crate) fn forget_received(&mut self) {
        self.received = Received::begin();
    }

    /// Messages not yet acknowledged.
    pub(crate) fn len(&self) -> usize {
        self.queue.len() + usize::from(self.in_flight.is_some())
    }

    /// Adds a message behind those that wait.
    pub(crate) fn push(&mut self, message: Outgoing) {
        self.queue.push_back(message);
    }

    /// Takes out a message that has not been transmitted. False where it is not among those that wait.
    pub(crate) fn take_back(&mut self, id: MessageId) -> bool {
        let place = self.queue.iter().position(|message| message.id == id);
        place.and_then(|place| self.queue.remove(place)).is_some()
    }

    /// Transmits no new message before `until`. `ack_missing`: or until the one ACK came that it waits for.
    pub(crate) fn hold(&mut self, until: Instant, ack_missing: bool) {
        self.hold = Some(match self.hold {
            Some(held) => Hold { until: until.max(held.until), ack_missing: false },
            None => Hold { until, ack_missing },
        });
    }

    /// Until when an ACK may come that is not of a message to come.
    pub(crate) fn held_until(&self) -> Option<Instant> {
        self.hold.map(|hold| hold.until)
    }

    /// Whether an ACK may come that is of something else than the next that is transmitted.
    pub(crate) fn is_held(&self, now: Instant) -> bool {
        self.held_until().is_some_and(|until| until > now)
    }

    /// An ACK came that is of no message: where messages are held, they wait for its copies too.
    pub(crate) fn handle_other_ack(&mut self, copies_until: Instant) {
        if let Some(hold) = &mut self.hold {
            hold.until = if hold.ack_missing { copies_until } else { hold.until.max(copies_until) };
            hold.ack_missing = false;
        }
    }

    /// Whether the peer has acknowledged a message in this chat.
    pub(crate) fn is_acked(&self) -> bool {
        self.is_acked
    }

    /// Whether a message has been transmitted and not acknowledged.
    pub(crate) fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    /// The message in flight, and the number of its last copy.
    pub(crate) fn in_flight(&self) -> Option<(Seq, &Outgoing)> {
        self.in_flight.as_ref().map(|in_flight| (self.number(in_flight), &in_flight.message))
    }

    fn number(&self, in_flight: &InFlight) -> Seq {
        if in_flight.is_other { self.seq.next() } else { self.seq }
    }

    /// When the message in flight is transmitted again.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.in_flight.as_ref().map(|in_flight| in_flight.repeat.due)
    }

    /// An ACK came: the message it settles, if it is the one in flight.
    pub(crate) fn handle_ack(&mut self, now: Instant, seq: u8, dialect: &mut Dialect) -> Option<MessageId> {
        let is_deaf = self.deaf_until.is_some_and(|until| now < until);
        // Before our first message it is of the opening.
        let is_message = self.in_flight.is_some() || self.earlier_acks_until.is_some();
        if dialect.has(Habit::NeverAcks) && is_message {
            dialect.set(Habit::NeverAcks, false);
            self.signs = 0;
            if let Some(in_flight) = &mut self.in_flight {
                in_flight.repeat = Repeat::first(now);
            }
        }
        if is_deaf {
            return None;
        }
        let in_flight = self.in_flight.as_ref()?;
        if seq == self.seq.field() {
            // By chance it fits one message, but not two in a row.
            let fits_again = std::mem::replace(&mut self.ack_fitted, true);
            dialect.set(Habit::UnnumberedAcks, dialect.has(Habit::UnnumberedAcks) && !fits_again);
            if in_flight.behind.is_some_and(|behind| behind.seq == seq) && !in_flight.tried_other {
                self.note_apart(*dialect);
            }
            return self.confirm(dialect);
        }
        self.ack_fitted = false;
        if seq == self.seq.next().field() && (in_flight.tried_other || in_flight.was_tried) {
            self.take_other_number(dialect);
            return self.confirm(dialect);
        }
        if dialect.has(Habit::UnnumberedAcks) {
            return self.confirm(dialect);
        }
        let is_of_earlier = seq <= 1 && self.earlier_acks_until.is_some_and(|until| now < until);
        if !is_of_earlier
            && !dialect.is_pinned()
            && let Some(in_flight) = &mut self.in_flight
        {
            in_flight.doubtful_ack.get_or_insert(now + RIGHT_ACK_WITHIN);
        }
        None
    }

    /// A message has a number that one counter for both directions would not have given it.
    fn note_apart(&mut self, dialect: Dialect) {
        self.apart = (self.apart + 1).min(APART);
        if self.apart == APART && !self.counts_together && !dialect.has(Habit::UnnumberedAcks) {
            self.received.set_apart();
        }
    }

    /// The peer shows that it lives, but not that it has what is in flight: time and again it may mean that it never
    /// acknowledges. One that holds to the specification is only hard to hear.
    fn note_sign(&mut self, now: Instant, dialect: &mut Dialect) {
        let is_unclear = !self.is_acked && dialect.is_foreign();
        let Some(in_flight) = self.in_flight.as_mut().filter(|_| is_unclear) else { return };
        self.signs += u32::from(!std::mem::replace(&mut in_flight.has_sign, true));
        if self.signs >= SIGNS_WITHOUT_ACK {
            dialect.set(Habit::NeverAcks, true);
        }
        if dialect.has(Habit::NeverAcks) {
            in_flight.repeat.due = now;
        }
    }

    /// The peer shows that it hears us.
    pub(crate) fn note_hears(&mut self) {
        let sent = self.in_flight.as_ref().map(|in_flight| in_flight.repeat.sent);
        self.hears_from = self.hears_from.or(sent);
    }

    /// The peer has the message in flight.
    fn confirm(&mut self, dialect: &mut Dialect) -> Option<MessageId> {
        let in_flight = self.in_flight.take()?;
        // ACKs of its other copies, which may have the number of the next message.
        if in_flight.tried_other || (dialect.has(Habit::UnnumberedAcks) && in_flight.repeat.sent > 1) {
            self.hold(in_flight.repeat.due, false);
        }
        dialect.set(Habit::NumbersKnown, true);
        if in_flight.repeat.sent > 1 {
            dialect.set(Habit::IgnoresRepeats, false);
        }
        self.is_acked = true;
        (self.unconfirmed, self.signs) = (0, 0);
        Some(self.settle(&in_flight))
    }

    /// Goes on behind the message that was in flight.
    fn settle(&mut self, in_flight: &InFlight) -> MessageId {
        // Of a copy made on the way an ACK may come a little later. Of one that was repeated much later, for that may
        // be why.
        let late = if in_flight.repeat.sent > 1 { RETRANSMIT_AFTER } else { RIGHT_ACK_WITHIN };
        self.earlier_acks_until = Some(in_flight.repeat.due + late);
        self.behind = Some(Behind { seq: self.seq.field(), is_ours: true });
        self.seq = self.seq.next();
        in_flight.message.id
    }

    /// The number that was tried is the right one.
    fn take_other_number(&mut self, dialect: &mut Dialect) {
        self.seq = self.seq.next();
        self.is_renumbered = true;
        if !self.received.is_odd() {
            // It may be a plain one that has missed all copies but that one.
            self.wants_one = !dialect.has(Habit::StartsAtOne);
            let may_last = dialect.is_foreign() || dialect.counts_otherwise();
            dialect.set(Habit::StartsAtOne, self.wants_one && may_last);
        } else if dialect.is_foreign() {
            // Behind an odd number of its messages, one counter for both gives the other number.
            self.counts_together = !self.counts_together;
        } else {
            self.is_ambiguous = true;
        }
    }

    /// A message of the peer came: what it is, a doubtful one before it that turns out to be new, and a message of
    /// ours that it shows to be delivered.
    pub(crate) fn handle_chat(
        &mut self,
        now: Instant,
        (seq, text): (u8, &str),
        dialect: &mut Dialect,
    ) -> (Verdict, Option<Incoming>, Option<MessageId>) {
        // Behind one in flight its next number shows that it has that.
        let has_ours =
            self.counts_together && self.in_flight().is_some_and(|(ours, _)| ours.field() ^ 1 == seq);
        let ours = self.behind.filter(|behind| behind.is_ours);
        let shared = if has_ours { Some(seq) } else { ours.map(|ours| ours.seq ^ 1) };
        let (verdict, before, counting) =
            self.received.handle(now, (seq, text), ours.is_some(), shared, dialect);
        let assumed = self.counts_together;
        match counting {
            _ if dialect.is_pinned() => {}
            Counting::Unclear => {}
            Counting::PerhapsTogether => self.is_ambiguous = true,
            Counting::Together | Counting::Apart => {
                self.is_ambiguous = false;
                self.counts_together = counting == Counting::Together;
                dialect.set(Habit::OneCounter, self.counts_together);
                if self.counts_together && self.wants_one {
                    dialect.set(Habit::StartsAtOne, true);
                }
            }
        }
        self.is_acked &= assumed == self.counts_together && !(self.is_ambiguous && verdict == Verdict::New);
        if verdict == Verdict::New {
            // Behind one of ours, one counter for both directions would have been turned over.
            if shared.is_some_and(|shared| shared != seq) {
                self.note_apart(*dialect);
            }
        }
        let mut delivered = None;
        if verdict == Verdict::New && seq <= 1 && self.counts_together {
            delivered = self.count_together(now, seq, dialect);
        }
        if verdict == Verdict::New {
            self.behind = Some(Behind { seq, is_ours: false });
        }
        self.news += u32::from(verdict == Verdict::New);
        if self.news > 1 {
            // It would not have sent another, had our ACK of the one before not come through.
            self.note_hears();
        }
        self.note_sign(now, dialect);
        (verdict, before, delivered)
    }

    /// A message of the peer has turned its one counter over. Gives the message of ours that had turned it before.
    fn count_together(&mut self, now: Instant, seq: u8, dialect: &mut Dialect) -> Option<MessageId> {
        let ours = self.in_flight().map(|(ours, _)| ours.field());
        let is_sure = self.received.counts_together();
        let mut delivered = None;
        if is_sure && ours.is_some_and(|ours| ours != seq) {
            delivered = self.confirm(dialect);
            self.hold(now + RIGHT_ACK_WITHIN, false);
        }
        self.seq = if seq == 0 { Seq::One } else { Seq::Zero };
        self.is_renumbered |= !dialect.has(Habit::OneCounter);
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.is_other = false;
            // They crossed: ours had the number that is used up, and is not looked at.
            if is_sure {
                in_flight.repeat.due = now;
            }
        }
        delivered
    }

    /// When [`handle_timeout`](Self::handle_timeout) or [`Received::end_doubt`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let ours = match &self.in_flight {
            Some(in_flight) => {
                Some(in_flight.doubtful_ack.map_or(in_flight.repeat.due, |at| at.min(in_flight.repeat.due)))
            }
            None if self.queue.is_empty() => None,
            None => self.hold.map(|hold| hold.until),
        };
        [ours, self.received.doubt_until()].into_iter().flatten().min()
    }

    /// Takes out all that is not acknowledged, in order. The bit of the message in flight is used up: its ACK
    /// may still come, and must not pass for that of the FIN.
    pub(crate) fn give_up(&mut self) -> impl Iterator<Item = MessageId> + use<> {
        let in_flight = self.in_flight.take();
        if let Some(in_flight) = &in_flight {
            self.seq = self.seq.next();
            self.hold(in_flight.repeat.due, false);
        }
        in_flight
            .map(|in_flight| in_flight.message)
            .into_iter()
            .chain(std::mem::take(&mut self.queue))
            .map(|message| message.id)
    }
}

//! What the peer's messages are known by: which are new, which are repeats, and how the peer numbers them (SIMP 3, 7).

use std::time::{Duration, Instant};

use super::{COPY_LIVES_FOR, RETRANSMIT_AFTER};
use crate::dialect::{Dialect, Habit};

/// Where numbers do not tell a repeat: the same text so soon after is a copy made on the way.
const COPY_WITHIN: Duration = Duration::from_millis(250);

/// The same: the same text is a repeat from this long after,
const REPEAT_FROM: Duration = Duration::from_millis(4_500);

/// to this long after.
const REPEAT_UNTIL: Duration = Duration::from_millis(6_500);

/// A message in doubt is new after this long without another copy of it or of the one before.
const DOUBT_FOR: Duration = Duration::from_millis(12_500);

/// So often in a row a number must be that of one counter for both directions. It may seem to be with a peer that holds
/// to the specification too, where messages of its are lost, or it was stopped and went on.
const TOGETHER: u8 = 3;

/// So often in a row a number must be that of the message before it. It may seem to be for the same reasons.
const SAME: u8 = 2;

/// A sender that holds to the specification tries no other number so soon after the opening.
const TRIES_NOT_BEFORE: Duration = Duration::from_millis(19_500);

/// A sender that tries the other number for its first message does so within this long after any copy with the first.
const TRIED_WITHIN: Duration = Duration::from_secs(60);

/// What is remembered of the last message received, to know a duplicate by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastReceived {
    seq: u8,
    /// FNV-1a of its text: peers exist that send different texts with one number (SIMP 7).
    text_hash: u64,
    /// It was the first of its chat.
    is_first: bool,
}

/// Marks the first message of a chat, where its number is kept.
const FIRST: u16 = 0x100;

impl LastReceived {
    /// Of a message with this Sequence field and this text, behind another or as the first.
    pub fn of(seq: u8, text: &str, before: Option<Self>) -> Self {
        Self { seq, text_hash: hash(text), is_first: before.is_none() }
    }

    /// As two numbers, to be kept.
    pub fn to_parts(self) -> (u16, u64) {
        (u16::from(self.seq) | if self.is_first { FIRST } else { 0 }, self.text_hash)
    }

    /// From the two numbers that were kept.
    pub fn from_parts(seq: u16, text_hash: u64) -> Self {
        Self { seq: seq as u8, text_hash, is_first: seq & FIRST != 0 }
    }

    /// Whether a message with this number and this text is the same, for all that can be told.
    fn is(self, seq: u8, text_hash: u64) -> bool {
        (self.seq, self.text_hash) == (seq, text_hash)
    }
}

/// FNV-1a of a text.
pub(crate) fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// A message of the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Incoming {
    /// Its Sequence field.
    pub(crate) seq: u8,
    /// The text as it came.
    pub(crate) text: String,
}

/// What a message is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not had before.
    New,
    /// A copy of the last one. How long after the last copy it came, where that is known.
    Duplicate(Option<Duration>),
    /// Perhaps a copy of the last one: what comes next will tell.
    Doubtful,
}

/// What the number of a new message says of how the peer numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    /// Nothing.
    Unclear,
    /// Perhaps with one counter for both directions.
    PerhapsTogether,
    /// With one counter for both directions.
    Together,
    /// Each direction by itself.
    Apart,
}

/// A message that may be a copy of the last one with the other number. It is neither shown nor acknowledged before it
/// is clear: by a repeat, or by the message behind it.
#[derive(Debug)]
struct Doubt {
    message: Incoming,
    at: Instant,
}

/// One direction's filter.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// When the chat opened for the peer at the earliest, if that is known.
    opened: Option<Instant>,
    last: Option<LastReceived>,
    last_at: Option<Instant>,
    /// It came again: its sender repeats.
    is_repeated: bool,
    /// The peer has tried another number in this chat, or may have.
    tries_numbers: bool,
    /// Whether there were an odd number of new ones in this chat.
    is_odd: bool,
    /// After a restart it is not known what was before the next new one.
    is_resumed: bool,
    /// How often in a row a number was one of a single counter for both directions, and not one of its own.
    together: u8,
    /// Its first number was 1, if that is known.
    began_at_one: bool,
    /// It has turned its number over.
    alternates: bool,
    /// How often in a row the number of a new message was that of the last one, for no such reason.
    same: u8,
    /// Numbers of this chat have shown that the peer has one counter for both directions.
    counts_together: bool,
    /// They have shown that it has not.
    is_apart: bool,
    doubt: Option<Box<Doubt>>,
}

impl Received {
    /// At the beginning of a chat.
    pub(crate) fn begin() -> Self {
        Self::default()
    }

    /// Goes on where an earlier run stopped.
    pub(crate) fn resume(last: Option<LastReceived>) -> Self {
        Self { last, is_resumed: last.is_some(), ..Self::default() }
    }

    /// The chat opens: when it did so for the peer at the earliest, if that is known.
    pub(crate) fn open(&mut self, at: Option<Instant>) {
        self.opened = at;
    }

    /// What a duplicate is known by.
    pub(crate) fn last(&self) -> Option<LastReceived> {
        self.last
    }

    /// When a message in doubt counts as new: whoever only tries the other number has come back to the first by then.
    /// Of one who is known to repeat, another copy comes.
    pub(crate) fn doubt_until(&self) -> Option<Instant> {
        self.doubt.as_ref().filter(|_| !self.is_repeated).map(|doubt| doubt.at + DOUBT_FOR)
    }

    /// Takes the message in doubt for new.
    pub(crate) fn end_doubt(&mut self, dialect: &mut Dialect) -> Option<Incoming> {
        let Doubt { message, at } = *self.doubt.take()?;
        self.learn(at, message.seq, None, dialect);
        self.accept(LastReceived::of(message.seq, &message.text, self.last), at);
        Some(message)
    }

    /// Whether its own first number says nothing against its wanting 1 of our first.
    pub(crate) fn may_want_one(&self) -> bool {
        self.last.is_none() || self.began_at_one
    }

    /// Our numbers have shown that the peer counts each direction by itself.
    pub(crate) fn set_apart(&mut self) {
        (self.is_apart, self.counts_together, self.together) = (true, false, 0);
    }

    /// Whether there were an odd number of new ones.
    pub(crate) fn is_odd(&self) -> bool {
        self.is_odd
    }

    /// Whether numbers of this chat have shown that the peer has one counter for both directions.
    pub(crate) fn counts_together(&self) -> bool {
        self.counts_together
    }

    /// A message came: what it is, a doubtful one before it that turns out to have been new, and what its number says.
    /// `is_behind_ours`: one of ours was settled since the last one. `shared` is the number that one counter for both
    /// directions would give it, where one of ours was before it.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        (seq, text): (u8, &str),
        is_behind_ours: bool,
        shared: Option<u8>,
        dialect: &mut Dialect,
    ) -> (Verdict, Option<Incoming>, Counting) {
        let this = LastReceived::of(seq, text, self.last);
        let before = match self.doubt.take() {
            None => None,
            // It came back to the first number: the other one was tried only.
            Some(_) if self.last.is_some_and(|last| last.is(seq, this.text_hash)) => None,
            Some(mut doubt) if doubt.message.seq == seq && doubt.message.text == text => {
                let since = now.saturating_duration_since(doubt.at);
                // Whoever only tries it does so with twice that pause.
                if (COPY_LIVES_FOR..RETRANSMIT_AFTER + COPY_LIVES_FOR).contains(&since) {
                    self.tries_numbers = false;
                    let counting = self.learn(now, seq, shared, dialect);
                    self.accept(this, now);
                    return (Verdict::New, None, counting);
                }
                if since >= COPY_LIVES_FOR {
                    doubt.at = now;
                }
                self.doubt = Some(doubt);
                return (Verdict::Doubtful, None, Counting::Unclear);
            }
            Some(doubt) if self.last.is_some_and(|last| last.seq == seq) => {
                self.doubt = Some(doubt);
                self.end_doubt(dialect)
            }
            // It goes on behind the first message.
            Some(_) => None,
        };
        let since = self.last_at.map(|at| now.saturating_duration_since(at));
        if self.is_copy(this, since, is_behind_ours, *dialect) {
            self.last_at = Some(now);
            self.is_repeated |= since.is_some_and(|since| since >= COPY_LIVES_FOR);
            return (Verdict::Duplicate(since), before, Counting::Unclear);
        }
        if self.is_doubtful(now, this, since, *dialect) {
            let message = Incoming { seq, text: text.to_owned() };
            self.tries_numbers = true;
            self.doubt = Some(Box::new(Doubt { message, at: now }));
            return (Verdict::Doubtful, before, Counting::Unclear);
        }
        let counting = self.learn(now, seq, shared, dialect);
        self.accept(this, now);
        (Verdict::New, before, counting)
    }

    fn accept(&mut self, this: LastReceived, at: Instant) {
        self.began_at_one |= this.is_first && this.seq == 1;
        self.tries_numbers |= this.is_first && this.seq == 1;
        self.last = Some(this);
        self.is_repeated = false;
        self.last_at = Some(at);
        self.is_odd = !self.is_odd;
        self.is_resumed = false;
    }

    /// Whether a repeat is known by its text and its time only.
    fn is_by_time(&self, dialect: Dialect) -> bool {
        dialect.has(Habit::SameNumber) || (dialect.has(Habit::UnnumberedAcks) && !self.alternates)
    }

    /// Whether it is a copy of the last one.
    fn is_copy(
        &self,
        this: LastReceived,
        since: Option<Duration>,
        is_behind_ours: bool,
        dialect: Dialect,
    ) -> bool {
        let Some(last) = self.last else { return false };
        let (is_same_text, is_same) = (last.text_hash == this.text_hash, last.is(this.seq, this.text_hash));
        match since {
            // Its repeats are marked as such.
            Some(since) if dialect.has(Habit::WantsNoAcks) => {
                is_same_text && (this.seq == 1 || since < COPY_WITHIN)
            }
            Some(since) if self.is_by_time(dialect) => {
                // What comes behind our ACK is no copy of what came before it.
                let within = dialect.ack_after().filter(|after| !after.is_zero()).unwrap_or(COPY_WITHIN);
                let repeated = since < within || (REPEAT_FROM..REPEAT_UNTIL).contains(&since);
                (is_same || (is_same_text && dialect.has(Habit::SameNumber))) && repeated
            }
            _ => is_same && !(self.counts_together && is_behind_ours),
        }
    }

    /// Whether it may be a copy of the first message, from one that tries which number we want.
    fn is_doubtful(
        &self,
        now: Instant,
        this: LastReceived,
        since: Option<Duration>,
        dialect: Dialect,
    ) -> bool {
        let other = |last: LastReceived| last.text_hash == this.text_hash && last.seq ^ 1 == this.seq;
        (self.tries_numbers || self.last.is_some_and(|last| last.is_first))
            && !dialect.is_foreign()
            && self.opened.is_none_or(|opened| now >= opened + TRIES_NOT_BEFORE)
            && self.last.is_some_and(other)
            && since.is_none_or(|since| (COPY_LIVES_FOR..TRIED_WITHIN).contains(&since))
    }

    /// Learns from the number of a new message how the peer numbers. `shared` is the number that one counter for both
    /// directions would give it, where the message before it was one of ours.
    fn learn(&mut self, now: Instant, seq: u8, shared: Option<u8>, dialect: &mut Dialect) -> Counting {
        if self.is_resumed {
            return Counting::Unclear;
        }
        let is_shared = shared == Some(seq);
        let Some(last) = self.last.map(|last| last.seq) else {
            let counts_from_two = seq == 2 && !dialect.has(Habit::CountsUp);
            dialect.set(Habit::WantsNoAcks, counts_from_two);
            dialect.set(Habit::NeverAcks, counts_from_two || dialect.has(Habit::NeverAcks));
            let is_early = self.opened.is_some_and(|opened| now < opened + TRIES_NOT_BEFORE);
            let began_so_before = dialect.has(Habit::BeginsAtOne);
            if seq == 0 && began_so_before && !dialect.has(Habit::OneCounter) {
                dialect.set(Habit::StartsAtOne, false);
            }
            dialect.set(Habit::BeginsAtOne, seq == 1 && (is_early || began_so_before));
            // In one chat its first may have been lost. In two that is how it counts, and what it wants of ours.
            if seq == 1 && is_early && began_so_before && !dialect.has(Habit::CountsUp) {
                dialect.set(Habit::StartsAtOne, true);
            }
            let perhaps = is_shared && (seq == 0 || dialect.counts_otherwise());
            return if perhaps { Counting::PerhapsTogether } else { Counting::Unclear };
        };
        let (together, same) = if dialect.counts_otherwise() { (1, 1) } else { (TOGETHER, SAME) };
        if seq <= 1 && seq ^ 1 == last {
            dialect.set(Habit::SameNumber, false);
            dialect.set(Habit::CountsUp, false);
            dialect.set(Habit::WantsNoAcks, false);
        }
        let counting = match () {
            () if seq > 1 && seq == last.wrapping_add(1) => {
                if dialect.has(Habit::WantsNoAcks) {
                    // Its first messages were lost.
                    dialect.set(Habit::WantsNoAcks, false);
                    dialect.set(Habit::NeverAcks, false);
                }
                dialect.set(Habit::CountsUp, true);
                Counting::Apart
            }
            // Whoever counts up does not have 2 twice.
            () if seq == 2 && last == 2 => {
                dialect.set(Habit::CountsUp, false);
                dialect.set(Habit::WantsNoAcks, true);
                dialect.set(Habit::NeverAcks, true);
                Counting::Apart
            }
            () if seq == last
                && is_shared
                && !self.is_apart
                && self.same == 0
                && !self.is_by_time(*dialect) =>
            {
                self.together = self.together.saturating_add(1);
                if self.together >= together { Counting::Together } else { Counting::Unclear }
            }
            () if seq == last => {
                self.same = self.same.saturating_add(1);
                dialect.set(Habit::SameNumber, dialect.has(Habit::SameNumber) || self.same > same);
                Counting::Apart
            }
            () if shared.is_some_and(|shared| shared != seq) && seq ^ 1 == last => Counting::Apart,
            () => Counting::Unclear,
        };
        if seq != last {
            self.same = 0;
            self.alternates |= seq ^ 1 == last;
        }
        match counting {
            Counting::Together => self.counts_together = true,
            Counting::Apart => (self.counts_together, self.together) = (false, 0),
            Counting::PerhapsTogether | Counting::Unclear => {}
        }
        counting
    }
}

//! Which of the peer's messages are copies of the last one, and not shown again (SIMP 3, 7).

use std::time::{Duration, Instant};

use crate::arq::{COPY_LIVES_FOR, RETRANSMIT_AFTER};
use crate::moment::Moment;

/// If numbers do not tell a repeat: the same text so soon after the last copy is one made on the way.
const COPY_WITHIN: Duration = Duration::from_millis(250);

/// If numbers do not tell a repeat: the same text is one no sooner after the last copy than this. Those that were seen
/// repeat after 5 s.
const REPEAT_FROM: Duration = Duration::from_millis(4_500);

/// The same: no later than this.
const REPEAT_UNTIL: Duration = Duration::from_millis(6_500);

/// So soon after its last message no peer has gone on from another that never came: one of ours that takes us for a peer
/// that never acknowledges does so when no copy can come any more, and is at its old number again after twice that.
const GOES_ON_AFTER: Duration = Duration::from_secs(4);

/// What is remembered of the last message received, to know a duplicate by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(Rust, packed)]
pub struct LastReceived {
    seq: u8,
    /// FNV-1a of its text: peers exist that send different texts with one number (SIMP 7).
    text_hash: u64,
}

impl LastReceived {
    /// Of a message with this Sequence field and this text.
    pub fn of(seq: u8, text: &str) -> Self {
        let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        Self { seq, text_hash: text.bytes().fold(0xcbf2_9ce4_8422_2325, step) }
    }

    /// As two numbers, to be kept.
    pub fn to_parts(self) -> (u8, u64) {
        (self.seq, self.text_hash)
    }

    /// From the two numbers that were kept.
    pub fn from_parts(seq: u8, text_hash: u64) -> Self {
        Self { seq, text_hash }
    }
}

/// What a copy is known by. A line twice is better than a line lost: what may be new is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KnownBy {
    /// Its number and its text, whenever it comes; soon after the peer may have started anew, only as late as a repeat.
    Number,
    /// The same, but an ACK has come since that shows no right number, so that numbers may say nothing: it is no copy that
    /// comes sooner than a repeat, and later than a copy made on the way.
    NumberIfLate,
    /// Its number, its text, and that it comes as late as a repeat: one of ours came between, after which the same number
    /// and text are another message.
    Late,
    /// Its text, its number and its time: within [`COPY_WITHIN`], or as late as a repeat.
    Time {
        /// How long after a message our ACK of it leaves. If that is later, what comes after it is no copy made on the way.
        ack_after: Duration,
        /// Its number may differ.
        any_number: bool,
    },
    /// Its text, and the number 1 of a repeat or, of a copy made on the way, its time.
    Mark,
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Sender {
    /// Whoever sent the last one.
    #[default]
    Same,
    /// Perhaps one that was started again since, and knows nothing of that.
    PerhapsAnew,
}

/// The filter of one direction.
#[derive(Debug, Default)]
pub(crate) struct Duplicates {
    last: Option<LastReceived>,
    sender: Sender,
    /// When it came, or its last copy; unknown after a restart.
    last_at: Option<Moment>,
    /// When it came first.
    first_at: Option<Moment>,
    /// That was so soon after the one before it that none can be missing between them.
    is_next: bool,
}

impl Duplicates {
    /// Goes on after a restart.
    pub(crate) fn resume(last: Option<LastReceived>) -> Self {
        Self { last, ..Self::default() }
    }

    /// What a duplicate is known by.
    pub(crate) fn last(&self) -> Option<LastReceived> {
        self.last
    }

    /// When the last message came, or its last copy; unknown after a restart.
    pub(crate) fn last_at(&self) -> Option<Instant> {
        self.last_at.map(Moment::instant)
    }

    /// Whether the last message came so soon after the one before it that none can be missing between them.
    pub(crate) fn is_next(&self) -> bool {
        self.is_next
    }

    /// The peer may have been started again: what it says at once is new, even if it is the same.
    pub(crate) fn note_restart(&mut self) {
        self.sender = Sender::PerhapsAnew;
    }

    /// A message came that has not been had before.
    pub(crate) fn note_new(&mut self, now: Moment, message: LastReceived) {
        let is_next = self.first_at.is_some_and(|first| now.since(first) < GOES_ON_AFTER);
        let at = Some(now);
        *self = Self { last: Some(message), sender: Sender::Same, last_at: at, first_at: at, is_next };
    }

    /// Whether a message is a copy of the last one: then, how long after the last copy it came, if that is known.
    pub(crate) fn copy_after(
        &mut self,
        now: Moment,
        this: LastReceived,
        known_by: KnownBy,
    ) -> Option<Option<Duration>> {
        let last = self.last?;
        let since = self.last_at.map(|at| now.since(at));
        let is_text = last.text_hash == this.text_hash;
        let is_copy = match (known_by, since) {
            (KnownBy::Number, Some(since)) if self.sender == Sender::PerhapsAnew => {
                // A repeat has been under way since; what is new comes at once.
                last == this && since >= RETRANSMIT_AFTER - COPY_LIVES_FOR
            }
            (KnownBy::Late, Some(since)) => last == this && is_late(since),
            (KnownBy::NumberIfLate, Some(since)) => {
                let is_between = (COPY_WITHIN..RETRANSMIT_AFTER - COPY_LIVES_FOR).contains(&since);
                last == this && !is_between
            }
            (KnownBy::Time { ack_after, any_number }, Some(since)) => {
                let within = if ack_after.is_zero() { COPY_WITHIN } else { ack_after };
                let is_time = since < within || is_late(since);
                is_text && (any_number || last == this) && is_time
            }
            (KnownBy::Mark, Some(since)) => is_text && (this.seq == 1 || since < COPY_WITHIN),
            // After a restart no time is known: number and text must do.
            (_, None) | (KnownBy::Number, _) => last == this,
        };
        // Repeats are counted from the last copy: a peer that repeats every 5 s may do so many times.
        is_copy.then(|| {
            self.last_at = Some(now);
            since
        })
    }
}

/// Whether it is as late as a repeat.
fn is_late(since: Duration) -> bool {
    (REPEAT_FROM..REPEAT_UNTIL).contains(&since)
}

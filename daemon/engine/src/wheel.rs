//! The timer wheel: many deadlines, one answer to "when must the loop wake up next?".
//!
//! Every chat that waits for an ACK has a deadline, and nearly all of them are cancelled before they pass.
//! So setting and cancelling cost constant time however many timers are set, memory follows the number of
//! timers set at once and not the rate of messages, and with no timer set there is no wake-up at all.
//!
//! Time is cut into ticks of 1 ms. Level 0 has one slot per tick, and a slot of each higher level spans a
//! whole turn of the level below. A timer lies on the level of the highest digit (base 64) in which its
//! deadline differs from the wheel's present tick, in the slot that this digit names:
//!
//! | level | one slot | whole level |
//! |---|---|---|
//! | 0 | 1 ms | 64 ms |
//! | 1 | 64 ms | 4 s |
//! | 2 | 4 s | 4 min |
//! | 3 | 4 min | 5 h |
//! | 4 | 5 h | 12 days |
//! | 5 | 12 days | 2 years |
//!
//! When the wheel reaches the start of a slot above level 0, the timers in it cascade: they move to lower
//! levels. Deadlines beyond the top level stay there for another turn each time it comes round.
//!
//! What lives here is time in, tokens out. What a token means, and the clock itself, belong to the caller.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

const LEVELS: usize = 6;
const SLOTS: usize = 64;
const DIGIT_BITS: u32 = SLOTS.ilog2();

/// The end of a list.
const NONE: u32 = u32::MAX;

// Beside 1.6 KB for a wheel, this is all the memory a timer takes.
const _: () = assert!(size_of::<Entry<u32>>() == 24);

/// A set of deadlines, each with a token that comes back once its deadline has passed.
///
/// Limits: 1 ms resolution, 2^32 - 1 timers at once. Memory is that of the most timers ever set at once.
#[derive(Debug)]
pub struct Wheel<T> {
    /// Tick 0.
    origin: Instant,
    /// The present tick: all earlier ones have expired. It never enters a slot without emptying it, so the
    /// place of a timer stays the same until it expires or cascades.
    elapsed: u64,
    /// One bit per slot: whether it holds a timer.
    occupied: [u64; LEVELS],
    /// The first entry of each slot's list.
    heads: [[u32; SLOTS]; LEVELS],
    entries: Vec<Entry<T>>,
    /// The first entry of the list of unused ones, linked by `next` alone.
    free: u32,
    len: usize,
}

/// Names one timer, also after it has expired or has been cancelled: no other timer ever gets the same id
/// from the same wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerId {
    index: u32,
    generation: NonZeroU32,
}

#[derive(Debug)]
struct Entry<T> {
    /// In ticks.
    deadline: u64,
    next: u32,
    prev: u32,
    /// How many timers this entry has held, with this one; tells its timer from stale ids.
    generation: NonZeroU32,
    token: T,
}

/// A slot, and the tick it starts at.
struct Slot {
    level: usize,
    slot: usize,
    start: u64,
}

impl<T: Copy> Wheel<T> {
    /// An empty wheel. Deadlines before `now` count as `now`.
    pub fn new(now: Instant) -> Self {
        Wheel {
            origin: now,
            elapsed: 0,
            occupied: [0; LEVELS],
            heads: [[NONE; SLOTS]; LEVELS],
            entries: Vec::new(),
            free: NONE,
            len: 0,
        }
    }

    /// Gives `token` back from [`pop_expired`](Self::pop_expired) at `deadline`, up to 1 ms later, never
    /// earlier; at the next call if `deadline` has passed already.
    pub fn set(&mut self, deadline: Instant, token: T) -> TimerId {
        let deadline = self.tick_at_or_after(deadline).max(self.elapsed);
        let timer = self.allocate(deadline, token);
        self.link(timer.index);
        self.len += 1;
        timer
    }

    /// Forgets a timer. Does nothing if it has expired or has been cancelled already.
    pub fn cancel(&mut self, timer: TimerId) {
        if self.entry_of(timer).is_some() {
            self.unlink(timer.index);
            self.release(timer.index);
        }
    }

    /// Whether a timer is set, and expires at this deadline.
    pub fn is_set_for(&self, timer: TimerId, deadline: Instant) -> bool {
        self.entry_of(timer).is_some_and(|entry| entry.deadline == self.tick_at_or_after(deadline))
    }

    fn entry_of(&self, timer: TimerId) -> Option<&Entry<T>> {
        self.entries.get(timer.index as usize).filter(|entry| entry.generation == timer.generation)
    }

    /// When to call [`pop_expired`](Self::pop_expired) next; `None` if no timer is set.
    ///
    /// Exact for a deadline on the lowest level. Otherwise it may be earlier than the earliest deadline, and
    /// the call then moves timers towards it: at most once per level, and once per two years to go.
    pub fn next(&self) -> Option<Instant> {
        // A tick that an Instant cannot hold never comes.
        self.origin.checked_add(Duration::from_millis(self.first_slot()?.start))
    }

    /// The token of a timer whose deadline is not after `now`, earliest tick first, in no particular order
    /// within a tick. Call it until it returns `None`. A `now` before that of an earlier call does nothing.
    pub fn pop_expired(&mut self, now: Instant) -> Option<T> {
        let now = self.tick_at_or_before(now);
        while let Some(first) = self.first_slot().filter(|first| first.start <= now) {
            self.elapsed = first.start;
            if first.level == 0 {
                let index = self.heads[0][first.slot];
                self.unlink(index);
                return Some(self.release(index));
            }
            self.cascade(&first);
        }
        self.elapsed = self.elapsed.max(now);
        None
    }

    /// How many timers are set.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no timer is set.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    // Rounding deadlines up and the present down is what keeps timers from expiring early.
    fn tick_at_or_after(&self, deadline: Instant) -> u64 {
        let since = deadline.saturating_duration_since(self.origin);
        let millis = since.subsec_nanos().div_ceil(1_000_000);
        since.as_secs().saturating_mul(1000).saturating_add(u64::from(millis))
    }

    fn tick_at_or_before(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.origin);
        since.as_secs().saturating_mul(1000).saturating_add(u64::from(since.subsec_millis()))
    }

    /// The level and slot in which a deadline, not before `elapsed`, belongs.
    fn place(&self, deadline: u64) -> (usize, usize) {
        let differing = (deadline ^ self.elapsed) | (SLOTS as u64 - 1);
        let level = (differing.ilog2() / DIGIT_BITS).min(LEVELS as u32 - 1);
        (level as usize, digit(deadline >> (DIGIT_BITS * level)))
    }

    /// The slot that starts first among those that hold a timer. It is on the lowest level with a timer:
    /// all of a level's timers lie before the next slot of the level above.
    fn first_slot(&self) -> Option<Slot> {
        let level = self.occupied.iter().position(|&slots| slots != 0)?;
        let shift = DIGIT_BITS * level as u32;
        // The present slot of level 0 holds what is due now. On higher levels it was emptied when we entered
        // it, and what is in it since then is a whole turn away.
        let search_from = (self.elapsed >> shift) + u64::from(level > 0);
        let ahead = self.occupied[level].rotate_right(digit(search_from) as u32).trailing_zeros();
        let position = search_from + u64::from(ahead);
        Some(Slot { level, slot: digit(position), start: position << shift })
    }

    /// Moves the timers of a slot just entered to where they belong now: to lower levels or, if they are
    /// beyond the wheel's reach, into the same slot for another turn.
    fn cascade(&mut self, &Slot { level, slot, .. }: &Slot) {
        self.occupied[level] &= !(1 << slot);
        let mut index = std::mem::replace(&mut self.heads[level][slot], NONE);
        while index != NONE {
            let next = self.entries[index as usize].next;
            self.link(index);
            index = next;
        }
    }

    fn link(&mut self, index: u32) {
        let (level, slot) = self.place(self.entries[index as usize].deadline);
        let next = std::mem::replace(&mut self.heads[level][slot], index);
        if next != NONE {
            self.entries[next as usize].prev = index;
        }
        let entry = &mut self.entries[index as usize];
        (entry.prev, entry.next) = (NONE, next);
        self.occupied[level] |= 1 << slot;
    }

    fn unlink(&mut self, index: u32) {
        let Entry { deadline, next, prev, .. } = self.entries[index as usize];
        if next != NONE {
            self.entries[next as usize].prev = prev;
        }
        if prev != NONE {
            self.entries[prev as usize].next = next;
            return;
        }
        let (level, slot) = self.place(deadline);
        self.heads[level][slot] = next;
        if next == NONE {
            self.occupied[level] &= !(1 << slot);
        }
    }

    /// An entry in no list, the one released last if there is one: it is still in the cache.
    fn allocate(&mut self, deadline: u64, token: T) -> TimerId {
        if let Some(entry) = self.entries.get_mut(self.free as usize) {
            let timer = TimerId { index: self.free, generation: entry.generation };
            self.free = entry.next;
            (entry.deadline, entry.token) = (deadline, token);
            return timer;
        }
        // Memory runs out long before u32 does: 2^32 entries are 96 GB.
        let generation = NonZeroU32::MIN;
        let timer = TimerId { index: self.entries.len() as u32, generation };
        self.entries.push(Entry { deadline, next: NONE, prev: NONE, generation, token });
        timer
    }

    fn release(&mut self, index: u32) -> T {
        let entry = &mut self.entries[index as usize];
        entry.generation = entry.generation.saturating_add(1);
        // An entry that has used up its generations rests for good, lest a stale id match again: 24 bytes
        // lost in four billion timers.
        if entry.generation < NonZeroU32::MAX {
            entry.next = self.free;
            self.free = index;
        }
        self.len -= 1;
        entry.token
    }
}

/// The lowest digit, base 64.
fn digit(tick: u64) -> usize {
    tick as usize % SLOTS
}

#[cfg(test)]
mod tests;

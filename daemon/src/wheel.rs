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
    generation: u32,
}

#[derive(Debug)]
struct Entry<T> {
    /// In ticks.
    deadline: u64,
    next: u32,
    prev: u32,
    /// How many timers this entry has held before; tells its timer from stale ids.
    generation: u32,
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
        if self.entries.get(timer.index as usize).is_some_and(|entry| entry.generation == timer.generation) {
            self.unlink(timer.index);
            self.release(timer.index);
        }
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
        let timer = TimerId { index: self.entries.len() as u32, generation: 0 };
        self.entries.push(Entry { deadline, next: NONE, prev: NONE, generation: 0, token });
        timer
    }

    fn release(&mut self, index: u32) -> T {
        let entry = &mut self.entries[index as usize];
        entry.generation += 1;
        // An entry that has used up its generations rests for good, lest a stale id match again: 24 bytes
        // lost in four billion timers.
        if entry.generation < u32::MAX {
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
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn pop_all(wheel: &mut Wheel<u32>, now: Instant) -> Vec<u32> {
        std::iter::from_fn(|| wheel.pop_expired(now)).collect()
    }

    #[test]
    fn a_timer_expires_at_its_deadline_rounded_up_to_a_tick() {
        let start = Instant::now();
        let mut wheel = Wheel::new(start);
        wheel.set(start + Duration::from_nanos(1_000_001), 7);
        assert_eq!(wheel.next(), Some(start + millis(2)));
        assert_eq!(pop_all(&mut wheel, start + Duration::from_nanos(1_999_999)), []);
        assert_eq!(pop_all(&mut wheel, start + millis(2)), [7]);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn a_deadline_in_the_past_expires_at_once() {
        let start = Instant::now();
        let mut wheel = Wheel::new(start + DAY);
        wheel.set(start, 1);
        assert_eq!(pop_all(&mut wheel, start + DAY), [1]);

        let now = start + DAY + millis(12_345);
        assert_eq!(pop_all(&mut wheel, now), []);
        wheel.set(start + DAY + millis(3), 2);
        assert!(wheel.next().is_some_and(|next| next <= now));
        assert_eq!(pop_all(&mut wheel, now), [2]);
    }

    #[test]
    fn timers_expire_in_the_order_of_their_deadlines_after_a_jump_over_all_of_them() {
        let start = Instant::now();
        let mut wheel = Wheel::new(start);
        for (token, after) in [(4, 30 * DAY), (2, millis(70)), (5, 3_000 * DAY), (3, DAY), (1, millis(5))] {
            wheel.set(start + after, token);
        }
        assert_eq!(pop_all(&mut wheel, start + 10_000 * DAY), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_stale_id_cancels_nothing() {
        let start = Instant::now();
        let mut wheel = Wheel::new(start);
        let cancelled = wheel.set(start + millis(10), 1);
        wheel.cancel(cancelled);
        let expired = wheel.set(start + millis(20), 2);
        assert_eq!(pop_all(&mut wheel, start + millis(20)), [2]);

        wheel.set(start + millis(30), 3);
        wheel.cancel(cancelled);
        wheel.cancel(expired);
        assert_eq!((wheel.len(), wheel.entries.len()), (1, 1), "all three timers used the same entry");
        assert_eq!(pop_all(&mut wheel, start + millis(30)), [3]);
    }

    #[test]
    fn an_entry_out_of_generations_is_not_used_again() {
        let start = Instant::now();
        let mut wheel = Wheel::new(start);
        let first = wheel.set(start, 1);
        wheel.entries[0].generation = u32::MAX - 1;
        let last = TimerId { generation: u32::MAX - 1, ..first };
        wheel.cancel(last);
        let fresh = wheel.set(start, 2);
        wheel.cancel(first);
        wheel.cancel(last);
        assert_eq!(fresh, TimerId { index: 1, generation: 0 });
        assert_eq!(pop_all(&mut wheel, start), [2]);
    }

    #[test]
    fn a_deadline_a_day_away_takes_a_handful_of_wake_ups() {
        let start = Instant::now();
        let mut wheel = Wheel::new(start);
        pop_all(&mut wheel, start + millis(1_234_567));
        let deadline = start + millis(1_234_567) + DAY;
        wheel.set(deadline, 1);
        let mut wake_ups = Vec::new();
        while let Some(next) = wheel.next() {
            assert!(wake_ups.last().is_none_or(|&last| last < next), "each wake-up makes progress");
            wake_ups.push(next);
            pop_all(&mut wheel, next);
        }
        assert_eq!(wake_ups.last(), Some(&deadline));
        assert!(wake_ups.len() <= LEVELS, "{} wake-ups", wake_ups.len());
    }

    #[test]
    fn a_clock_that_goes_back_does_nothing() {
        let start = Instant::now();
        let mut wheel = Wheel::new(start);
        pop_all(&mut wheel, start + millis(1_000));
        wheel.set(start + millis(500), 1);
        assert_eq!(pop_all(&mut wheel, start + millis(999)), []);
        assert_eq!(pop_all(&mut wheel, start + millis(1_000)), [1]);
    }

    #[test]
    fn memory_does_not_grow_with_the_number_of_messages() {
        let start = Instant::now();
        let mut wheel = Wheel::new(start);
        let mut waiting: Vec<TimerId> =
            (0..100).map(|token| wheel.set(start + millis(5_000), token)).collect();
        for message in 0..100_000 {
            let now = start + millis(message);
            assert_eq!(wheel.pop_expired(now), None);
            let oldest = &mut waiting[message as usize % 100];
            wheel.cancel(*oldest);
            *oldest = wheel.set(now + millis(5_000), 0);
        }
        assert_eq!((wheel.len(), wheel.entries.len()), (100, 100));
    }

    /// Compares the wheel with a sorted set, over random histories. To replay one that fails, set WHEEL_SEED.
    #[test]
    fn the_wheel_does_what_a_sorted_set_does() {
        match std::env::var("WHEEL_SEED").ok().and_then(|seed| seed.parse().ok()) {
            Some(seed) => Simulation::run(seed),
            None => (1..=1_000).for_each(Simulation::run),
        }
    }

    struct Simulation {
        random: Random,
        wheel: Wheel<u32>,
        start: Instant,
        now: Instant,
        /// The tick up to which the model has expired its timers.
        elapsed: u64,
        model: BTreeSet<(u64, u32)>,
        timers: BTreeMap<u32, (u64, TimerId)>,
        stale: Vec<TimerId>,
        most_timers: usize,
        next_token: u32,
    }

    impl Simulation {
        fn run(seed: u64) {
            let _replay = PrintSeedOnPanic(seed);
            let start = Instant::now();
            let mut simulation = Simulation {
                random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
                wheel: Wheel::new(start),
                start,
                now: start,
                elapsed: 0,
                model: BTreeSet::new(),
                timers: BTreeMap::new(),
                stale: Vec::new(),
                most_timers: 0,
                next_token: 0,
            };
            for _ in 0..200 {
                simulation.step();
                simulation.check();
            }
            simulation.drain();
        }

        fn step(&mut self) {
            match self.random.below(10) {
                0..5 => self.set(),
                5..7 => self.cancel(),
                7 => self.cancel_stale(),
                8 => self.wake_up(),
                _ => self.advance(),
            }
        }

        fn set(&mut self) {
            let mut deadline = self.now + self.random.duration();
            if self.random.below(8) == 0 {
                deadline = self.start.max(self.now.checked_sub(self.random.duration()).unwrap_or(self.start));
            }
            let token = self.next_token;
            self.next_token += 1;
            let tick = (deadline - self.start).as_nanos().div_ceil(1_000_000) as u64;
            let tick = tick.max(self.elapsed);
            let timer = self.wheel.set(deadline, token);
            self.model.insert((tick, token));
            self.timers.insert(token, (tick, timer));
            self.most_timers = self.most_timers.max(self.timers.len());
        }

        fn cancel(&mut self) {
            let Some(nth) = self.random.below(self.timers.len() as u64 + 1).checked_sub(1) else { return };
            let Some((&token, &(tick, timer))) = self.timers.iter().nth(nth as usize) else { return };
            self.wheel.cancel(timer);
            self.forget(tick, token);
        }

        fn cancel_stale(&mut self) {
            let nth = self.random.below(self.stale.len() as u64 + 1) as usize;
            if let Some(&timer) = self.stale.get(nth) {
                self.wheel.cancel(timer);
            }
        }

        fn wake_up(&mut self) {
            let Some(next) = self.wheel.next() else { return };
            let len = self.wheel.len();
            self.now = self.now.max(next);
            self.pop_all();
            assert!(self.wheel.len() < len || self.wheel.next() > Some(next), "woke up for nothing");
        }

        fn advance(&mut self) {
            match self.random.below(4) {
                0 => {
                    // Back in time: nothing is due that was not due before.
                    let back = self.now.checked_sub(self.random.duration()).unwrap_or(self.start);
                    if self.tick(back) < self.elapsed {
                        assert_eq!(self.wheel.pop_expired(back), None);
                    }
                }
                1 => {
                    if let Some(&(tick, _)) = self.model.first() {
                        self.now = self.now.max(self.start + millis(tick));
                    }
                }
                _ => self.now += self.random.duration(),
            }
            self.pop_all();
        }

        fn pop_all(&mut self) {
            let now = self.tick(self.now);
            while let Some(token) = self.wheel.pop_expired(self.now) {
                let tick = self.timers.get(&token).map(|&(tick, _)| tick);
                assert_eq!(tick, self.model.first().map(|&(tick, _)| tick), "token {token} out of order");
                let tick = tick.unwrap_or_default();
                assert!(tick <= now, "token {token} is early");
                self.elapsed = tick;
                self.forget(tick, token);
                if self.random.below(8) == 0 {
                    self.set();
                }
            }
            self.elapsed = now;
            assert!(self.model.first().is_none_or(|&(tick, _)| tick > now), "the first timer is late");
        }

        fn forget(&mut self, tick: u64, token: u32) {
            self.model.remove(&(tick, token));
            self.stale.extend(self.timers.remove(&token).map(|(_, timer)| timer));
        }

        fn tick(&self, now: Instant) -> u64 {
            (now - self.start).as_millis() as u64
        }

        fn check(&self) {
            check_invariants(&self.wheel);
            assert_eq!(self.wheel.len(), self.model.len());
            assert_eq!(self.wheel.entries.len(), self.most_timers);
            let earliest = self.model.first().map(|&(tick, _)| tick);
            assert_eq!(self.wheel.next().is_some(), earliest.is_some());
            if let (Some(next), Some(earliest)) = (self.wheel.next(), earliest) {
                let next = self.tick(next);
                assert!(next <= earliest, "next is {next}, the earliest deadline {earliest}");
                assert!(next == earliest || earliest / 64 != self.elapsed / 64, "level 0 is not exact");
            }
        }

        fn drain(&mut self) {
            while self.wheel.next().is_some() {
                self.wake_up();
                self.check();
            }
            assert!(self.wheel.is_empty());
            assert_eq!(self.wheel.occupied, [0; LEVELS]);
        }
    }

    /// Every timer is in the list of its place, every list has its bit, every other entry is free.
    fn check_invariants(wheel: &Wheel<u32>) {
        let mut linked = 0;
        for (level, heads) in wheel.heads.iter().enumerate() {
            for (slot, &head) in heads.iter().enumerate() {
                assert_eq!(wheel.occupied[level] >> slot & 1 == 1, head != NONE);
                let (mut prev, mut index) = (NONE, head);
                while index != NONE {
                    let entry = &wheel.entries[index as usize];
                    assert!(entry.deadline >= wheel.elapsed);
                    assert_eq!(wheel.place(entry.deadline), (level, slot));
                    assert_eq!(entry.prev, prev);
                    (prev, index) = (index, entry.next);
                    linked += 1;
                }
            }
        }
        assert_eq!(linked, wheel.len);
        let following = |&index: &u32| wheel.entries.get(index as usize).map(|entry| entry.next);
        let free = std::iter::successors(Some(wheel.free), following).count() - 1;
        assert_eq!(linked + free, wheel.entries.len());
    }

    struct PrintSeedOnPanic(u64);

    impl Drop for PrintSeedOnPanic {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("replay with WHEEL_SEED={}", self.0);
            }
        }
    }

    /// xorshift64.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) % bound
        }

        /// Of every order of magnitude, from nanoseconds to a few turns of the whole wheel.
        fn duration(&mut self) -> Duration {
            const YEAR: u64 = 365 * 24 * 60 * 60 * 1_000_000_000;
            let bound =
                [1_000_000, 64_000_000, 5_000_000_000, 600_000_000_000, YEAR / 365, YEAR / 12, 8 * YEAR];
            let bound = bound[self.below(bound.len() as u64) as usize];
            let whole_ticks = self.below(2) == 0;
            let nanos = self.below(bound);
            Duration::from_nanos(if whole_ticks { nanos / 1_000_000 * 1_000_000 } else { nanos })
        }
    }
}

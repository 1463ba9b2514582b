//! The wheel against a sorted set, and its promises one by one.

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
fn a_timer_is_set_for_its_deadline_until_it_expires_or_is_cancelled() {
    let start = Instant::now();
    let mut wheel = Wheel::new(start);
    let [first, second] = [millis(10), millis(20)].map(|after| wheel.set(start + after, 1));
    assert!(wheel.is_set_for(first, start + millis(10)) && wheel.is_set_for(second, start + millis(20)));
    assert!(!wheel.is_set_for(first, start + millis(11)));
    assert_eq!(pop_all(&mut wheel, start + millis(10)), [1]);
    wheel.cancel(second);
    assert!(!wheel.is_set_for(first, start + millis(10)) && !wheel.is_set_for(second, start + millis(20)));
}

#[test]
fn an_entry_out_of_generations_is_not_used_again() {
    let start = Instant::now();
    let mut wheel = Wheel::new(start);
    let first = wheel.set(start, 1);
    let generation = NonZeroU32::new(u32::MAX - 1).unwrap();
    wheel.entries[0].generation = generation;
    let last = TimerId { generation, ..first };
    wheel.cancel(last);
    let fresh = wheel.set(start, 2);
    wheel.cancel(first);
    wheel.cancel(last);
    assert_eq!(fresh, TimerId { index: 1, generation: NonZeroU32::MIN });
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
    let mut waiting: Vec<TimerId> = (0..100).map(|token| wheel.set(start + millis(5_000), token)).collect();
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
        let bound = [1_000_000, 64_000_000, 5_000_000_000, 600_000_000_000, YEAR / 365, YEAR / 12, 8 * YEAR];
        let bound = bound[self.below(bound.len() as u64) as usize];
        let whole_ticks = self.below(2) == 0;
        let nanos = self.below(bound);
        Duration::from_nanos(if whole_ticks { nanos / 1_000_000 * 1_000_000 } else { nanos })
    }
}

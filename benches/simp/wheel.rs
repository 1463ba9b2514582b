//! The timer wheel against std's BinaryHeap and BTreeMap doing the same work.
//!
//! Each round measures every contender once, one after the other, so that a slow moment of the machine falls
//! on all of them alike. Ratios are taken within a round; what is printed is the median and [min..max].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::hint::black_box;
use std::time::{Duration, Instant};

use simp_daemon::wheel::{TimerId, Wheel};
use simp_seeds::Random;

use crate::rounds::{median, range};
use crate::{Attempt, Effort};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Measures everything and prints one table.
pub fn measure(effort: Effort) -> Attempt<()> {
    let compare = |title, measure: &dyn Fn(Turn) -> f64| compare(effort.of(7, 3), title, measure);
    println!("  {:<40} {:>9}  {:>26}  {:>26}", "ns per timer", "wheel", "BinaryHeap", "BTreeMap");
    compare("insert + cancel, 1,000 outstanding", &|turn| set_and_cancel(turn, 1_000));
    compare("insert + cancel, 100,000 outstanding", &|turn| set_and_cancel(turn, 100_000));
    compare("set + expire 1,000,000 in order", &|turn| set_and_expire(turn, Deadlines::InOrder));
    compare("set + expire 1,000,000 at random", &|turn| set_and_expire(turn, Deadlines::Random));
    compare("steady message traffic, 10,000 waiting", &steady_traffic);
    Ok(())
}

/// Whose turn it is in a round.
#[derive(Clone, Copy)]
enum Turn {
    Wheel,
    Heap,
    Tree,
}

fn compare(rounds: usize, title: &str, measure: &dyn Fn(Turn) -> f64) {
    let rounds: Vec<[f64; 3]> =
        (0..rounds).map(|_| [Turn::Wheel, Turn::Heap, Turn::Tree].map(measure)).collect();
    let wheel = median(&rounds.iter().map(|round| round[0]).collect::<Vec<_>>());
    let other = |turn: usize| {
        let nanos = median(&rounds.iter().map(|round| round[turn]).collect::<Vec<_>>());
        let ratios: Vec<f64> = rounds.iter().map(|round| round[turn] / round[0]).collect();
        let (min, max) = range(&ratios);
        format!("{nanos:.1} = {:.1}x [{min:.1}..{max:.1}]", median(&ratios))
    };
    println!("  {title:<40} {wheel:>9.1}  {:>26}  {:>26}", other(1), other(2));
}

/// Of the timers that wait, the oldest is cancelled and a new one set.
fn set_and_cancel(turn: Turn, outstanding: u32) -> f64 {
    fn measure<Q: Timers>(outstanding: u32) -> f64 {
        const OPERATIONS: u32 = 500_000;
        let now = Instant::now();
        let mut timers = Q::new(now);
        let mut random = Random(1);
        let mut waiting: Vec<Q::Id> =
            (0..outstanding).map(|token| timers.set(now + duration(&mut random), token)).collect();
        let begin = Instant::now();
        for token in 0..OPERATIONS {
            let oldest = &mut waiting[(token % outstanding) as usize];
            timers.cancel(*oldest);
            *oldest = timers.set(now + duration(&mut random), token);
        }
        let nanos = nanos_each(begin, OPERATIONS);
        black_box(timers.pop_expired(now));
        nanos
    }
    match turn {
        Turn::Wheel => measure::<Wheel<u32>>(outstanding),
        Turn::Heap => measure::<Heap>(outstanding),
        Turn::Tree => measure::<Tree>(outstanding),
    }
}

/// A million timers are set, then expire while the clock goes on by 1 ms at a time. Setting counts too,
/// because a tree does its sorting then.
fn set_and_expire(turn: Turn, deadlines: Deadlines) -> f64 {
    fn measure<Q: Timers>(deadlines: Deadlines) -> f64 {
        const TIMERS: u32 = 1_000_000;
        let mut now = Instant::now();
        let mut timers = Q::new(now);
        let mut random = Random(1);
        let mut expired = 0;
        let begin = Instant::now();
        for token in 0..TIMERS {
            let after = match deadlines {
                Deadlines::InOrder => TIMEOUT + Duration::from_micros(10) * token,
                Deadlines::Random => duration(&mut random),
            };
            timers.set(now + after, token);
        }
        while expired < TIMERS {
            now += Duration::from_millis(1);
            while let Some(token) = timers.pop_expired(now) {
                black_box(token);
                expired += 1;
            }
        }
        nanos_each(begin, TIMERS)
    }
    match turn {
        Turn::Wheel => measure::<Wheel<u32>>(deadlines),
        Turn::Heap => measure::<Heap>(deadlines),
        Turn::Tree => measure::<Tree>(deadlines),
    }
}

#[derive(Clone, Copy)]
enum Deadlines {
    /// As a constant timeout gives them.
    InOrder,
    /// Within a minute. Every access misses the cache.
    Random,
}

/// 100,000 messages a second, each with a timer of 5 s that is cancelled by the ACK 10,000 messages later,
/// and a look for expired timers with every message.
fn steady_traffic(turn: Turn) -> f64 {
    fn measure<Q: Timers>() -> f64 {
        const WARM_UP: u32 = 600_000;
        const MESSAGES: u32 = 1_000_000;
        const WAITING: u32 = 10_000;
        let mut now = Instant::now();
        let mut timers = Q::new(now);
        let mut waiting: Vec<Q::Id> = (0..WAITING).map(|token| timers.set(now + TIMEOUT, token)).collect();
        let mut begin = Instant::now();
        for message in 0..WARM_UP + MESSAGES {
            if message == WARM_UP {
                begin = Instant::now();
            }
            now += Duration::from_micros(10);
            let oldest = &mut waiting[(message % WAITING) as usize];
            timers.cancel(*oldest);
            *oldest = timers.set(now + TIMEOUT, message);
            black_box(timers.pop_expired(now));
        }
        nanos_each(begin, MESSAGES)
    }
    match turn {
        Turn::Wheel => measure::<Wheel<u32>>(),
        Turn::Heap => measure::<Heap>(),
        Turn::Tree => measure::<Tree>(),
    }
}

fn nanos_each(begin: Instant, count: u32) -> f64 {
    begin.elapsed().as_nanos() as f64 / f64::from(count)
}

trait Timers {
    type Id: Copy;
    fn new(now: Instant) -> Self;
    fn set(&mut self, deadline: Instant, token: u32) -> Self::Id;
    fn cancel(&mut self, timer: Self::Id);
    fn pop_expired(&mut self, now: Instant) -> Option<u32>;
}

impl Timers for Wheel<u32> {
    type Id = TimerId;

    fn new(now: Instant) -> Self {
        Wheel::new(now)
    }

    fn set(&mut self, deadline: Instant, token: u32) -> TimerId {
        self.set(deadline, token)
    }

    fn cancel(&mut self, timer: TimerId) {
        self.cancel(timer);
    }

    fn pop_expired(&mut self, now: Instant) -> Option<u32> {
        self.pop_expired(now)
    }
}

/// Cancels by a generation flag; what was cancelled stays in the heap until its deadline.
struct Heap {
    heap: BinaryHeap<Reverse<(Instant, HeapId)>>,
    entries: Vec<(u32, u32)>,
    free: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct HeapId {
    index: u32,
    generation: u32,
}

impl Timers for Heap {
    type Id = HeapId;

    fn new(_now: Instant) -> Self {
        Heap { heap: BinaryHeap::new(), entries: Vec::new(), free: Vec::new() }
    }

    fn set(&mut self, deadline: Instant, token: u32) -> HeapId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push((0, 0));
            self.entries.len() as u32 - 1
        });
        let (generation, entry_token) = &mut self.entries[index as usize];
        *entry_token = token;
        let timer = HeapId { index, generation: *generation };
        self.heap.push(Reverse((deadline, timer)));
        timer
    }

    fn cancel(&mut self, timer: HeapId) {
        let (generation, _) = &mut self.entries[timer.index as usize];
        if *generation == timer.generation {
            *generation += 1;
            self.free.push(timer.index);
        }
    }

    fn pop_expired(&mut self, now: Instant) -> Option<u32> {
        while self.heap.peek().is_some_and(|Reverse((deadline, _))| *deadline <= now) {
            let Reverse((_, timer)) = self.heap.pop()?;
            let (generation, token) = self.entries[timer.index as usize];
            if generation == timer.generation {
                self.cancel(timer);
                return Some(token);
            }
        }
        None
    }
}

/// Sorted by deadline; the count tells timers of the same deadline apart.
struct Tree {
    tree: BTreeMap<(Instant, u64), u32>,
    count: u64,
}

impl Timers for Tree {
    type Id = (Instant, u64);

    fn new(_now: Instant) -> Self {
        Tree { tree: BTreeMap::new(), count: 0 }
    }

    fn set(&mut self, deadline: Instant, token: u32) -> Self::Id {
        self.count += 1;
        self.tree.insert((deadline, self.count), token);
        (deadline, self.count)
    }

    fn cancel(&mut self, timer: Self::Id) {
        self.tree.remove(&timer);
    }

    fn pop_expired(&mut self, now: Instant) -> Option<u32> {
        let first = self.tree.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}

/// Up to a minute.
fn duration(random: &mut Random) -> Duration {
    Duration::from_micros(random.below(60_000_000))
}

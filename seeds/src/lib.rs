//! Random runs that can be replayed, for tests and benchmarks: the same seed gives the same run.
//!
//! `SIMP_SEED=n` replays one seed and lets a test print its trace, `SIMP_SEEDS=n` sets how many seeds it runs.
#![allow(clippy::print_stdout, reason = "a test that fails says how to replay it")]

use std::ops::Range;

/// Random numbers that are the same for the same seed (splitmix64).
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// Any number.
    #[allow(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// The index of one of so many, which are not none.
    pub fn index(&mut self, of: usize) -> usize {
        self.below(of as u64) as usize
    }

    /// True in this many of a hundred cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these; `from` is not empty.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    /// Up to `max` bytes.
    pub fn bytes(&mut self, max: u64) -> Vec<u8> {
        (0..self.below(max + 1)).map(|_| self.next() as u8).collect()
    }
}

/// The seeds that a test runs: 0 to `usual`, unless the environment says otherwise.
pub fn seeds(usual: u64) -> Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    match number("SIMP_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMP_SEEDS").unwrap_or(usual),
    }
}

/// Whether one seed is replayed, so that its trace is wanted.
pub fn replaying() -> bool {
    std::env::var_os("SIMP_SEED").is_some()
}

/// Prints how to replay a run if the test panics while it holds this, whatever the reason.
#[derive(Debug)]
pub struct Replay {
    /// The package that the test is in.
    pub package: &'static str,
    /// What is enough of the test's name to choose it.
    pub test: &'static str,
    /// The run's seed.
    pub seed: u64,
}

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("replay with: SIMP_SEED={} cargo test -p {} {}", self.seed, self.package, self.test);
        }
    }
}

//! What the test programs share: a clock that only they move, what Ann and Bob say, and random numbers.
#![allow(dead_code, reason = "each test program uses its part")]
#![allow(clippy::print_stdout, reason = "a test that fails says how to replay it")]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use simp_proto::{Datagram, Operation, Text, UserName};

static START: OnceLock<Instant> = OnceLock::new();

/// This many milliseconds after the start of the test.
pub(crate) fn at(ms: u64) -> Instant {
    start() + Duration::from_millis(ms)
}

/// How many milliseconds after the start of the test this is.
pub(crate) fn ms(instant: Instant) -> u64 {
    instant.duration_since(start()).as_millis() as u64
}

#[expect(clippy::disallowed_methods, reason = "an Instant cannot be made otherwise; it is read once")]
fn start() -> Instant {
    *START.get_or_init(Instant::now)
}

/// Makes the datagrams of one user.
pub(crate) struct Says(pub(crate) &'static str);

/// The peer.
pub(crate) const ANN: Says = Says("ann");
/// The one whose machine is tested.
pub(crate) const BOB: Says = Says("bob");

impl Says {
    pub(crate) fn name(&self) -> UserName {
        UserName::new(self.0).unwrap()
    }

    pub(crate) fn says(&self, operation: Operation, seq: u8, payload: &[u8]) -> Datagram {
        Datagram::new(operation, seq, self.name(), payload.to_vec())
    }

    pub(crate) fn syn(&self) -> Datagram {
        self.says(Operation::Syn, 0, b"")
    }

    pub(crate) fn syn_ack(&self) -> Datagram {
        self.says(Operation::SynAck, 0, b"")
    }

    pub(crate) fn ack(&self, seq: u8) -> Datagram {
        self.says(Operation::Ack, seq, b"")
    }

    pub(crate) fn fin(&self, seq: u8) -> Datagram {
        self.says(Operation::Fin, seq, b"")
    }

    pub(crate) fn err(&self, text: &str) -> Datagram {
        self.says(Operation::Err, 0, text.as_bytes())
    }

    pub(crate) fn chat(&self, seq: u8, text: &str) -> Datagram {
        self.says(Operation::Chat, seq, text.as_bytes())
    }
}

pub(crate) fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

/// Random numbers that are the same for the same seed (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True in this many of a hundred cases.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// Up to `max` bytes.
    pub(crate) fn bytes(&mut self, max: u64) -> Vec<u8> {
        (0..self.below(max + 1)).map(|_| self.next() as u8).collect()
    }
}

/// How many seeds a test runs, and from which on: `SIMP_SEED=n` replays one, `SIMP_SEEDS=n` sets how many.
pub(crate) fn seeds(usual: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    match number("SIMP_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMP_SEEDS").unwrap_or(usual),
    }
}

/// Whether one seed is replayed, so that its trace is wanted.
pub(crate) fn replaying() -> bool {
    std::env::var_os("SIMP_SEED").is_some()
}

/// Names the seed of a run that fails, however it fails.
pub(crate) struct Replay {
    pub(crate) test: &'static str,
    pub(crate) seed: u64,
}

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("replay with: SIMP_SEED={} cargo test -p simp-proto {}", self.seed, self.test);
        }
    }
}

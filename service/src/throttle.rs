//! Log lines that others can cause in any number: so many at once, then so many a second, and how many were left out.

use std::time::Instant;

/// So many lines of a kind are written without a pause.
const BURST: u32 = 200;

/// So many more in each second.
const PER_SECOND: f64 = 10.0;

/// The lines of one kind.
#[derive(Debug)]
pub struct Throttle {
    /// How many may be written now.
    room: f64,
    as_of: Instant,
    left_out: u64,
}

impl Throttle {
    /// Nothing was written yet.
    pub fn new(now: Instant) -> Self {
        Self { room: BURST.into(), as_of: now, left_out: 0 }
    }

    /// Whether a line may be written: if so, how many were left out before it.
    pub fn pass(&mut self, now: Instant) -> Option<u64> {
        let elapsed = now.saturating_duration_since(self.as_of).as_secs_f64();
        self.room = (self.room + elapsed * PER_SECOND).min(BURST.into());
        self.as_of = now;
        if self.room < 1.0 {
            self.left_out += 1;
            return None;
        }
        self.room -= 1.0;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_flood_is_cut_and_counted_and_what_comes_slowly_passes() {
        let start = Instant::now();
        let mut throttle = Throttle::new(start);
        // A thousand in each of ten seconds.
        let at = |n: u32| start + Duration::from_millis(n.into());
        let passed: Vec<u64> = (0..10_000).filter_map(|n| throttle.pass(at(n))).collect();
        assert!((295..=300).contains(&passed.len()), "{}", passed.len());
        let left_out: u64 = passed.iter().sum();
        let rest = throttle.pass(at(60_000)).unwrap();
        assert_eq!(passed.len() as u64 + left_out + rest, 10_000);
        assert!((0..1_000).all(|n| throttle.pass(at(60_000 + 100 * n)) == Some(0)));
    }
}

//! Moments as chats keep them, in half of the memory that an [`Instant`] takes: ten thousand chats have a dozen each.

use std::cmp::Ordering;
use std::num::NonZeroU64;
use std::ops::{Add, AddAssign, Sub};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The first moment that any chat kept, from which the others are counted. Which one that is shows nowhere.
static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// What the origin itself is, so that there is room for 73 years before it and 511 after it.
const AT_ORIGIN: u64 = 1 << 61;

/// A moment, as exactly as an [`Instant`] has it. One that is too far away is the last there is.
// It may begin at any byte, so that a bool beside it takes one byte, and not eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(Rust, packed)]
pub struct Moment(NonZeroU64);

impl From<Instant> for Moment {
    fn from(at: Instant) -> Self {
        let origin = *ORIGIN.get_or_init(|| at);
        let nanoseconds = |by: Duration| {
            by.as_secs().saturating_mul(1_000_000_000).saturating_add(by.subsec_nanos().into())
        };
        let count = match at.checked_duration_since(origin) {
            Some(after) => AT_ORIGIN.saturating_add(nanoseconds(after)),
            None => AT_ORIGIN.saturating_sub(nanoseconds(origin - at)),
        };
        Self(NonZeroU64::new(count).unwrap_or(NonZeroU64::MIN))
    }
}

impl From<Moment> for Instant {
    fn from(Moment(count): Moment) -> Self {
        // There is one since the first moment was made.
        let Some(origin) = ORIGIN.get() else { unreachable!("a moment is counted from the origin") };
        match count.get().checked_sub(AT_ORIGIN) {
            Some(after) => *origin + Duration::from_nanos(after),
            None => *origin - Duration::from_nanos(AT_ORIGIN - count.get()),
        }
    }
}

impl Moment {
    /// As the callers of a chat have it.
    pub fn instant(self) -> Instant {
        self.into()
    }

    /// How long after another it is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

impl Add<Duration> for Moment {
    type Output = Instant;

    fn add(self, by: Duration) -> Instant {
        self.instant() + by
    }
}

impl Sub<Duration> for Moment {
    type Output = Instant;

    fn sub(self, by: Duration) -> Instant {
        self.instant() - by
    }
}

impl AddAssign<Duration> for Moment {
    fn add_assign(&mut self, by: Duration) {
        *self = (*self + by).into();
    }
}

impl PartialEq<Moment> for Instant {
    fn eq(&self, other: &Moment) -> bool {
        *self == other.instant()
    }
}

impl PartialOrd<Moment> for Instant {
    fn partial_cmp(&self, other: &Moment) -> Option<Ordering> {
        self.partial_cmp(&other.instant())
    }
}

impl PartialEq<Instant> for Moment {
    fn eq(&self, other: &Instant) -> bool {
        self.instant() == *other
    }
}

impl PartialOrd<Instant> for Moment {
    fn partial_cmp(&self, other: &Instant) -> Option<Ordering> {
        self.instant().partial_cmp(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "some moment to begin with, whichever")]
    fn a_moment_is_the_instant_that_it_was_made_of_also_if_it_was_before_the_first() {
        let now = Instant::now();
        assert!(Moment::from(now) == now);
        for by in [0, 1, 999_999_999, 1_000_000_000, 86_400_000_000_123, 30 * 365 * 86_400_000_000_000] {
            let by = Duration::from_nanos(by);
            for at in [now.checked_sub(by), now.checked_add(by)].into_iter().flatten() {
                let moment = Moment::from(at);
                assert_eq!(Instant::from(moment), at);
                assert_eq!((at < now, at == now), (moment < Moment::from(now), moment == Moment::from(now)));
                assert!(at == moment && now.partial_cmp(&moment) == now.partial_cmp(&at));
                assert_eq!(moment.since(now.into()), at.saturating_duration_since(now));
            }
        }
        assert_eq!((size_of::<Option<Moment>>(), align_of::<Moment>()), (8, 1));
    }
}

//! How often strangers are answered: simpd must be useless as an amplifier, and a flood of datagrams must not
//! become a flood of answers (SIMP 5). How much they may add to the log is `budgets`.

use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Answers to strangers per second, of all addresses together, and at most at once.
const ANSWERS_PER_SECOND: u32 = 1_000;

/// Requests that give way to others per second, and at most at once.
const GIVE_WAY_PER_SECOND: u32 = 2;
const GIVE_WAY_AT_ONCE: u32 = 48;

/// An ERR goes to one host once in this time: ports can be forged as addresses can, and cost the same host.
const NOTICE_EVERY: Duration = Duration::from_secs(1);

/// A bucket that fills with `per_second` tokens each second, up to `most`.
#[derive(Debug)]
struct Bucket {
    per_second: u32,
    most: u32,
    tokens: u32,
    filled: Instant,
}

impl Bucket {
    fn new(now: Instant, per_second: u32, most: u32) -> Self {
        Self { per_second, most, tokens: most, filled: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        let grown =
            now.saturating_duration_since(self.filled).as_millis() * u128::from(self.per_second) / 1_000;
        // Only whole tokens are counted, so that many calls within one of them lose nothing.
        if grown > 0 {
            self.tokens = self.most.min(self.tokens.saturating_add(u32::try_from(grown).unwrap_or(u32::MAX)));
            self.filled = now;
        }
        self.tokens.checked_sub(1).is_some_and(|left| {
            self.tokens = left;
            true
        })
    }
}

/// What strangers are allowed.
#[derive(Debug)]
pub struct Limits {
    answers: Bucket,
    give_way: Bucket,
    /// Whom we gave a notice in this time, in order. Each took one of the answers, so that they are few.
    told: VecDeque<(IpAddr, Instant)>,
    is_told: HashSet<IpAddr>,
}

impl Limits {
    /// Nothing used up yet.
    pub fn new(now: Instant) -> Self {
        Self {
            answers: Bucket::new(now, ANSWERS_PER_SECOND, ANSWERS_PER_SECOND),
            give_way: Bucket::new(now, GIVE_WAY_PER_SECOND, GIVE_WAY_AT_ONCE),
            told: VecDeque::new(),
            is_told: HashSet::new(),
        }
    }

    /// Whether to answer a datagram of a stranger.
    pub fn allow_answer(&mut self, now: Instant) -> bool {
        self.answers.take(now)
    }

    /// Whether a request may give way to a newer one.
    pub fn allow_giving_way(&mut self, now: Instant) -> bool {
        self.give_way.take(now)
    }

    /// Whether to tell this host, by an ERR, that there is no chat or no room for it.
    pub fn allow_notice(&mut self, now: Instant, to: IpAddr) -> bool {
        while let Some((host, at)) = self.told.front()
            && *at + NOTICE_EVERY <= now
        {
            self.is_told.remove(host);
            self.told.pop_front();
        }
        // In this order: whoever has had its notice uses nothing up.
        if self.is_told.contains(&to) || !self.answers.take(now) {
            return false;
        }
        self.told.push_back((to, now));
        self.is_told.insert(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_is_told_once_a_second_and_another_at_once() {
        let start = Instant::now();
        let mut limits = Limits::new(start);
        let (one, two) = ("127.0.0.1".parse().unwrap(), "127.0.0.2".parse().unwrap());
        assert!(limits.allow_notice(start, one));
        assert!(!limits.allow_notice(start + Duration::from_millis(999), one));
        assert!(limits.allow_notice(start, two));
        assert!(limits.allow_notice(start + Duration::from_secs(1), one));
    }

    #[test]
    fn however_many_are_told_each_is_told_once_a_second_and_few_are_remembered() {
        let start = Instant::now();
        let mut limits = Limits::new(start);
        let at = |n: u32| IpAddr::from((0x7f00_0000 + n).to_be_bytes());
        for second in 0..3 {
            for n in (0..500).chain(0..500) {
                let now = start + Duration::from_millis(1_000 * second + u64::from(n));
                limits.allow_notice(now, at(n));
            }
            let now = start + Duration::from_millis(1_000 * second + 999);
            assert_eq!((0..500).filter(|n| limits.allow_notice(now, at(*n))).count(), 0);
            assert_eq!(limits.told.len(), 500);
        }
        let many =
            (0..u32::from(u16::MAX)).filter(|n| limits.allow_notice(start + Duration::from_secs(9), at(*n)));
        assert_eq!(many.count(), ANSWERS_PER_SECOND as usize);
        assert_eq!((limits.told.len(), limits.is_told.len()), (1_000, 1_000));
    }

    #[test]
    fn a_flood_is_answered_up_to_the_limit_and_again_later() {
        let start = Instant::now();
        let mut limits = Limits::new(start);
        let answered = (0..10_000).filter(|_| limits.allow_answer(start)).count();
        assert_eq!(answered, ANSWERS_PER_SECOND as usize);
        let later = start + Duration::from_millis(100);
        let answered = (0..10_000).filter(|_| limits.allow_answer(later)).count();
        assert_eq!(answered, ANSWERS_PER_SECOND as usize / 10);
    }
}

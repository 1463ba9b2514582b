//! How far a consumer is, and what of that the daemon knows.
//!
//! One `seen` is under way at a time: what is shown until its answer comes is in the next one, so that a burst
//! of messages costs few of them, and the two directions of the connection cannot block each other.

use std::time::{Duration, Instant};

use simp_control::error::{Error, Outcome};
use simp_control::{Failure, FailureKind, Reply, Request, sleep};

/// How long past the time limit a mark may still be sent; otherwise a message would be shown again.
const GRACE: Duration = Duration::from_secs(2);

/// Until when it is tried to tell the daemon of a mark, within this time limit of the listener.
pub(super) fn deadline(limit: Option<Instant>) -> Option<Instant> {
    // It may be over already, but what was shown is not to be shown again.
    limit.map(|limit| limit.max(sleep::now() + GRACE))
}

/// How far a consumer is.
#[derive(Default)]
pub(super) struct Mark {
    /// Whose; `None` if no mark is moved.
    consumer: Option<String>,
    /// The last entry that was shown.
    pub(super) shown: u64,
    /// The last entry that the daemon was told of.
    told: u64,
    /// The last entry of which it has confirmed that.
    known: u64,
    /// Whether its answer is still to come.
    pub(super) under_way: bool,
    /// Why it refused the last time.
    trouble: Option<Failure>,
}

impl Mark {
    /// The mark of this consumer, or none at all.
    pub(super) fn of(consumer: Option<String>) -> Self {
        Self { consumer, ..Self::default() }
    }

    /// What to tell the daemon now; `None` if it knows, is just being told, or is not to.
    pub(super) fn tell(&mut self) -> Option<Request> {
        if self.under_way || self.shown <= self.told {
            return None;
        }
        let consumer = self.consumer.clone()?;
        (self.told, self.under_way) = (self.shown, true);
        Some(Request::Seen { consumer, id: self.shown })
    }

    /// The daemon knows what it was told.
    pub(super) fn confirmed(&mut self) {
        (self.known, self.under_way, self.trouble) = (self.told, false, None);
    }

    /// The daemon could not take it. That is told again with what is shown next.
    ///
    /// # Errors
    /// The failure if it is no trouble that passes.
    pub(super) fn refused(&mut self, failure: Failure) -> Outcome {
        self.under_way = false;
        // `failed` is a full disk and the like, which may pass. Anything else would be refused for ever.
        if failure.kind != FailureKind::Failed {
            return Err(failure.into());
        }
        self.trouble = Some(failure);
        Ok(())
    }

    /// The answer to what the daemon was told.
    ///
    /// # Errors
    /// If it is no trouble that passes.
    pub(super) fn answered(&mut self, told: Outcome<Reply>) -> Outcome {
        match told {
            Ok(_) => {
                self.confirmed();
                Ok(())
            }
            Err(Error::Failure(failure)) => self.refused(failure),
            Err(error) => Err(error),
        }
    }

    /// The connection broke. What was under way on it is told again.
    pub(super) fn lost(&mut self) {
        if self.under_way {
            self.tell_all_again();
        }
        self.under_way = false;
    }

    /// What the daemon has not confirmed is told again.
    pub(super) fn tell_all_again(&mut self) {
        self.told = self.known;
    }

    /// Whether the daemon has taken every mark since the last call.
    ///
    /// # Errors
    /// Why it last refused one.
    pub(super) fn check_taken(&mut self) -> Outcome {
        self.trouble.take().map_or(Ok(()), |failure| Err(failure.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(shown: u64) -> Mark {
        Mark { shown, ..Mark::of(Some("default".into())) }
    }

    fn seen(id: u64) -> Option<Request> {
        Some(Request::Seen { consumer: "default".into(), id })
    }

    #[test]
    fn one_is_under_way_at_a_time_and_the_next_has_all_since() {
        let mut mark = at(3);
        assert_eq!(mark.tell(), seen(3));
        mark.shown = 5;
        assert_eq!(mark.tell(), None);
        mark.confirmed();
        assert_eq!(mark.tell(), seen(5));
        mark.confirmed();
        assert_eq!(mark.tell(), None);
    }

    #[test]
    fn what_was_under_way_when_the_connection_broke_is_told_again_and_nothing_else() {
        let mut mark = at(3);
        assert_eq!(mark.tell(), seen(3));
        mark.lost();
        assert_eq!(mark.tell(), seen(3));
        mark.confirmed();
        mark.lost();
        assert_eq!(mark.tell(), None);
    }

    #[test]
    fn what_was_refused_is_told_with_the_next_and_at_the_end() {
        let trouble = || Failure::new(FailureKind::Failed, "the disk is full");
        let mut mark = at(3);
        mark.tell();
        mark.refused(trouble()).unwrap();
        assert_eq!(mark.tell(), None, "not at once");
        mark.shown = 5;
        assert_eq!(mark.tell(), seen(5));
        mark.refused(trouble()).unwrap();
        mark.tell_all_again();
        assert_eq!(mark.tell(), seen(5));
        mark.refused(trouble()).unwrap();
        assert_eq!(mark.check_taken().unwrap_err().to_string(), "the disk is full");
        mark.tell_all_again();
        mark.tell();
        mark.confirmed();
        assert!(mark.check_taken().is_ok());
    }

    #[test]
    fn what_is_wrong_for_good_ends_it() {
        let mut mark = at(3);
        mark.tell();
        assert!(mark.refused(Failure::new(FailureKind::Usage, "no such entry")).is_err());
    }

    #[test]
    fn without_a_consumer_nothing_is_told() {
        assert_eq!(Mark { shown: 3, ..Mark::of(None) }.tell(), None);
    }
}

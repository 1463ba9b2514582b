//! What the passing of time does to our messages: the next one, the one in flight again, or its end.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{COPY_LIVES_FOR, Delivery, Due, InFlight, RETRANSMIT_AFTER, Repeat};
use crate::dialect::{Dialect, Habit};

/// To a peer that never acknowledges, the next message leaves this long after the last; to one that shows nothing else
/// by which it differs, when no copy of the last can come behind it any more.
const UNCONFIRMED_AFTER: Duration = Duration::from_millis(300);

/// After so many transmissions the other number is tried, to a peer that has shown habits of its own.
const TRY_OTHER_AFTER: u32 = 2;

/// After so many to a peer that has not, or whose numbers an earlier chat has shown. One that holds to the specification
/// and has lost all of them would acknowledge the other number, and not show the message.
const TRY_OTHER_OF_PLAIN_AFTER: u32 = 4;

/// After so many it is not tried any more, so that a receiver can tell it from another message.
const TRIED_UNTIL: u32 = 12;

/// So many copies without an ACK, to a peer that hears us, are no bad luck.
const HEARD_FOR: u32 = 3;

/// How often a message is transmitted at most to a peer that does not acknowledge repeats.
const ATTEMPTS_IF_IGNORED: u32 = 3;

impl Delivery {
    /// What is due: the next message where none is in flight, or the one in flight again.
    pub(crate) fn handle_timeout(&mut self, now: Instant, attempts: u32, dialect: &mut Dialect) -> Due {
        self.hold = self.hold.filter(|hold| hold.until > now);
        let Some(in_flight) = &self.in_flight else { return self.take_next(now, *dialect) };
        if in_flight.doubtful_ack.is_some_and(|at| at <= now) {
            dialect.set(Habit::UnnumberedAcks, true);
            return self.confirm(dialect).map_or(Due::Nothing, Due::Delivered);
        }
        if in_flight.repeat.due > now {
            return Due::Nothing;
        }
        if dialect.has(Habit::NeverAcks) {
            return self.leave_unconfirmed();
        }
        match in_flight.repeat.again(now, self.attempts(attempts, *dialect)) {
            Some(repeat) => self.repeat(now, repeat, *dialect),
            None => self.end_repeats(dialect),
        }
    }

    /// Whether the other number may be the one that the peer wants. To one that holds to the specification a message with
    /// the other number is another message, unless it is the first: that it knows. Its own first message would show how
    /// it counts, unless it has wanted 1 of our first.
    fn may_try_other(&self, dialect: Dialect) -> bool {
        let is_first = !self.is_resumed && self.unconfirmed == 0;
        let may_want_one = self.wants_one || self.received.may_want_one();
        is_first && !self.is_acked && !dialect.is_pinned() && may_want_one
    }

    /// How often the message in flight is transmitted.
    fn attempts(&self, attempts: u32, dialect: Dialect) -> u32 {
        match dialect.has(Habit::IgnoresRepeats) && !self.may_try_other(dialect) {
            true => attempts.min(ATTEMPTS_IF_IGNORED),
            false => attempts,
        }
    }

    fn repeat(&mut self, now: Instant, repeat: Repeat, dialect: Dialect) -> Due {
        let may_try_other = self.may_try_other(dialect);
        let Some(in_flight) = &mut self.in_flight else { return Due::Nothing };
        let may_differ = dialect.is_foreign() || dialect.counts_otherwise();
        let is_early = may_differ && !dialect.has(Habit::NumbersKnown);
        let from = if is_early { TRY_OTHER_AFTER } else { TRY_OTHER_OF_PLAIN_AFTER };
        let sent = in_flight.repeat.sent;
        in_flight.is_other =
            may_try_other && (from..TRIED_UNTIL).contains(&sent) && (sent - from).is_multiple_of(2);
        in_flight.tried_other |= in_flight.is_other;
        in_flight.has_sign = false;
        in_flight.transmitted = now;
        in_flight.repeat = repeat;
        Due::Again
    }

    /// The message in flight has been transmitted as often as makes sense: whether the peer is gone.
    fn end_repeats(&mut self, dialect: &mut Dialect) -> Due {
        // Of one that holds to the specification all copies may be lost, where it has not shown that it hears us.
        let sent = self.in_flight.as_ref().map_or(0, |in_flight| in_flight.repeat.sent);
        let is_heard = !dialect.is_pinned() && self.hears_from.is_some_and(|from| sent >= from + HEARD_FOR);
        if !self.is_acked && is_heard {
            dialect.set(Habit::NeverAcks, true);
            return self.leave_unconfirmed();
        }
        // Its ACK may be lost, and a repeat gets none: the next message shows whether the peer is there.
        let counts_otherwise = dialect.counts_otherwise() || dialect.has(Habit::StartsAtOne);
        let is_known = counts_otherwise || dialect.has(Habit::IgnoresRepeats) || dialect.is_foreign();
        let may_ignore = is_known || is_heard;
        let is_there = self.is_acked || (dialect.is_foreign() && self.news > 0);
        if is_there && may_ignore && self.unconfirmed == 0 {
            dialect.set(Habit::IgnoresRepeats, true);
            return self.leave_unconfirmed();
        }
        // Whatever was known of its numbers does not hold any more.
        dialect.set(Habit::NumbersKnown, false);
        Due::GivenUp
    }

    fn take_next(&mut self, now: Instant, dialect: Dialect) -> Due {
        if self.hold.is_some() {
            return Due::Nothing;
        }
        let Some(message) = self.queue.pop_front() else { return Due::Nothing };
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
        let mut repeat = Repeat::first(now);
        if dialect.has(Habit::NeverAcks) {
            repeat.due = now + if dialect.is_foreign() { UNCONFIRMED_AFTER } else { COPY_LIVES_FOR };
        }
        (self.news, self.hears_from) = (0, None);
        self.in_flight = Some(Box::new(InFlight {
            message,
            repeat,
            transmitted: now,
            behind: self.behind,
            is_other: false,
            tried_other: false,
            was_tried: self.is_resumed && !self.is_acked && !dialect.is_pinned(),
            doubtful_ack: None,
            has_sign: false,
        }));
        Due::First
    }

    fn leave_unconfirmed(&mut self) -> Due {
        let Some(in_flight) = self.in_flight.take() else { return Due::Nothing };
        self.unconfirmed += 1;
        self.deaf_until = Some(in_flight.transmitted + RETRANSMIT_AFTER);
        Due::Unconfirmed(self.settle(&in_flight))
    }
}

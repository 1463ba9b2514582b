//! Peers whose user can read only after writing (SIMP 7). What comes at another time such a program takes for the ACK that
//! it waits for, or does not look at: so ours waits for our turn, and what has gathered by then leaves together.

use std::time::{Duration, Instant};

use crate::moment::Moment;
use crate::numbering::Inviter;

/// So long after a message of the peer ours leave: what answers it leaves with what waits.
const GATHERS_FOR: Duration = Duration::from_millis(500);

/// Whoever has invited us has written by then, or waits for us.
const BEGINS_WITHIN: Duration = Duration::from_secs(60);

/// A peer that has not written for so long may be gone: a message of ours finds out.
const LASTS_AT_MOST: Duration = Duration::from_secs(600);

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Ours, from then on; at once if that is not known.
    Ours(Option<Moment>),
    /// The peer's, until then if it does not write.
    Theirs(Moment),
    /// We are leaving, and wait for nobody; but until then for our ACK to arrive.
    Nobodys(Option<Moment>),
}

/// Whose turn it is to write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turns(Whose);

impl Default for Turns {
    /// Of a chat that is not open yet, or was resumed.
    fn default() -> Self {
        Self(Whose::Ours(None))
    }
}

impl Turns {
    /// The chat opens: whoever has invited writes first.
    pub(crate) fn begin(now: Instant, inviter: Inviter) -> Self {
        match inviter {
            Inviter::Us => Self(Whose::Ours(None)),
            Inviter::Them => Self(Whose::Theirs((now + BEGINS_WITHIN).into())),
        }
    }

    /// The peer has written.
    pub(crate) fn pass_to_us(&mut self, now: Instant) {
        let from = Some((now + GATHERS_FOR).into());
        self.0 = if self.is_over() { Whose::Nobodys(from) } else { Whose::Ours(from) };
    }

    /// The peer has a message of ours, or there is no more to be done for it.
    pub(crate) fn pass_to_them(&mut self, now: Instant) {
        if !self.is_over() {
            self.0 = Whose::Theirs((now + LASTS_AT_MOST).into());
        }
    }

    /// From now on nobody waits for a turn.
    pub(crate) fn end(&mut self) {
        self.0 = match self.0 {
            Whose::Ours(from) | Whose::Nobodys(from) => Whose::Nobodys(from),
            Whose::Theirs(_) => Whose::Nobodys(None),
        };
    }

    fn is_over(self) -> bool {
        matches!(self.0, Whose::Nobodys(_))
    }

    /// When a message of ours leaves, if the peer does not write before; `None` if it does at once.
    pub(crate) fn ours_from(self) -> Option<Instant> {
        let from = match self.0 {
            Whose::Ours(from) | Whose::Nobodys(from) => from,
            Whose::Theirs(until) => Some(until),
        };
        from.map(Moment::instant)
    }
}

//! The present moment, as the turn is given it: nothing in this crate reads a clock.

use std::time::Instant;

/// One moment, on both clocks. Read once per turn.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For deadlines.
    pub instant: Instant,
    /// For people: milliseconds since 1970. It may jump.
    pub ms: u64,
}

//! What time it is. A room is told, so that a test can say it.

/// A moment, by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The time of day, in milliseconds since 1970: what people are shown, and what the log of simpd is dated by. It jumps
    /// if somebody sets the clock.
    pub wall_ms: u64,
    /// Milliseconds on a clock that nobody sets and that goes on while the machine sleeps: how long something took.
    pub steady_ms: u64,
}

impl Now {
    /// Both clocks show this.
    #[cfg(test)]
    pub fn at(ms: u64) -> Self {
        Self { wall_ms: ms, steady_ms: ms }
    }
}

//! The log cannot be written: what is told of it.

use std::time::{Duration, Instant};

use crate::store::StoreError;

/// Trouble that comes and goes is told again after this long.
const TOLD_FOR: Duration = Duration::from_secs(60);

/// What keeps the log from being written.
#[derive(Debug)]
pub struct Trouble {
    /// What is wrong, and what to do.
    pub error: String,
}

impl Trouble {
    /// How often the log is tried again.
    pub const TRY_EVERY: Duration = Duration::from_secs(1);

    /// What this error means for those who come.
    pub fn new(error: &StoreError) -> Self {
        Self { error: error.to_string() }
    }

    /// What a client is told whose request would have to be written.
    pub fn line(&self) -> String {
        format!("nothing was changed: {}", self.error)
    }

    /// What a client is told whose request was written, and then could not be made durable.
    pub fn doubtful_line(&self) -> String {
        format!("undone, unless simpd is killed before the disk works (see: simpctl status): {}", self.error)
    }
}

/// What standard error was told of trouble: each kind once, and not each time that it comes again soon.
#[derive(Debug, Default)]
pub struct Told {
    last: Option<(String, Instant)>,
    is_quiet: bool,
}

impl Told {
    /// Whether to tell that there is this trouble.
    pub fn begins(&mut self, now: Instant, trouble: &Trouble) -> bool {
        let last = self.last.take().filter(|(line, until)| *line == trouble.error && now < *until);
        self.is_quiet = last.is_some();
        self.last = last.or_else(|| Some((trouble.error.clone(), now + TOLD_FOR)));
        !self.is_quiet
    }

    /// It goes on, perhaps for another reason: whether to tell that.
    pub fn goes_on(&mut self, now: Instant, trouble: &Trouble) -> bool {
        let is_same = self.last.as_ref().is_some_and(|(line, _)| *line == trouble.error);
        !is_same && self.begins(now, trouble)
    }

    /// Whether to tell that there is none any more.
    pub fn ends(&self) -> bool {
        !self.is_quiet
    }
}

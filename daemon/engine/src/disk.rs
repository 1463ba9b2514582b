//! Whether the log can be written, and what is said of it: to clients, and in the log of the program. What trouble
//! means for a turn is `trouble`.

use std::time::{Duration, Instant};

use simp_control::{Failure, FailureKind};

/// Trouble that comes and goes is reported again after this long.
const REPORTED_FOR: Duration = Duration::from_secs(60);

/// Whether the log can be written.
#[derive(Debug, Default)]
pub struct Disk {
    trouble: Option<String>,
    reported: Reported,
}

impl Disk {
    /// Whether the log can be written, as far as is known.
    pub fn works(&self) -> bool {
        self.trouble.is_none()
    }

    /// What is wrong, and what to do.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// It could not be written, for the first time in a while.
    pub fn fails(&mut self, now: Instant, trouble: String) {
        self.reported.begins(now, &trouble);
        self.trouble = Some(trouble);
    }

    /// It was tried again in vain.
    pub fn still_fails(&mut self, now: Instant, trouble: String) {
        self.reported.goes_on(now, &trouble);
        self.trouble = Some(trouble);
    }

    /// It was written again.
    pub fn works_again(&mut self) {
        self.trouble = None;
        self.reported.ends();
    }

    /// What a client is answered whose request would have to be written; `None` if it can be.
    pub fn refuses(&self) -> Option<Failure> {
        let trouble = self.trouble.as_ref()?;
        Some(Failure::new(FailureKind::Failed, format!("nothing was changed: {trouble}")))
    }
}

/// What the log of the program says of trouble: each kind once, and not each time that it comes again soon. A disk that
/// is nearly full takes a little more now and then, and would fill the log of the program.
#[derive(Debug, Default)]
struct Reported {
    last: Option<(String, Instant)>,
    is_quiet: bool,
}

impl Reported {
    fn begins(&mut self, now: Instant, trouble: &str) {
        if self.is_new(now, trouble) {
            tracing::error!("{trouble}; all chats are paused until the log can be written again");
        }
    }

    /// Perhaps for another reason.
    fn goes_on(&mut self, now: Instant, trouble: &str) {
        let is_same = self.last.as_ref().is_some_and(|(line, _)| line == trouble);
        if !is_same && self.is_new(now, trouble) {
            tracing::error!("{trouble}; all chats remain paused");
        }
    }

    fn ends(&self) {
        // If its beginning was not worth a line, its end is not.
        if !self.is_quiet {
            tracing::info!("the log can be written again; all chats resume");
        }
    }

    fn is_new(&mut self, now: Instant, trouble: &str) -> bool {
        // From the first report on: what comes again and again is reported once in each such time.
        let last = self.last.take().filter(|(line, until)| line == trouble && now < *until);
        self.is_quiet = last.is_some();
        self.last = last.or_else(|| Some((trouble.to_owned(), now + REPORTED_FOR)));
        !self.is_quiet
    }
}

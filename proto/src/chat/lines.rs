//! Lines that come as a SYN with a text, and as a message too (SIMP 7): which is which.

use std::time::{Duration, Instant};

/// A line that came as a SYN comes as a message too within this long.
const COMES_WITHIN: Duration = Duration::from_secs(3);

/// A line that comes again so late is not a repeat of the first.
const REPEATED_WITHIN: Duration = Duration::from_secs(7);

/// The last line that came as a SYN.
#[derive(Debug)]
struct Line {
    text: String,
    at: Instant,
    /// It has come as a message too.
    is_message: bool,
}

/// A peer's lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    last: Option<Line>,
}

impl Lines {
    /// Whether there was one.
    pub(super) fn is_any(&self) -> bool {
        self.last.is_some()
    }

    /// A SYN with this text came: whether it is a line, and not the last one again.
    pub(super) fn is_new(&mut self, now: Instant, text: &str) -> bool {
        let is_again = |line: &Line| !line.is_message && line.text == text && now < line.at + REPEATED_WITHIN;
        if self.last.as_ref().is_some_and(is_again) {
            return false;
        }
        self.last = Some(Line { text: text.to_owned(), at: now, is_message: false });
        true
    }

    /// A message with this text came: whether it is the last line, perhaps after its writer's name.
    pub(super) fn is_last(&mut self, now: Instant, text: &str) -> bool {
        let Some(line) = &mut self.last else { return false };
        let before = text.strip_suffix(line.text.as_str()).filter(|_| now < line.at + COMES_WITHIN);
        // Whoever passes lines on writes who said them: "ann: hi", "<ann> hi".
        let is_it = before.is_some_and(|before| before.is_empty() || before.ends_with([' ', ':', '>']));
        line.is_message |= is_it;
        is_it
    }
}

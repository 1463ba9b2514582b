//! The lines that were typed before.

use std::collections::VecDeque;

/// So many are kept.
const PAST_MAX: usize = 200;

/// Lines that were typed before, and which of them is shown.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// The newest first.
    lines: VecDeque<String>,
    /// How far back; 0 is the line that is being typed.
    back: usize,
    /// That line, while another one is shown.
    begun: String,
}

impl Past {
    /// Adds a line.
    pub(crate) fn add(&mut self, line: &str) {
        self.back = 0;
        if self.lines.front().is_none_or(|last| last != line) {
            self.lines.push_front(line.to_owned());
            self.lines.truncate(PAST_MAX);
        }
    }

    /// The line that is being typed is another one now.
    pub(crate) fn begin_anew(&mut self) {
        self.back = 0;
        self.begun.clear();
    }

    /// The line before the one that is shown now, which is `now`.
    pub(crate) fn older(&mut self, now: &str) -> Option<String> {
        let older = self.lines.get(self.back)?.clone();
        if self.back == 0 {
            now.clone_into(&mut self.begun);
        }
        self.back += 1;
        Some(older)
    }

    /// The line after it; in the end the one that was begun.
    pub(crate) fn newer(&mut self) -> Option<String> {
        self.back = self.back.checked_sub(1)?;
        match self.back {
            0 => Some(std::mem::take(&mut self.begun)),
            back => self.lines.get(back - 1).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_again_and_the_one_that_was_begun_too() {
        let mut past = Past::default();
        assert_eq!((past.older("x"), past.newer()), (None, None));
        ["one", "two", "two"].iter().for_each(|line| past.add(line));
        let some = |line: &str| Some(line.to_owned());
        assert_eq!(past.older("begun"), some("two"));
        assert_eq!(past.older("two"), some("one"));
        assert_eq!(past.older("one"), None);
        assert_eq!(past.newer(), some("two"));
        assert_eq!(past.newer(), some("begun"));
        assert_eq!(past.newer(), None);
        past.older("here");
        past.begin_anew();
        assert_eq!((past.newer(), past.older("there")), (None, some("two")));
    }
}

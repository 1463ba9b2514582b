//! Who came and who left: told to all in the room, at most once a second, so that a crowd at the door is no flood.

use serde::{Deserialize, Serialize};

use crate::lines::{LINE_MAX, list};

/// Between two announcements passes at least this long, in milliseconds.
const EVERY_MS: u64 = 1_000;

/// Somebody came or left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    name: String,
    has_joined: bool,
}

impl Notice {
    /// This one came.
    pub fn joined(name: String) -> Self {
        Self { name, has_joined: true }
    }

    /// This one left.
    pub fn left(name: String) -> Self {
        Self { name, has_joined: false }
    }

    /// Of whom it tells.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What is to be announced.
#[derive(Debug, Default)]
pub struct Notices {
    waiting: Vec<Notice>,
    /// Before that nothing is announced, in milliseconds since 1970.
    next_ms: u64,
}

impl Notices {
    /// These wait.
    pub fn new(waiting: Vec<Notice>) -> Self {
        Self { waiting, next_ms: 0 }
    }

    /// What waits.
    pub fn waiting(&self) -> &[Notice] {
        &self.waiting
    }

    /// In how many milliseconds something is to be announced.
    pub fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        // A clock that was set back makes nobody wait for long.
        (!self.waiting.is_empty()).then(|| self.next_ms.saturating_sub(now_ms).min(EVERY_MS))
    }

    /// Adds one that waits.
    pub fn push(&mut self, notice: Notice) {
        self.waiting.push(notice);
    }

    /// What waits, if its time has come; else nothing.
    pub fn take_if_due(&mut self, now_ms: u64) -> Vec<Notice> {
        // A clock that was set back makes nobody wait for long.
        if self.waiting.is_empty() || (now_ms < self.next_ms && self.next_ms <= now_ms + EVERY_MS) {
            return Vec::new();
        }
        self.take(now_ms)
    }

    /// What waits. The next is announced a second later at the earliest.
    pub fn take(&mut self, now_ms: u64) -> Vec<Notice> {
        self.next_ms = now_ms + EVERY_MS;
        std::mem::take(&mut self.waiting)
    }
}

/// Several notices as one line: `ann, bob joined; carol left`.
pub fn words(notices: &[Notice]) -> String {
    let runs = notices.chunk_by(|one, other| one.has_joined == other.has_joined);
    let most = LINE_MAX.saturating_sub(40);
    let words = runs.map(|run| {
        let names = list(run.iter().map(|notice| notice.name.as_str()), most);
        let verb = if run.first().is_some_and(|first| first.has_joined) { "joined" } else { "left" };
        format!("{names} {verb}")
    });
    let mut out = String::new();
    let mut more = 0;
    for words in words {
        // Once something is left out, all after it is: a gap in the middle would read as the whole.
        if more > 0 || out.len() + words.len() > most {
            more += 1;
            continue;
        }
        out += if out.is_empty() { "" } else { "; " };
        out += &words;
    }
    if more == 0 { out } else { out + "; and more" }
}

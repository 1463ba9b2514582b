//! Who came and who left: told to all in the room, at most once a second, so that a crowd at the door is no flood.

use serde::{Deserialize, Serialize};

use super::Room;
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

    /// Whether it tells of this one.
    pub fn is_of(&self, name: &str) -> bool {
        self.name == name
    }

    /// This one left.
    pub fn left(name: String) -> Self {
        Self { name, has_joined: false }
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

    /// When something is to be announced.
    pub fn due(&self) -> Option<u64> {
        (!self.waiting.is_empty()).then_some(self.next_ms)
    }

    fn take_if_due(&mut self, now_ms: u64) -> Vec<Notice> {
        // A clock that was set back makes nobody wait for long.
        if self.waiting.is_empty() || (now_ms < self.next_ms && self.next_ms <= now_ms + EVERY_MS) {
            return Vec::new();
        }
        self.take(now_ms)
    }

    fn take(&mut self, now_ms: u64) -> Vec<Notice> {
        self.next_ms = now_ms + EVERY_MS;
        std::mem::take(&mut self.waiting)
    }
}

impl Room {
    pub(super) fn note(&mut self, now_ms: u64, notice: Notice) {
        self.notices.waiting.push(notice);
        self.changes.notices = true;
        self.announce(now_ms);
    }

    /// Announces what waits, if its time has come.
    pub(super) fn announce(&mut self, now_ms: u64) {
        let notices = self.notices.take_if_due(now_ms);
        self.tell_of(&notices);
    }

    /// Announces what waits: somebody of whom it tells says something.
    pub(super) fn announce_now(&mut self, now_ms: u64) {
        let notices = self.notices.take(now_ms);
        self.tell_of(&notices);
    }

    fn tell_of(&mut self, notices: &[Notice]) {
        let Some(first) = notices.first() else { return };
        self.changes.notices = true;
        let text: std::sync::Arc<str> = format!("* {}", words(notices)).into();
        let only = (notices.len() == 1).then(|| first.name.clone());
        let inside = self.members.iter().filter(|(_, member)| member.is_inside());
        let told = inside.filter(|(_, member)| Some(&member.name) != only.as_ref()).map(|(chat, _)| *chat);
        for chat in told.collect::<Vec<_>>() {
            self.send(chat, text.clone(), None);
        }
    }
}

/// `ann, bob joined; carol left`.
fn words(notices: &[Notice]) -> String {
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
        if more > 0 || out.len() + words.len() > most {
            more += 1;
            continue;
        }
        out += if out.is_empty() { "" } else { "; " };
        out += &words;
    }
    if more == 0 { out } else { out + "; and more" }
}

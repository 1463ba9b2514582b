//! What an earlier run had asked of simpd when it was killed, and had not stored as done. It is asked again, and what
//! simpd has taken already must not be taken twice.

use std::collections::{BTreeSet, HashMap};

/// A line that is queued in simpd: by its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedLine {
    /// The id of the entry.
    pub id: u64,
    /// In which chat.
    pub chat: u64,
    /// What it says.
    pub text: String,
}

/// The lines that simpd took in turns that were not stored.
#[derive(Debug, Default)]
pub struct Leftover {
    /// Their entries, by chat and text.
    lines: HashMap<(u64, String), BTreeSet<u64>>,
}

impl Leftover {
    /// Of all that is queued after what was stored as sent.
    pub fn new(queued: Vec<QueuedLine>) -> Self {
        let mut leftover = Self::default();
        for QueuedLine { id, chat, text } in queued {
            leftover.lines.entry((chat, text)).or_default().insert(id);
        }
        leftover
    }

    /// The newest of them; 0 if there is none.
    pub fn newest(&self) -> u64 {
        self.lines.values().flatten().copied().max().unwrap_or_default()
    }

    /// All events up to this one are done: what was sent before it has been taken, or was for nothing that is done again.
    pub fn forget_through(&mut self, done: u64) {
        if self.newest() <= done {
            self.lines.clear();
        }
    }

    /// Those that are left, in no order.
    pub fn rest(&self) -> Vec<QueuedLine> {
        let all = self.lines.iter().flat_map(|((chat, text), ids)| {
            ids.iter().map(|id| QueuedLine { id: *id, chat: *chat, text: text.clone() })
        });
        all.collect()
    }

    /// Whether simpd has taken this line already, which follows from this event if from any. Each counts once.
    pub fn take(&mut self, event: Option<u64>, chat: u64, text: &str) -> bool {
        // Most of the time there is none.
        let Some(event) = event.filter(|_| !self.lines.is_empty()) else { return false };
        self.take_one(event, &(chat, text.to_owned()))
    }

    /// The same for a confirmation. How many it went to may be another number the second time.
    pub fn take_confirmation(&mut self, event: Option<u64>, chat: u64, text: &str) -> bool {
        if self.take(event, chat, text) {
            return true;
        }
        let Some(event) = event.filter(|_| is_number(text)) else { return false };
        let numbers = self.lines.iter().filter(|((of, other), _)| *of == chat && is_number(other));
        let found = numbers.filter_map(|(key, ids)| Some((*ids.range(event..).next()?, key))).min();
        let key = found.map(|(_, key)| key.clone());
        key.is_some_and(|key| self.take_one(event, &key))
    }

    /// Takes the first of these after the event: what was sent before it was sent for something else.
    fn take_one(&mut self, event: u64, key: &(u64, String)) -> bool {
        let Some(ids) = self.lines.get_mut(key) else { return false };
        let Some(id) = ids.range(event..).next().copied() else { return false };
        ids.remove(&id);
        if ids.is_empty() {
            self.lines.remove(key);
        }
        true
    }
}

/// Whether this says to how many something went.
fn is_number(text: &str) -> bool {
    text.strip_prefix("sent to ").is_some_and(|count| count.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_taken_once_and_only_for_what_happened_before() {
        let line = |id, text: &str| QueuedLine { id, chat: 7, text: text.to_owned() };
        let mut leftover = Leftover::new(vec![
            line(12, "hi"),
            line(11, "hi"),
            line(14, "sent to 3"),
            line(13, "sent to ann"),
        ]);
        assert!(!leftover.take(Some(13), 7, "hi") && !leftover.take(None, 7, "hi"), "sent before it");
        assert!(!leftover.take(Some(10), 8, "hi") && !leftover.take(Some(10), 7, "ho"));
        assert!(leftover.take(Some(10), 7, "hi") && leftover.take(Some(9), 7, "hi"));
        assert!(!leftover.take(Some(10), 7, "hi"));
        assert!(!leftover.take_confirmation(Some(10), 7, "sent to bob"));
        assert!(leftover.take_confirmation(Some(10), 7, "sent to 4"), "another number");
        assert!(!leftover.take_confirmation(Some(10), 7, "sent to 3"));
        assert!(leftover.take_confirmation(Some(10), 7, "sent to ann"));
    }
}

//! Who came into a room without passwords so lately that nobody need be there: simpd ends a chat in which nothing arrives,
//! but not at once.

use super::base::Room;

/// After so many milliseconds simpd has ended a chat in which nothing arrives, however patient it is.
const PROVED_AFTER_MS: u64 = 300_000;

/// A place is left to somebody new for so many milliseconds, in which the first line arrives.
const ARRIVES_WITHIN_MS: u64 = 2_000;

impl Room {
    /// The chat of the one who has this name, if nobody need be there.
    pub fn unproved_holder(&self, now_ms: u64, name: &str) -> Option<u64> {
        self.inside(name).filter(|chat| self.is_unproved(now_ms, *chat))
    }

    /// If there is no place for somebody with this name: the chats where nobody need be, the oldest first.
    pub fn unproved_if_full(&self, now_ms: u64, name: &str) -> Vec<u64> {
        if self.full(name).is_none() {
            return Vec::new();
        }
        let late = |chat: &u64| self.is_unproved(now_ms.saturating_sub(ARRIVES_WITHIN_MS), *chat);
        self.others(None).into_iter().filter(late).collect()
    }

    /// Whether it came so lately before this time.
    fn is_unproved(&self, at_ms: u64, chat: u64) -> bool {
        let since_ms = self.member(chat).map(|member| member.since_ms);
        let lately = since_ms.and_then(|since_ms| at_ms.checked_sub(since_ms));
        self.settings.is_open && lately.is_some_and(|lately| lately < PROVED_AFTER_MS)
    }

    /// Somebody who has shown nothing leaves, and another gets the name or the place.
    pub fn give_way(&mut self, now_ms: u64, chat: u64, last_words: &str) {
        self.dismiss(now_ms, chat, last_words);
    }
}

//! Which messages of ours were queued in chats since these were kept: known in memory, and found in the log by a start.

use std::collections::BTreeMap;
use std::mem;

use rusqlite::Connection;

/// The messages that were queued in chats since these were kept, in the order of their ids; without some that are settled.
#[derive(Debug, Default)]
pub(crate) struct QueuedSince(BTreeMap<u64, Vec<u64>>);

impl QueuedSince {
    /// Those above this entry, which all chats were kept as of, and not of chats that are over.
    pub(crate) fn read(db: &Connection, kept_through: u64) -> rusqlite::Result<Self> {
        let mut since = Self::default();
        let mut query = db.prepare(
            "SELECT chat, id FROM events WHERE id > ?1 AND kind = 5 AND chat IN (SELECT chat FROM chats) ORDER BY id",
        )?;
        let mut rows = query.query([kept_through as i64])?;
        while let Some(row) = rows.next()? {
            since.note(row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64);
        }
        Ok(since)
    }

    /// One more, the newest.
    pub(crate) fn note(&mut self, chat: u64, message: u64) {
        self.0.entry(chat).or_default().push(message);
    }

    /// The row of a chat says that messages up to this one are settled.
    pub(crate) fn note_settled(&mut self, chat: u64, settled: u64) {
        if let Some(messages) = self.0.get_mut(&chat) {
            messages.retain(|message| *message > settled);
        }
    }

    /// A chat is over.
    pub(crate) fn forget(&mut self, chat: u64) {
        self.0.remove(&chat);
    }

    /// All chats were kept as of this entry: those up to it, with their chats.
    pub(crate) fn take_through(&mut self, through: u64) -> Vec<(u64, u64)> {
        let mut taken = Vec::new();
        self.0.retain(|chat, messages| {
            let later = messages.split_off(messages.partition_point(|message| *message <= through));
            let earlier = mem::replace(messages, later);
            taken.extend(earlier.into_iter().map(|message| (*chat, message)));
            !messages.is_empty()
        });
        taken
    }

    /// Those of a chat above `after`.
    pub(crate) fn of(&self, chat: Option<u64>, after: u64) -> &[u64] {
        let all = chat.and_then(|chat| self.0.get(&chat)).map(Vec::as_slice).unwrap_or_default();
        all.get(all.partition_point(|message| *message <= after)..).unwrap_or_default()
    }
}

//! Messages of ours, and what became of them. Those that wait are in `waiting`, the outbox itself in `kept_letters`.

use rusqlite::{OptionalExtension as _, Row};
use simp_control::{Reason, What};

use crate::error::StoreError;
use crate::read::SCAN;
use crate::recipient::{Recipient, recipient};
use crate::rows::of_number;
use crate::runs;
use crate::store::Store;

/// How far back a message with a token is looked for.
const TOKEN_SCAN: u64 = 65_536;

/// A message of ours, whatever became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OurMessage {
    /// The chat it was queued in; 0 for one of the outbox.
    pub chat: u64,
    /// Who was to have it.
    pub to: Recipient,
    /// The name known of it then.
    pub user: String,
    /// What it says; of a file its name.
    pub text: String,
    /// The bytes of the file that it is, if it is one.
    pub size: Option<u64>,
}

/// What came of a message that is settled without being surely delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDelivered {
    /// It was given up.
    Undelivered(Reason),
    /// It has left, and the peer does not say whether it has it.
    Unconfirmed,
}

impl Store {
    /// The message of ours with this id.
    pub fn message(&self, id: u64) -> Result<Option<OurMessage>, StoreError> {
        let sql = "SELECT chat, address, user, text, size, host FROM events WHERE id = ?1 AND kind = 5";
        self.ok(self
            .db()?
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row([id as i64], our_message).optional()))
    }

    /// The chat of a received message, and what a copy of it is known by: in a secure chat its number.
    pub fn numbered(&self, message: u64) -> Result<Option<(u64, u64)>, StoreError> {
        let sql = "SELECT * FROM events WHERE id >= ?1 ORDER BY id LIMIT 1";
        let row = self.ok(self
            .db()?
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row([message as i64], runs::entries).optional()))?;
        let entry = row.into_iter().flatten().find(|(event, _)| event.id == message);
        Ok(entry.and_then(|(event, extra)| match event.what {
            What::Message { .. } => Some((event.chat, extra?)),
            _ => None,
        }))
    }

    /// The chat in which a message of ours was queued, 0 for the outbox, and whether it is a file.
    pub fn queued_in(&self, message: u64) -> Result<Option<(u64, bool)>, StoreError> {
        // What comes after a text is read through all of its pages. A file's text is its name, and has at most one.
        let sql = "SELECT chat, CASE WHEN octet_length(text) > 512 THEN 0 ELSE size IS NOT NULL END
                   FROM events WHERE id = ?1 AND kind = 5";
        self.ok(self.db()?.prepare_cached(sql).and_then(|mut query| {
            let queued = query.query_row([message as i64], |row| {
                Ok((row.get::<_, i64>(0)? as u64, row.get::<_, bool>(1)?))
            });
            queued.optional()
        }))
    }

    /// What came of a message of ours that is settled without being surely delivered.
    pub fn not_delivered(&self, message: u64) -> Result<Option<NotDelivered>, StoreError> {
        // Both have an index of their own: deliveries, of which there are many, have none.
        let sql = "SELECT reason FROM events WHERE kind = 7 AND message = ?1
                   UNION ALL SELECT NULL FROM events WHERE kind = 9 AND message = ?1";
        self.ok(self.db()?.prepare_cached(sql).and_then(|mut query| {
            let found = query.query_row([message as i64], |row| match row.get::<_, Option<i64>>(0)? {
                Some(_) => Ok(NotDelivered::Undelivered(of_number(row, 0, &Reason::ALL)?)),
                None => Ok(NotDelivered::Unconfirmed),
            });
            found.optional()
        }))
    }

    /// The message that sends this one again, if there is one.
    pub fn sent_again_as(&self, message: u64) -> Result<Option<u64>, StoreError> {
        // By the index `again`, which has few entries: nearly all messages are sent once.
        let sql = "SELECT id FROM events WHERE kind = 5 AND message IS NOT NULL AND message = ?1";
        self.ok(self
            .db()?
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row([message as i64], |row| row.get::<_, i64>(0)).optional())
            .map(|id| id.map(|id| id as u64)))
    }

    /// The message that was queued with this token, by an entry above `after`: its id and its chat; and the id up to
    /// which the log was looked through. If there is none, call again from there until that is the newest.
    pub fn with_token(&self, token: u64, after: u64) -> Result<(Option<(u64, u64)>, u64), StoreError> {
        // Tokens have no index, for a client asks within seconds: only the newest entries are looked through. No id may
        // be negative to SQLite, whatever the client says. A text is not read, though the token comes after it.
        let after = after.max(self.extent.last_id.saturating_sub(TOKEN_SCAN)).min(self.extent.last_id);
        let sql =
            "SELECT id, chat, CASE WHEN kind = 5 THEN seq END FROM events WHERE id > ?1 ORDER BY id LIMIT ?2";
        self.ok(self.db()?.prepare_cached(sql).and_then(|mut query| {
            let mut rows = query.query([after as i64, SCAN as i64])?;
            let (mut looked_at, mut looked) = (0, after);
            while let Some(row) = rows.next()? {
                (looked_at, looked) = (looked_at + 1, row.get::<_, i64>(0)? as u64);
                if row.get::<_, Option<i64>>(2)? == Some(token as i64) {
                    return Ok((Some((looked, row.get::<_, i64>(1)? as u64)), looked));
                }
            }
            Ok((None, if looked_at < SCAN { self.extent.last_id } else { looked }))
        }))
    }
}

/// A message in a row of `chat, address, user, text, size, host`.
pub(crate) fn our_message(row: &Row<'_>) -> rusqlite::Result<OurMessage> {
    let chat = row.get::<_, i64>(0)? as u64;
    let size = row.get::<_, Option<i64>>(4)?.map(|size| size as u64);
    Ok(OurMessage { chat, to: recipient(row, (1, 5))?, user: row.get(2)?, text: row.get(3)?, size })
}

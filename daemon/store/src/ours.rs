//! Messages of ours: those that wait for a chat, and what became of others. The outbox itself is in `kept_letters`.

use std::net::SocketAddr;

use rusqlite::{OptionalExtension as _, Row, params};
use simp_control::{Digest, Peer, Reason};
use simp_proto::secure::{Body, Offer};

use crate::error::StoreError;
use crate::read::SCAN;
use crate::recipient::{Recipient, recipient};
use crate::retain::GivenUp;
use crate::rows::of_number;
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

/// A message that waits for a chat to deliver it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingMessage {
    /// Its id.
    pub id: u64,
    /// What it is.
    pub body: Body,
    /// It is in the outbox.
    pub is_kept: bool,
}

/// Where messages of ours wait.
#[derive(Debug, Clone, Copy)]
pub struct Backlog {
    /// Those queued in this chat.
    pub chat: Option<u64>,
    /// And those in the outbox for the peer at this address.
    pub outbox: Option<SocketAddr>,
}

/// Of what comes after the last message that is settled: a file of ours waits only as long as it is not settled itself,
/// and a text unless it was taken back.
const UNSETTLED: &str = "CASE WHEN size IS NULL
    THEN NOT EXISTS (SELECT 1 FROM events AS u WHERE u.kind = 7 AND u.message = events.id)
    ELSE id IN (SELECT message FROM files) END";

/// What waits in a chat and in the outbox together. Each half comes out of its index in order, so that the
/// first few of many cost no more than these.
pub(crate) const WAITING: &str = "
    SELECT e.id, e.text, 0, e.size, f.sha256, e.answers
        FROM events AS e LEFT JOIN files AS f ON e.size IS NOT NULL AND f.message = e.id
        WHERE e.kind = 5 AND e.chat = ?1 AND e.id > ?2 AND CASE WHEN e.size IS NULL
            THEN NOT EXISTS (SELECT 1 FROM events AS u WHERE u.kind = 7 AND u.message = e.id)
            ELSE f.sha256 IS NOT NULL END
    UNION ALL
    SELECT o.message, text, 1, NULL, NULL, NULL FROM outbox AS o JOIN events ON id = o.message
        WHERE o.address = ?3 AND o.message > ?2
    ORDER BY 1 LIMIT ?4";

impl Store {
    /// Messages with ids above `after` that wait: how many.
    pub fn queued(&self, backlog: Backlog, after: u64) -> Result<u64, StoreError> {
        // Nothing equals NULL: a part that is not asked for counts as empty.
        let sql = format!(
            "SELECT (SELECT count(*) FROM events WHERE kind = 5 AND chat = ?1 AND id > ?2 AND {UNSETTLED})
                  + (SELECT count(*) FROM outbox WHERE address = ?3 AND message > ?2)"
        );
        let values = params![
            backlog.chat.map(|chat| chat as i64),
            after as i64,
            backlog.outbox.map(|address| address.to_string())
        ];
        self.ok(self
            .db()?
            .prepare_cached(&sql)
            .and_then(|mut query| query.query_row(values, |row| row.get::<_, i64>(0)))
            .map(|count| count as u64))
    }

    /// Messages with ids above `after` that wait, oldest first: at most so many, and no further once their texts have so
    /// many bytes.
    pub fn waiting(
        &self,
        backlog: Backlog,
        after: u64,
        (limit, bytes): (u64, usize),
    ) -> Result<Vec<WaitingMessage>, StoreError> {
        let address = backlog.outbox.map(|address| address.to_string());
        let values = params![backlog.chat.map(|chat| chat as i64), after as i64, address, limit as i64];
        self.ok(self.db()?.prepare_cached(WAITING).and_then(|mut query| {
            let (mut read, mut all) = (0, Vec::new());
            let mut rows = query.query(values)?;
            while read < bytes
                && let Some(row) = rows.next()?
            {
                let message = waiting(row)?;
                read += message.body.bytes();
                all.push(message);
            }
            Ok(all)
        }))
    }

    /// Appends that the messages with ids above `after` that were queued in this chat were given up, oldest first.
    pub fn give_up_queued(
        &mut self,
        at_ms: u64,
        chat: u64,
        peer: &Peer,
        after: u64,
        (reason, given_up): (Reason, GivenUp),
    ) -> Result<(), StoreError> {
        self.begin()?;
        self.piece.note(peer);
        let sql = format!(
            "INSERT INTO events (id, at, kind, chat, address, user, message, reason, text, seq, key, size)
                SELECT ?1 + row_number() OVER (ORDER BY id), ?2, 7, ?3, ?4, ?5, id, ?6, NULL,
                       CASE WHEN size IS NULL THEN ?8 ELSE 1 END, NULL, NULL
                   FROM events WHERE kind = 5 AND chat = ?3 AND id > ?7 AND {UNSETTLED}"
        );
        let row = params![
            self.extent.last_id as i64,
            at_ms as i64,
            chat as i64,
            peer.address,
            peer.user,
            reason as i64,
            after as i64,
            given_up.extra().map(|extra| extra as i64)
        ];
        let entries = self.write(&sql, row)? as u64;
        self.drop_queued_files(chat, after)?;
        self.settled += entries;
        self.note_appended(entries);
        Ok(())
    }

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
        let sql = "SELECT chat, seq FROM events WHERE id = ?1 AND kind = 4 AND seq IS NOT NULL";
        self.ok(self.db()?.prepare_cached(sql).and_then(|mut query| {
            let number = |row: &Row<'_>, column| row.get::<_, i64>(column).map(|number| number as u64);
            query.query_row([message as i64], |row| Ok((number(row, 0)?, number(row, 1)?))).optional()
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

fn waiting(row: &Row<'_>) -> rusqlite::Result<WaitingMessage> {
    let (id, text, is_kept) = (row.get::<_, i64>(0)? as u64, row.get(1)?, row.get(2)?);
    let body = match (row.get::<_, Option<i64>>(3)?, row.get::<_, Option<_>>(4)?) {
        (Some(size), Some(sha256)) => {
            Body::File(Offer { name: text, size: size as u64, sha256: Digest::new(sha256) })
        }
        _ => match row.get::<_, Option<i64>>(5)? {
            Some(to) => Body::Answer { text, to: to as u64 },
            None => Body::Text(text),
        },
    };
    Ok(WaitingMessage { id, body, is_kept })
}

//! Our messages that wait: for the chat that they were queued in, and in the outbox for a chat to come.
//!
//! Those of chats that waited when all chats were kept last are in the table `waiting`, those queued since in `since`. So a message
//! that is delivered soon, as nearly all are, costs no place in an index: with many chats each would be on another page of it.

use std::net::SocketAddr;

use rusqlite::{OptionalExtension as _, Row, params};
use simp_control::{Digest, Peer, Reason, What};
use simp_proto::secure::{Body, Offer};

use crate::error::StoreError;
use crate::retain::GivenUp;
use crate::store::Store;

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

/// Of what comes after the last message that is settled: a file of ours waits only as long as it is not settled itself, and a
/// text unless it was taken back.
const UNSETTLED: &str = "CASE WHEN e.size IS NULL
    THEN NOT EXISTS (SELECT 1 FROM events AS u WHERE u.kind = 7 AND u.message = e.id)
    ELSE e.id IN (SELECT message FROM files) END";

/// What waits in a chat of those that waited before, and in the outbox, together. Each half comes out of its index in order,
/// so that the first few of many cost no more than these.
pub(crate) fn sql_before() -> String {
    format!(
        "SELECT w.message, e.text, 0, e.size, f.sha256, e.answers
            FROM waiting AS w JOIN events AS e ON e.id = w.message
            LEFT JOIN files AS f ON e.size IS NOT NULL AND f.message = e.id
            WHERE w.chat = ?1 AND w.message > ?2 AND {UNSETTLED}
        UNION ALL
        SELECT o.message, text, 1, NULL, NULL, NULL FROM outbox AS o JOIN events ON id = o.message
            WHERE o.address = ?3 AND o.message > ?2
        ORDER BY 1 LIMIT ?4"
    )
}

/// The first of these: at most so many, and no further once their texts have so many bytes.
fn first<E>(
    messages: impl Iterator<Item = Result<WaitingMessage, E>>,
    (limit, bytes): (u64, usize),
) -> Result<Vec<WaitingMessage>, E> {
    let (mut first, mut read) = (Vec::new(), 0);
    for message in messages.take(usize::try_from(limit).unwrap_or(usize::MAX)) {
        let message = message?;
        read += message.body.bytes();
        first.push(message);
        if read >= bytes {
            break;
        }
    }
    Ok(first)
}

impl Store {
    /// Messages with ids above `after` that wait: how many.
    pub fn queued(&self, backlog: Backlog, after: u64) -> Result<u64, StoreError> {
        // Nothing equals NULL: a part that is not asked for counts as empty.
        let sql = format!(
            "SELECT (SELECT count(*) FROM waiting AS w JOIN events AS e ON e.id = w.message
                        WHERE w.chat = ?1 AND w.message > ?2 AND {UNSETTLED})
                  + (SELECT count(*) FROM outbox WHERE address = ?3 AND message > ?2)"
        );
        let values = params![
            backlog.chat.map(|chat| chat as i64),
            after as i64,
            backlog.outbox.map(|address| address.to_string())
        ];
        let before = self.ok(self
            .db()?
            .prepare_cached(&sql)
            .and_then(|mut query| query.query_row(values, |row| row.get::<_, i64>(0))))?;
        let mut count = before as u64;
        for message in self.since.of(backlog.chat, after) {
            count += u64::from(self.unsettled(*message)?.is_some());
        }
        Ok(count)
    }

    /// Messages with ids above `after` that wait, oldest first: at most so many, and no further once their texts have so
    /// many bytes.
    pub fn waiting(
        &self,
        backlog: Backlog,
        after: u64,
        most: (u64, usize),
    ) -> Result<Vec<WaitingMessage>, StoreError> {
        let address = backlog.outbox.map(|address| address.to_string());
        let values = params![backlog.chat.map(|chat| chat as i64), after as i64, address, most.0 as i64];
        let mut all = self.ok(self
            .db()?
            .prepare_cached(&sql_before())
            .and_then(|mut query| first(query.query_map(values, waiting)?, most)))?;
        let since = self.since.of(backlog.chat, after).iter();
        all.extend(first(since.filter_map(|message| self.waiting_since(*message).transpose()), most)?);
        // Those of the outbox may be newer. Of both there are enough.
        all.sort_by_key(|message| message.id);
        first(all.into_iter().map(Ok), most)
    }

    /// Whether this message of a chat waits: if so, whether it is a file.
    fn unsettled(&self, message: u64) -> Result<Option<bool>, StoreError> {
        let sql =
            format!("SELECT size IS NOT NULL FROM events AS e WHERE id = ?1 AND kind = 5 AND {UNSETTLED}");
        self.ok(self
            .db()?
            .prepare_cached(&sql)
            .and_then(|mut query| query.query_row([message as i64], |row| row.get(0)).optional()))
    }

    /// This message of a chat, if it waits.
    fn waiting_since(&self, message: u64) -> Result<Option<WaitingMessage>, StoreError> {
        let sql = format!(
            "SELECT e.id, e.text, 0, e.size, f.sha256, e.answers FROM events AS e
                LEFT JOIN files AS f ON e.size IS NOT NULL AND f.message = e.id WHERE e.id = ?1 AND {UNSETTLED}"
        );
        self.ok(self
            .db()?
            .prepare_cached(&sql)
            .and_then(|mut query| query.query_row([message as i64], waiting).optional()))
    }

    /// The oldest message with an id above `after` that was queued in this chat, and is no file.
    pub fn oldest_queued(&self, chat: u64, after: u64) -> Result<Option<u64>, StoreError> {
        let sql = format!(
            "SELECT w.message FROM waiting AS w JOIN events AS e ON e.id = w.message
                WHERE w.chat = ?1 AND w.message > ?2 AND e.size IS NULL AND {UNSETTLED} ORDER BY w.message LIMIT 1"
        );
        let values = [chat as i64, after as i64];
        let before = self.ok(self
            .db()?
            .prepare_cached(&sql)
            .and_then(|mut query| query.query_row(values, |row| row.get::<_, i64>(0)).optional()))?;
        if let Some(message) = before {
            return Ok(Some(message as u64));
        }
        for message in self.since.of(Some(chat), after) {
            if self.unsettled(*message)? == Some(false) {
                return Ok(Some(*message));
            }
        }
        Ok(None)
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
                SELECT ?1 + row_number() OVER (ORDER BY e.id), ?2, 7, ?3, ?4, ?5, e.id, ?6, NULL,
                       CASE WHEN e.size IS NULL THEN ?8 ELSE 1 END, NULL, NULL
                   FROM waiting AS w JOIN events AS e ON e.id = w.message
                   WHERE w.chat = ?3 AND w.message > ?7 AND {UNSETTLED}"
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
        // At once: there may be as many as a user can queue, and one by one they would hold everybody up.
        let entries = self.write(&sql, row)? as u64;
        self.settled += entries;
        self.note_appended(entries);
        // Of these there are no more than chats are kept after.
        for message in self.since.of(Some(chat), after).to_vec() {
            if let Some(is_file) = self.unsettled(message)? {
                let extra = if is_file { GivenUp::Goes } else { given_up }.extra();
                self.append(at_ms, Some(chat), peer.clone(), What::Undelivered { message, reason }, extra);
            }
        }
        self.drop_queued_files(chat, after)
    }

    /// The row of a chat says that messages up to this one are settled.
    pub(crate) fn drop_settled(&mut self, chat: u64, settled: u64) -> Result<(), StoreError> {
        self.since.note_settled(chat, settled);
        let values = [chat as i64, settled as i64];
        self.write_aside("DELETE FROM waiting WHERE chat = ?1 AND message <= ?2", values).map(drop)
    }

    /// A chat is over.
    pub(crate) fn drop_waiting(&mut self, chat: u64) -> Result<(), StoreError> {
        self.since.forget(chat);
        self.write_aside("DELETE FROM waiting WHERE chat = ?1", [chat as i64]).map(drop)
    }

    /// All chats were kept as of this entry: what still waits goes into the table.
    pub(crate) fn keep_waiting(&mut self, through: u64) -> Result<(), StoreError> {
        for (chat, message) in self.since.take_through(through) {
            self.write_aside("INSERT INTO waiting VALUES (?1, ?2)", [chat as i64, message as i64])?;
        }
        Ok(())
    }
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

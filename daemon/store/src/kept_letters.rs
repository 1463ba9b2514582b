//! The outbox: messages that outlive chats, each for an address or for a host, which is wherever it was found last.

use std::net::SocketAddr;

use rusqlite::{OptionalExtension as _, Row, params};
use simp_control::HostName;

use crate::error::StoreError;
use crate::read::BYTES_PER_READ;
use crate::recipient::{Recipient, address, host, recipient};
use crate::store::{OutboxSize, Store};

/// A message in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptLetter {
    /// Its id.
    pub message: u64,
    /// Who is to have it.
    pub to: Recipient,
    /// The name known of it when it was queued; empty if none was.
    pub user: String,
    /// What it says.
    pub text: String,
    /// When it was queued, in milliseconds since 1970.
    pub at_ms: u64,
    /// How long after that it is given up, in milliseconds.
    pub expires_after_ms: Option<u64>,
}

/// A message in the outbox, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressed {
    /// Its id.
    pub message: u64,
    /// Who is to have it.
    pub to: Recipient,
    /// The name known of it when it was queued; empty if none was.
    pub user: String,
}

/// A message that has left the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its id.
    pub message: u64,
    /// The host that it was for.
    pub host: Option<HostName>,
}

const KEPT: &str = "SELECT o.message, o.address, user, text, at, expires, o.host
    FROM outbox AS o JOIN events ON id = o.message";

impl Store {
    /// Puts a message, whose `queued` entry has been appended and has a text of so many bytes, into the outbox.
    pub fn keep_in_outbox(
        &mut self,
        message: u64,
        to: &Recipient,
        bytes: u64,
        expires_after_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        self.begin()?;
        let (address, host) = (to.address().map(|at| at.to_string()), to.host().map(HostName::to_string));
        let expires = expires_after_ms.map(|ms| ms as i64);
        let values = params![message as i64, address, host, expires, bytes as i64];
        self.write_aside("INSERT INTO outbox VALUES (?1, ?2, ?3, ?4, ?5)", values)?;
        let OutboxSize { messages, bytes: before } = self.extent.outbox;
        self.extent.outbox = OutboxSize { messages: messages + 1, bytes: before + bytes };
        Ok(())
    }

    /// Takes a message out of the outbox. `None` if it is not there.
    pub fn take_from_outbox(&mut self, message: u64) -> Result<Option<Taken>, StoreError> {
        self.begin()?;
        let sql = "DELETE FROM outbox WHERE message = ?1 RETURNING host, bytes";
        let taken = self.ok(self.aside().prepare_cached(sql).and_then(|mut statement| {
            let taken = statement.query_row([message as i64], |row| {
                Ok((Taken { message, host: host(row, 0)? }, row.get::<_, i64>(1)? as u64))
            });
            taken.optional()
        }))?;
        Ok(taken.map(|(taken, bytes)| {
            let OutboxSize { messages, bytes: before } = self.extent.outbox;
            self.extent.outbox =
                OutboxSize { messages: messages.saturating_sub(1), bytes: before.saturating_sub(bytes) };
            taken
        }))
    }

    /// How much the outbox holds.
    pub fn outbox_size(&self) -> OutboxSize {
        self.extent.outbox
    }

    /// The message with this id, if it is in the outbox.
    pub fn in_outbox(&self, message: u64) -> Result<Option<KeptLetter>, StoreError> {
        self.ok(self
            .db()?
            .prepare_cached(&format!("{KEPT} WHERE o.message = ?1"))
            .and_then(|mut query| query.query_row([message as i64], kept).optional()))
    }

    /// Whether the message with this id is in the outbox.
    pub fn is_in_outbox(&self, message: u64) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM outbox WHERE message = ?1)";
        self.ok(self
            .db()?
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row([message as i64], |row| row.get(0))))
    }

    /// The messages in the outbox with ids above `after`, oldest first, at most `limit`, and as many as have
    /// [`BYTES_PER_READ`] together, but one at least; and whether there are more.
    pub fn outbox(&self, after: u64, limit: usize) -> Result<(Vec<KeptLetter>, bool), StoreError> {
        // `after` is a client's, and as a signed number it might be negative: above the newest it means the same.
        let sql = format!("{KEPT} WHERE o.message > ?1 ORDER BY o.message LIMIT ?2");
        self.ok(self.db()?.prepare_cached(&sql).and_then(|mut query| {
            let (mut messages, mut bytes) = (Vec::new(), 0);
            for message in query.query_map([after.min(self.extent.last_id) as i64, limit as i64 + 1], kept)? {
                let message = message?;
                bytes += message.text.len();
                if messages.len() == limit || (bytes > BYTES_PER_READ && !messages.is_empty()) {
                    return Ok((messages, true));
                }
                messages.push(message);
            }
            Ok((messages, false))
        }))
    }

    /// For whom the messages in the outbox with ids above `after` are, oldest first, at most `limit`.
    pub fn addressed(&self, after: u64, limit: usize) -> Result<Vec<Addressed>, StoreError> {
        let sql = "SELECT o.message, o.address, o.host, user FROM outbox AS o JOIN events ON id = o.message
                   WHERE o.message > ?1 ORDER BY o.message LIMIT ?2";
        self.ok(self.db()?.prepare_cached(sql).and_then(|mut query| {
            let values = [after.min(self.extent.last_id) as i64, limit as i64];
            let addressed = |row: &Row<'_>| {
                let message = row.get::<_, i64>(0)? as u64;
                Ok(Addressed { message, to: recipient(row, (1, 2))?, user: row.get(3)? })
            };
            query.query_map(values, addressed)?.collect()
        }))
    }

    /// The addresses that the outbox has messages for, and how many.
    pub fn outbox_peers(&self) -> Result<Vec<(SocketAddr, u64)>, StoreError> {
        // Once per start, so that the statement need not be kept.
        let sql = "SELECT address, count(*) FROM outbox WHERE address IS NOT NULL GROUP BY address";
        self.ok(self.db()?.prepare(sql).and_then(|mut query| {
            query.query_map([], |row| Ok((address(row, 0)?, row.get::<_, i64>(1)? as u64)))?.collect()
        }))
    }

    /// The hosts that the outbox has messages for, where each was found last, and how many.
    pub fn outbox_hosts(&self) -> Result<Vec<(HostName, Option<SocketAddr>, u64)>, StoreError> {
        // Once per start as well. All messages of a host have the same address.
        let sql = "SELECT host, max(address), count(*) FROM outbox WHERE host IS NOT NULL GROUP BY host";
        self.ok(self.db()?.prepare(sql).and_then(|mut query| {
            let hosts =
                query.query_map([], |row| Ok((recipient(row, (1, 0))?, row.get::<_, i64>(2)? as u64)))?;
            let mut all = Vec::new();
            for found in hosts {
                if let (Recipient::Host(host, at), messages) = found? {
                    all.push((host, at, messages));
                }
            }
            Ok(all)
        }))
    }

    /// The messages for this host are for this address from now on.
    pub fn move_outbox(&mut self, host: &HostName, to: SocketAddr) -> Result<(), StoreError> {
        self.begin()?;
        let values = params![host.to_string(), to.to_string()];
        self.write("UPDATE outbox SET address = ?2 WHERE host = ?1", values).map(drop)
    }

    /// The oldest message for this host, if there is one.
    pub fn oldest_for(&self, host: &HostName) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT min(message) FROM outbox WHERE host = ?1";
        self.ok(self.db()?.prepare_cached(sql).and_then(|mut query| {
            query.query_row([host.to_string()], |row| Ok(row.get::<_, Option<i64>>(0)?.map(|id| id as u64)))
        }))
    }

    /// The messages in the outbox that are given up at some time: when they were queued, and how long after that, in
    /// milliseconds.
    pub fn expiring(&self) -> Result<Vec<(u64, u64, u64)>, StoreError> {
        // Once per start as well. Both numbers: what a jump of the clock means is the engine's to decide.
        let sql = "SELECT o.message, at, expires FROM outbox AS o JOIN events ON id = o.message WHERE expires IS NOT NULL";
        self.ok(self.db()?.prepare(sql).and_then(|mut query| {
            let number = |row: &Row<'_>, column| row.get::<_, i64>(column).map(|number| number as u64);
            query.query_map([], |row| Ok((number(row, 0)?, number(row, 1)?, number(row, 2)?)))?.collect()
        }))
    }

    /// The messages in the outbox for the peer at this address, or only those for this host, whose texts have more bytes than this, or are not ASCII
    /// if they have to be.
    pub fn unfit_in_outbox(
        &self,
        (address, host): (SocketAddr, Option<&HostName>),
        most: u64,
        has_to_be_ascii: bool,
    ) -> Result<Vec<u64>, StoreError> {
        // Of a text, `length` counts characters; what a peer receives is limited in bytes. Both are the same in ASCII.
        let sql = "SELECT o.message FROM outbox AS o JOIN events ON id = o.message
                   WHERE o.address = ?1 AND (?4 IS NULL OR o.host = ?4) AND (length(CAST(text AS BLOB)) > ?2
                       OR (?3 AND length(CAST(text AS BLOB)) <> length(text))) ORDER BY 1";
        self.ok(self.db()?.prepare_cached(sql).and_then(|mut query| {
            let (most, host) = (most.min(i64::MAX as u64) as i64, host.map(HostName::to_string));
            let values = params![address.to_string(), most, has_to_be_ascii, host];
            query.query_map(values, |row| row.get::<_, i64>(0).map(|id| id as u64))?.collect()
        }))
    }
}

fn kept(row: &Row<'_>) -> rusqlite::Result<KeptLetter> {
    Ok(KeptLetter {
        message: row.get::<_, i64>(0)? as u64,
        to: recipient(row, (1, 6))?,
        user: row.get(2)?,
        text: row.get(3)?,
        at_ms: row.get::<_, i64>(4)? as u64,
        expires_after_ms: row.get::<_, Option<i64>>(5)?.map(|ms| ms as u64),
    })
}

//! The oldest messages in the outbox, each found by an index, and since when they wait.

use std::net::SocketAddr;

use rusqlite::OptionalExtension as _;
use simp_control::Peer;

use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// The oldest message in the outbox for the peer at this address, or of all if it is `None`.
    pub fn oldest_in_outbox(&self, address: Option<SocketAddr>) -> Result<Option<u64>, StoreError> {
        let sql = match address {
            Some(_) => "SELECT min(message) FROM outbox WHERE address = ?1",
            None => "SELECT min(message) FROM outbox WHERE ?1 IS NULL",
        };
        let address = address.map(|address| address.to_string());
        self.ok(self.db()?.prepare_cached(sql).and_then(|mut query| {
            let oldest = query.query_row([address], |row| row.get::<_, Option<i64>>(0))?;
            Ok(oldest.map(|message| message as u64))
        }))
    }

    /// When a message of ours was queued, in milliseconds since 1970, and for whom.
    pub fn queued_at(&self, message: u64) -> Result<Option<(u64, Peer)>, StoreError> {
        let sql = "SELECT at, user, address FROM events WHERE id = ?1 AND kind = 5";
        self.ok(self.db()?.prepare_cached(sql).and_then(|mut query| {
            let queued = query.query_row([message as i64], |row| {
                let peer = Peer { user: row.get(1)?, address: row.get(2)? };
                Ok((row.get::<_, i64>(0)? as u64, peer))
            });
            queued.optional()
        }))
    }
}

//! Numbers of messages that peers may send again in a next chat, so that they are not taken for new ones then.

use rusqlite::params;
use simp_control::KeyId;

use crate::error::StoreError;
use crate::store::Store;

/// So many of each peer are known at least: none has more under way that it has not heard of.
const NUMBERS_KEPT: i64 = 512;

/// How many more are known before they are dropped: not each message pays for that.
const DROP_EVERY: i64 = 64;

/// Most peers whose numbers are known: beyond, those are dropped of the peers that were not seen for longest.
const PEERS_MAX: u64 = 1_024;

/// So many peers' at once: to find out who they are, all are looked at.
const DROPPED_AT_ONCE: u64 = 64;

impl Store {
    /// Notes that the message with this number is here. The peer's numbers count what is in its log of this id.
    pub fn note_kept(&mut self, key: KeyId, log: &str, number: u64) -> Result<(), StoreError> {
        self.begin()?;
        // Each peer's are in the order in which they came.
        let newest = "SELECT coalesce(max(place), 0) FROM kept_numbers WHERE key = ?1";
        let newest: i64 = self.ok(self
            .aside()
            .prepare_cached(newest)
            .and_then(|mut query| query.query_row([key.as_bytes()], |row| row.get(0))))?;
        let place = newest + 1;
        let row = params![key.as_bytes(), place, log, number as i64];
        self.write_aside("INSERT INTO kept_numbers VALUES (?1, ?2, ?3, ?4)", row)?;
        if place == 1 {
            self.extent.bounded.numbered += 1;
            self.drop_surplus_numbers(key)?;
        }
        if place % DROP_EVERY == 0 {
            let sql = "DELETE FROM kept_numbers WHERE key = ?1 AND place <= ?2";
            self.write_aside(sql, params![key.as_bytes(), place - NUMBERS_KEPT])?;
        }
        Ok(())
    }

    /// With this peer there may be one too many.
    fn drop_surplus_numbers(&mut self, but: KeyId) -> Result<(), StoreError> {
        if self.extent.bounded.numbered <= PEERS_MAX {
            return Ok(());
        }
        // From key to key by the index: each may have hundreds of rows.
        let sql = "WITH RECURSIVE peers (key) AS (
                SELECT min(key) FROM kept_numbers
                UNION ALL
                SELECT (SELECT min(key) FROM kept_numbers WHERE key > peers.key) FROM peers WHERE key IS NOT NULL)
            SELECT key FROM peers WHERE key <> ?1
            ORDER BY (SELECT max(seen) FROM keys WHERE keys.key = peers.key) LIMIT ?2";
        let oldest: Vec<[u8; 32]> = self.ok(self.db()?.prepare_cached(sql).and_then(|mut query| {
            query.query_map(params![but.as_bytes(), DROPPED_AT_ONCE as i64], |row| row.get(0))?.collect()
        }))?;
        for key in &oldest {
            self.write("DELETE FROM kept_numbers WHERE key = ?1", [key])?;
        }
        self.extent.bounded.numbered -= oldest.len() as u64;
        Ok(())
    }

    /// The numbers of this peer's messages that are here, in ascending order; at least the newest 512.
    pub fn kept_numbers(&self, key: KeyId, log: &str) -> Result<Vec<u64>, StoreError> {
        let sql = "SELECT number FROM kept_numbers WHERE key = ?1 AND log = ?2";
        let mut numbers: Vec<u64> = self.ok(self.db()?.prepare_cached(sql).and_then(|mut query| {
            let number = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0).map(|number| number as u64);
            query.query_map(params![key.as_bytes(), log], number)?.collect()
        }))?;
        numbers.sort_unstable();
        Ok(numbers)
    }
}

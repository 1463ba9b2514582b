//! The consumers: how far each reader of the log is.

use rusqlite::{OptionalExtension as _, params};
use simp_control::Consumer;

use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// The last entry that a consumer has seen; `None` if there is no such consumer.
    pub fn mark(&self, consumer: &str) -> Result<Option<u64>, StoreError> {
        self.ok(self
            .db()?
            .prepare_cached("SELECT seen FROM consumers WHERE name = ?1")
            .and_then(|mut query| query.query_row([consumer], |row| row.get::<_, i64>(0)).optional())
            .map(|seen| seen.map(|seen| seen as u64)))
    }

    /// Moves a consumer's mark, never backwards.
    pub fn set_mark(&mut self, consumer: &str, seen: u64) -> Result<(), StoreError> {
        self.begin()?;
        // Clients may report what they have seen in any order.
        self.write(
            "INSERT INTO consumers VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET seen = max(seen, ?2)",
            params![consumer, seen as i64],
        )?;
        Ok(())
    }

    /// Forgets a consumer. False if there is none of this name.
    pub fn forget_consumer(&mut self, consumer: &str) -> Result<bool, StoreError> {
        self.begin()?;
        Ok(self.write("DELETE FROM consumers WHERE name = ?1", [consumer])? > 0)
    }

    /// How many consumers there are.
    pub fn consumer_count(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM consumers";
        self.ok(self
            .db()?
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row([], |row| row.get::<_, i64>(0)))
            .map(|count| count as u64))
    }

    /// All consumers, by name.
    pub fn consumers(&self) -> Result<Vec<Consumer>, StoreError> {
        self.ok(self.db()?.prepare_cached("SELECT name, seen FROM consumers ORDER BY name").and_then(
            |mut query| {
                query
                    .query_map([], |row| {
                        Ok(Consumer { name: row.get(0)?, seen: row.get::<_, i64>(1)? as u64 })
                    })?
                    .collect()
            },
        ))
    }
}

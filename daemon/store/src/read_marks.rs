//! How far our user has read what each peer has written, by the peer's address.

use rusqlite::params;

use crate::error::StoreError;
use crate::store::Store;

/// Most marks that are kept: beyond, those of what was read longest ago go. As many as there are peers that are remembered.
pub(crate) const MARKS_MAX: u64 = 10_000;

impl Store {
    /// Moves the mark of the peer at this address, never backwards.
    pub fn set_read(&mut self, address: &str, read: u64) -> Result<(), StoreError> {
        self.begin()?;
        let added = self.change_or_add(
            "UPDATE read_marks SET read = max(read, ?2) WHERE address = ?1",
            "INSERT INTO read_marks VALUES (?1, ?2)",
            params![address, read as i64],
        )?;
        self.extent.bounded.read_marks += added;
        if self.extent.bounded.read_marks > MARKS_MAX {
            // By an index.
            let oldest = "DELETE FROM read_marks WHERE address = (
                SELECT address FROM read_marks ORDER BY read LIMIT 1)";
            self.extent.bounded.read_marks -= self.write(oldest, [])? as u64;
        }
        Ok(())
    }
}

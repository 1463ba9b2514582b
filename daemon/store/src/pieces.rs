//! Passing over pieces of the log that have nothing of whom somebody looks for.

use rusqlite::{OptionalExtension as _, params};
use simp_control::Who;

use crate::error::StoreError;
use crate::piece::{Piece, lets_through};
use crate::store::Store;

/// So many are passed over in one call.
const PASSED_MAX: usize = 256;

impl Store {
    /// Writes the piece that is under way, with all else that waits for a commit: before a stop.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written: its entries are in no piece then.
    pub fn end_piece(&mut self) -> Result<(), StoreError> {
        // With that it is not longer than it may be.
        self.commit()?;
        let newest = self.extent.last_id;
        if self.piece.after < newest {
            self.write_piece()?;
            self.commit()?;
            self.piece.end(newest);
        }
        Ok(())
    }

    pub(crate) fn write_piece(&self) -> Result<(), StoreError> {
        self.begin()?;
        let after = self.piece.after as i64;
        // What there was of it at the last stop.
        self.write_aside("DELETE FROM pieces WHERE until > ?1", [after])?;
        let row = params![self.extent.last_id as i64, after, self.piece.sieve];
        self.write_aside("INSERT INTO pieces VALUES (?1, ?2, ?3)", row).map(drop)
    }

    /// The piece that goes on: the last one, if nothing came after it and it may be longer, or a new one. A simpd that is started
    /// time and again adds none each time.
    pub(crate) fn last_piece(&self) -> rusqlite::Result<Piece> {
        let newest = self.extent.last_id;
        let sql = "SELECT after, sieve FROM pieces WHERE until = ?1";
        let last = self.aside().query_row(sql, [newest as i64], |row| {
            Ok(Piece::resume(row.get::<_, i64>(0)? as u64, row.get(1)?))
        });
        let last = last.optional()?.filter(|piece| !piece.is_long_enough(newest));
        Ok(last.unwrap_or_else(|| Piece::begin(newest)))
    }

    /// Forgets the pieces of which nothing is left, now that this part of the log was gone through. Something older may be.
    pub(crate) fn drop_pieces(&self, after: u64, until: u64) -> Result<(), StoreError> {
        // What shares a row with later ones may be left: without its piece it is looked at entry by entry.
        let sql = "DELETE FROM pieces WHERE until < ?1 OR (until > ?2 AND until <= ?3
            AND NOT EXISTS (SELECT 1 FROM events WHERE id > pieces.after AND id <= pieces.until))";
        let first = self.extent.first_id as i64;
        self.write_aside(sql, [first, after as i64, until as i64]).map(drop)
    }

    /// The end of the pieces from this entry on, upwards, that have nothing of these peers.
    pub(crate) fn pass_up(&self, after: u64, who: &Who) -> Result<u64, StoreError> {
        self.pass(after, who, |after| after + 1, |piece| piece.1)
    }

    /// The same downwards, from the entry below this one.
    pub(crate) fn pass_down(&self, before: u64, who: &Who) -> Result<u64, StoreError> {
        self.pass(before, who, |before| before.saturating_sub(1), |piece| piece.0 + 1)
    }

    fn pass(
        &self,
        mut place: u64,
        who: &Who,
        next: impl Fn(u64) -> u64,
        end: impl Fn((u64, u64)) -> u64,
    ) -> Result<u64, StoreError> {
        self.ok(self
            .aside()
            .prepare_cached("SELECT after, until, sieve FROM pieces WHERE until >= ?1 ORDER BY until LIMIT 1")
            .and_then(|mut query| {
                for _ in 0..PASSED_MAX {
                    let piece = query
                        .query_row([next(place) as i64], |row| {
                            let sieve = row.get_ref(2)?.as_blob()?;
                            let is_of_others = !lets_through(sieve, who);
                            Ok(((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64), is_of_others))
                        })
                        .optional()?;
                    match piece {
                        Some(((after, until), true)) if after < next(place) => place = end((after, until)),
                        _ => break,
                    }
                }
                Ok(place)
            }))
    }
}

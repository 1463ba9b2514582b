//! The epochs of the log: by them a copy that went its own way is known, however long it has become.

use simp_control::{Epoch, Epochs};

use crate::error::StoreError;
use crate::store::Store;

/// So many of the newest are kept, and told to each client. Whoever stayed away for more runs than that takes the log for
/// another one: that is on the safe side.
const EPOCHS_MAX: i64 = 100;

impl Store {
    /// The newest epochs of the log, up to that of this run.
    pub fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// Begins an epoch after the newest entry, with the next commit.
    pub(crate) fn begin_epoch(&mut self) -> Result<(), StoreError> {
        self.begin()?;
        let newest = self.extent.last_id as i64;
        // Nothing was appended in these: nobody knows an entry of them, and a simpd that is started time and again adds none.
        self.write("DELETE FROM epochs WHERE after >= ?1", [newest])?;
        // At random in the log itself, and only now: a copy of it cannot have the same.
        self.write("INSERT INTO epochs VALUES (?1, random())", [newest])?;
        let oldest =
            "DELETE FROM epochs WHERE after NOT IN (SELECT after FROM epochs ORDER BY after DESC LIMIT ?1)";
        self.write(oldest, [EPOCHS_MAX])?;
        let sql = "SELECT after, id FROM epochs ORDER BY after";
        let epochs = self.ok(self.db()?.prepare(sql).and_then(|mut query| {
            let number =
                |row: &rusqlite::Row<'_>, column| row.get::<_, i64>(column).map(|number| number as u64);
            query.query_map([], |row| Ok(Epoch { after: number(row, 0)?, id: number(row, 1)? }))?.collect()
        }))?;
        self.epochs = Epochs::new(epochs);
        Ok(())
    }
}

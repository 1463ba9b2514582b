//! A log that comes from a backup: whether it is one, and which it is from now on.

use std::path::Path;

use rusqlite::Connection;
use simp_control::LogId;

use crate::error::StoreError;
use crate::runs::FIRST_OF_SEVERAL;
use crate::store::Store;

/// Whether this file is a whole database of SQLite, and nothing but data: what comes from elsewhere may have statements of its
/// own, which would run with ours.
///
/// # Errors
/// [`StoreError`]: `Damaged` if it is not, or what keeps it from being read.
pub fn check_file(path: &Path) -> Result<(), StoreError> {
    let explain = |error| StoreError::explain(path, error);
    let db = Connection::open(path).map_err(explain)?;
    // Without it others could use the file, and that takes a further one.
    db.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(explain)?;
    let statements = "SELECT count(*) FROM sqlite_schema WHERE type NOT IN ('table', 'index')";
    db.pragma_update(None, "trusted_schema", false).map_err(explain)?;
    let statements: i64 = db.query_row(statements, [], |row| row.get(0)).map_err(explain)?;
    let found: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(explain)?;
    if statements == 0 && found == "ok" { Ok(()) } else { Err(StoreError::Damaged(path.to_owned())) }
}

impl Store {
    /// Makes it another log, with the next commit: its next entries are not those that others have seen of the log that it
    /// was, although they have the same ids. Peers count the messages of each log by itself.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written.
    pub fn become_another(&mut self) -> Result<(), StoreError> {
        self.begin()?;
        self.write("UPDATE log SET id = lower(hex(randomblob(16)))", [])?;
        let id = self.ok(self.db()?.query_row("SELECT id FROM log", [], |row| row.get::<_, String>(0)))?;
        self.id = LogId::new(id);
        Ok(())
    }

    /// How many entries there are.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn entries(&self) -> Result<u64, StoreError> {
        let sql = format!("SELECT coalesce(sum(1 + id - coalesce({FIRST_OF_SEVERAL}, id)), 0) FROM events");
        let count = self.db()?.query_row(&sql, [], |row| row.get::<_, i64>(0));
        Ok(self.ok(count)? as u64)
    }
}

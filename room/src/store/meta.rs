//! Single values by their names, and what makes no sense in a row.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Transaction};

pub(super) fn meta(db: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT value FROM meta WHERE key = ?1";
    db.query_row(sql, [key], |row| row.get(0)).optional()
}

/// What stands in a row makes no sense.
pub(super) fn senseless(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
}

pub(super) fn keep_meta(all: &Transaction<'_>, key: &str, value: &str) -> rusqlite::Result<()> {
    all.prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")?.execute([key, value])?;
    Ok(())
}

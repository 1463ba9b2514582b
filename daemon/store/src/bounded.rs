//! Tables that hold so many rows at most. How many they have is counted here: no statement looks through a table to learn
//! that, so what it costs to add a row does not grow with them.

use rusqlite::Connection;

/// How many rows the bounded tables have, with what is not committed yet.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bounded {
    /// How peers speak.
    pub(crate) peers: u64,
    /// Keys of peers.
    pub(crate) keys: u64,
    /// How far peers were read.
    pub(crate) read_marks: u64,
    /// Keys in `kept_numbers`; each has many rows there.
    pub(crate) numbered: u64,
}

impl Bounded {
    /// As the tables are. Looks through them: they are no larger than their bounds.
    pub(crate) fn measure(db: &Connection) -> rusqlite::Result<Self> {
        let count = |sql| db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|count| count as u64);
        Ok(Self {
            peers: count("SELECT count(*) FROM peers")?,
            keys: count("SELECT count(*) FROM keys")?,
            read_marks: count("SELECT count(*) FROM read_marks")?,
            // From key to key by the index: each may have hundreds of rows.
            numbered: count(
                "WITH RECURSIVE numbered (key) AS (
                    SELECT min(key) FROM kept_numbers
                    UNION ALL
                    SELECT (SELECT min(key) FROM kept_numbers WHERE key > numbered.key)
                        FROM numbered WHERE key IS NOT NULL)
                SELECT count(key) FROM numbered",
            )?,
        })
    }
}

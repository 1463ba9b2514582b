//! Messages of ours by the names that clients gave them: a name is one message, as long as the log has that.

use rusqlite::{OptionalExtension as _, params};

use crate::error::StoreError;
use crate::ours::{OurMessage, our_message};
use crate::store::Store;

impl Store {
    /// The message that has this name: its id, and what it is.
    pub fn named(&self, name: &str) -> Result<Option<(u64, OurMessage)>, StoreError> {
        let sql =
            "SELECT chat, address, user, text, size, host, id FROM named AS n JOIN events ON id = n.message
                   WHERE name = ?1 AND kind = 5";
        self.ok(self.db()?.prepare_cached(sql).and_then(|mut query| {
            let found = query.query_row([name], |row| Ok((row.get::<_, i64>(6)? as u64, our_message(row)?)));
            found.optional()
        }))
    }

    /// Gives a message, whose `queued` entry has been appended, this name.
    pub fn name(&mut self, name: &str, message: u64) -> Result<(), StoreError> {
        self.begin()?;
        self.write("INSERT OR REPLACE INTO named VALUES (?1, ?2)", params![name, message as i64]).map(drop)
    }

    /// Forgets the names of the messages in this piece of the log whose entries are gone.
    pub(crate) fn drop_names(&self, after: u64, until: u64) -> Result<(), StoreError> {
        let sql = "DELETE FROM named WHERE message > ?1 AND message <= ?2
                   AND NOT EXISTS (SELECT 1 FROM events WHERE id = named.message)";
        self.write(sql, params![after as i64, until as i64]).map(drop)
    }
}

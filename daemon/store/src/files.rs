//! Files that are offered or under way, either way, until both sides know what became of them.

use rusqlite::{OptionalExtension as _, Row, params};
use simp_control::Digest;
use simp_proto::secure::Offer;

use crate::error::StoreError;
use crate::store::Store;

/// A file that is offered or under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFile {
    /// The id of its `file`, or of its `queued` if it is ours.
    pub message: u64,
    /// Its chat.
    pub chat: u64,
    /// The number of its offer.
    pub number: u64,
    /// What it is.
    pub offer: Offer,
    /// Where it stands.
    pub stands: FileStands,
}

/// Where a file stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileStands {
    /// It is ours, at this path, and is offered.
    Ours(String),
    /// The same, and the peer has taken it.
    Fetched(String),
    /// The peer offers it.
    Offered,
    /// It is being saved in this folder.
    Taken(String),
    /// It is saved, which the peer may not know. What was needed for that may still be in this folder.
    Saved(String),
    /// It is not taken, for this reason, in words for the peer, which may not know it. If it was taken before, something may
    /// be left in this folder.
    Refused {
        /// Why.
        reason: String,
        /// The folder.
        folder: Option<String>,
    },
}

impl FileStands {
    /// As the columns `stands`, `path` and `reason`.
    fn columns(&self) -> (i64, Option<&str>, Option<&str>) {
        match self {
            Self::Ours(path) => (0, Some(path), None),
            Self::Offered => (1, None, None),
            Self::Taken(folder) => (2, Some(folder), None),
            Self::Saved(folder) => (3, Some(folder), None),
            Self::Refused { reason, folder } => (4, folder.as_deref(), Some(reason)),
            Self::Fetched(path) => (5, Some(path), None),
        }
    }

    /// The path of one of ours.
    pub fn ours(&self) -> Option<&str> {
        match self {
            Self::Ours(path) | Self::Fetched(path) => Some(path),
            Self::Offered | Self::Taken(_) | Self::Saved(_) | Self::Refused { .. } => None,
        }
    }
}

impl Store {
    /// Keeps a file as it stands.
    pub fn keep_file(&mut self, file: &KeptFile) -> Result<(), StoreError> {
        self.begin()?;
        let KeptFile { message, chat, number, offer, stands } = file;
        let (stands, path, reason) = stands.columns();
        let row = params![
            *message as i64,
            *chat as i64,
            *number as i64,
            offer.name,
            offer.size as i64,
            offer.sha256.as_bytes(),
            stands,
            path,
            reason,
        ];
        self.write("INSERT OR REPLACE INTO files VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", row).map(drop)
    }

    /// Forgets a file: both sides know what became of it. False if it is none.
    pub fn drop_file(&mut self, message: u64) -> Result<bool, StoreError> {
        self.begin()?;
        Ok(self.write("DELETE FROM files WHERE message = ?1", [message as i64])? > 0)
    }

    /// Forgets the files of a chat that is over.
    pub fn drop_files(&mut self, chat: u64) -> Result<(), StoreError> {
        self.begin()?;
        self.write("DELETE FROM files WHERE chat = ?1", [chat as i64]).map(drop)
    }

    /// The file that this message is, as long as it is under way.
    pub fn file(&self, message: u64) -> Result<Option<KeptFile>, StoreError> {
        let sql = "SELECT * FROM files WHERE message = ?1";
        self.ok(self
            .db()?
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row([message as i64], kept_file).optional()))
    }

    /// Files that are offered or under way with ids above `after`, by id.
    pub fn files(&self, after: u64, limit: usize) -> Result<Vec<KeptFile>, StoreError> {
        let sql =
            "SELECT * FROM files WHERE message > ?1 AND stands IN (0, 1, 2, 5) ORDER BY message LIMIT ?2";
        let values = params![after.min(self.extent.last_id) as i64, limit as i64];
        self.kept_files(sql, values)
    }

    /// All files of a chat, by id.
    pub fn files_of(&self, chat: u64) -> Result<Vec<KeptFile>, StoreError> {
        self.kept_files("SELECT * FROM files WHERE chat = ?1 ORDER BY message", [chat as i64])
    }

    /// Files of peers that are being saved, or of which the peer may not know what became.
    pub fn fetched_files(&self) -> Result<Vec<KeptFile>, StoreError> {
        self.kept_files("SELECT * FROM files WHERE stands IN (2, 3, 4) ORDER BY message", [])
    }

    /// The first file of the peer in this chat that is being saved.
    pub fn taken_file(&self, chat: u64) -> Result<Option<KeptFile>, StoreError> {
        let sql = "SELECT * FROM files WHERE chat = ?1 AND stands = 2 ORDER BY message LIMIT 1";
        self.kept_files(sql, [chat as i64]).map(|mut files| files.pop())
    }

    /// Files of the peer in this chat of which it may not know what became, at most so many.
    pub fn untold_files(&self, chat: u64, limit: usize) -> Result<Vec<KeptFile>, StoreError> {
        let sql = "SELECT * FROM files WHERE chat = ?1 AND stands IN (3, 4) ORDER BY message LIMIT ?2";
        self.kept_files(sql, params![chat as i64, limit as i64])
    }

    /// Whether files are under way in this chat: those that one side has taken, until both know what became of them.
    pub fn has_files_under_way(&self, chat: u64) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM files WHERE chat = ?1 AND stands >= 2)";
        let mut query = self.ok(self.db()?.prepare_cached(sql))?;
        self.ok(query.query_row([chat as i64], |row| row.get(0)))
    }

    /// How many files of the peer wait or are under way in this chat.
    pub fn offered_files(&self, chat: u64) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM files WHERE chat = ?1 AND stands IN (1, 2)";
        self.ok(self
            .db()?
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row([chat as i64], |row| row.get::<_, i64>(0)))
            .map(|count| count as u64))
    }

    /// Forgets the files of ours in this chat with ids above `after`: they were given up.
    pub(crate) fn drop_queued_files(&mut self, chat: u64, after: u64) -> Result<(), StoreError> {
        let sql = "DELETE FROM files WHERE chat = ?1 AND stands IN (0, 5) AND message > ?2";
        self.write(sql, params![chat as i64, after as i64]).map(drop)
    }

    fn kept_files(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<KeptFile>, StoreError> {
        self.ok(self
            .db()?
            .prepare_cached(sql)
            .and_then(|mut query| query.query_map(values, kept_file)?.collect()))
    }
}

fn kept_file(row: &Row<'_>) -> rusqlite::Result<KeptFile> {
    let number = |column| row.get::<_, i64>(column).map(|number| number as u64);
    let path = || row.get(7);
    let stands = match row.get(6)? {
        0 => FileStands::Ours(path()?),
        1 => FileStands::Offered,
        2 => FileStands::Taken(path()?),
        3 => FileStands::Saved(path()?),
        4 => FileStands::Refused { reason: row.get(8)?, folder: row.get(7)? },
        5 => FileStands::Fetched(path()?),
        other => return Err(rusqlite::Error::IntegralValueOutOfRange(6, other)),
    };
    let offer = Offer { name: row.get(3)?, size: number(4)?, sha256: Digest::new(row.get(5)?) };
    Ok(KeptFile { message: number(0)?, chat: number(1)?, number: number(2)?, offer, stands })
}

//! The durable log and what must be kept with it: chats, their outgoing messages, the consumers' marks.
//! The only file that touches the disk.
//!
//! Everything written in a turn of the loop is one transaction: [`Store::commit`] makes it durable, and only
//! then may anything leave that relies on it.

mod kept;

pub use kept::KeptChat;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, params};
use simp_proto::control::{Event, Filter, Kind, Peer, Reason, What, Who};

use crate::config::Durability;

/// Marks the file as ours: "simp".
const APPLICATION_ID: i64 = 0x7369_6d70;

/// Version of the tables below.
const SCHEMA_VERSION: i64 = 1;

/// `kind`, `state` and `reason` are the numbers of `Kind::ALL`, `STATES` and `Reason::ALL`; `seq` is a
/// received message's Sequence field. The address and the name of an entry's peer stand in each entry, for
/// chats do not outlive their end here and entries do.
///
/// A chat's row holds as of entry `as_of`, or as of `kept.through` where that is later; what came behind is
/// read from the entries. So a message costs one entry and no more.
const SCHEMA: &str = "
    CREATE TABLE events (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind INTEGER NOT NULL, chat INTEGER NOT NULL,
        address TEXT NOT NULL, user TEXT NOT NULL, message INTEGER, reason INTEGER, text TEXT, seq INTEGER
    ) STRICT;
    CREATE INDEX queued ON events (chat, id) WHERE kind = 5;
    CREATE TABLE chats (
        chat INTEGER PRIMARY KEY, address TEXT NOT NULL, since INTEGER NOT NULL, state INTEGER NOT NULL,
        user TEXT NOT NULL, seq INTEGER NOT NULL, received_seq INTEGER, received_hash INTEGER,
        settled INTEGER NOT NULL, as_of INTEGER NOT NULL, expires INTEGER
    ) STRICT;
    CREATE TABLE kept (through INTEGER NOT NULL) STRICT;
    INSERT INTO kept VALUES (0);
    CREATE TABLE consumers (name TEXT PRIMARY KEY, seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE runs (started INTEGER NOT NULL) STRICT;
";

/// The write-ahead log is copied back once about this many bytes were written to it. It is not truncated
/// then: a commit that overwrites is twice as fast on disk as one that makes the file grow.
const CHECKPOINT_BYTES: u64 = 4 << 20;

/// Bytes of a page. A commit writes whole pages, and most commits hold one short message.
const PAGE_BYTES: u64 = 1_024;

/// Most entries that [`Store::read`] looks at in one call, so that a filter which finds nothing does not hold
/// the loop up.
const SCAN: u64 = 2_048;

/// Why the log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It holds something else.
    #[error("{0}: not a log of simpd (move it away, or set XDG_STATE_HOME to another folder)")]
    Foreign(PathBuf),
    /// A newer simpd wrote it.
    #[error(
        "{path}: written by a newer simpd (schema {found}, this one knows {SCHEMA_VERSION}; install the newer one)"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// No space is left.
    #[error("{0}: the disk is full (free some space, or set XDG_STATE_HOME to a folder on another disk)")]
    Full(PathBuf),
    /// Another process has it.
    #[error("{0}: in use by another program (does another simpd use this folder?)")]
    Busy(PathBuf),
    /// It was damaged.
    #[error("{0}: damaged (move it away to start with an empty log)")]
    Damaged(PathBuf),
    /// Anything else, in SQLite's words.
    #[error("{path}: {error}")]
    Other {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        error: rusqlite::Error,
    },
}

/// Which entries a reader wants. Empty: all.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// One bit per place in [`Kind::ALL`]; 0 stands for all.
    kinds: u32,
    chat: Option<u64>,
    who: Option<Who>,
}

impl Wanted {
    /// The entries that a client's filter lets pass.
    pub fn new(filter: &Filter) -> Self {
        let kinds = filter.kinds.iter().fold(0, |bits, kind| bits | 1 << number(*kind));
        Self { kinds, chat: filter.chat, who: filter.who.as_deref().map(Who::parse) }
    }

    /// Whether this entry is wanted.
    pub fn matches(&self, event: &Event) -> bool {
        (self.kinds == 0 || self.kinds >> number(event.what.kind()) & 1 == 1)
            && self.chat.is_none_or(|chat| chat == event.chat)
            && self.who.as_ref().is_none_or(|who| who.is(&event.peer))
    }
}

/// The log, open.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    path: PathBuf,
    last_id: u64,
    kept_through: u64,
    in_transaction: bool,
    /// Entries appended and not committed, then for the rest of the turn those just committed.
    fresh: Vec<Event>,
    commits: u64,
    /// About how much was written since the write-ahead log was copied back, in bytes.
    written: u64,
}

impl Store {
    /// Opens the log at `path`, or begins one. `now_ms` is noted as the start of this run, which also shows
    /// that the disk takes writes.
    ///
    /// # Errors
    /// [`StoreError`]; what is there is never overwritten.
    pub fn open(path: &Path, durability: Durability, now_ms: u64) -> Result<Self, StoreError> {
        let db = Connection::open(path).map_err(|error| explain(path, error))?;
        let mut store = Self {
            db,
            path: path.to_owned(),
            last_id: 0,
            kept_through: 0,
            in_transaction: false,
            fresh: Vec::new(),
            commits: 0,
            written: 0,
        };
        store.prepare(durability, now_ms).map_err(|error| match error {
            Unready::Foreign => StoreError::Foreign(path.to_owned()),
            Unready::Newer(found) => StoreError::Newer { path: path.to_owned(), found },
            Unready::Sqlite(error) => explain(path, error),
        })?;
        Ok(store)
    }

    fn prepare(&mut self, durability: Durability, now_ms: u64) -> Result<(), Unready> {
        self.db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        let id: i64 = self.db.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let version: i64 = self.db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let tables: i64 = self.db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        match (id, version) {
            (0, 0) if tables == 0 => {
                self.db.pragma_update(None, "page_size", PAGE_BYTES as i64)?;
                self.db.pragma_update(None, "journal_mode", "WAL")?;
                self.db.execute_batch(&format!(
                    "BEGIN; {SCHEMA} PRAGMA application_id = {APPLICATION_ID};
                     PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
                ))?;
            }
            (APPLICATION_ID, SCHEMA_VERSION) => self.db.pragma_update(None, "journal_mode", "WAL")?,
            (APPLICATION_ID, newer) => return Err(Unready::Newer(newer)),
            _ => return Err(Unready::Foreign),
        }
        self.db.pragma_update(
            None,
            "synchronous",
            match durability {
                Durability::Disk => "FULL",
                Durability::Process => "NORMAL",
            },
        )?;
        self.db.pragma_update(None, "wal_autocheckpoint", 0)?;
        self.db.set_prepared_statement_cache_capacity(32);
        self.db.execute("INSERT INTO runs VALUES (?1)", [now_ms as i64])?;
        self.kept_through =
            self.db.query_row("SELECT through FROM kept", [], |row| row.get::<_, i64>(0))? as u64;
        self.last_id =
            self.db.query_row("SELECT coalesce(max(id), 0) FROM events", [], |row| row.get::<_, i64>(0))?
                as u64;
        Ok(())
    }

    /// The newest entry's id, committed or not; 0 where the log is empty.
    pub fn last_id(&self) -> u64 {
        self.last_id
    }

    /// Commits since the start.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// Bytes that the log has on disk.
    pub fn bytes(&self) -> u64 {
        [self.path.clone(), self.wal_path()]
            .iter()
            .filter_map(|path| std::fs::metadata(path).ok())
            .map(|file| file.len())
            .sum()
    }

    /// Appends an entry and returns its id. `chat` is `None` where the entry begins a chat: its id is the
    /// chat's then. `seq` is a received message's Sequence field.
    pub fn append(
        &mut self,
        at_ms: u64,
        chat: Option<u64>,
        peer: Peer,
        what: What,
        seq: Option<u8>,
    ) -> Result<u64, StoreError> {
        self.begin()?;
        let id = self.last_id + 1;
        let chat = chat.unwrap_or(id);
        let (message, reason, text) = columns(&what);
        let row = params![
            id as i64,
            at_ms as i64,
            number(what.kind()),
            chat as i64,
            peer.address,
            peer.user,
            message,
            reason,
            text,
            seq
        ];
        self.write("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)", row)?;
        self.last_id = id;
        self.written += PAGE_BYTES + text.map_or(0, str::len) as u64;
        self.fresh.push(Event { id, at_ms, chat, peer, what });
        Ok(id)
    }

    /// Messages of a chat with ids above `after` that were queued: how many.
    pub fn queued(&self, chat: u64, after: u64) -> Result<u64, StoreError> {
        self.ok(self
            .db
            .prepare_cached("SELECT count(*) FROM events WHERE kind = 5 AND chat = ?1 AND id > ?2")
            .and_then(|mut query| query.query_row([chat as i64, after as i64], |row| row.get::<_, i64>(0)))
            .map(|count| count as u64))
    }

    /// Messages of a chat with ids above `after` that were queued: id and text, oldest first.
    pub fn waiting(&self, chat: u64, after: u64, limit: u64) -> Result<Vec<(u64, String)>, StoreError> {
        let sql = "SELECT id, text FROM events WHERE kind = 5 AND chat = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
        self.ok(self.db.prepare_cached(sql).and_then(|mut query| {
            query
                .query_map([chat as i64, after as i64, limit as i64], |row| {
                    Ok((row.get::<_, i64>(0)? as u64, row.get(1)?))
                })?
                .collect()
        }))
    }

    /// The last entry that a consumer has seen.
    pub fn mark(&self, consumer: &str) -> Result<Option<u64>, StoreError> {
        self.ok(self
            .db
            .prepare_cached("SELECT seen FROM consumers WHERE name = ?1")
            .and_then(|mut query| query.query_row([consumer], |row| row.get::<_, i64>(0)).optional())
            .map(|seen| seen.map(|seen| seen as u64)))
    }

    /// Moves a consumer's mark, never backwards.
    pub fn set_mark(&mut self, consumer: &str, seen: u64) -> Result<(), StoreError> {
        self.begin()?;
        self.write(
            "INSERT INTO consumers VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET seen = max(seen, ?2)",
            params![consumer, seen as i64],
        )
    }

    /// Committed entries above `after` that are wanted, oldest first, at most `limit`; and the id up to which
    /// the log was looked through. Call again from there until that is the newest.
    pub fn read(&self, after: u64, limit: usize, wanted: &Wanted) -> Result<(Vec<Event>, u64), StoreError> {
        let until = self.last_id.min(after + SCAN);
        let rows = self.select("id > ?1 AND id <= ?2", "ASC", [after, until], limit, wanted)?;
        let looked = if rows.len() == limit { rows.last().map_or(until, |event| event.id) } else { until };
        Ok((rows, looked))
    }

    /// Committed entries below `before` that are wanted, newest first, at most `limit`; and where to look on
    /// for older ones, if the log was not looked through to its beginning.
    pub fn history(
        &self,
        before: u64,
        limit: usize,
        wanted: &Wanted,
    ) -> Result<(Vec<Event>, Option<u64>), StoreError> {
        let before = before.min(self.last_id + 1);
        let above = before.saturating_sub(SCAN + 1);
        let rows = self.select("id > ?1 AND id < ?2", "DESC", [above, before], limit, wanted)?;
        let lowest = if rows.len() == limit { rows.last().map_or(1, |event| event.id) } else { above + 1 };
        Ok((rows, (lowest > 1).then_some(lowest)))
    }

    fn select(
        &self,
        range: &str,
        order: &str,
        ids: [u64; 2],
        limit: usize,
        wanted: &Wanted,
    ) -> Result<Vec<Event>, StoreError> {
        let mut sql = format!("SELECT * FROM events WHERE {range}");
        // Numbers only: nothing that a client wrote becomes part of the statement.
        if let Some(chat) = wanted.chat {
            let _ = write!(sql, " AND chat = {}", chat as i64);
        }
        if wanted.kinds != 0 {
            let _ = write!(sql, " AND {} >> kind & 1", wanted.kinds);
        }
        let _ = write!(sql, " ORDER BY id {order}");
        self.ok(self.db.prepare_cached(&sql).and_then(|mut query| {
            query
                .query_map(ids.map(|id| id.min(i64::MAX as u64) as i64), event)?
                .filter(|event| event.as_ref().map_or(true, |event| wanted.matches(event)))
                .take(limit)
                .collect()
        }))
    }

    /// Makes durable what was written since the last commit. Returns whether anything was.
    pub fn commit(&mut self) -> Result<bool, StoreError> {
        if !std::mem::take(&mut self.in_transaction) {
            return Ok(false);
        }
        self.write("COMMIT", [])?;
        self.commits += 1;
        self.written += PAGE_BYTES;
        if self.written >= CHECKPOINT_BYTES {
            self.written = 0;
            self.checkpoint("PRAGMA wal_checkpoint(PASSIVE)")?;
        }
        Ok(true)
    }

    /// The entries that this turn appended. Read after [`commit`](Self::commit), then
    /// [`end_turn`](Self::end_turn).
    pub fn fresh(&self) -> &[Event] {
        &self.fresh
    }

    /// Forgets which entries are fresh.
    pub fn end_turn(&mut self) {
        self.fresh.clear();
    }

    /// Copies the write-ahead log back and gives its space free, so that the next start finds one file.
    pub fn tidy_up(&self) -> Result<(), StoreError> {
        self.checkpoint("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    fn checkpoint(&self, pragma: &str) -> Result<(), StoreError> {
        self.ok(self.db.query_row(pragma, [], |_| Ok(())))
    }

    fn wal_path(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push("-wal");
        path.into()
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        if !self.in_transaction {
            self.write("BEGIN", [])?;
            self.in_transaction = true;
        }
        Ok(())
    }

    fn write(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), StoreError> {
        self.ok(self.db.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map(|_| ()))
    }

    fn ok<T>(&self, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        result.map_err(|error| explain(&self.path, error))
    }
}

/// Why a file cannot be our log, before its path is added.
enum Unready {
    Foreign,
    Newer(i64),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Unready {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn explain(path: &Path, error: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign(path),
        Some(ErrorCode::DiskFull) => StoreError::Full(path),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy(path),
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged(path),
        _ => StoreError::Other { path, error },
    }
}

fn number(kind: Kind) -> i64 {
    kind as i64
}

/// What an entry says, as the columns `message`, `reason` and `text`.
fn columns(what: &What) -> (Option<i64>, Option<i64>, Option<&str>) {
    match what {
        What::Request | What::Inviting | What::Opened => (None, None, None),
        What::Closed { reason, text } => (None, Some(*reason as i64), text.as_deref()),
        What::Message { text } | What::Queued { text } | What::Error { text } => (None, None, Some(text)),
        What::Delivered { message } => (Some(*message as i64), None, None),
        What::Undelivered { message, reason } => (Some(*message as i64), Some(*reason as i64), None),
    }
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let message = || row.get::<_, i64>(6).map(|id| id as u64);
    let reason = || of_number(row, 7, &Reason::ALL);
    let text = || row.get(8);
    let what = match of_number(row, 2, &Kind::ALL)? {
        Kind::Request => What::Request,
        Kind::Inviting => What::Inviting,
        Kind::Opened => What::Opened,
        Kind::Closed => What::Closed { reason: reason()?, text: text()? },
        Kind::Message => What::Message { text: row.get(8)? },
        Kind::Queued => What::Queued { text: row.get(8)? },
        Kind::Delivered => What::Delivered { message: message()? },
        Kind::Undelivered => What::Undelivered { message: message()?, reason: reason()? },
        Kind::Error => What::Error { text: row.get(8)? },
    };
    Ok(Event {
        id: row.get::<_, i64>(0)? as u64,
        at_ms: row.get::<_, i64>(1)? as u64,
        chat: row.get::<_, i64>(3)? as u64,
        peer: Peer { address: row.get(4)?, user: row.get(5)? },
        what,
    })
}

fn of_number<T: Copy>(row: &Row<'_>, column: usize, all: &[T]) -> rusqlite::Result<T> {
    let number: i64 = row.get(column)?;
    let value = usize::try_from(number).ok().and_then(|place| all.get(place));
    value.copied().ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number))
}

#[cfg(test)]
mod tests;

//! The log itself: opened, committed and rolled back. Everything else that is done with it is in the files
//! beside this one.

use std::cell::Cell;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ToSql};
use simp_control::{Epochs, LogId};
use simp_service::plain_file;

use crate::bounded::Bounded;
use crate::error::StoreError;
use crate::fresh::Entries;
use crate::hold::Hold;
use crate::piece::Piece;
use crate::schema::{self, Unready};
use crate::since::QueuedSince;
use crate::speakers::Speakers;
use crate::write_ahead::WriteAhead;

/// The disk takes writes if it takes so many bytes: a turn seldom writes more.
const ROOM: usize = 64 << 10;

/// Pages that SQLite keeps in memory. What a turn writes fits in, and so do the upper pages of all that it looks through;
/// the others are with the system.
const CACHE_PAGES: i64 = 128;

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Loss of power: each commit waits for the disk.
    #[default]
    Disk,
    /// A killed simpd, but not the loss of power.
    Process,
}

/// How much the outbox holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxSize {
    /// Messages.
    pub messages: u64,
    /// Bytes of their texts.
    pub bytes: u64,
}

/// Which entries there are, and how many messages wait.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Extent {
    /// The oldest; 0 if there is none.
    pub(crate) first_id: u64,
    /// The newest; 0 if there never was one.
    pub(crate) last_id: u64,
    /// All chats were kept as of here.
    pub(crate) kept_through: u64,
    /// What waits in the outbox.
    pub(crate) outbox: OutboxSize,
    /// The tables that have a bound.
    pub(crate) bounded: Bounded,
}

/// The log, open.
#[derive(Debug)]
pub struct Store {
    /// SQLite, with the file for us alone.
    db: Connection,
    pub(crate) path: PathBuf,
    pub(crate) id: LogId,
    pub(crate) epochs: Epochs,
    /// With what is not committed yet.
    pub(crate) extent: Extent,
    /// As of the last commit.
    committed: Extent,
    /// Ours has begun. SQLite ends one by itself after some errors, and knows of none then; what comes later in that
    /// turn must not begin another, of which a commit would make half a turn durable.
    in_transaction: Cell<bool>,
    /// Messages of ours that were delivered or given up since the start.
    pub(crate) settled: u64,
    /// Those appended and not committed, then until the next turn those just committed.
    pub(crate) entries: Entries,
    pub(crate) speakers: Speakers,
    pub(crate) piece: Piece,
    pub(crate) since: QueuedSince,
    commits: u64,
    pub(crate) wal: WriteAhead,
    /// The write-ahead log is to be emptied with the next commit.
    pub(crate) tidy_up_next: bool,
    pub(crate) hold: Hold,
    /// A commit failed that the next start would find all the same.
    may_reappear: bool,
}

impl Store {
    /// Opens the log at `path`, or begins one; one of an older version becomes one of ours. `now_ms` is noted as
    /// the start of this run, which also shows that the disk takes writes.
    ///
    /// # Errors
    /// [`StoreError`]; what is there is never overwritten.
    pub fn open(path: &Path, durability: Durability, now_ms: u64) -> Result<Self, StoreError> {
        // SQLite would open a pipe, and blame the disk for it.
        if path.metadata().is_ok_and(|there| !there.is_file()) {
            return Err(StoreError::NotALog(path.to_owned()));
        }
        let db = Connection::open(path).map_err(|error| StoreError::explain(path, error))?;
        Self::over(db, path, durability, now_ms)
    }

    /// The same over a connection that is open already, to the file at `path` or to none.
    ///
    /// # Errors
    /// As those of [`open`](Self::open).
    pub fn over(
        mut db: Connection,
        path: &Path,
        durability: Durability,
        now_ms: u64,
    ) -> Result<Self, StoreError> {
        let explain = |error| StoreError::explain(path, error);
        schema::prepare(&mut db).map_err(|error| match error {
            Unready::NotALog => StoreError::NotALog(path.to_owned()),
            Unready::Newer(found) => StoreError::Newer { path: path.to_owned(), found },
            Unready::Sqlite(error) => explain(error),
        })?;
        let id = db.query_row("SELECT id FROM log", [], |row| row.get::<_, String>(0)).map_err(explain)?;
        let mut store = Self {
            db,
            path: path.to_owned(),
            id: LogId::new(id),
            epochs: Epochs::default(),
            extent: Extent::default(),
            committed: Extent::default(),
            in_transaction: Cell::new(false),
            settled: 0,
            entries: Entries::default(),
            speakers: Speakers::default(),
            piece: Piece::begin(0),
            since: QueuedSince::default(),
            commits: 0,
            wal: WriteAhead::default(),
            tidy_up_next: false,
            hold: Hold::default(),
            may_reappear: false,
        };
        store.set_up(durability).map_err(explain)?;
        store.extent = store.ok(store.measure())?;
        store.piece = store.ok(store.last_piece())?;
        store.read_since()?;
        store.begin_epoch()?;
        // Before anything is promised to anybody: a log that cannot be written ends the start.
        store.try_to_write(now_ms)?;
        Ok(store)
    }

    fn set_up(&mut self, durability: Durability) -> rusqlite::Result<()> {
        let synchronous = match durability {
            Durability::Disk => "FULL",
            Durability::Process => "NORMAL",
        };
        self.db.pragma_update(None, "synchronous", synchronous)?;
        // We do that ourselves, after a commit and less often: see `checkpoint`.
        self.db.pragma_update(None, "wal_autocheckpoint", 0)?;
        self.db.pragma_update(None, "cache_size", CACHE_PAGES)?;
        self.wal.watch(&mut self.db)?;
        // Else SQLite takes values into account, and prepares a statement anew for each that might decide on an index.
        self.db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // All statements of these files, and those of some readers' filters: the default of 16 would prepare some anew
        // in each turn.
        self.db.set_prepared_statement_cache_capacity(64);
        Ok(())
    }

    fn measure(&self) -> rusqlite::Result<Extent> {
        let number = |sql| self.db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|id| id as u64);
        Ok(Extent {
            first_id: self.oldest_entry()?,
            last_id: number("SELECT coalesce(max(id), 0) FROM events")?,
            kept_through: number("SELECT through FROM kept")?,
            outbox: OutboxSize {
                messages: number("SELECT count(*) FROM outbox")?,
                bytes: number("SELECT coalesce(sum(bytes), 0) FROM outbox")?,
            },
            bounded: Bounded::measure(&self.db)?,
        })
    }

    /// Writes the start of this run, durably: whether the disk takes writes. Not while anything waits for a
    /// commit.
    pub fn try_to_write(&mut self, now_ms: u64) -> Result<(), StoreError> {
        // What the system says tells more than what SQLite makes of it.
        let room = self.try_room();
        let written = self.begin().and_then(|()| {
            self.write("INSERT OR REPLACE INTO runs VALUES (1, ?1)", [now_ms as i64])?;
            let before = std::mem::take(&mut self.may_reappear);
            let written = self.commit();
            // Once written, it is in the place of what failed before. Whether it was, a failed sync does not say: that of a
            // new write-ahead log's header comes first. That it may reappear itself is no harm.
            self.may_reappear = before && written.is_err();
            written
        });
        room.and(written.map(drop))
    }

    /// Whether there is room for what a turn writes: a full disk takes a little more now and then.
    fn try_room(&self) -> Result<(), StoreError> {
        let Some(folder) = self.path.parent().filter(|folder| folder.is_dir()) else {
            // In a test it is in memory.
            return Ok(());
        };
        let path = folder.join("room");
        let written = plain_file::renew(&path).and_then(|mut room| room.write_all(&[0; ROOM]));
        if written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists) {
            return Err(StoreError::InTheWay(path));
        }
        let removed = std::fs::remove_file(&path);
        written.and(removed).map_err(|error| StoreError::of_system(&self.path, &error))
    }

    /// Whether a killed simpd may find what the last commit was to write, although that failed: it was written, but
    /// not made durable, and perhaps nothing could be written in its place.
    pub fn may_reappear(&self) -> bool {
        self.may_reappear
    }

    /// Which log this is: what the ids of its entries belong to.
    pub fn log_id(&self) -> &LogId {
        &self.id
    }

    /// The newest entry's id, committed or not; 0 if the log is empty.
    pub fn last_id(&self) -> u64 {
        self.extent.last_id
    }

    /// The oldest entry's id; 0 if the log is empty.
    pub fn first_id(&self) -> u64 {
        self.extent.first_id
    }

    /// Messages of ours that were delivered or given up since the start: each may free entries that had to stay. One that
    /// was rolled back may count twice.
    pub fn settled(&self) -> u64 {
        self.settled
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

    /// Makes durable what was written since the last commit. Returns whether anything was.
    pub fn commit(&mut self) -> Result<bool, StoreError> {
        let ends_piece = self.piece.is_long_enough(self.extent.last_id);
        if ends_piece {
            self.write_piece()?;
        }
        let committed = if self.is_all_in_a_row() {
            // A statement alone is a transaction of its own.
            self.insert_entries()
        } else {
            self.write_entries()?;
            if !self.in_transaction.get() {
                return Ok(false);
            }
            self.db.prepare_cached("COMMIT").and_then(|mut statement| statement.execute([])).map(drop)
        };
        // SQLite takes back in memory what it could not sync, but the file has it: a killed simpd would find it.
        self.may_reappear |= committed.as_ref().is_err_and(is_of_sync);
        self.ok(committed)?;
        // Its pages are in the file in place of those that failed.
        self.may_reappear = false;
        self.in_transaction.set(false);
        self.committed = self.extent;
        if ends_piece {
            self.piece.end(self.extent.last_id);
        }
        self.commits += 1;
        self.tend_file();
        Ok(true)
    }

    /// Forgets what was written since the last commit.
    ///
    /// # Errors
    /// The log cannot even be taken back to its last commit, or be read.
    pub fn roll_back(&mut self) -> Result<(), StoreError> {
        self.in_transaction.set(false);
        // Ids of what is rolled back are given again: nobody has seen them.
        self.extent = self.committed;
        self.entries.forget();
        self.forget_wish_to_hold();
        // SQLite has rolled back by itself after some errors.
        if !self.db.is_autocommit() {
            self.write_aside("ROLLBACK", [])?;
        }
        self.read_since()
    }

    /// Finds in the log which messages were queued since chats were kept.
    fn read_since(&mut self) -> Result<(), StoreError> {
        self.since = self.ok(QueuedSince::read(&self.db, self.extent.kept_through))?;
        Ok(())
    }

    /// Forgets which entries are fresh: a new turn begins.
    pub fn begin_turn(&mut self) {
        self.entries.drop_written();
    }

    /// Before any write: begins a transaction, if none has begun.
    pub(crate) fn begin(&self) -> Result<(), StoreError> {
        // With the first write of a turn: a turn without any costs no transaction.
        if !self.in_transaction.get() {
            self.write_aside("BEGIN", [])?;
            self.in_transaction.set(true);
        }
        Ok(())
    }

    /// Whether something was written since the last commit.
    pub(crate) fn is_in_transaction(&self) -> bool {
        self.in_transaction.get()
    }

    /// SQLite, with all entries of this turn in their table.
    pub(crate) fn db(&self) -> Result<&Connection, StoreError> {
        self.write_entries()?;
        Ok(&self.db)
    }

    /// SQLite, for what has nothing to do with entries: those of this turn may be missing in their table.
    pub(crate) fn aside(&self) -> &Connection {
        &self.db
    }

    /// Returns how many rows it changed.
    pub(crate) fn write(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize, StoreError> {
        self.write_entries()?;
        self.write_aside(sql, values)
    }

    /// The same for what has nothing to do with entries.
    pub(crate) fn write_aside(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize, StoreError> {
        self.ok(self.db.prepare_cached(sql).and_then(|mut statement| statement.execute(values)))
    }

    /// Changes a row of a table that has nothing to do with entries, or adds it if it is not there; returns how many were added.
    /// Both statements take all these values.
    pub(crate) fn change_or_add(
        &self,
        change: &str,
        add: &str,
        values: &[&dyn ToSql],
    ) -> Result<u64, StoreError> {
        match self.write_aside(change, values)? {
            0 => self.write_aside(add, values).map(|added| added as u64),
            _ => Ok(0),
        }
    }

    /// The result, with what an error of SQLite means for this log.
    pub(crate) fn ok<T>(&self, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        result.map_err(|error| StoreError::explain(&self.path, error))
    }
}

/// Whether all was written, and only could not be made durable.
fn is_of_sync(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code == Some(rusqlite::ffi::SQLITE_IOERR_FSYNC)
}

//! The log itself: opened, appended to, committed and rolled back. Everything else that is done with it is in the files
//! beside this one.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ToSql, params};
use simp_control::{Epochs, Event, HostName, LogId, Peer, Secure, What};
use simp_service::plain_file;

use crate::bounded::Bounded;
use crate::error::StoreError;
use crate::hold::Hold;
use crate::recipient::Recipient;
use crate::rows::{columns, number, size};
use crate::schema::{self, PAGE_BYTES, Unready};

/// The disk takes writes if it takes so many bytes: a turn seldom writes more.
const ROOM: usize = 64 << 10;

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
    pub(crate) db: Connection,
    pub(crate) path: PathBuf,
    pub(crate) id: LogId,
    pub(crate) epochs: Epochs,
    /// With what is not committed yet.
    pub(crate) extent: Extent,
    /// As of the last commit.
    committed: Extent,
    /// Ours has begun. SQLite ends one by itself after some errors, and knows of none then; what comes later in that
    /// turn must not begin another, of which a commit would make half a turn durable.
    in_transaction: bool,
    /// Messages of ours that were delivered or given up since the start.
    pub(crate) settled: u64,
    /// Entries appended and not committed, then until the next turn those just committed.
    fresh: Vec<Event>,
    commits: u64,
    /// About how much was written since the write-ahead log was copied back, in bytes.
    pub(crate) written: u64,
    /// The write-ahead log is to be emptied with the next commit.
    pub(crate) tidy_up_next: bool,
    pub(crate) hold: Hold,
    /// A commit failed that the next start would find all the same.
    may_reappear: bool,
}

/// What stands beside few entries.
#[derive(Default)]
struct Beside<'a> {
    secure: Option<Secure>,
    host: Option<&'a HostName>,
    answers: Option<u64>,
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
            in_transaction: false,
            settled: 0,
            fresh: Vec::new(),
            commits: 0,
            written: 0,
            tidy_up_next: false,
            hold: Hold::default(),
            may_reappear: false,
        };
        store.ok(store.set_up(durability))?;
        store.extent = store.ok(store.measure())?;
        store.begin_epoch()?;
        // Before anything is promised to anybody: a log that cannot be written ends the start.
        store.try_to_write(now_ms)?;
        Ok(store)
    }

    fn set_up(&self, durability: Durability) -> rusqlite::Result<()> {
        let synchronous = match durability {
            Durability::Disk => "FULL",
            Durability::Process => "NORMAL",
        };
        self.db.pragma_update(None, "synchronous", synchronous)?;
        // We do that ourselves, after a commit and less often: see `checkpoint`.
        self.db.pragma_update(None, "wal_autocheckpoint", 0)?;
        // All statements of these files, and those of some readers' filters: the default of 16 would prepare some anew
        // in each turn.
        self.db.set_prepared_statement_cache_capacity(64);
        Ok(())
    }

    fn measure(&self) -> rusqlite::Result<Extent> {
        let number = |sql| self.db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|id| id as u64);
        Ok(Extent {
            first_id: number("SELECT coalesce(min(id), 0) FROM events")?,
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

    /// Appends an entry and returns its id. `chat` is `None` if the entry begins a chat: its id is the
    /// chat's then. `extra` is a received message's Sequence field, the token of one of ours, or what
    /// [`GivenUp`](crate::GivenUp) says of it.
    pub fn append(
        &mut self,
        at_ms: u64,
        chat: Option<u64>,
        peer: Peer,
        what: What,
        extra: Option<u64>,
    ) -> Result<u64, StoreError> {
        self.append_entry((at_ms, chat, peer), Beside::default(), what, extra)
    }

    /// Appends a `message` that answers this message of ours, or the `queued` of one that answers the peer's with this number.
    /// All else is as with [`append`](Self::append).
    pub fn append_answer(
        &mut self,
        at_ms: u64,
        (chat, peer): (Option<u64>, Peer),
        what: What,
        extra: Option<u64>,
        answers: Option<u64>,
    ) -> Result<u64, StoreError> {
        self.append_entry((at_ms, chat, peer), Beside { answers, ..Beside::default() }, what, extra)
    }

    /// Appends the `queued` of a message for the outbox, and returns its id. `token` is the client's own name for it.
    pub fn append_kept(
        &mut self,
        at_ms: u64,
        (user, to): (String, &Recipient),
        what: What,
        token: Option<u64>,
    ) -> Result<u64, StoreError> {
        let peer = Peer { user, address: to.to_string() };
        // Of no chat: it outlives them.
        self.append_entry(
            (at_ms, Some(0), peer),
            Beside { host: to.host(), ..Beside::default() },
            what,
            token,
        )
    }

    /// Appends a `request` or an `opened` of a secure chat, and returns its id. All else is as with
    /// [`append`](Self::append).
    pub fn append_secure(
        &mut self,
        at_ms: u64,
        chat: Option<u64>,
        peer: Peer,
        secure: Secure,
        what: What,
    ) -> Result<u64, StoreError> {
        self.append_entry(
            (at_ms, chat, peer),
            Beside { secure: Some(secure), ..Beside::default() },
            what,
            None,
        )
    }

    fn append_entry(
        &mut self,
        (at_ms, chat, peer): (u64, Option<u64>, Peer),
        Beside { secure, host, answers }: Beside<'_>,
        what: What,
        extra: Option<u64>,
    ) -> Result<u64, StoreError> {
        self.begin()?;
        let id = self.extent.last_id + 1;
        let chat = chat.unwrap_or(id);
        let (message, reason, text) = columns(&what);
        let message = message.or(secure.map(|secure| secure.known.into()));
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
            extra.map(|extra| extra as i64),
            secure.as_ref().map(|secure| secure.key.as_bytes()),
            size(&what),
            host.map(HostName::to_string),
            answers.map(|answers| answers as i64),
        ];
        self.write(
            "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            row,
        )?;
        self.settled += u64::from(matches!(
            what,
            What::Delivered { .. } | What::Unconfirmed { .. } | What::Undelivered { .. }
        ));
        self.extent.last_id = id;
        self.extent.first_id = self.extent.first_id.max(1);
        // An estimate is enough: it only says when to copy the write-ahead log back.
        self.written += PAGE_BYTES + text.map_or(0, str::len) as u64;
        let answers = answers.filter(|_| matches!(what, What::Message { .. }));
        self.fresh.push(Event { id, at_ms, chat, peer, secure, answers, what });
        Ok(id)
    }

    /// So many entries were appended in one statement: there may be very many, so whoever follows the log reads them from
    /// it, and with them what came before them in this turn.
    pub(crate) fn note_appended(&mut self, entries: u64) {
        if entries > 0 {
            self.fresh.clear();
        }
        self.extent.last_id += entries;
        // About eight of them fill a page.
        self.written += entries * PAGE_BYTES / 8;
    }

    /// Makes durable what was written since the last commit. Returns whether anything was.
    pub fn commit(&mut self) -> Result<bool, StoreError> {
        if !self.in_transaction {
            return Ok(false);
        }
        let committed = self.db.prepare_cached("COMMIT").and_then(|mut statement| statement.execute([]));
        // SQLite takes back in memory what it could not sync, but the file has it: a killed simpd would find it.
        self.may_reappear |= committed.as_ref().is_err_and(is_of_sync);
        self.ok(committed)?;
        // Its pages are in the file in place of those that failed.
        self.may_reappear = false;
        self.in_transaction = false;
        self.committed = self.extent;
        self.commits += 1;
        self.written += PAGE_BYTES;
        self.tend_file();
        Ok(true)
    }

    /// Forgets what was written since the last commit.
    ///
    /// # Errors
    /// The log cannot even be taken back to its last commit.
    pub fn roll_back(&mut self) -> Result<(), StoreError> {
        self.in_transaction = false;
        // Ids of what is rolled back are given again: nobody has seen them.
        self.extent = self.committed;
        self.fresh.clear();
        self.forget_wish_to_hold();
        // SQLite has rolled back by itself after some errors.
        if self.db.is_autocommit() { Ok(()) } else { self.write("ROLLBACK", []).map(drop) }
    }

    /// The newest entries that this turn appended; they stay here until [`begin_turn`](Self::begin_turn), so that those who
    /// follow the log need not read them from the disk.
    pub fn fresh(&self) -> &[Event] {
        &self.fresh
    }

    /// Forgets which entries are fresh: a new turn begins.
    pub fn begin_turn(&mut self) {
        self.fresh.clear();
    }

    /// Before any write: begins a transaction, if none has begun.
    pub(crate) fn begin(&mut self) -> Result<(), StoreError> {
        // With the first write of a turn: a turn without any costs no transaction.
        if !self.in_transaction {
            self.write("BEGIN", [])?;
            self.in_transaction = true;
        }
        Ok(())
    }

    /// Returns how many rows it changed.
    pub(crate) fn write(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize, StoreError> {
        self.ok(self.db.prepare_cached(sql).and_then(|mut statement| statement.execute(values)))
    }

    /// Changes a row, or adds it if it is not there; returns how many were added. Both statements take all these values.
    pub(crate) fn change_or_add(
        &self,
        change: &str,
        add: &str,
        values: &[&dyn ToSql],
    ) -> Result<u64, StoreError> {
        match self.write(change, values)? {
            0 => self.write(add, values).map(|added| added as u64),
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

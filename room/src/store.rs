//! What a room keeps: members, public lines, and how far it has come in simpd's log; and who may come in.
//!
//! - here: the turns of the room. `people`: who may come in. `strikes`: wrong passwords.
//!
//! One commit per turn: what simpd was told before is told again after a kill, and simpd knows that it was.

mod people;
mod strikes;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Transaction, params};
use simp_service::{disk, plain_file};

use simp_control::{LogId, Position};
use strikes::{account_key, forgive, host_key, strike};

use crate::leftover::QueuedLine;
use crate::member::{Member, MemberState, Pace};
use crate::room::{Changes, Notice, Room, Stored};

/// Marks the file as a room's: "room".
const APPLICATION_ID: i64 = 0x726f_6f6d;

const SCHEMA: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE accounts (
        name TEXT PRIMARY KEY COLLATE NOCASE, hash TEXT NOT NULL, since INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE members (
        chat INTEGER PRIMARY KEY, name TEXT NOT NULL, address TEXT NOT NULL, state TEXT NOT NULL,
        since INTEGER NOT NULL, wrong INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE leftover (id INTEGER PRIMARY KEY, chat INTEGER NOT NULL, text TEXT NOT NULL) STRICT;
    CREATE TABLE lines (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
    CREATE TABLE bans (who TEXT PRIMARY KEY COLLATE NOCASE, why TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE strikes (
        who TEXT PRIMARY KEY COLLATE NOCASE, count INTEGER NOT NULL, until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// What stores of before did not have.
const ADDED: &str = "
    CREATE TABLE IF NOT EXISTS homes (
        name TEXT NOT NULL COLLATE NOCASE, host TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (name, host)
    ) STRICT, WITHOUT ROWID;
";

/// How long another program may be writing before we give up: `users` and the room that runs share the file.
const BUSY_FOR: Duration = Duration::from_secs(10);

/// What an operator sees of an account.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
}

/// Why the store does not work.
#[derive(Debug, thiserror::Error)]
pub enum RoomStoreError {
    /// The file is something else.
    #[error("{0}: not a simp-room database (move it away)")]
    NotOurs(String),
    /// SQLite says so.
    #[error("the room's accounts: {words}", words = sql(.0))]
    Sql(#[from] rusqlite::Error),
    /// The lock beside it cannot be taken.
    #[error("{0}: {trouble}", trouble = disk::trouble(.1, "XDG_STATE_HOME", "move it away"))]
    Lock(String, io::Error),
    /// A row makes no sense.
    #[error("the room's accounts: {0}")]
    Row(#[from] serde_json::Error),
}

/// Where a position is kept: the id of its entry, and its epoch if that is known.
const DONE: (&str, &str) = ("done", "done_epoch");
const SENT: (&str, &str) = ("sent", "sent_epoch");

/// The file of one room.
#[derive(Debug)]
pub struct RoomStore {
    db: Connection,
}

/// What SQLite says, with the remedy if there is one.
fn sql(error: &rusqlite::Error) -> String {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    // It reports a disk without room for the file beside a database as one that fails.
    match (error.sqlite_error_code(), extended) {
        (Some(ErrorCode::DiskFull), _) | (_, Some(SQLITE_IOERR_SHMSIZE)) => {
            disk::trouble(&io::ErrorKind::StorageFull.into(), "XDG_STATE_HOME", "")
        }
        _ => error.to_string(),
    }
}

impl RoomStoreError {
    /// Whether it is the disk's, and may pass.
    pub fn may_pass(&self) -> bool {
        let Self::Sql(rusqlite::Error::SqliteFailure(error, _)) = self else { return false };
        matches!(
            error.code,
            ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::ReadOnly | ErrorCode::DatabaseBusy
        )
    }
}

/// Where a room's events come from, and what their ids mean something in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The simpd: `ADDR:PORT`.
    pub simpd: String,
    /// Its log; `None` if an older simpd does not say.
    pub log: Option<LogId>,
}

/// How far a room had come when it was stopped.
#[derive(Debug, Default)]
pub struct Progress {
    /// All events of this log up to this one were done; `None` if the room has never run on it.
    pub done: Option<Position>,
    /// All lines up to this one were sent for them, but for those that are left; 0 if there was none.
    pub sent: Position,
    /// What an earlier run had sent for what was not done yet.
    pub leftover: Vec<QueuedLine>,
}

/// What a turn stores, besides what changed in the room.
#[derive(Debug, Default)]
pub struct Deeds {
    /// New accounts: name and hash.
    pub accounts: Vec<(String, String)>,
    /// Three wrong passwords: name of the account, and host.
    pub strikes: Vec<(String, String)>,
    /// The right password: name of the account, host, and wrong ones before in the same chat.
    pub forgiven: Vec<(String, String, u8)>,
    /// All events up to this one are done.
    pub done: Option<Position>,
    /// All lines up to this one were sent for them, but for those that are left.
    pub sent: Option<Position>,
    /// What an earlier run had sent for what is not done yet; `None` if that has not changed.
    pub leftover: Option<Vec<QueuedLine>>,
}

impl RoomStore {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// If it is something else, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, RoomStoreError> {
        // Two that make it at the same time would be in each other's way.
        let beside = path.with_extension("lock");
        let unusable = |error| RoomStoreError::Lock(beside.display().to_string(), error);
        let lock = plain_file::append(&beside).map_err(unusable)?;
        lock.lock().map_err(unusable)?;
        let not_ours = || RoomStoreError::NotOurs(path.display().to_string());
        // SQLite would open a pipe, and blame the disk for it.
        if path.metadata().is_ok_and(|there| !there.is_file()) {
            return Err(not_ours());
        }
        let db = Connection::open(path)?;
        db.busy_timeout(BUSY_FOR)?;
        let _ = std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600));
        let id: rusqlite::Result<i64> = db.query_row("PRAGMA application_id", [], |row| row.get(0));
        let id = id.map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => not_ours(),
            _ => error.into(),
        })?;
        let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if id != APPLICATION_ID && (id != 0 || tables > 0) {
            return Err(not_ours());
        }
        db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        // A power cut must not take back what an operator was told is done, nor how far simpd was told that we are.
        db.pragma_update(None, "synchronous", "FULL")?;
        if tables == 0 {
            db.execute_batch(&format!(
                "BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; {SCHEMA} COMMIT;"
            ))?;
        }
        db.execute_batch(ADDED)?;
        Ok(Self { db })
    }

    /// What was stored of the room, and how far it had come.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn load(&self, source: &Source, history: usize) -> Result<(Stored, Progress), RoomStoreError> {
        let is_same = self.is_same(source)?;
        let mut members = BTreeMap::new();
        let mut rows = self.db.prepare("SELECT chat, name, address, state, since, wrong FROM members")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let member = Member {
                name: row.get(1)?,
                address: row.get(2)?,
                state: serde_json::from_str::<MemberState>(&row.get::<_, String>(3)?)?,
                since_ms: row.get::<_, i64>(4)? as u64,
                asked_ms: None,
                wrong: row.get(5)?,
                pace: Pace::default(),
                given: None,
            };
            members.insert(row.get::<_, i64>(0)? as u64, member);
        }
        let mut last = self.db.prepare("SELECT text FROM lines ORDER BY id DESC LIMIT ?1")?;
        let text = |row: &rusqlite::Row<'_>| Ok(row.get::<_, String>(0)?.into());
        let mut lines: VecDeque<Arc<str>> =
            last.query_map([history as i64], text)?.collect::<Result<_, _>>()?;
        lines.make_contiguous().reverse();
        let notices: Vec<Notice> = match self.meta("notices")? {
            Some(notices) => serde_json::from_str(&notices)?,
            None => Vec::new(),
        };
        let topic = self.meta("topic")?.unwrap_or_default();
        // Positions in another log mean nothing in this one.
        let done = self.position(DONE)?.filter(|_| is_same);
        let sent = self.position(SENT)?.unwrap_or_default();
        let mut left = self.db.prepare("SELECT id, chat, text FROM leftover")?;
        let queued = |row: &rusqlite::Row<'_>| {
            let (id, chat) = (row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64);
            Ok(QueuedLine { id, chat, text: row.get(2)? })
        };
        let leftover = left.query_map([], queued)?.collect::<Result<_, _>>()?;
        Ok((Stored { members, topic, history: lines, notices }, Progress { done, sent, leftover }))
    }

    /// Whether the room ran last on this log, as far as can be said: an older simpd, or an older room, did not name it.
    fn is_same(&self, source: &Source) -> Result<bool, RoomStoreError> {
        let is_simpd = self.meta("simpd")?.is_none_or(|kept| kept == source.simpd);
        let kept = self.meta("log")?.map(LogId::new);
        Ok(is_simpd && (kept.is_none() || source.log.is_none() || kept == source.log))
    }

    fn position(&self, (id, epoch): (&str, &str)) -> Result<Option<Position>, RoomStoreError> {
        let id = self.meta(id)?.and_then(|id| id.parse().ok());
        let epoch = self.meta(epoch)?.and_then(|epoch| epoch.parse().ok());
        Ok(id.map(|id| Position { id, epoch }))
    }

    fn meta(&self, key: &str) -> Result<Option<String>, RoomStoreError> {
        let sql = "SELECT value FROM meta WHERE key = ?1";
        Ok(self.db.query_row(sql, [key], |row| row.get(0)).optional()?)
    }

    /// The room goes on with this log, which may have had no name when it was here last.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn go_on(&mut self, source: &Source) -> Result<(), RoomStoreError> {
        let all = self.db.transaction()?;
        keep_source(&all, source)?;
        Ok(all.commit()?)
    }

    /// The room runs on this log, and nobody is in it yet.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn begin(&mut self, source: &Source) -> Result<(), RoomStoreError> {
        let all = self.db.transaction()?;
        // How far it was in another log says nothing of this one, also after a kill before the first turn.
        all.execute_batch(
            "DELETE FROM members; DELETE FROM leftover;
             DELETE FROM meta WHERE key IN ('done', 'done_epoch', 'sent', 'sent_epoch', 'log')",
        )?;
        keep_source(&all, source)?;
        keep_meta(&all, "notices", "[]")?;
        Ok(all.commit()?)
    }

    /// Whether the room had no passwords when it ran last; `None` if it never ran.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn was_open(&self) -> Result<Option<bool>, RoomStoreError> {
        Ok(self.meta("open")?.map(|open| open == "yes"))
    }

    /// Makes what a turn did durable.
    ///
    /// # Errors
    /// If it cannot be written: then nothing was.
    pub fn commit(
        &mut self,
        now_ms: u64,
        room: &Room,
        changes: &Changes,
        deeds: &Deeds,
    ) -> Result<(), RoomStoreError> {
        let all = self.db.transaction()?;
        keep_meta(&all, "open", if room.settings().is_open { "yes" } else { "no" })?;
        for chat in &changes.members {
            match room.member(*chat) {
                Some(member) => keep_member(&all, *chat, member)?,
                None => {
                    all.prepare_cached("DELETE FROM members WHERE chat = ?1")?.execute([*chat as i64])?;
                }
            }
        }
        for text in &changes.lines {
            all.prepare_cached("INSERT INTO lines (text) VALUES (?1)")?.execute([&**text])?;
        }
        if !changes.lines.is_empty() {
            // More than anybody is shown.
            all.prepare_cached("DELETE FROM lines WHERE id <= (SELECT max(id) FROM lines) - 10000")?
                .execute([])?;
        }
        if changes.notices {
            keep_meta(&all, "notices", &serde_json::to_string(room.notices())?)?;
        }
        if changes.topic {
            keep_meta(&all, "topic", room.topic())?;
        }
        for (name, hash) in &deeds.accounts {
            // `users add` may have been faster: then its password stays.
            all.prepare_cached("INSERT OR IGNORE INTO accounts VALUES (?1, ?2, ?3)")?.execute(params![
                name,
                hash,
                now_ms as i64
            ])?;
        }
        for (name, host) in &deeds.strikes {
            strike(&all, now_ms, &account_key(name))?;
            strike(&all, now_ms, &host_key(host))?;
        }
        for (name, host, wrong) in &deeds.forgiven {
            forgive(&all, now_ms, name, host, *wrong)?;
        }
        if let Some(leftover) = &deeds.leftover {
            // Written anew as a whole: it is short, and only gets shorter.
            all.execute("DELETE FROM leftover", [])?;
            for QueuedLine { id, chat, text } in leftover {
                let values = params![*id as i64, *chat as i64, text];
                all.prepare_cached("INSERT INTO leftover VALUES (?1, ?2, ?3)")?.execute(values)?;
            }
        }
        for (keys, position) in [(DONE, deeds.done), (SENT, deeds.sent)] {
            position.map_or(Ok(()), |position| keep_position(&all, keys, position))?;
        }
        Ok(all.commit()?)
    }
}

fn keep_member(all: &Transaction<'_>, chat: u64, member: &Member) -> Result<(), RoomStoreError> {
    let sql = "INSERT OR REPLACE INTO members VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    all.prepare_cached(sql)?.execute(params![
        chat as i64,
        member.name,
        member.address,
        serde_json::to_string(&member.state)?,
        member.since_ms as i64,
        member.wrong
    ])?;
    Ok(())
}

fn keep_source(all: &Transaction<'_>, source: &Source) -> Result<(), RoomStoreError> {
    keep_meta(all, "simpd", &source.simpd)?;
    source.log.as_ref().map_or(Ok(()), |log| keep_meta(all, "log", &log.to_string()))
}

fn keep_position(
    all: &Transaction<'_>,
    (id, epoch): (&str, &str),
    position: Position,
) -> Result<(), RoomStoreError> {
    keep_meta(all, id, &position.id.to_string())?;
    match position.epoch {
        Some(number) => keep_meta(all, epoch, &number.to_string()),
        None => Ok(all.prepare_cached("DELETE FROM meta WHERE key = ?1")?.execute([epoch]).map(drop)?),
    }
}

fn keep_meta(all: &Transaction<'_>, key: &str, value: &str) -> Result<(), RoomStoreError> {
    all.prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")?.execute([key, value])?;
    Ok(())
}

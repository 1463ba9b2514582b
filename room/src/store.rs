//! What a room keeps: members, public lines, and how far it has come in simpd's log; and who may come in.
//!
//! - here: the turns of the room. `door`, `shared`: what it knows as one of several doors. `people`: who may come in. `strikes`: wrong passwords. `error`: why it does not work.
//!
//! One commit per turn: what simpd was told before is told again after a kill, and simpd knows that it was.

mod door;
mod error;
mod meta;
pub mod people;
mod shared;
mod strikes;

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, Transaction, params};
use simp_service::plain_file;

pub use error::RoomStoreError;
use meta::{keep_meta, meta, senseless};
use shared::{keep_link, keep_record, keep_seats, seats};
use simp_control::{LogId, Position};
use strikes::{account_key, forgive, host_key, strike};

use crate::cluster::Key;
use crate::leftover::QueuedLine;
use crate::link::LinkChanges;
use crate::member::{ChatKind, Member, MemberState, Pace};
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
    CREATE TABLE IF NOT EXISTS callers (chat INTEGER PRIMARY KEY, user TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS seats (name TEXT PRIMARY KEY, seat TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS posts (n INTEGER PRIMARY KEY, post TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS origins (door TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// How long another program may be writing before we give up: `users` and the room that runs share the file.
const BUSY_FOR: Duration = Duration::from_secs(10);

/// Where a position is kept: the id of its entry, and its epoch if that is known.
const DONE: (&str, &str) = ("done", "done_epoch");
const SENT: (&str, &str) = ("sent", "sent_epoch");

/// The file of one room.
#[derive(Debug)]
pub struct RoomStore {
    db: Connection,
    /// Where it is.
    path: PathBuf,
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
    /// What the server between the doors has told of accounts and bans; without a value one was removed.
    pub records: Vec<(Key, Option<Vec<u8>>)>,
    /// What the door has posted and heard; `None` for a room with one door.
    pub link: Option<LinkChanges>,
}

impl Deeds {
    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        let Self { accounts, strikes, forgiven, done, sent, leftover, records, link } = self;
        let is_nowhere = done.is_none() && sent.is_none() && leftover.is_none() && link.is_none();
        is_nowhere && accounts.is_empty() && strikes.is_empty() && forgiven.is_empty() && records.is_empty()
    }
}

impl RoomStore {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// If it is something else, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, RoomStoreError> {
        // Two that make it at the same time would be in each other's way.
        let beside = path.with_extension("lock");
        let unusable = |error| RoomStoreError::System(beside.clone(), error);
        let lock = plain_file::append(&beside).map_err(unusable)?;
        lock.lock().map_err(unusable)?;
        let not_ours = || RoomStoreError::NotOurs(path.to_owned());
        // SQLite would open a pipe, and blame the disk for it.
        if path.metadata().is_ok_and(|there| !there.is_file()) {
            return Err(not_ours());
        }
        let db = open(path).map_err(|error| RoomStoreError::explain(path, error))?.ok_or_else(not_ours)?;
        Ok(Self { db, path: path.to_owned() })
    }

    /// Reads, or changes a single thing.
    fn ask<T>(&self, what: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, RoomStoreError> {
        what(&self.db).map_err(|error| RoomStoreError::explain(&self.path, error))
    }

    /// Changes all of it or nothing.
    fn change<T>(
        &mut self,
        what: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, RoomStoreError> {
        let changed = self.db.transaction().and_then(|all| {
            let result = what(&all)?;
            all.commit().map(|()| result)
        });
        changed.map_err(|error| RoomStoreError::explain(&self.path, error))
    }

    /// What was stored of the room, and how far it had come.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn load(&self, source: &Source, history: usize) -> Result<(Stored, Progress), RoomStoreError> {
        self.ask(|db| load(db, source, history))
    }

    /// The room goes on with this log, which may have had no name when it was here last.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn go_on(&mut self, source: &Source) -> Result<(), RoomStoreError> {
        self.change(|all| keep_source(all, source))
    }

    /// The room runs on this log from after this entry on, and nobody is in it yet.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn begin(&mut self, source: &Source, done: Position) -> Result<(), RoomStoreError> {
        self.change(|all| {
            // How far it was in another log says nothing of this one, also after a kill before the first turn.
            all.execute_batch(
                "DELETE FROM members; DELETE FROM callers; DELETE FROM leftover;
             DELETE FROM meta WHERE key IN ('done', 'done_epoch', 'sent', 'sent_epoch', 'log')",
            )?;
            keep_source(all, source)?;
            keep_position(all, DONE, done)?;
            keep_meta(all, "notices", "[]")
        })
    }

    /// Whether the room had no passwords when it ran last; `None` if it never ran.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn was_open(&self) -> Result<Option<bool>, RoomStoreError> {
        Ok(self.ask(|db| meta(db, "open"))?.map(|open| open == "yes"))
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
        self.change(|all| keep_turn(all, now_ms, room, changes, deeds))
    }
}

/// The database in a file, which is made if it is not there; `None` if it is another program's.
fn open(path: &Path) -> rusqlite::Result<Option<Connection>> {
    let db = Connection::open(path)?;
    db.busy_timeout(BUSY_FOR)?;
    let _ = std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600));
    let id: i64 = db.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if id != APPLICATION_ID && (id != 0 || tables > 0) {
        return Ok(None);
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
    Ok(Some(db))
}

fn load(db: &Connection, source: &Source, history: usize) -> rusqlite::Result<(Stored, Progress)> {
    let is_same = is_same(db, source)?;
    let mut members = BTreeMap::new();
    let mut rows = db.prepare(
        "SELECT m.chat, name, address, state, since, wrong, user FROM members AS m LEFT JOIN callers USING (chat)",
    )?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let member = Member {
            name: row.get(1)?,
            calls_itself: row.get(6)?,
            kind: ChatKind::default(),
            address: row.get(2)?,
            state: serde_json::from_str::<MemberState>(&row.get::<_, String>(3)?).map_err(senseless)?,
            since_ms: row.get::<_, i64>(4)? as u64,
            asked_ms: None,
            wrong: row.get(5)?,
            pace: Pace::default(),
            given: None,
        };
        members.insert(row.get::<_, i64>(0)? as u64, member);
    }
    let mut last = db.prepare("SELECT text FROM lines ORDER BY id DESC LIMIT ?1")?;
    let text = |row: &rusqlite::Row<'_>| Ok(row.get::<_, String>(0)?.into());
    let mut lines: VecDeque<Arc<str>> = last.query_map([history as i64], text)?.collect::<Result<_, _>>()?;
    lines.make_contiguous().reverse();
    let notices: Vec<Notice> = match meta(db, "notices")? {
        Some(notices) => serde_json::from_str(&notices).map_err(senseless)?,
        None => Vec::new(),
    };
    let topic = meta(db, "topic")?.unwrap_or_default();
    // Positions in another log mean nothing in this one.
    let done = position(db, DONE)?.filter(|_| is_same);
    let sent = position(db, SENT)?.unwrap_or_default();
    let seats = seats(db)?;
    let mut left = db.prepare("SELECT id, chat, text FROM leftover")?;
    let queued = |row: &rusqlite::Row<'_>| {
        let (id, chat) = (row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64);
        Ok(QueuedLine { id, chat, text: row.get(2)? })
    };
    let leftover = left.query_map([], queued)?.collect::<Result<_, _>>()?;
    Ok((Stored { members, topic, history: lines, notices, seats }, Progress { done, sent, leftover }))
}

/// Whether the room ran last on this log, as far as can be said: an older simpd, or an older room, did not name it.
fn is_same(db: &Connection, source: &Source) -> rusqlite::Result<bool> {
    let is_simpd = meta(db, "simpd")?.is_none_or(|kept| kept == source.simpd);
    let kept = meta(db, "log")?.map(LogId::new);
    Ok(is_simpd && (kept.is_none() || source.log.is_none() || kept == source.log))
}

fn position(db: &Connection, (id, epoch): (&str, &str)) -> rusqlite::Result<Option<Position>> {
    let id = meta(db, id)?.and_then(|id| id.parse().ok());
    let epoch = meta(db, epoch)?.and_then(|epoch| epoch.parse().ok());
    Ok(id.map(|id| Position { id, epoch }))
}

fn keep_turn(
    all: &Transaction<'_>,
    now_ms: u64,
    room: &Room,
    changes: &Changes,
    deeds: &Deeds,
) -> rusqlite::Result<()> {
    keep_meta(all, "open", if room.settings().is_open { "yes" } else { "no" })?;
    for chat in &changes.members {
        match room.member(*chat) {
            Some(member) => keep_member(all, *chat, member)?,
            None => {
                all.prepare_cached("DELETE FROM members WHERE chat = ?1")?.execute([*chat as i64])?;
                all.prepare_cached("DELETE FROM callers WHERE chat = ?1")?.execute([*chat as i64])?;
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
        keep_meta(all, "notices", &serde_json::to_string(room.notices()).map_err(senseless)?)?;
    }
    if changes.topic {
        keep_meta(all, "topic", room.topic())?;
    }
    for (key, value) in &deeds.records {
        keep_record(all, key, value.as_deref())?;
    }
    if let Some(link) = &deeds.link {
        keep_link(all, link)?;
        keep_seats(all, room, &changes.seats)?;
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
        strike(all, now_ms, &account_key(name))?;
        strike(all, now_ms, &host_key(host))?;
    }
    for (name, host, wrong) in &deeds.forgiven {
        forgive(all, now_ms, name, host, *wrong)?;
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
        position.map_or(Ok(()), |position| keep_position(all, keys, position))?;
    }
    Ok(())
}

fn keep_member(all: &Transaction<'_>, chat: u64, member: &Member) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO members VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    all.prepare_cached(sql)?.execute(params![
        chat as i64,
        member.name,
        member.address,
        serde_json::to_string(&member.state).map_err(senseless)?,
        member.since_ms as i64,
        member.wrong
    ])?;
    if let Some(user) = &member.calls_itself {
        let sql = "INSERT OR REPLACE INTO callers VALUES (?1, ?2)";
        all.prepare_cached(sql)?.execute(params![chat as i64, user])?;
    }
    Ok(())
}

fn keep_source(all: &Transaction<'_>, source: &Source) -> rusqlite::Result<()> {
    keep_meta(all, "simpd", &source.simpd)?;
    source.log.as_ref().map_or(Ok(()), |log| keep_meta(all, "log", &log.to_string()))
}

fn keep_position(
    all: &Transaction<'_>,
    (id, epoch): (&str, &str),
    position: Position,
) -> rusqlite::Result<()> {
    keep_meta(all, id, &position.id.to_string())?;
    match position.epoch {
        Some(number) => keep_meta(all, epoch, &number.to_string()),
        None => all.prepare_cached("DELETE FROM meta WHERE key = ?1")?.execute([epoch]).map(drop),
    }
}

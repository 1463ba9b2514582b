//! The log as it is read off a disk, without simpd.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension as _};
use simp_control::{Event, Kind, What};

use super::CONSUMER;

/// "simp", which marks a file as simpd's.
const APPLICATION_ID: i64 = 0x7369_6d70;

/// An entry: what of it a loss of power must not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub id: u64,
    pub at: i64,
    pub kind: i64,
    pub chat: i64,
    pub address: String,
    pub user: String,
    pub message: Option<u64>,
    pub text: Option<String>,
    pub seq: Option<u8>,
}

impl Entry {
    /// Whether this is what clients are told of it.
    pub fn is(&self, event: &Event) -> bool {
        let message = match event.what {
            What::Delivered { message } => Some(message),
            _ => event.secure.map(|secure| secure.known.into()),
        };
        (self.id, self.at as u64, self.chat as u64) == (event.id, event.at_ms, event.chat)
            && (&self.user, &self.address) == (&event.peer.user, &event.peer.address)
            && self.kind == event.what.kind() as i64
            && (self.message, self.text.as_deref()) == (message, event.what.text())
    }
}

/// The entries of a row, in order: see daemon/store/src/runs.rs. Written anew here, so that it is a second witness.
fn with_those_before(last: Entry, first: Option<i64>, list: Vec<u8>) -> Vec<Entry> {
    let mut bytes = list.into_iter();
    let number = |bytes: &mut std::vec::IntoIter<u8>| {
        let (mut number, mut factor) = (0, 1);
        loop {
            let byte = u64::from(bytes.next().unwrap());
            number += byte % 128 * factor;
            if byte < 128 {
                return number;
            }
            factor *= 128;
        }
    };
    let text = |bytes: &mut std::vec::IntoIter<u8>| {
        let length = number(bytes) as usize;
        String::from_utf8(bytes.by_ref().take(length).collect()).unwrap()
    };
    let mut entries = vec![last];
    for id in (first.unwrap_or(entries[0].id as i64) as u64..entries[0].id).rev() {
        let mut entry = Entry { id, ..entries[entries.len() - 1].clone() };
        let mut said = number(&mut bytes);
        if said == 0 {
            entry.chat = number(&mut bytes) as i64;
            (entry.address, entry.user) = (text(&mut bytes), text(&mut bytes));
            said = number(&mut bytes);
        }
        if entry.kind == Kind::Message as i64 {
            (entry.seq, entry.text) = (Some(said as u8 - 1), Some(text(&mut bytes)));
        } else {
            entry.message = Some(id - said);
        }
        entries.push(entry);
    }
    entries.reverse();
    entries
}

/// The log; empty if simpd would begin one.
#[derive(Debug, Default)]
pub struct Log {
    pub entries: Vec<Entry>,
    /// How many of them share a row with the one after them.
    pub shared: usize,
    /// How far the consumer is.
    pub mark: u64,
}

impl Log {
    /// Reads the file and what is beside it, and changes them no more than an open must.
    ///
    /// # Errors
    /// What simpd would refuse to start with.
    pub fn read(path: &Path) -> Result<Self, String> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let db = Connection::open(path).map_err(|error| error.to_string())?;
        Self::of(&db).map_err(|error| error.to_string())?
    }

    fn of(db: &Connection) -> rusqlite::Result<Result<Self, String>> {
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        db.pragma_update(None, "synchronous", "OFF")?;
        let id: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        match (id, tables) {
            (0, 0) => return Ok(Ok(Self::default())),
            (APPLICATION_ID, 1..) => {}
            _ => return Ok(Err(format!("application {id} with {tables} tables"))),
        }
        let state: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        if state != "ok" {
            return Ok(Err(state));
        }
        let mut query = db.prepare(
            "SELECT id, at, kind, chat, address, user, message, text, seq, first, list FROM events ORDER BY id",
        )?;
        let entries = query.query_map([], |row| {
            let last = Entry {
                id: row.get::<_, i64>(0)? as u64,
                at: row.get(1)?,
                kind: row.get(2)?,
                chat: row.get(3)?,
                address: row.get(4)?,
                user: row.get(5)?,
                message: row.get::<_, Option<i64>>(6)?.map(|id| id as u64),
                text: row.get(7)?,
                seq: row.get(8)?,
            };
            let (first, list) = (row.get::<_, Option<i64>>(9)?, row.get::<_, Option<Vec<u8>>>(10)?);
            Ok(with_those_before(last, first, list.unwrap_or_default()))
        })?;
        let rows = entries.collect::<rusqlite::Result<Vec<_>>>()?;
        let entries = rows.concat();
        let sql = "SELECT seen FROM consumers WHERE name = ?1";
        let mark = db.query_row(sql, [CONSUMER], |row| row.get::<_, i64>(0)).optional()?;
        Ok(Ok(Self { shared: entries.len() - rows.len(), entries, mark: mark.unwrap_or_default() as u64 }))
    }

    /// How many texts are in it a second time; each was sent once.
    pub fn duplicates(&self) -> usize {
        let texts: Vec<_> = self.entries.iter().filter_map(|entry| entry.text.as_ref()).collect();
        texts.len() - texts.iter().collect::<HashSet<_>>().len()
    }

    /// The entries of this kind, in order.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.kind == kind as i64)
    }
}

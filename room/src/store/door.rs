//! What a room keeps as one of several doors: its link to the stream, who is inside at the others, and a copy of the records
//! of all, by which it lets people in while the server is away.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::Serialize;

use super::people::account;
use super::strikes::forget;
use super::{RoomStore, RoomStoreError, keep_meta, meta, senseless};
use crate::cluster::{AccountRecord, BanRecord, Key};
use crate::link::{LinkChanges, StoredLink};
use crate::room::{Post, Room, Seat};

impl RoomStore {
    /// The id that this door has, or is to have; `None` for a room that has one door only.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn door(&self) -> Result<Option<String>, RoomStoreError> {
        self.ask(|db| meta(db, "door"))
    }

    /// How its server was reached last, as JSON; `None` for a room with one door only.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn server(&self) -> Result<Option<String>, RoomStoreError> {
        self.ask(|db| meta(db, "server"))
    }

    /// This is to be a door with this id, once it has a server.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn become_door(&mut self, id: &str) -> Result<(), RoomStoreError> {
        self.change(|all| keep_meta(all, "door", id))
    }

    /// From now on this is a door, whose server is reached so.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn be_door(&mut self, server: &str) -> Result<(), RoomStoreError> {
        self.change(|all| keep_meta(all, "server", server))
    }

    /// All posts of a door with this id up to this one are known.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn hear(&mut self, id: &str, n: u64) -> Result<(), RoomStoreError> {
        self.change(|all| keep_origin(all, id, n))
    }

    /// The last public lines, the oldest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn lines(&self, most: u32) -> Result<Vec<String>, RoomStoreError> {
        let sql = "SELECT text FROM (SELECT id, text FROM lines ORDER BY id DESC LIMIT ?1) ORDER BY id";
        self.ask(|db| db.prepare(sql)?.query_map([most], |row| row.get(0))?.collect())
    }

    /// Where the link of this door was.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn link(&self) -> Result<StoredLink, RoomStoreError> {
        self.ask(|db| {
            let mark = meta(db, "link")?.map(|mark| serde_json::from_str(&mark).map_err(senseless));
            let mut posts = db.prepare("SELECT n, post FROM posts ORDER BY n")?;
            let posts = posts.query_map([], |row| {
                let post = serde_json::from_str::<Post>(&row.get::<_, String>(1)?).map_err(senseless)?;
                Ok((row.get::<_, i64>(0)? as u64, post))
            })?;
            let posts = posts.collect::<Result<_, _>>()?;
            let mut origins = db.prepare("SELECT door, n FROM origins")?;
            let origins = origins.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
            let origins = origins.collect::<Result<HashMap<_, _>, _>>()?;
            Ok(StoredLink { mark: mark.transpose()?.unwrap_or_default(), posts, origins })
        })
    }

    /// All records that all doors share: accounts, bans and the topic.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn records(&self) -> Result<Vec<(Key, Vec<u8>)>, RoomStoreError> {
        self.ask(|db| {
            let mut all = db.prepare("SELECT name, hash, since FROM accounts")?;
            let accounts = all.query_map([], |row| {
                let account = account(row)?;
                Ok((Key::account(&account.name), json(&account)))
            })?;
            let mut records = accounts.collect::<Result<Vec<_>, _>>()?;
            let mut all = db.prepare("SELECT who, why FROM bans")?;
            let bans = all.query_map([], |row| {
                let (who, why): (String, String) = (row.get(0)?, row.get(1)?);
                Ok((Key::ban(&who), json(&BanRecord { who, why })))
            })?;
            for ban in bans {
                records.push(ban?);
            }
            if let Some(topic) = meta(db, "topic")?.filter(|topic| !topic.is_empty()) {
                records.push((Key::Topic, json(&topic)));
            }
            Ok(records)
        })
    }
}

/// Keeps what the server says of an account or a ban. What it says of anything else is not kept here, nor what makes no
/// sense: somebody else has written it.
pub(super) fn keep_record(all: &Transaction<'_>, key: &Key, value: Option<&[u8]>) -> rusqlite::Result<()> {
    match (key, value) {
        (Key::Account(_), Some(value)) => {
            let Ok(AccountRecord { name, hash, since_ms }) = serde_json::from_slice(value) else {
                return Ok(());
            };
            let before = "SELECT hash FROM accounts WHERE name = ?1";
            let before: Option<String> =
                all.prepare_cached(before)?.query_row([&name], |row| row.get(0)).optional()?;
            // With another password, its user comes in anew everywhere.
            if before.is_some_and(|before| before != hash) {
                forget(all, &name)?;
            }
            let sql = "INSERT OR REPLACE INTO accounts VALUES (?1, ?2, ?3)";
            all.prepare_cached(sql)?.execute(params![name, hash, since_ms as i64])?;
        }
        (Key::Account(name), None) => {
            forget(all, name)?;
            all.execute("DELETE FROM accounts WHERE name = ?1", [name])?;
        }
        (Key::Ban(_), Some(value)) => {
            let Ok(BanRecord { who, why }) = serde_json::from_slice(value) else { return Ok(()) };
            all.execute("INSERT OR REPLACE INTO bans VALUES (?1, ?2)", [who, why])?;
        }
        (Key::Ban(who), None) => {
            all.execute("DELETE FROM bans WHERE who = ?1", [who])?;
        }
        (Key::Topic | Key::Door(_), _) => {}
    }
    Ok(())
}

pub(super) fn keep_link(all: &Transaction<'_>, link: &LinkChanges) -> rusqlite::Result<()> {
    keep_meta(all, "link", &serde_json::to_string(&link.mark).map_err(senseless)?)?;
    for (n, post) in &link.posts {
        all.prepare_cached("INSERT INTO posts VALUES (?1, ?2)")?.execute(params![*n as i64, post])?;
    }
    all.prepare_cached("DELETE FROM posts WHERE n < ?1")?.execute([link.first as i64])?;
    for (door, n) in &link.origins {
        keep_origin(all, door, *n)?;
    }
    Ok(())
}

fn keep_origin(all: &Transaction<'_>, door: &str, n: u64) -> rusqlite::Result<()> {
    all.prepare_cached("INSERT OR REPLACE INTO origins VALUES (?1, ?2)")?.execute(params![door, n as i64])?;
    Ok(())
}

pub(super) fn keep_seats(
    all: &Transaction<'_>,
    room: &Room,
    changed: &BTreeSet<String>,
) -> rusqlite::Result<()> {
    for name in changed {
        match room.seat(name) {
            Some(seat) => {
                let seat = serde_json::to_string(seat).map_err(senseless)?;
                all.prepare_cached("INSERT OR REPLACE INTO seats VALUES (?1, ?2)")?.execute([name, &seat])?;
            }
            None => {
                all.prepare_cached("DELETE FROM seats WHERE name = ?1")?.execute([name])?;
            }
        }
    }
    Ok(())
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Who is inside at which door, as far as this one has heard.
pub(super) fn seats(db: &Connection) -> rusqlite::Result<Vec<Seat>> {
    let mut all = db.prepare("SELECT seat FROM seats")?;
    let seats =
        all.query_map([], |row| serde_json::from_str(&row.get::<_, String>(0)?).map_err(senseless))?;
    seats.collect()
}

//! What all doors of a room know, as this one keeps it: accounts and bans, who is inside where, and its place in the stream.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::meta::{keep_meta, senseless};
use super::strikes::forget;
use crate::cluster::{AccountRecord, Key};
use crate::link::LinkChanges;
use crate::room::{Room, Seat};

/// Keeps what the server says of an account. What it says of anything else is not kept here, nor what makes no sense:
/// somebody else has written it.
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
        (Key::Ban(_) | Key::Topic | Key::Door(_), _) => {}
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

pub(super) fn keep_origin(all: &Transaction<'_>, door: &str, n: u64) -> rusqlite::Result<()> {
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

pub(super) fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Who is inside at which door, as far as this one has heard.
pub(super) fn seats(db: &Connection) -> rusqlite::Result<Vec<Seat>> {
    let mut all = db.prepare("SELECT seat FROM seats")?;
    let seats =
        all.query_map([], |row| serde_json::from_str(&row.get::<_, String>(0)?).map_err(senseless))?;
    seats.collect()
}

/// An account in a row: name, hash, since when.
pub(super) fn account(row: &Row<'_>) -> rusqlite::Result<AccountRecord> {
    let since_ms = row.get::<_, i64>(2)? as u64;
    Ok(AccountRecord { name: row.get(0)?, hash: row.get(1)?, since_ms })
}

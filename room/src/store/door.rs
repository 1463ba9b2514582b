//! What a room keeps as one of several doors: its link to the stream, who is inside at the others, and a copy of the records
//! of all, by which it lets people in while the server is away.

use std::collections::HashMap;

use super::meta::{keep_meta, meta, senseless};
use super::shared::{account, json, keep_origin};
use super::{RoomStore, RoomStoreError};
use crate::cluster::{BanRecord, Key};
use crate::link::StoredLink;
use crate::room::Post;

impl RoomStore {
    /// The id that this is a door with, or is to be one with: a new one if it has none.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub fn door_id(&mut self, new: impl FnOnce() -> String) -> Result<String, RoomStoreError> {
        self.change(|all| match meta(all, "door")? {
            Some(id) => Ok(id),
            None => {
                let id = new();
                keep_meta(all, "door", &id)?;
                Ok(id)
            }
        })
    }

    /// How its server was reached last, as JSON; `None` for a room with one door only.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn server(&self) -> Result<Option<String>, RoomStoreError> {
        self.ask(|db| meta(db, "server"))
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

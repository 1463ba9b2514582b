//! The keys of peers, by whose they are: a promise that whoever is there later has the same.

use std::net::SocketAddr;

use rusqlite::{OptionalExtension as _, Row, params};
use simp_control::{KeyId, KeyOwner, KnownKey};

use crate::error::StoreError;
use crate::looks;
use crate::store::Store;

/// Most rows: beyond, the one goes that was not seen for longest, but never one that our user trusts.
const KEYS_MAX: u64 = 65_536;

/// Most addresses of one key, beside those where our user trusts it: a peer that changes its address time and again is
/// looked for at the last of them.
const ADDRESSES_MAX: i64 = 8;

impl Store {
    /// The key of the peer at this address, if it is known.
    pub fn key_of(&self, address: SocketAddr) -> Result<Option<KeyId>, StoreError> {
        self.key_of_owner(&KeyOwner::Address(address))
    }

    /// The same for an address or a name.
    pub fn key_of_owner(&self, owner: &KeyOwner) -> Result<Option<KeyId>, StoreError> {
        self.ok(self.db()?.prepare_cached("SELECT key FROM keys WHERE who = ?1").and_then(|mut query| {
            query.query_row([owner.to_string()], |row| row.get(0).map(KeyId::new)).optional()
        }))
    }

    /// Whether this key is anybody's that is known.
    pub fn is_known(&self, key: KeyId) -> Result<bool, StoreError> {
        self.ok(self
            .db()?
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM keys WHERE key = ?1)")
            .and_then(|mut query| query.query_row([key.as_bytes()], |row| row.get(0))))
    }

    /// Where the peer with this key was seen, the newest first.
    pub fn addresses_of(&self, key: KeyId) -> Result<Vec<SocketAddr>, StoreError> {
        let sql = "SELECT who FROM keys WHERE key = ?1 ORDER BY seen DESC, rowid DESC";
        let owners: Vec<String> = self.ok(self
            .db()?
            .prepare_cached(sql)
            .and_then(|mut query| query.query_map([key.as_bytes()], |row| row.get(0))?.collect()))?;
        // The others are names.
        Ok(owners.into_iter().filter_map(|owner| owner.parse().ok()).collect())
    }

    /// Notes that the peer at this address has this key, and calls itself so. False, and nothing is noted, if another key
    /// is known there.
    pub fn note_key(
        &mut self,
        now_ms: u64,
        address: SocketAddr,
        key: KeyId,
        user: &str,
    ) -> Result<bool, StoreError> {
        let known = self.key_of(address)?;
        if known.is_some_and(|known| known != key) {
            return Ok(false);
        }
        self.begin()?;
        let who = address.to_string();
        let [name, look, folded] = looks::columns(user);
        let row = params![who, key.as_bytes(), user, now_ms as i64, name, look, folded];
        let sql = "INSERT INTO keys VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7) ON CONFLICT (who)
            DO UPDATE SET user = ?3, seen = ?4, name = ?5, look = ?6, folded = ?7";
        self.write(sql, row)?;
        if known.is_none() {
            self.extent.bounded.keys += 1;
            // The new one stays in any case: the clock may have jumped back.
            let sql = "DELETE FROM keys WHERE who IN (SELECT who FROM keys
                WHERE key = ?2 AND trusted = 0 AND who <> ?1 ORDER BY seen DESC, rowid DESC LIMIT -1 OFFSET ?3)";
            self.extent.bounded.keys -=
                self.write(sql, params![who, key.as_bytes(), ADDRESSES_MAX - 1])? as u64;
            self.drop_surplus(&who)?;
        }
        Ok(true)
    }

    /// From now on these keys, and no others, are their owners'.
    pub fn trust_keys(&mut self, now_ms: u64, keys: &[(KeyOwner, KeyId)]) -> Result<(), StoreError> {
        self.begin()?;
        // Whoever had another key there is somebody else.
        let change = "UPDATE keys SET user = iif(key = ?2, user, ''), name = iif(key = ?2, name, ?4),
                look = iif(key = ?2, look, ?5), folded = iif(key = ?2, folded, ?6), key = ?2, seen = ?3, trusted = 1
            WHERE who = ?1";
        let add = "INSERT INTO keys VALUES (?1, ?2, '', ?3, 1, ?4, ?5, ?6)";
        for (owner, key) in keys {
            let [name, look, folded] = looks::columns(match owner {
                KeyOwner::Address(_) => "",
                KeyOwner::User(name) => name.as_str(),
            });
            let row = params![owner.to_string(), key.as_bytes(), now_ms as i64, name, look, folded];
            self.extent.bounded.keys += self.change_or_add(change, add, row)?;
        }
        self.drop_surplus("")
    }

    /// Drops what is too much, but not what was noted for this owner.
    fn drop_surplus(&mut self, but: &str) -> Result<(), StoreError> {
        let surplus = self.extent.bounded.keys.saturating_sub(KEYS_MAX);
        if surplus > 0 {
            // By an index.
            let sql = "DELETE FROM keys WHERE who IN (SELECT who FROM keys WHERE trusted = 0 AND who <> ?1
                ORDER BY seen LIMIT ?2)";
            self.extent.bounded.keys -= self.write(sql, params![but, surplus as i64])? as u64;
        }
        Ok(())
    }

    /// The known keys of owners greater than `after` as texts, in this order.
    pub fn keys(&self, after: &str, limit: usize) -> Result<Vec<KnownKey>, StoreError> {
        let sql = "SELECT * FROM keys WHERE who > ?1 ORDER BY who LIMIT ?2";
        self.ok(self
            .db()?
            .prepare_cached(sql)
            .and_then(|mut query| query.query_map(params![after, limit as i64], known_key)?.collect()))
    }

    /// Forgets these keys, and returns how many there were.
    pub fn forget_keys(&mut self, is_meant: impl Fn(&KnownKey) -> bool) -> Result<u64, StoreError> {
        let all: Vec<KnownKey> = self.ok(self
            .db()?
            .prepare_cached("SELECT * FROM keys")
            .and_then(|mut query| query.query_map([], known_key)?.collect()))?;
        self.begin()?;
        let mut forgotten = 0;
        for known in all.into_iter().filter(is_meant) {
            forgotten += self.write("DELETE FROM keys WHERE who = ?1", [known.who])? as u64;
        }
        self.extent.bounded.keys -= forgotten;
        Ok(forgotten)
    }
}

fn known_key(row: &Row<'_>) -> rusqlite::Result<KnownKey> {
    Ok(KnownKey {
        who: row.get(0)?,
        key: KeyId::new(row.get(1)?),
        user: row.get(2)?,
        seen_ms: row.get::<_, i64>(3)? as u64,
        trusted: row.get(4)?,
    })
}

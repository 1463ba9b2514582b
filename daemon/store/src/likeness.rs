//! Whose name a peer's name is, or looks like: a name that somebody else is known by, with a key that is not the peer's.

use std::fmt;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use simp_control::KeyId;

use crate::error::StoreError;
use crate::looks::looks_of;
use crate::store::Store;

/// What is to be known of a peer's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Likeness {
    /// Somebody else is known by it.
    Same(Box<str>),
    /// It looks like this one, by which somebody else is known.
    Like(Box<str>),
}

/// As a note, after the peer's name.
impl fmt::Display for Likeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same(name) => write!(f, "another key is known for {name}"),
            Self::Like(name) => write!(f, "looks like {name}"),
        }
    }
}

impl Store {
    /// Whose name this is, if a peer with this key, or none, calls itself so. That takes as long however many names are known:
    /// each statement finds what it looks for by an index.
    pub fn likeness(&self, user: &str, key: Option<KeyId>) -> Result<Option<Likeness>, StoreError> {
        if user.is_empty() {
            return Ok(None);
        }
        self.ok(whose(self.db()?, user, key))
    }
}

fn whose(db: &Connection, user: &str, key: Option<KeyId>) -> rusqlite::Result<Option<Likeness>> {
    let key = key.as_ref().map(KeyId::as_bytes);
    let is_own = "SELECT EXISTS (SELECT 1 FROM keys WHERE key = ?1 AND name = ?2)";
    // Whoever is known by it already is meant by it.
    if db.prepare_cached(is_own)?.query_row(params![key, user], |row| row.get(0))? {
        return Ok(None);
    }
    let is_taken = "SELECT EXISTS (SELECT 1 FROM keys WHERE name = ?1)";
    if db.prepare_cached(is_taken)?.query_row([user], |row| row.get(0))? {
        return Ok(Some(Likeness::Same(user.into())));
    }
    let [look, folded] = looks_of(user);
    let mut alike = Vec::new();
    for (sql, look) in [
        (
            "SELECT trusted, name FROM keys WHERE look = ?1 AND key IS NOT ?2 ORDER BY trusted DESC LIMIT 1",
            look,
        ),
        (
            "SELECT trusted, name FROM keys WHERE folded = ?1 AND key IS NOT ?2 ORDER BY trusted DESC LIMIT 1",
            folded,
        ),
    ] {
        let row = |row: &Row<'_>| Ok((row.get::<_, bool>(0)?, row.get::<_, String>(1)?));
        alike.extend(db.prepare_cached(sql)?.query_row(params![look, key], row).optional()?);
    }
    // Rather one that our user trusts.
    let like = alike.into_iter().rev().max_by_key(|(trusted, _)| *trusted);
    Ok(like.map(|(_, name)| Likeness::Like(name.into())))
}

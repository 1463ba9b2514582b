//! Whose name a peer's name is, or looks like: a name that somebody else is known by, with a key that is not the peer's.

use std::fmt;
use std::net::SocketAddr;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use simp_control::KeyId;
use unicode_security::skeleton;

use crate::error::StoreError;
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
    let [look, folded] = looks_of(user);
    let is_taken = "SELECT EXISTS (SELECT 1 FROM keys WHERE look = ?1 AND trusted IN (0, 1) AND name = ?2)";
    if db.prepare_cached(is_taken)?.query_row([&look, user], |row| row.get(0))? {
        return Ok(Some(Likeness::Same(user.into())));
    }
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

/// What the table of keys has of a name: itself, and how it looks. Nothing of an empty one.
pub(crate) fn columns(name: &str) -> [Option<String>; 3] {
    if name.is_empty() {
        return [const { None }; 3];
    }
    let [look, folded] = looks_of(name);
    [name.to_owned(), look, folded].map(Some)
}

/// Adds that to a table that is older than it.
pub(crate) fn fill(db: &Connection) -> rusqlite::Result<()> {
    let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let all: Vec<(String, String)> =
        db.prepare("SELECT who, user FROM keys")?.query_map([], row)?.collect::<rusqlite::Result<_>>()?;
    let mut fill = db.prepare("UPDATE keys SET name = ?2, look = ?3, folded = ?4 WHERE who = ?1")?;
    for (who, user) in all {
        // What is no address is a name that our user trusts.
        let name = if who.parse::<SocketAddr>().is_ok() { &user } else { &who };
        let [name, look, folded] = columns(name);
        fill.execute(params![who, name, look, folded])?;
    }
    Ok(())
}

/// How a name looks, upper and lower case told apart and not. Two of which one is the same look alike.
fn looks_of(name: &str) -> [String; 2] {
    let look = |name: &str| skeleton(name).collect::<String>().to_lowercase();
    [look(name), look(&name.to_lowercase())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_reader_takes_for_each_other_look_alike() {
        let alike = |one: &str, other: &str| {
            looks_of(one).iter().zip(&looks_of(other)).any(|(one, other)| one == other)
        };
        for (one, other) in [
            ("bob", "b\u{43e}b"),
            ("bob", "Bob"),
            ("bob", "b0b"),
            ("paul", "pau1"),
            ("Illy", "lIly"),
            ("\u{430}nn\u{430}", "anna"),
            ("m\u{fc}ller", "rn\u{fc}ller"),
            ("\u{3c1}eter", "peter"),
        ] {
            assert!(alike(one, other), "{one} {other}");
        }
        for (one, other) in [("bob", "rob"), ("j\u{f6}rg", "jorg"), ("bob", "bobby"), ("", "bob")] {
            assert!(!alike(one, other), "{one} {other}");
        }
    }
}

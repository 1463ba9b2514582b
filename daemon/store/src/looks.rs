//! How names look, and what the table of keys has of that.

use std::net::SocketAddr;

use rusqlite::{Connection, Row, params};
use unicode_security::skeleton;

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
pub(crate) fn looks_of(name: &str) -> [String; 2] {
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

//! Whose name a peer's name is, or looks like: a name that somebody else is known by, with a key that is not the peer's.

use std::fmt;

use simp_control::KeyId;
use unicode_security::skeleton;

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

impl Likeness {
    /// Whose name this is, of these names with their keys, if the peer that says so has not this key.
    pub fn of(user: &str, key: Option<KeyId>, names: &[(String, KeyId)]) -> Option<Self> {
        // Whoever is known by it already is meant by it.
        if names.iter().any(|(name, of)| name == user && Some(*of) == key) {
            return None;
        }
        if names.iter().any(|(name, _)| name == user) {
            return Some(Self::Same(user.into()));
        }
        let looks = looks_of(user);
        let is_alike = |name: &str| looks_of(name).iter().zip(&looks).any(|(one, other)| one == other);
        let like = names.iter().find(|(name, of)| Some(*of) != key && is_alike(name));
        like.map(|(name, _)| Self::Like(name.as_str().into()))
    }
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

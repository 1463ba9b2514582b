//! The kinds of entries that a request names.

use std::fmt;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use crate::event::Kind;

/// Kinds of entries, no more than there are.
pub(crate) fn kinds<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Kind>, D::Error> {
    from.deserialize_seq(KindsVisitor)
}

struct KindsVisitor;

impl<'de> Visitor<'de> for KindsVisitor {
    type Value = Vec<Kind>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut said: A) -> Result<Vec<Kind>, A::Error> {
        let mut kinds = Vec::new();
        while let Some(kind) = said.next_element()? {
            // Before the rest is read.
            if kinds.len() == Kind::ALL.len() {
                let line = format_args!("there are {} kinds of entries, this list has more", Kind::ALL.len());
                return Err(A::Error::custom(line));
            }
            kinds.push(kind);
        }
        Ok(kinds)
    }
}

//! Files: what is offered, and how its parts travel.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use simp_values::Digest;

/// Most bytes of a part.
pub const PART_MAX: u64 = 128 << 10;

/// So much of a file is on its way at once: as much as a connection carries.
pub const FILE_WINDOW: u64 = 1 << 20;

/// Most bytes of a file's name. Every file system takes as many, and a number besides.
const NAME_MAX: usize = 200;

/// What a file is called whose name says nothing.
const NAMELESS: &str = "file";

/// A file that is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Its name, without any folder.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// What they come to.
    pub sha256: Digest,
}

/// Bytes of a file, as one byte string.
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

/// How many they are: nobody wants to read them.
impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_byte_buf(BytesVisitor)
    }
}

struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a byte string")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes(bytes.to_vec()))
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(Bytes(bytes))
    }
}

/// What a file may be called here that a peer calls so: the last part of a path, without what hides it, what a terminal
/// would obey, or what turns the direction of writing, and not too long.
pub fn clean_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().filter(|c| !c.is_control() && !is_bidi(*c)).collect();
    let kept = kept.trim_start_matches(|c: char| c == '.' || c.is_whitespace()).trim_end();
    match kept.get(..kept.floor_char_boundary(NAME_MAX)).unwrap_or_default().trim_end() {
        "" => NAMELESS.to_owned(),
        kept => kept.to_owned(),
    }
}

/// Whether a character changes the direction in which those around it are written.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_of_a_file_in_this_folder_whatever_a_peer_calls_it() {
        let long = format!("{}é", "x".repeat(199));
        for (given, kept) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\ann\\x.txt", "x.txt"),
            ("..", "file"),
            (".bashrc", "bashrc"),
            (" . .profile ", "profile"),
            ("", "file"),
            ("a/", "file"),
            ("a\0b\n\u{1b}[2J\u{9b}", "ab[2J"),
            ("fdp.\u{202e}exe", "fdp.exe"),
            ("gr\u{fc}n", "gr\u{fc}n"),
            (&long, &long[..199]),
        ] {
            assert_eq!(clean_name(given), kept, "{given:?}");
        }
    }
}

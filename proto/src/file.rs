//! Files: what is offered, and how its parts travel.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Most bytes of a part.
pub const PART_MAX: u64 = 128 << 10;

/// So much of a file is on its way at once: as much as a connection carries.
pub const FILE_WINDOW: u64 = 1 << 20;

/// Most bytes of a file's name. Every file system takes as many, and a number besides.
const NAME_MAX: usize = 200;

/// What a file is called whose name says nothing.
const NAMELESS: &str = "file";

/// Bytes of a SHA-256.
const LEN: usize = 32;

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

/// A SHA-256. Written as 64 hexadecimal digits, lower case.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest([u8; LEN]);

/// Why a text is no SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is 64 hexadecimal digits")]
pub struct DigestError;

impl Digest {
    /// Of these bytes.
    pub fn new(digest: [u8; LEN]) -> Self {
        Self(digest)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; LEN] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// As it is written.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let mut digest = [0; LEN];
        if text.len() != 2 * LEN || !text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(DigestError);
        }
        for (byte, digits) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| DigestError)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| DigestError)?;
        }
        Ok(Self(digest))
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
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

    #[test]
    fn a_digest_reads_back_as_it_is_written_and_nothing_else_is_one() {
        let digest = Digest::new(std::array::from_fn(|at| at as u8 * 8));
        let text = digest.to_string();
        assert!(text.starts_with("00081018"), "{text}");
        assert_eq!(text.parse(), Ok(digest));
        for bad in ["", &text[1..], &format!("{text}0"), &text.to_uppercase(), &"+0".repeat(32)] {
            assert_eq!(bad.parse::<Digest>(), Err(DigestError), "{bad}");
        }
    }
}

//! Values that cannot be wrong once made: a user name, a text of ours, a sequence bit.

use std::fmt;

/// Longest user name in bytes: the width of the header's User field (SIMP 1).
pub const USER_NAME_MAX: usize = 32;

/// Longest text we send in one datagram, in bytes (SIMP 1).
/// Most implementations receive into 1,024 bytes, 39 of them header, and cut off the rest silently.
pub const TEXT_MAX: usize = 985;

/// A SIMP user name: at most 32 bytes of printable ASCII, without spaces at either end.
/// Blank only if a peer sends no name; [`UserName::new`] refuses that for ours.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct UserName {
    len: u8,
    bytes: [u8; USER_NAME_MAX],
}

/// Why a string cannot be a user name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserNameError {
    /// Nothing is left without spaces.
    #[error("a user name cannot be empty")]
    Empty,
    /// More bytes than the User field holds; holds how many.
    #[error("a user name has at most 32 bytes, this one has {0}")]
    TooLong(usize),
    /// A character other than printable ASCII.
    #[error("a user name must be printable ASCII; {} is not", show_char(*.0))]
    Character(char),
}

impl UserName {
    /// Makes a name of ours from what a user typed.
    ///
    /// # Errors
    /// [`UserNameError`] says which rule is broken.
    pub fn new(name: &str) -> Result<Self, UserNameError> {
        let name = name.trim_matches(' ');
        if name.is_empty() {
            return Err(UserNameError::Empty);
        }
        if let Some(c) = name.chars().find(|c| !matches!(c, ' '..='~')) {
            return Err(UserNameError::Character(c));
        }
        if name.len() > USER_NAME_MAX {
            return Err(UserNameError::TooLong(name.len()));
        }
        Ok(Self::copy_of(name.as_bytes()))
    }

    /// Reads the header's User field: padding of NUL, space or control characters at either end is dropped, and what
    /// follows an inner NUL. A byte that is not printable ASCII is read as a question mark; the second value says
    /// whether there is none.
    pub fn from_field(field: &[u8; USER_NAME_MAX]) -> (Self, bool) {
        let start = field.iter().position(|byte| !is_padding(*byte)).unwrap_or(USER_NAME_MAX);
        let name =
            field.get(start..).and_then(|name| name.split(|&byte| byte == 0).next()).unwrap_or_default();
        let end = name.iter().rposition(|byte| !is_padding(*byte)).map_or(0, |last| last + 1);
        let mut read = Self::copy_of(name.get(..end).unwrap_or_default());
        let mut is_printable = true;
        for byte in read.bytes.iter_mut().take(end).filter(|byte| !matches!(byte, b' '..=b'~')) {
            *byte = b'?';
            is_printable = false;
        }
        (read, is_printable)
    }

    /// The header's User field: the name, padded at the end with NUL.
    pub fn field(&self) -> &[u8; USER_NAME_MAX] {
        &self.bytes
    }

    /// The name; empty if a peer sent none.
    pub fn as_str(&self) -> &str {
        self.bytes.get(..usize::from(self.len)).and_then(|name| str::from_utf8(name).ok()).unwrap_or_default()
    }

    /// Whether the peer sent no name.
    pub fn is_blank(&self) -> bool {
        self.len == 0
    }

    fn copy_of(name: &[u8]) -> Self {
        let mut bytes = [0; USER_NAME_MAX];
        for (to, from) in bytes.iter_mut().zip(name) {
            *to = *from;
        }
        Self { len: name.len().min(USER_NAME_MAX) as u8, bytes }
    }
}

/// Whether implementations fill User up with it.
pub fn is_padding(byte: u8) -> bool {
    matches!(byte, 0..=b' ' | 0x7f)
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// A text we may send in one chat datagram: 1 to 985 bytes of ASCII without NUL (SIMP 1).
#[derive(Clone, PartialEq, Eq)]
pub struct Text(Box<str>);

/// Why a string cannot be sent as a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing to send.
    #[error("an empty text cannot be sent")]
    Empty,
    /// More bytes than every peer can receive; holds how many.
    #[error("a text has at most {TEXT_MAX} characters, this one has {0} (send it in parts)")]
    TooLong(usize),
    /// A character that SIMP cannot carry, and its position counted from 1.
    #[error("a text must be ASCII; {} at position {position} is not", show_char(*.character))]
    Character {
        /// The character.
        character: char,
        /// Which character of the text it is, the first being 1.
        position: usize,
    },
}

impl Text {
    /// Makes a text from what a user wrote.
    ///
    /// # Errors
    /// [`TextError`] says which rule is broken, and by which character.
    pub fn new(text: &str) -> Result<Self, TextError> {
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        // NUL is ASCII, but peers written in C or padding with NUL end the text there.
        if let Some((index, character)) = text.chars().enumerate().find(|(_, c)| !c.is_ascii() || *c == '\0')
        {
            return Err(TextError::Character { character, position: index + 1 });
        }
        if text.len() > TEXT_MAX {
            return Err(TextError::TooLong(text.len()));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How an error names a character: as it is if it is visible, and by its number.
fn show_char(c: char) -> String {
    if c.is_control() {
        format!("the character U+{:04X}", u32::from(c))
    } else {
        format!("'{c}' (U+{:04X})", u32::from(c))
    }
}

/// What a peer's payload says: its UTF-8, or if it is not UTF-8, each byte as its Latin-1 character, so
/// that nothing of it is lost.
pub fn read_payload(payload: &[u8]) -> String {
    read_payload_up_to(payload, payload.len())
}

/// What the first `most` bytes of a payload say, and if there are more, how many: a datagram has room for 65,000 bytes,
/// which nobody types, and whoever receives them has to keep them.
pub fn read_payload_up_to(payload: &[u8], most: usize) -> String {
    let (mut text, read) = match str::from_utf8(payload) {
        Ok(text) => {
            // A character that is cut in two would make the rest unreadable.
            let read = text.floor_char_boundary(most);
            (text.get(..read).unwrap_or_default().to_owned(), read)
        }
        Err(_) => (payload.iter().take(most).copied().map(char::from).collect(), most.min(payload.len())),
    };
    let left = payload.len() - read;
    if left > 0 {
        text += &format!(" [{left} more bytes]");
    }
    text
}

/// The Sequence of a datagram of ours: one bit (SIMP 3), or a count modulo 256 with peers that want that (SIMP 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seq(u8);

impl Seq {
    /// What both directions start with.
    pub const ZERO: Self = Self(0);

    /// The other bit.
    pub const ONE: Self = Self(1);

    /// What is in a Sequence field.
    pub fn new(field: u8) -> Self {
        Self(field)
    }

    /// The bit in a Sequence field.
    pub fn of(field: u8) -> Self {
        Self(field & 1)
    }

    /// The bit of the next datagram.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 & 1 ^ 1)
    }

    /// So many further, for peers that count.
    #[must_use]
    pub const fn plus(self, count: u8) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// The header's Sequence field.
    pub fn field(self) -> u8 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(bytes: &[u8]) -> [u8; USER_NAME_MAX] {
        let mut field = [0; USER_NAME_MAX];
        field[..bytes.len()].copy_from_slice(bytes);
        field
    }

    #[test]
    fn a_user_field_is_read_whatever_it_is_padded_with() {
        let mut spaces = [b' '; USER_NAME_MAX];
        spaces[..3].copy_from_slice(b"bob");
        let mut leading = [0; USER_NAME_MAX];
        leading[29..].copy_from_slice(b"bob");
        let inner = field(b"bob\0rubbish");
        for padded in [field(b"bob"), spaces, leading, inner, field(b"  bob \0"), field(b"bob\r\n")] {
            let (user, is_printable) = UserName::from_field(&padded);
            assert_eq!((user.as_str(), is_printable), ("bob", true));
        }
        assert!(UserName::from_field(&field(b"")).0.is_blank());
        assert_eq!(UserName::from_field(&[b'x'; 32]).0.as_str(), "x".repeat(32));
    }

    #[test]
    fn what_is_not_printable_ascii_in_a_user_field_is_read_as_question_marks() {
        for (bad, name) in
            [(&b"b\xc3\xb6b"[..], "b??b"), (b"bo\x1b[2J", "bo?[2J"), (b"tab\there", "tab?here")]
        {
            let (user, is_printable) = UserName::from_field(&field(bad));
            assert_eq!((user.as_str(), is_printable), (name, false));
        }
    }

    #[test]
    fn a_name_says_what_is_wrong_with_it() {
        for (name, error) in [
            ("", "a user name cannot be empty"),
            ("   ", "a user name cannot be empty"),
            ("j\u{f6}rg", "a user name must be printable ASCII; '\u{f6}' (U+00F6) is not"),
            ("a\tb", "a user name must be printable ASCII; the character U+0009 is not"),
            (&"x".repeat(33), "a user name has at most 32 bytes, this one has 33"),
        ] {
            assert_eq!(UserName::new(name).unwrap_err().to_string(), error);
        }
        assert_eq!(UserName::new("Ann Lee").unwrap().field()[..9], *b"Ann Lee\0\0");
    }

    #[test]
    fn a_text_says_what_is_wrong_with_it() {
        for (text, error) in [
            ("", "an empty text cannot be sent"),
            ("gr\u{fc}n", "a text must be ASCII; '\u{fc}' (U+00FC) at position 3 is not"),
            ("a\0b", "a text must be ASCII; the character U+0000 at position 2 is not"),
            (&"x".repeat(986), "a text has at most 985 characters, this one has 986 (send it in parts)"),
        ] {
            assert_eq!(Text::new(text).unwrap_err().to_string(), error);
        }
        assert_eq!(Text::new(&"x".repeat(985)).unwrap().as_str().len(), 985);
    }

    #[test]
    fn a_payload_that_is_not_utf8_keeps_every_byte() {
        assert_eq!(read_payload("gr\u{fc}n".as_bytes()), "gr\u{fc}n");
        assert_eq!(read_payload(b"gr\xfcn"), "gr\u{fc}n");
    }

    #[test]
    fn a_payload_that_is_too_long_ends_with_how_much_is_missing() {
        for (payload, most, read) in [
            (&b"hello"[..], 5, "hello"),
            (b"hello", 4, "hell [1 more bytes]"),
            (b"hello", 0, " [5 more bytes]"),
            ("gr\u{fc}n".as_bytes(), 3, "gr [3 more bytes]"),
            (b"gr\xfcn", 3, "gr\u{fc} [1 more bytes]"),
        ] {
            assert_eq!(read_payload_up_to(payload, most), read);
        }
    }
}

//! Names of users in secure chats. What a peer calls itself is shown to people and compared by them, so that it can have
//! nothing in it that cannot be seen, and is written in one way only.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory as _};

use crate::ascii::{ascii, is_mark};
use crate::text::{USER_NAME_MAX, UserName};

/// Most characters of a name.
const CHARACTERS_MAX: usize = 32;

/// Most bytes of a name.
const BYTES_MAX: usize = 64;

/// So much of what a peer says is looked at, in bytes: far more than a name can be made of.
const READ_MAX: usize = 1_024;

/// A user's name in secure chats: at most 32 characters and 64 bytes that can be seen, without spaces at either end, in
/// normalization form C.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Name(Box<str>);

/// Why a string cannot be a name of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left without spaces.
    #[error("a user name cannot be empty")]
    Empty,
    /// It has so many characters.
    #[error("a user name has at most {CHARACTERS_MAX} characters, this one has {0}")]
    TooLong(usize),
    /// It has so many bytes.
    #[error("a user name has at most {BYTES_MAX} bytes in UTF-8, this one has {0}")]
    TooManyBytes(usize),
    /// A character that cannot be seen.
    #[error("a user name cannot contain the character U+{:04X}", u32::from(*.0))]
    Character(char),
}

impl Name {
    /// Makes a name of ours from what a user typed.
    ///
    /// # Errors
    /// [`NameError`] says which rule is broken.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let name: String = name.trim_matches(' ').nfc().collect();
        let (characters, bytes) = (name.chars().count(), name.len());
        if let Some((_, odd)) = name.chars().enumerate().find(|(at, c)| !is_fit(*at, *c)) {
            return Err(NameError::Character(odd));
        }
        match () {
            () if name.is_empty() => Err(NameError::Empty),
            () if characters > CHARACTERS_MAX => Err(NameError::TooLong(characters)),
            () if bytes > BYTES_MAX => Err(NameError::TooManyBytes(bytes)),
            () => Ok(Self(name.into())),
        }
    }

    /// Reads what a peer calls itself: what is too long is cut off, and a character that cannot be seen is read as a question
    /// mark.
    pub fn read(said: &str) -> Self {
        let said = said.get(..said.floor_char_boundary(READ_MAX)).unwrap_or_default();
        let mut name = String::new();
        for (at, c) in said.trim().nfc().take(CHARACTERS_MAX).enumerate() {
            let c = if is_fit(at, c) { c } else { '?' };
            if name.len() + c.len_utf8() > BYTES_MAX {
                break;
            }
            name.push(c);
        }
        Self(name.trim_end_matches(' ').into())
    }

    /// The name; empty if a peer gave none.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same for plain chats: in ASCII, of at most 32 bytes (SIMP 1).
    pub fn plain(&self) -> UserName {
        let mut plain = ascii(&self.0).into_owned();
        plain.truncate(USER_NAME_MAX);
        // Marks alone leave nothing.
        UserName::new(&plain).or_else(|_| UserName::new("?")).unwrap_or_default()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a character at this place of a name can be seen and is where it belongs.
fn is_fit(at: usize, c: char) -> bool {
    use GeneralCategoryGroup::{Letter, Mark, Number, Punctuation, Symbol};
    match c {
        ' '..='~' => true,
        // Letters and marks that nobody sees: fillers, joiners and the choice of a variant.
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' => false,
        '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}' => false,
        // One at the beginning would stand above what is printed before the name.
        c if at == 0 && is_mark(c) => false,
        c => matches!(c.general_category_group(), Letter | Mark | Number | Punctuation | Symbol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_peer_is_one_that_can_be_seen() {
        let long = "\u{416}".repeat(40);
        let bytes = "\u{1f600}".repeat(32);
        for (said, read) in [
            ("bob", "bob"),
            ("  Ann Lee\r\n", "Ann Lee"),
            ("jo\u{308}rg", "j\u{f6}rg"),
            ("\u{5f20}\u{4f1f} \u{1f600}", "\u{5f20}\u{4f1f} \u{1f600}"),
            ("bo\u{200b}b\u{202e}\u{1b}[2J", "bo?b??[2J"),
            ("bob\u{a0}\u{feff}", "bob??"),
            ("b\u{fe0f}\u{3164}\u{ad}\u{e0041}\u{e000}", "b?????"),
            ("\u{301}bob", "?bob"),
            ("bob\0", "bob?"),
            ("", ""),
            (" ", ""),
            (&long, &"\u{416}".repeat(32)),
            (&bytes, &"\u{1f600}".repeat(16)),
            (&("x".repeat(31) + " y"), &"x".repeat(31)),
        ] {
            let name = Name::read(said);
            assert_eq!(name.as_str(), read, "{said:?}");
            assert_eq!(Name::read(read), name, "{said:?}: it stays so");
        }
        assert_eq!(Name::read(&"a\u{301}".repeat(1 << 20)).as_str(), "\u{e1}".repeat(32));
    }

    #[test]
    fn a_name_of_ours_says_what_is_wrong_with_it() {
        assert_eq!(Name::new(" Jo\u{308}rg ").unwrap().as_str(), "J\u{f6}rg");
        for (name, error) in [
            ("", "a user name cannot be empty"),
            ("   ", "a user name cannot be empty"),
            ("a\tb", "a user name cannot contain the character U+0009"),
            ("a\u{202e}b", "a user name cannot contain the character U+202E"),
            (&"x".repeat(33), "a user name has at most 32 characters, this one has 33"),
            (&"\u{4e2d}".repeat(22), "a user name has at most 64 bytes in UTF-8, this one has 66"),
        ] {
            assert_eq!(Name::new(name).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn a_plain_peer_is_told_a_name_in_ascii() {
        for (name, plain) in [
            ("bob", "bob"),
            ("J\u{f6}rg", "Jorg"),
            ("\u{418}\u{432}\u{430}\u{43d}", "????"),
            (&"\u{df}".repeat(20), &"s".repeat(32)),
        ] {
            assert_eq!(Name::new(name).unwrap().plain().as_str(), plain);
        }
    }
}

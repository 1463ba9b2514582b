//! What is made of a text that its peer does not take as it is, so that it can be sent all the same.

use std::borrow::Cow;

use deunicode::deunicode_with_tofu;
use simp_control::Takes;

/// What stands for what cannot be sent and has no like.
const UNKNOWN: &str = "\u{fffd}";

/// The same in ASCII.
const UNKNOWN_ASCII: &str = "?";

/// A piece ends at a space if there is one in this part of it, at its end.
const NEAR: usize = 4;

/// The text as what a peer takes, in pieces if it is too long: what cannot be sent is replaced, other letters become
/// those of ASCII if the peer needs that, and a piece ends after a space if there is one near, never within a character.
/// Nothing if nothing is left.
pub(crate) fn fit(text: &str, takes: Takes) -> Vec<String> {
    let text = match text.contains('\0') {
        true => Cow::Owned(text.replace('\0', UNKNOWN)),
        false => Cow::Borrowed(text),
    };
    let text = match takes.ascii && !text.is_ascii() {
        true => Cow::Owned(in_ascii(&text.replace(UNKNOWN, UNKNOWN_ASCII))),
        false => text,
    };
    let most = usize::try_from(takes.bytes).unwrap_or(usize::MAX);
    let (mut pieces, mut rest) = (Vec::new(), text.as_ref());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at_checked(end_of_piece(rest, most)).unwrap_or((rest, ""));
        pieces.push(piece.to_owned());
        rest = after;
    }
    pieces
}

/// The text in the letters of ASCII, line by line and column by column: the ends of those would be left out.
fn in_ascii(text: &str) -> String {
    let parts = text.split_inclusive(|c: char| c.is_ascii_control());
    let in_ascii = |part: &str| match part.char_indices().next_back().filter(|(_, c)| c.is_ascii_control()) {
        Some((at, end)) => deunicode_with_tofu(&part[..at], UNKNOWN_ASCII) + end.encode_utf8(&mut [0; 4]),
        None => deunicode_with_tofu(part, UNKNOWN_ASCII),
    };
    parts.map(in_ascii).collect()
}

/// Where the first piece of a text ends that has at most so many bytes; a character at least.
fn end_of_piece(text: &str, most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    let end = text.floor_char_boundary(most);
    let near = text.get(..end).and_then(|piece| piece.rfind(is_space)).map(|space| space + 1);
    match near.filter(|near| is_near(*near, end)) {
        Some(near) => near,
        None if end == 0 => text.chars().next().map_or(0, char::len_utf8),
        None => end,
    }
}

/// Whether a piece that could be so long may as well end here, after a space.
pub(crate) fn is_near(after_space: usize, longest: usize) -> bool {
    after_space > longest - longest / NEAR
}

fn is_space(c: char) -> bool {
    c.is_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use simp_seeds::{Random, Replay};

    use super::*;

    const PLAIN: Takes = Takes { bytes: 985, ascii: true };
    const SECURE: Takes = Takes { bytes: 985, ascii: false };

    fn at_most(bytes: u64) -> Takes {
        Takes { bytes, ascii: false }
    }

    #[test]
    fn what_a_plain_peer_does_not_take_is_replaced_by_its_like() {
        for (text, like) in [
            ("as it is\t~", "as it is\t~"),
            ("gr\u{fc}n\n\tb\u{f6}se\r\n", "grun\n\tbose\r\n"),
            ("J\u{f6}rg\u{2026} 6 \u{20ac}", "Jorg... 6 EUR"),
            ("\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442}", "Privet"),
            ("a\0b\u{fffd}c\u{f8ff}", "a?b?c?"),
        ] {
            assert_eq!(fit(text, PLAIN), [like]);
        }
        assert!(fit("", PLAIN).is_empty());
        // Nothing of it is to be seen.
        assert!(fit("\u{feff}", PLAIN).is_empty());
    }

    #[test]
    fn a_secure_peer_takes_all_but_nul() {
        assert_eq!(fit("gr\u{fc}n\0", SECURE), ["gr\u{fc}n\u{fffd}"]);
    }

    #[test]
    fn what_is_too_long_is_split_after_a_space_that_is_near_and_never_within_a_character() {
        for (text, most, pieces) in [
            ("12345678", 8, &["12345678"][..]),
            ("123456789", 8, &["12345678", "9"]),
            ("1234567 9", 8, &["1234567 ", "9"]),
            ("123456 89", 8, &["123456 ", "89"]),
            ("12345 789", 8, &["12345 78", "9"]),
            ("1234567 910 ab", 8, &["1234567 ", "910 ab"]),
            ("12 456789", 8, &["12 45678", "9"]),
            ("\u{fc}\u{fc}\u{fc}", 3, &["\u{fc}", "\u{fc}", "\u{fc}"]),
            // Less than a character is nothing: it is sent whole, and its peer says what it does.
            ("\u{1f600}a", 2, &["\u{1f600}", "a"]),
        ] {
            assert_eq!(fit(text, at_most(most)), pieces, "{text} in {most}");
        }
    }

    #[test]
    fn pieces_fit_and_are_the_text_again() {
        for seed in simp_seeds::seeds(500) {
            let _replay = Replay { package: "simp-ctl", test: "pieces_fit", seed };
            let mut random = Random(seed);
            let alphabet = ["a", " ", "\n", "\u{fc}", "\u{20ac}", "\u{1f600}", "word"];
            let text: String = (0..random.below(60)).map(|_| random.pick(&alphabet)).collect();
            let most = 4 + random.below(20);
            let pieces = fit(&text, at_most(most));
            assert_eq!(pieces.concat(), text);
            assert!(pieces.iter().all(|piece| (1..=most).contains(&(piece.len() as u64))), "{pieces:?}");
        }
    }
}

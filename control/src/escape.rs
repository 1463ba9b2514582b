//! Text from the network made harmless for a terminal. Everything that a peer may have written goes through
//! one of these before it is printed. It lives here, beside the types that carry such text to every front end, so that
//! no front end has its own idea of what is harmless.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a terminal, or a reader's eye, could take this character for something that it is not: controls
/// (C0, DEL, C1), line and paragraph separators, and those that turn the direction of writing around.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text for people, on one line: what could deceive is shown as `\n`, `\x1b` or `\u{202e}`.
pub fn shown(text: &str) -> Cow<'_, str> {
    replaced(text, deceives, escaped)
}

/// The text for terminals of which we know nothing: whatever is not printable ASCII is shown as [`shown`] has it.
pub fn ascii(text: &str) -> Cow<'_, str> {
    replaced(text, |c| !matches!(c, ' '..='~'), escaped)
}

fn escaped(out: &mut String, c: char) {
    // Writing to a string cannot fail.
    let _ = match c {
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        c if u32::from(c) < 0x100 => write!(out, "\\x{:02x}", u32::from(c)),
        c => write!(out, "\\u{{{:x}}}", u32::from(c)),
    };
}

/// A name for people. One that could be taken for more than a name, such as `you -> bob` or `bob: x`, is shown between
/// quotation marks, with `\"` and `\\` for those in it.
pub fn name(name: &str) -> Cow<'_, str> {
    if is_plain(name) {
        return Cow::Borrowed(name);
    }
    // Backslashes first, or those put before the quotation marks would be doubled.
    let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
    Cow::Owned(format!("\"{}\"", shown(&quoted)))
}

/// Words of letters, digits and a few marks, with one space between them, that do not read as our own user.
fn is_plain(name: &str) -> bool {
    // A question mark stands for what a name should not have had.
    let is_mark = |c| matches!(c, '_' | '-' | '.' | '@' | '+' | '\'' | '?');
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || is_mark(c));
    name != "you" && name.split(' ').all(is_word)
}

/// The same JSON with what could deceive a terminal escaped as well. Outside of strings JSON has no such
/// characters, and inside `\uXXXX` means the same, so that a reader gets the exact text.
pub fn json(line: &str) -> Cow<'_, str> {
    replaced(line, deceives, |out, c| {
        let _ = write!(out, "\\u{:04x}", u32::from(c));
    })
}

fn replaced(text: &str, is_odd: impl Fn(char) -> bool, escape: impl Fn(&mut String, char)) -> Cow<'_, str> {
    if !text.contains(&is_odd) {
        // Nearly all text is harmless, and passes without a copy.
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_odd(c) { escape(&mut out, c) } else { out.push(c) }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_as_an_escape() {
        for (text, expected) in [
            ("plain \\ text", "plain \\ text"),
            ("gr\u{fc}n", "gr\u{fc}n"),
            ("a\nb\r\tc\0", "a\\nb\\r\\tc\\x00"),
            ("\x1b[2J\x07", "\\x1b[2J\\x07"),
            ("\x7f\u{9b}31m\u{85}", "\\x7f\\x9b31m\\x85"),
            ("\u{202e}\u{2066}\u{200f}\u{2028}\u{61c}", "\\u{202e}\\u{2066}\\u{200f}\\u{2028}\\u{61c}"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn nothing_comes_out_that_an_unknown_terminal_would_obey() {
        assert_eq!(ascii("a\x1b[2J\n\x07\0 gr\u{fc}n \u{202e}"), "a\\x1b[2J\\n\\x07\\x00 gr\\xfcn \\u{202e}");
    }

    #[test]
    fn a_name_is_shown_as_it_is_or_between_quotation_marks() {
        for plain in ["bob", "Ann Lee", "o'neil", "j??rg", "bob-2_x.y+z@home", "gr\u{fc}n"] {
            assert_eq!(name(plain), plain);
        }
        for (odd, expected) in [
            ("you -> bob", "\"you -> bob\""),
            ("bob: x", "\"bob: x\""),
            ("you", "\"you\""),
            ("* bob", "\"* bob\""),
            ("a  b", "\"a  b\""),
            (" a", "\" a\""),
            ("\"bob\"", "\"\\\"bob\\\"\""),
            ("a\\\x1b", "\"a\\\\\\x1b\""),
        ] {
            assert_eq!(name(odd), expected);
        }
    }

    #[test]
    fn json_is_safe_to_print_and_means_the_same() {
        let text = "\x1b\x7f\u{9b}\u{202e}\n\"\\ gr\u{fc}n";
        let raw = serde_json::to_string(text).unwrap();
        let safe = json(&raw);
        assert!(!safe.contains(deceives));
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
    }
}

//! Text made fit for cells of a terminal: harmless, of a known width, and in lines that are not too long.

use std::borrow::Cow;

use simp_control::escape;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// A cell has at most so many characters: a letter and its marks. More would be painted over other lines.
const MARKS_MAX: usize = 4;

/// What stands for a character that a terminal could give another width than we do.
const ODD: char = '\u{fffd}';

/// One line of text from anywhere, as it may be put into cells: nothing in it moves the cursor or turns the direction, and
/// every terminal gives it the width that [`width`] says.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let shown = escape::shown(text);
    if shown.is_ascii() || shown.graphemes(true).all(is_plain) {
        return shown;
    }
    let mut out = String::with_capacity(shown.len());
    for cluster in shown.graphemes(true) {
        match is_plain(cluster) {
            true => out.push_str(cluster),
            // Of several figures joined to one, terminals make one or several: the first alone is the same in all.
            false => out.push(cluster.chars().next().filter(|c| c.width().unwrap_or(0) > 0).unwrap_or(ODD)),
        }
    }
    Cow::Owned(out)
}

/// Whether it is one character with its marks, as wide as that character alone.
fn is_plain(cluster: &str) -> bool {
    let mut chars = cluster.chars();
    let first = chars.next().and_then(|c| c.width()).unwrap_or(0);
    first > 0 && chars.clone().count() < MARKS_MAX && chars.all(|c| c.width() == Some(0) && !is_selector(c))
}

/// A joiner, or what asks for another form of the character before it.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

/// How many columns it takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// As much of it as fits into so many columns, with a mark at the end if that is not all.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    match columns {
        0 => Cow::Borrowed(""),
        columns => Cow::Owned(format!("{}~", &text[..fitting(text, columns - 1)])),
    }
}

/// How many bytes of it fit into so many columns.
pub(crate) fn fitting(text: &str, columns: usize) -> usize {
    let mut taken = 0;
    for (at, cluster) in text.grapheme_indices(true) {
        taken += cluster.width();
        if taken > columns {
            return at;
        }
    }
    text.len()
}

/// The lines of a text from anywhere: harmless, broken where it is broken, and between words where it is too long. The
/// first has so many columns less for what stands before it. There is at least one.
pub(crate) fn lines(text: &str, columns: usize, before: usize) -> Vec<String> {
    let mut out = Vec::new();
    for part in text.trim_end_matches('\n').split('\n') {
        let part = clean(part.strip_suffix('\r').unwrap_or(part));
        let indent = if out.is_empty() { before } else { 0 };
        wrap(&part, columns.max(1), indent, &mut out);
    }
    out
}

/// Breaks a line that is harmless.
fn wrap(line: &str, columns: usize, indent: usize, out: &mut Vec<String>) {
    let mut rest = line;
    let mut room = columns.saturating_sub(indent);
    loop {
        let end = fitting(rest, room);
        if end == rest.len() {
            out.push(rest.to_owned());
            return;
        }
        // After the last space that fits; a word that is longer than a line is cut, and one cell is always taken.
        let is_fresh = room == columns;
        let at = match rest[..end + next_len(&rest[end..])].rfind(' ') {
            Some(space) if space > 0 => space + 1,
            _ if is_fresh => end.max(next_len(rest)),
            _ if width(first_word(rest)) <= columns => 0,
            _ => end,
        };
        out.push(rest[..at].trim_end_matches(' ').to_owned());
        rest = &rest[at..];
        room = columns;
    }
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or(text)
}

/// The bytes of the first cluster.
fn next_len(text: &str) -> usize {
    text.graphemes(true).next().map_or(0, str::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_has_the_same_width_in_every_terminal() {
        for (text, shown) in [
            ("plain", "plain"),
            ("a\tb\x1b[2J\r", "a\\tb\\x1b[2J\\r"),
            ("gr\u{fc}n e\u{301}", "gr\u{fc}n e\u{301}"),
            ("\u{65e5}\u{672c}", "\u{65e5}\u{672c}"),
            ("\u{301}a", "\u{fffd}a"),
            ("a\u{200b}b", "a\u{fffd}b"),
            ("\u{202e}abc", "\\u{202e}abc"),
            ("\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}", "\u{1f468}"),
            ("\u{2764}\u{fe0f}", "\u{2764}"),
        ] {
            assert_eq!(clean(text), shown, "{text:?}");
        }
        let heap = format!("a{}", "\u{301}".repeat(50));
        assert_eq!(clean(&heap), "a");
    }

    #[test]
    fn a_text_is_broken_between_words() {
        assert_eq!(lines("the quick brown fox", 10, 0), ["the quick", "brown fox"]);
        assert_eq!(lines("the quick brown fox", 10, 6), ["the", "quick", "brown fox"]);
        assert_eq!(lines("abcdefghij", 4, 0), ["abcd", "efgh", "ij"]);
        assert_eq!(lines("abcd", 4, 3), ["", "abcd"]);
        assert_eq!(lines("one\ntwo\r\n\nfour\n\n", 10, 0), ["one", "two", "", "four"]);
        assert_eq!(lines("", 10, 0), [""]);
        assert_eq!(lines("\u{65e5}\u{672c}\u{8a9e}", 5, 0), ["\u{65e5}\u{672c}", "\u{8a9e}"]);
    }

    #[test]
    fn no_line_is_longer_than_it_may_be_and_no_character_is_lost() {
        let texts = ["a b  c   d", "word wordword w", " x", "\u{65e5} \u{672c}a\u{8a9e}", "     "];
        for text in texts {
            for columns in 1..8 {
                for before in 0..9 {
                    let lines = lines(text, columns, before);
                    // A wide character has no place in one column, and is there all the same.
                    assert!(columns < 2 || lines.iter().all(|line| width(line) <= columns), "{lines:?}");
                    let letters = |text: &str| text.replace(' ', "");
                    assert_eq!(letters(&lines.concat()), letters(text));
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_and_that_is_seen() {
        for (columns, cut_) in [(9, "abcdef"), (6, "abcdef"), (5, "abcd~"), (1, "~"), (0, "")] {
            assert_eq!(cut("abcdef", columns), cut_);
        }
        assert_eq!(cut("\u{65e5}\u{672c}\u{8a9e}", 4), "\u{65e5}~");
    }
}

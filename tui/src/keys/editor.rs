//! The line that is typed, edited as readline does.

use unicode_segmentation::UnicodeSegmentation as _;

/// A line that is typed has so many bytes at most: as many as a text may have.
const LINE_MAX: usize = simp_control::frame::LONGEST_TEXT;

/// How far something goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    Left,
    Right,
    WordLeft,
    WordRight,
    /// As shells do: back to the last space.
    Space,
    Start,
    End,
}

/// A line and the place in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Editor {
    text: String,
    /// In bytes; between two characters as they are seen.
    at: usize,
    /// What was cut last.
    cut: String,
}

impl Editor {
    /// What is typed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The place, in bytes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Another line, with the place at its end.
    pub(crate) fn set(&mut self, text: impl Into<String>) {
        self.text = text.into();
        self.at = self.text.len();
    }

    /// The line, which is empty from now on.
    pub(crate) fn take(&mut self) -> String {
        self.at = 0;
        std::mem::take(&mut self.text)
    }

    pub(crate) fn insert(&mut self, text: &str) {
        if self.text.len() + text.len() <= LINE_MAX {
            self.text.insert_str(self.at, text);
            self.at += text.len();
        }
    }

    /// Puts something in the place of what is before the place, from there on.
    pub(crate) fn replace(&mut self, from: usize, text: &str) {
        self.text.replace_range(from..self.at, text);
        self.at = from + text.len();
    }

    pub(crate) fn go(&mut self, to: To) {
        self.at = self.target(to);
    }

    /// Removes what is between here and there. A single character is gone; more can be inserted again.
    pub(crate) fn remove(&mut self, to: To) {
        let target = self.target(to);
        let range = target.min(self.at)..target.max(self.at);
        self.at = range.start;
        let removed: String = self.text.drain(range).collect();
        if !matches!(to, To::Left | To::Right) && !removed.is_empty() {
            self.cut = removed;
        }
    }

    /// Inserts what was cut last.
    pub(crate) fn yank(&mut self) {
        let cut = std::mem::take(&mut self.cut);
        self.insert(&cut);
        self.cut = cut;
    }

    /// Exchanges the two characters before the place, or around it.
    pub(crate) fn transpose(&mut self) {
        let right = if self.at == self.text.len() { self.target(To::Left) } else { self.at };
        let left = before(&self.text, right);
        let end = after(&self.text, right);
        if left < right && right < end {
            let swapped = [&self.text[right..end], &self.text[left..right]].concat();
            self.text.replace_range(left..end, &swapped);
            self.at = end;
        }
    }

    fn target(&self, to: To) -> usize {
        let (left, right) = self.text.split_at(self.at);
        match to {
            To::Left => before(&self.text, self.at),
            To::Right => after(&self.text, self.at),
            To::Start => 0,
            To::End => self.text.len(),
            To::WordLeft => {
                let words = left.trim_end_matches(|c: char| !c.is_alphanumeric());
                words.trim_end_matches(char::is_alphanumeric).len()
            }
            To::WordRight => {
                let word = right.trim_start_matches(|c: char| !c.is_alphanumeric());
                self.text.len() - word.trim_start_matches(char::is_alphanumeric).len()
            }
            To::Space => left.trim_end().trim_end_matches(|c: char| !c.is_whitespace()).len(),
        }
    }
}

/// The place of the character before this place.
fn before(text: &str, at: usize) -> usize {
    text[..at].grapheme_indices(true).next_back().map_or(0, |(before, _)| before)
}

/// The place after the character at this place.
fn after(text: &str, at: usize) -> usize {
    at + text[at..].graphemes(true).next().map_or(0, str::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line with a bar in its place.
    fn shown(editor: &Editor) -> String {
        let (left, right) = editor.text.split_at(editor.at);
        format!("{left}|{right}")
    }

    fn editor(text: &str) -> Editor {
        let (left, right) = text.split_once('|').unwrap();
        Editor { text: [left, right].concat(), at: left.len(), cut: String::new() }
    }

    #[test]
    fn the_place_moves_by_what_is_seen() {
        for (start, to, end) in [
            ("ab|c", To::Left, "a|bc"),
            ("|abc", To::Left, "|abc"),
            ("e\u{301}|x", To::Left, "|e\u{301}x"),
            ("ab|c", To::Right, "abc|"),
            ("abc|", To::Right, "abc|"),
            ("one two, |three", To::WordLeft, "one |two, three"),
            ("one| two, three", To::WordRight, "one two|, three"),
            ("one |two", To::Start, "|one two"),
            ("one |two", To::End, "one two|"),
        ] {
            let mut line = editor(start);
            line.go(to);
            assert_eq!(shown(&line), end, "{start} {to:?}");
        }
    }

    #[test]
    fn what_is_cut_can_be_inserted_again() {
        for (start, to, end, cut) in [
            ("a/b c-d|", To::WordLeft, "a/b c-|", "d"),
            ("a/b c-d|", To::Space, "a/b |", "c-d"),
            ("one |two", To::End, "one |", "two"),
            ("one |two", To::Start, "|two", "one "),
            ("on|e two", To::WordRight, "on| two", "e"),
            ("abc|", To::Left, "ab|", ""),
            ("|abc", To::Right, "|bc", ""),
        ] {
            let mut line = editor(start);
            line.remove(to);
            assert_eq!((shown(&line).as_str(), line.cut.as_str()), (end, cut), "{start} {to:?}");
            line.yank();
            assert_eq!(line.text.len(), end.len() - 1 + cut.len());
        }
    }

    #[test]
    fn characters_change_places() {
        for (start, end) in [("ab|", "ba|"), ("a|b", "ba|"), ("|ab", "|ab"), ("a|", "a|"), ("ab|c", "acb|")] {
            let mut line = editor(start);
            line.transpose();
            assert_eq!(shown(&line), end, "{start}");
        }
    }

    #[test]
    fn a_line_is_no_longer_than_a_text_may_be() {
        let mut line = Editor::default();
        line.insert(&"x".repeat(LINE_MAX));
        line.insert("y");
        assert_eq!(line.text().len(), LINE_MAX);
    }
}

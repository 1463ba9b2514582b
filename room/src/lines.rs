//! Texts on their way through the room: what a member wrote, what it asks for, and the lines it comes out as.

use std::sync::Arc;

use simp_control::{TEXT_MAX, ascii, escape, read_payload_up_to};

use crate::member::ChatKind;

/// The longest line that the room sends, in bytes: some peers need a few of a message for themselves (SIMP 7).
pub const LINE_MAX: usize = TEXT_MAX - 5;

/// A line is broken at a space, if there is one within this many bytes of its end.
const BREAK_WITHIN: usize = 80;

/// A text as lines that every peer receives whole, each with this before it. They are ASCII.
pub fn lines(before: &str, text: &str) -> Vec<String> {
    let (before, text) = (&*ascii(before), &*ascii(text));
    let most = LINE_MAX.saturating_sub(before.len()).max(1);
    let mut rest = text;
    let mut lines = Vec::new();
    while rest.len() > most {
        let space = rest.get(..most).and_then(|head| head.rfind(' ')).filter(|at| at + BREAK_WITHIN >= most);
        // All is ASCII, so it can be cut at any byte.
        let (head, tail) = rest.split_at(space.unwrap_or(most));
        lines.push(format!("{before}{head}"));
        rest = tail.strip_prefix(' ').unwrap_or(tail);
    }
    lines.push(format!("{before}{rest}"));
    lines
}

/// The longest text of a member with a secure chat, in bytes: everybody's simpd keeps it.
pub const LONG_MAX: usize = 64 << 10;

/// What somebody says, as members take it.
#[derive(Debug)]
pub struct Spoken {
    short: Vec<Arc<str>>,
    whole: [Arc<str>; 1],
}

impl Spoken {
    /// A text with this before it.
    pub fn new(before: &str, text: &str) -> Self {
        let cut = is_too_long(text).then(|| read_payload_up_to(text.as_bytes(), TEXT_MAX));
        let short = lines(before, &escape::ascii(cut.as_deref().unwrap_or(text)))
            .into_iter()
            .map(Arc::from)
            .collect();
        Self { short, whole: [format!("{before}{text}").into()] }
    }

    /// Its lines for a member that has such a chat.
    pub fn lines(&self, chat: ChatKind) -> &[Arc<str>] {
        match chat {
            ChatKind::Plain => &self.short,
            ChatKind::Secure => &self.whole,
        }
    }
}

/// In about how many lines a text goes out that somebody with this name says: at least one.
pub fn count(name: &str, text: &str) -> usize {
    (name.len() + "[] ".len() + escape::ascii(text).len()).div_ceil(LINE_MAX)
}

/// Whether a text is longer than one in such a chat may be, and how long that is, in bytes.
pub fn too_long(text: &str, chat: ChatKind) -> Option<usize> {
    match chat {
        ChatKind::Plain => is_too_long(text).then_some(TEXT_MAX),
        ChatKind::Secure => (text.len() > LONG_MAX).then_some(LONG_MAX),
    }
}

/// Whether a text is longer than SIMP has them. What is not UTF-8 was read with a character for each byte, and need not
/// have been longer than that.
fn is_too_long(text: &str) -> bool {
    let is_bytes = text.chars().all(|c| u32::from(c) < 0x100);
    let bytes = if is_bytes { text.chars().count() } else { text.len() };
    bytes > TEXT_MAX
}

/// As many names as fit into so many bytes, and how many more there are; `nobody` if there is none.
pub fn list<'a>(names: impl Iterator<Item = &'a str>, most: usize) -> String {
    let mut out = String::new();
    let mut more = 0;
    for name in names {
        // Once one is left out, all after it are: the list stays in order.
        if more > 0 || out.len() + name.len() + 2 > most {
            more += 1;
        } else {
            out += if out.is_empty() { "" } else { ", " };
            out += name;
        }
    }
    match (out.is_empty(), more) {
        (true, _) => "nobody".to_owned(),
        (false, 0) => out,
        (false, more) => format!("{out} and {more} more"),
    }
}

/// What a member's line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent<'a> {
    /// Say this to everybody.
    Public(&'a str),
    /// Say something to everybody: what is missing.
    PublicAsked,
    /// Say something to one: name and text.
    Direct(&'a str),
    /// Say something to one: who is missing.
    DirectAsked,
    /// Who is here.
    Who,
    /// How this works.
    Help,
    /// Leave.
    Leave,
}

impl<'a> Intent<'a> {
    /// Reads a line. Commands are read in either case: what was meant for one must not go to all.
    pub fn read(line: &'a str) -> Self {
        let line = line.trim();
        let (word, rest) = line.split_once(' ').map_or((line, ""), |(word, rest)| (word, rest.trim_start()));
        match (word.to_ascii_uppercase().as_str(), rest.is_empty()) {
            ("PM", true) => Self::PublicAsked,
            ("PM", false) => Self::Public(rest),
            ("DM", true) => Self::DirectAsked,
            ("DM", false) => Self::Direct(rest),
            // `WHO is it` is a sentence: words that take no argument are commands only if they are alone.
            ("WHO", true) => Self::Who,
            ("HELP", true) => Self::Help,
            ("EX" | "Q" | "QUIT", true) => Self::Leave,
            _ => Self::Public(line),
        }
    }

    /// Whether a line that should be a password is a command all the same. Passwords may look like them in lower
    /// case.
    pub fn command_in_place_of_password(line: &'a str) -> Option<Self> {
        let line = line.trim();
        let is_command = line.starts_with("PM ") || line.starts_with("DM ");
        let is_word = matches!(line, "PM" | "DM" | "WHO" | "HELP" | "EX" | "q" | "quit");
        (is_command || is_word).then(|| Self::read(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_what_it_asks_for() {
        for (line, asks) in [
            ("hi all", Intent::Public("hi all")),
            ("PM hi", Intent::Public("hi")),
            ("pm  hi ", Intent::Public("hi")),
            ("PM", Intent::PublicAsked),
            ("PMhi", Intent::Public("PMhi")),
            ("DM bob hi", Intent::Direct("bob hi")),
            ("dm bob", Intent::Direct("bob")),
            ("DM ", Intent::DirectAsked),
            ("who", Intent::Who),
            ("WHO is it", Intent::Public("WHO is it")),
            ("Help", Intent::Help),
            ("help me", Intent::Public("help me")),
            ("EX", Intent::Leave),
            ("q", Intent::Leave),
            ("quit", Intent::Leave),
            ("", Intent::Public("")),
        ] {
            assert_eq!(Intent::read(line), asks, "{line}");
        }
    }

    #[test]
    fn a_password_is_no_command_unless_it_is_written_as_one() {
        assert_eq!(Intent::command_in_place_of_password("who"), None);
        assert_eq!(Intent::command_in_place_of_password("pm secret"), None);
        assert_eq!(Intent::command_in_place_of_password("PM secret"), Some(Intent::Public("secret")));
        assert_eq!(Intent::command_in_place_of_password("q"), Some(Intent::Leave));
    }

    #[test]
    fn a_long_text_comes_out_as_lines_that_fit_and_hold_all_of_it() {
        let text = "x".repeat(985);
        let cut = lines("[bob] ", &text);
        assert_eq!(cut.len(), 2);
        assert!(cut.iter().all(|line| line.len() <= LINE_MAX && line.starts_with("[bob] ")));
        assert_eq!(cut.iter().map(|line| line.len() - 6).sum::<usize>(), 985);
        let words = "word ".repeat(196);
        let cut = lines("[bob] ", words.trim_end());
        assert!(cut.iter().all(|line| line.ends_with("word")), "{cut:?}");
        assert_eq!(lines("", ""), [""]);
    }

    #[test]
    fn a_text_is_too_long_by_its_bytes_and_counts_by_the_lines_that_it_becomes() {
        for (text, is_long, lines) in [
            ("", false, 1),
            (&"x".repeat(970), false, 1),
            (&"x".repeat(985), false, 2),
            (&"x".repeat(986), true, 2),
            // Bytes that are not UTF-8, each of which becomes four.
            (&"\u{ff}".repeat(985), false, 5),
            (&"\u{ff}".repeat(986), true, 5),
            (&"\u{1f600}".repeat(246), false, 3),
            (&"\u{1f600}".repeat(247), true, 3),
        ] {
            assert_eq!((is_too_long(text), count("ann", text)), (is_long, lines), "{text}");
        }
    }

    #[test]
    fn a_list_of_names_says_how_many_more_there_are() {
        assert_eq!(list(["a", "b", "c"].into_iter(), 100), "a, b, c");
        assert_eq!(list(["ann", "bob", "carol"].into_iter(), 10), "ann, bob and 1 more");
        assert_eq!(list([].into_iter(), 10), "nobody");
    }
}

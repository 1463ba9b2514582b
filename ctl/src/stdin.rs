//! Standard input as texts to send: its lines, one at a time as they come, without ever holding more than one; or all of it
//! as one.

use std::io::{self, BufRead, Read};

use simp_control::error::{Error, system};
use simp_control::frame::LONGEST_TEXT;
use simp_control::{Failure, FailureKind, Text, typed};

/// So much of a text is held: one byte more than it may have, and the end of a line.
const HELD_MAX: u64 = LONGEST_TEXT as u64 + 3;

/// The lines of an input that are not empty, as texts.
pub(crate) struct StdinTexts<R> {
    input: R,
    number: u64,
    line: Vec<u8>,
}

impl<R: BufRead> StdinTexts<R> {
    /// Begins with the first line.
    pub(crate) fn new(input: R) -> Self {
        Self { input, number: 0, line: Vec::new() }
    }

    /// The next text; `None` at the end of the input.
    ///
    /// # Errors
    /// `usage`, with the number of the line that cannot be sent and why; `failed` if it cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<String>, Failure> {
        while self.read().map_err(|error| unreadable(&error))? {
            self.number += 1;
            // An empty text is never sent.
            if let Some(text) = text(&self.line).map_err(|why| self.wrong(why))? {
                return Ok(Some(text.to_owned()));
            }
        }
        Ok(None)
    }

    /// The error that sending the last text has led to, with the number of its line if that text is to blame.
    pub(crate) fn name(&self, error: Error, text: &str) -> Error {
        match error {
            Error::Failure(Failure { kind: FailureKind::Usage, line }) if Text::new(text).is_err() => {
                self.wrong(&line).into()
            }
            error => error,
        }
    }

    /// Reads a line, or as much of it as we hold. False at the end.
    fn read(&mut self) -> io::Result<bool> {
        self.line.clear();
        let mut input = (&mut self.input).take(HELD_MAX);
        input.read_until(b'\n', &mut self.line).map(|len| len > 0)
    }

    fn wrong(&self, why: &str) -> Failure {
        Failure::new(FailureKind::Usage, format!("standard input line {}: {why}", self.number))
    }
}

/// All of an input as one text, without the end of its last line.
///
/// # Errors
/// `usage` if it cannot be sent; `failed` if it cannot be read.
pub(crate) fn whole(input: impl Read) -> Result<String, Failure> {
    let usage = |why: &str| Failure::new(FailureKind::Usage, format!("standard input: {why}"));
    let mut all = Vec::new();
    input.take(HELD_MAX).read_to_end(&mut all).map_err(|error| unreadable(&error))?;
    match text(&all).map_err(usage)? {
        Some(text) => Ok(text.to_owned()),
        None => Err(usage("an empty text cannot be sent")),
    }
}

/// A text without the end of its line; `None` if there is nothing in it.
fn text(read: &[u8]) -> Result<Option<&str>, &'static str> {
    let read = typed::without_end(read);
    // Of more the end is missing.
    if read.len() > LONGEST_TEXT {
        return Err("a text has at most 1000000 bytes, this one has more (send it in parts)");
    }
    let text = str::from_utf8(read).map_err(|_| "a text must be UTF-8, and this is not")?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::new(FailureKind::Failed, format!("standard input: {}", system(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(input: &[u8]) -> Result<Vec<String>, String> {
        let mut lines = StdinTexts::new(input);
        let mut texts = Vec::new();
        while let Some(text) = lines.next().map_err(|failure| failure.line)? {
            texts.push(text);
        }
        Ok(texts)
    }

    #[test]
    fn each_line_is_a_text_without_its_end() {
        let input = "one\ntwo\r\n\n\r\n three \ngr\u{fc}n";
        assert_eq!(texts(input.as_bytes()).unwrap(), ["one", "two", " three ", "gr\u{fc}n"]);
        assert!(texts(b"").unwrap().is_empty());
        for end in ["", "\n", "\r\n"] {
            let longest = "x".repeat(LONGEST_TEXT);
            assert_eq!(texts((longest.clone() + end).as_bytes()).unwrap(), [longest]);
        }
    }

    #[test]
    fn all_of_an_input_is_one_text_without_its_last_end() {
        for (input, text) in [("one\n\ntwo\r\n", "one\n\ntwo"), ("a\n\n", "a\n"), ("gr\u{fc}n", "gr\u{fc}n")]
        {
            assert_eq!(whole(input.as_bytes()).unwrap(), text);
        }
    }

    #[test]
    fn what_cannot_be_sent_is_named() {
        let long = "a text has at most 1000000 bytes, this one has more (send it in parts)";
        let odd = "a text must be UTF-8, and this is not";
        for (input, line, error) in
            [(&b"a\n\n\xff\n"[..], 3, odd), (b"\xe2\x82", 1, odd), (&[b'x'; LONGEST_TEXT * 2], 1, long)]
        {
            assert_eq!(texts(input).unwrap_err(), format!("standard input line {line}: {error}"));
            assert_eq!(whole(input).unwrap_err().line, format!("standard input: {error}"));
        }
        for empty in ["", "\n"] {
            let line = "standard input: an empty text cannot be sent";
            assert_eq!(whole(empty.as_bytes()).unwrap_err(), Failure::new(FailureKind::Usage, line));
        }
    }

    #[test]
    fn a_line_is_named_if_its_text_is_to_blame() {
        let mut lines = StdinTexts::new(&b"a\nb"[..]);
        let usage = |line: &str| Error::from(Failure::new(FailureKind::Usage, line));
        lines.next().unwrap();
        assert_eq!(lines.name(usage("not so"), "gr\u{fc}n").to_string(), "standard input line 1: not so");
        lines.next().unwrap();
        assert_eq!(lines.name(usage("not so"), "gr\u{fc}n").to_string(), "standard input line 2: not so");
        assert_eq!(lines.name(usage("not there"), "b").to_string(), "not there");
    }
}

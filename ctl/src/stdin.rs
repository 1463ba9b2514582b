//! The lines of standard input as texts to send, one at a time as they come, without ever holding more than one.

use std::io::{self, BufRead, Read};

use simp_control::error::system;
use simp_control::{Failure, FailureKind, TEXT_MAX, Text, typed};

/// The longest line that is read to its end, so that its error can name its length.
const LINE_MAX: usize = 64 * 1024;

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
    pub(crate) fn next(&mut self) -> Result<Option<Text>, Failure> {
        while self.read().map_err(|error| unreadable(&error))? {
            self.number += 1;
            if self.line.len() > LINE_MAX {
                return Err(
                    self.wrong(&format!("a text has at most {TEXT_MAX} characters, this one has more"))
                );
            }
            // An empty text is never sent.
            if let Some(text) = typed::line(&self.line).map_err(|why| self.wrong(&why))? {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// Reads a line, or as much of it as we hold. False at the end.
    fn read(&mut self) -> io::Result<bool> {
        self.line.clear();
        // One byte more than is kept tells a line of just that length from one that goes on.
        let mut input = (&mut self.input).take(LINE_MAX as u64 + 1);
        input.read_until(b'\n', &mut self.line).map(|len| len > 0)
    }

    fn wrong(&self, why: &str) -> Failure {
        Failure::new(FailureKind::Usage, format!("standard input line {}: {why}", self.number))
    }
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
            texts.push(text.as_str().to_owned());
        }
        Ok(texts)
    }

    #[test]
    fn each_line_is_a_text_without_its_end() {
        assert_eq!(texts(b"one\ntwo\r\n\n\r\n three \nfour").unwrap(), ["one", "two", " three ", "four"]);
        assert!(texts(b"").unwrap().is_empty());
    }

    #[test]
    fn a_line_that_cannot_be_sent_is_named() {
        for (input, error) in [
            (
                "a\n\ngr\u{fc}n\n".as_bytes(),
                "line 3: a text must be ASCII; '\u{fc}' (U+00FC) at position 3 is not",
            ),
            (b"\xff\n", "line 1: a text must be ASCII; this line is not valid UTF-8"),
            (&[b'x'; 986], "line 1: a text has at most 985 characters, this one has 986 (send it in parts)"),
            (&[b'x'; LINE_MAX * 3], "line 1: a text has at most 985 characters, this one has more"),
        ] {
            assert_eq!(texts(input).unwrap_err(), format!("standard input {error}"));
        }
    }
}

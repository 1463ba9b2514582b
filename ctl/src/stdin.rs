//! Standard input as texts to send: its lines, one at a time as they come, without ever holding more than one; or all of it
//! as one.

use std::io::{self, BufRead, BufReader, Read};

use simp_control::error::system;
use simp_control::frame::LONGEST_TEXT;
use simp_control::{Failure, FailureKind, Takes, typed};

use crate::fit::{fit, is_near};

/// So much of a text is held: one byte more than it may have, and the end of a line.
const HELD_MAX: u64 = LONGEST_TEXT as u64 + 3;

/// What simpd takes, whoever the peer is.
const ANY: Takes = Takes { bytes: LONGEST_TEXT as u64, ascii: false };

const NUL: &str = "a text cannot contain the character U+0000";

/// The lines of an input that are not empty, as texts.
pub(crate) struct StdinLines<R> {
    input: R,
    number: u64,
    held: Vec<u8>,
    place: Place,
}

/// Where the next byte of an input is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the beginning of a line.
    Line,
    /// In a line of which a part was read; what is held belongs to it too.
    Within,
    /// After all.
    End,
}

impl<R: BufRead> StdinLines<R> {
    /// Begins with the first line.
    pub(crate) fn new(input: R) -> Self {
        Self { input, number: 0, held: Vec::new(), place: Place::Line }
    }

    /// Which line was read last, counted from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Whether the input has ended.
    pub(crate) fn is_at_end(&self) -> bool {
        self.place == Place::End
    }

    /// The next line, or why it cannot be sent; `None` at the end of the input. Of a line that is too long the rest is
    /// passed over.
    ///
    /// # Errors
    /// `failed` if it cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<Result<String, Failure>>, Failure> {
        loop {
            self.held.clear();
            if self.read()? == 0 {
                self.place = Place::End;
                return Ok(None);
            }
            self.number += 1;
            // An empty text is never sent.
            match text(&self.held) {
                Ok(None) => {}
                Ok(Some(text)) => return Ok(Some(Ok(text.to_owned()))),
                Err(why) => {
                    let wrong = usage(why);
                    if !self.held.ends_with(b"\n") {
                        self.input.skip_until(b'\n').map_err(|error| unreadable(&error))?;
                    }
                    return Ok(Some(Err(wrong)));
                }
            }
        }
    }

    /// The next line as texts that any simpd takes, with what cannot be sent replaced; of a line that is too long to be
    /// held the next part. `None` at the end of the input.
    ///
    /// # Errors
    /// `failed` if it cannot be read.
    pub(crate) fn next_part(&mut self) -> Result<Option<Vec<String>>, Failure> {
        loop {
            if self.read()? == 0 && self.held.is_empty() {
                return Ok(None);
            }
            if self.place == Place::Line {
                self.number += 1;
            }
            let is_part = self.held.len() as u64 == HELD_MAX && !self.held.ends_with(b"\n");
            let end = if is_part { end_of_part(&self.held) } else { self.held.len() };
            let part = self.held.get(..end).unwrap_or_default();
            // The end of a line is in one piece: a part leaves more than that.
            let part = if is_part { part } else { typed::without_end(part) };
            let texts = fit(&String::from_utf8_lossy(part), ANY);
            self.held.drain(..end);
            self.place = if is_part { Place::Within } else { Place::Line };
            if !texts.is_empty() {
                return Ok(Some(texts));
            }
        }
    }

    /// Reads the rest of the line, or as much of it as we hold, and says how much that was.
    fn read(&mut self) -> Result<usize, Failure> {
        let mut input = (&mut self.input).take(HELD_MAX - self.held.len() as u64);
        input.read_until(b'\n', &mut self.held).map_err(|error| unreadable(&error))
    }
}

impl<R: Read> StdinLines<BufReader<R>> {
    /// Whether there is a next line that was read already, so that nothing is waited for.
    pub(crate) fn has_at_hand(&self) -> bool {
        let lines = self.input.buffer().split_inclusive(|byte| *byte == b'\n');
        lines.filter(|line| line.ends_with(b"\n")).any(|line| !typed::without_end(line).is_empty())
    }
}

/// A failure with the number of the line that it is about.
pub(crate) fn named(number: u64, failure: &Failure) -> Failure {
    let line = format!("standard input line {number}: {}", failure.line);
    Failure { line, ..failure.clone() }
}

/// Where a part of a line ends, of which more follows: after a space if there is one near, and not within a character.
fn end_of_part(held: &[u8]) -> usize {
    let part = held.get(..LONGEST_TEXT).unwrap_or(held);
    let near = part.iter().rposition(u8::is_ascii_whitespace).map(|space| space + 1);
    // What is not UTF-8 at the end may be the beginning of a character.
    let begun = part.utf8_chunks().last().map_or(0, |last| last.invalid().len());
    near.filter(|near| is_near(*near, part.len())).unwrap_or(part.len() - begun)
}

/// All of an input as one text, without the end of its last line.
///
/// # Errors
/// `usage` if it cannot be sent; `failed` if it cannot be read.
pub(crate) fn whole(input: impl Read) -> Result<String, Failure> {
    let name = |why: &str| usage(&format!("standard input: {why}"));
    let mut all = Vec::new();
    input.take(HELD_MAX).read_to_end(&mut all).map_err(|error| unreadable(&error))?;
    match text(&all).map_err(name)? {
        Some(text) => Ok(text.to_owned()),
        None => Err(name("an empty text cannot be sent")),
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
    if text.contains('\0') {
        return Err(NUL);
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn usage(why: &str) -> Failure {
    Failure::new(FailureKind::Usage, why)
}

/// What a failed read of standard input comes to.
pub(crate) fn unreadable(error: &io::Error) -> Failure {
    Failure::new(FailureKind::Failed, format!("standard input: {}", system(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each line comes to, with its number.
    fn lines(input: &[u8]) -> Vec<(u64, Result<String, String>)> {
        let (mut lines, mut read) = (StdinLines::new(input), Vec::new());
        while let Some(line) = lines.next().unwrap() {
            read.push((lines.number(), line.map_err(|failure| failure.line)));
        }
        read
    }

    /// The same with what cannot be sent replaced.
    fn parts(input: &[u8]) -> Vec<(u64, String)> {
        let (mut lines, mut read) = (StdinLines::new(input), Vec::new());
        while let Some(texts) = lines.next_part().unwrap() {
            assert!(lines.held.capacity() < 4 << 20, "it holds {}", lines.held.capacity());
            read.extend(texts.into_iter().map(|text| (lines.number(), text)));
        }
        read
    }

    #[test]
    fn each_line_is_a_text_without_its_end() {
        let input = "one\ntwo\r\n\n\r\n three \ngr\u{fc}n";
        let texts = [(1, "one"), (2, "two"), (5, " three "), (6, "gr\u{fc}n")];
        assert_eq!(lines(input.as_bytes()), texts.map(|(number, text)| (number, Ok(text.to_owned()))));
        assert_eq!(parts(input.as_bytes()), texts.map(|(number, text)| (number, text.to_owned())));
        assert!(lines(b"").is_empty() && parts(b"").is_empty());
        for end in ["", "\n", "\r\n"] {
            let longest = "x".repeat(LONGEST_TEXT);
            let input = longest.clone() + end;
            assert!(lines(input.as_bytes()) == [(1, Ok(longest.clone()))]);
            assert!(parts(input.as_bytes()) == [(1, longest)]);
        }
    }

    #[test]
    fn all_of_an_input_is_one_text_without_its_last_end() {
        for (input, text) in [("one\n\ntwo\r\n", "one\n\ntwo"), ("a\n\n", "a\n"), ("gr\u{fc}n", "gr\u{fc}n")]
        {
            assert_eq!(whole(input.as_bytes()).unwrap(), text);
        }
    }

    const LONG: &str = "a text has at most 1000000 bytes, this one has more (send it in parts)";
    const ODD: &str = "a text must be UTF-8, and this is not";

    #[test]
    fn what_cannot_be_sent_is_said_and_the_next_line_is_read() {
        for (bad, error) in
            [(&b"\xff"[..], ODD), (b"\xe2\x82", ODD), (b"a\0b", NUL), (&[b'x'; LONGEST_TEXT * 3], LONG)]
        {
            let input = [b"a\n\n", bad, b"\r\nb"].concat();
            let expected = [(1, Ok("a".to_owned())), (3, Err(error.to_owned())), (4, Ok("b".to_owned()))];
            assert_eq!(lines(&input), expected);
            assert_eq!(
                whole(bad).unwrap_err(),
                Failure::new(FailureKind::Usage, format!("standard input: {error}"))
            );
        }
        for empty in ["", "\n"] {
            let line = "standard input: an empty text cannot be sent";
            assert_eq!(whole(empty.as_bytes()).unwrap_err(), Failure::new(FailureKind::Usage, line));
        }
    }

    #[test]
    fn what_cannot_be_sent_is_replaced_and_a_line_of_any_length_comes_in_parts() {
        let said = |input: &[u8]| parts(input).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(said(b"a\0b\n\xff\xe2\x82\r\nc"), ["a\u{fffd}b", "\u{fffd}\u{fffd}", "c"]);
        for unit in ["\u{20ac}", "x", "some words ", "\u{1f600}"] {
            let line = unit.repeat(3_500_000 / unit.len());
            let parts = parts(format!("{line}\r\nnext").as_bytes());
            assert!(parts.iter().all(|(_, text)| text.len() <= LONGEST_TEXT));
            assert!(parts.iter().rev().skip(1).all(|(number, _)| *number == 1));
            let texts: Vec<_> = parts.iter().map(|(_, text)| text.as_str()).collect();
            assert!(texts.concat() == line + "next", "{unit}");
            assert_eq!(parts.last(), Some(&(2, "next".to_owned())));
            let is_cut = texts.iter().rev().skip(2).any(|text| unit.len() > 5 && !text.ends_with(' '));
            assert!(!is_cut, "a word is cut");
        }
        // Three bytes for each that is no text.
        let odd = parts(&[0xff; LONGEST_TEXT * 2]);
        assert_eq!(odd.iter().map(|(_, text)| text.chars().count()).sum::<usize>(), LONGEST_TEXT * 2);
        assert!(odd.iter().all(|(_, text)| text.len() <= LONGEST_TEXT));
    }

    #[test]
    fn a_line_is_at_hand_if_all_of_it_was_read_and_it_is_not_empty() {
        for (input, is_at_hand) in
            [("a\nb\nc", true), ("a\nb", false), ("a\n\n\r\nb", false), ("a\n\r\nb\n", true), ("a\n", false)]
        {
            let mut lines = StdinLines::new(BufReader::new(input.as_bytes()));
            assert!(!lines.has_at_hand(), "nothing was read");
            lines.next().unwrap();
            assert_eq!(lines.has_at_hand(), is_at_hand, "{input:?}");
        }
    }

    #[test]
    fn a_line_is_named_by_its_number() {
        let mut lines = StdinLines::new(&b"\nb"[..]);
        lines.next().unwrap();
        assert_eq!(named(lines.number(), &usage("why")).line, "standard input line 2: why");
    }
}

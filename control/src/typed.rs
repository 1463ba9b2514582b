//! What a user gives for others to read, wherever it comes from: arguments, standard input, or a file. Every program
//! asks here, so that what one refuses another does not change on the way and send all the same.

use simp_values::text::{Text, TextError};

use crate::error::{Outcome, fail};
use crate::failure::FailureKind;
use crate::frame::LONGEST_TEXT;

/// Whether simpd can be asked to send a text. Whether the peer takes it, simpd says.
///
/// # Errors
/// Why no peer takes it.
pub fn for_simpd(text: &str) -> Result<(), String> {
    match text.len() {
        0 => Err(TextError::Empty.to_string()),
        1..=LONGEST_TEXT => Ok(()),
        length => {
            Err(format!("a text has at most {LONGEST_TEXT} bytes, this one has {length} (send it in parts)"))
        }
    }
}

/// A text in arguments.
///
/// # Errors
/// `usage`, with the character that SIMP cannot carry and its place, or the length.
pub fn text(typed: &str) -> Outcome<Text> {
    Text::new(typed).map_err(|error| fail(FailureKind::Usage, error.to_string()))
}

/// A text as a line of a file or an input, with or without its end; `None` if there is nothing in it, which is never
/// sent.
///
/// # Errors
/// Why it is no text.
pub fn line(line: &[u8]) -> Result<Option<Text>, String> {
    let line = without_end(line);
    if line.is_empty() {
        return Ok(None);
    }
    let text = str::from_utf8(line).map_err(|_| "a text must be ASCII; this line is not valid UTF-8")?;
    Text::new(text).map(Some).map_err(|error| error.to_string())
}

/// A line, or a file, without the end of its last line.
pub fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    // Files from other systems end their lines with CR LF.
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_for_simpd_is_not_empty_and_fits_a_frame() {
        for fits in ["gr\u{fc}n\n\0", &"x".repeat(LONGEST_TEXT)] {
            assert_eq!(for_simpd(fits), Ok(()));
        }
        let long = "a text has at most 1000000 bytes, this one has 1000001 (send it in parts)";
        for (text, why) in [("", "an empty text cannot be sent"), (&"x".repeat(LONGEST_TEXT + 1), long)] {
            assert_eq!(for_simpd(text), Err(why.to_owned()));
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_wherever_it_comes_from() {
        let usage = |typed: &str| text(typed).unwrap_err().failure().unwrap();
        let failure = usage("za\u{17c}\u{f3}\u{142}\u{107}");
        assert_eq!(failure.kind, FailureKind::Usage);
        assert_eq!(failure.line, "a text must be ASCII; '\u{17c}' (U+017C) at position 3 is not");
        assert_eq!(usage("").line, "an empty text cannot be sent");
        assert_eq!(text("hi\n").unwrap().as_str(), "hi\n");
        let read = |bytes: &[u8]| line(bytes).map(|text| text.map(|text| text.as_str().to_owned()));
        for end in ["", "\n", "\r\n"] {
            assert_eq!(read(format!(" hi {end}").as_bytes()), Ok(Some(" hi ".to_owned())));
            assert_eq!(read(end.as_bytes()), Ok(None));
        }
        assert_eq!(read(b"\xff\n"), Err("a text must be ASCII; this line is not valid UTF-8".to_owned()));
        assert_eq!(
            read("gr\u{fc}n".as_bytes()),
            Err("a text must be ASCII; '\u{fc}' (U+00FC) at position 3 is not".to_owned())
        );
    }
}

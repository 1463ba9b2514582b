//! The lines of standard input, one after the other. One that its peer does not take ends nothing, unless that is wanted.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use simp_control::error::{Error, Outcome, fail};
use simp_control::{Failure, FailureKind};

use super::sending::{Sending, Unsent};
use crate::args::OnError;
use crate::commands::queueing::even_unread;
use crate::fit::fit;
use crate::show::complain;
use crate::stdin::StdinLines;

/// Sends each line of standard input, under the token and its number if there is a token.
pub(super) fn send(sending: &mut Sending<'_>, on_error: OnError, token: Option<&str>) -> Outcome {
    // The daemon waits for our hello, but the first line may be long in coming.
    sending.client.write()?;
    let lines = StdinLines::new(io::stdin().lock());
    let mut stream = Stream { sending, lines, token, line: Line::default(), read: 0, unsent: 0 };
    match on_error {
        OnError::Stop | OnError::Skip => stream.as_they_are(on_error)?,
        OnError::Replace => stream.replaced()?,
    }
    stream.end()
}

/// How far a stream is.
struct Stream<'a, 'b, R> {
    sending: &'a mut Sending<'b>,
    lines: StdinLines<R>,
    token: Option<&'a str>,
    line: Line,
    /// Lines that are not empty, with this one.
    read: u64,
    /// Those of them that were not sent, or not all of it.
    unsent: u64,
}

/// The line that is being sent.
#[derive(Default)]
struct Line {
    number: u64,
    /// So many texts of it had a name.
    named: u64,
    fate: Fate,
}

#[derive(Default, PartialEq, Eq)]
enum Fate {
    #[default]
    Sent,
    Skipped,
}

impl<R: BufRead> Stream<'_, '_, R> {
    /// Sends lines as they are. Those that their peer does not take are left out, or the first of them is the end.
    fn as_they_are(&mut self, on_error: OnError) -> Outcome {
        while let Some(line) = self.lines.next()? {
            self.begin_line();
            let sent = match line {
                Ok(text) => self.send_text(&text),
                Err(failure) => Err(Unsent::Unfit(failure)),
            };
            match sent {
                Err(Unsent::Unfit(failure) | Unsent::Past(failure)) if on_error == OnError::Stop => {
                    return Err(self.lines.name(&failure).into());
                }
                sent => self.go_on(sent)?,
            }
        }
        Ok(())
    }

    /// Sends lines as what their peer takes.
    fn replaced(&mut self) -> Outcome {
        while let Some(texts) = self.lines.next_part()? {
            if self.line.number != self.lines.number() {
                self.begin_line();
            }
            let mut rest = VecDeque::from(texts);
            while let Some(text) = rest.pop_front() {
                let fitting = self.send_or_fit(&text);
                let sent =
                    fitting.map(|pieces| pieces.into_iter().rev().for_each(|piece| rest.push_front(piece)));
                self.go_on(sent)?;
            }
        }
        Ok(())
    }

    /// Sends a text, or says which are to be sent in its place.
    fn send_or_fit(&mut self, text: &str) -> Result<Vec<String>, Unsent> {
        let failure = match self.send_text(text) {
            // Found out too late: by now it is known what its peer takes.
            Err(Unsent::Unfit(Failure { takes: None, .. })) => self.send_text(text),
            sent => sent,
        };
        match failure {
            Ok(()) => Ok(Vec::new()),
            Err(Unsent::Unfit(failure)) => {
                let pieces = failure.takes.map(|takes| fit(text, takes)).unwrap_or_default();
                // What it is already does not become better.
                let is_same = pieces.first().is_none_or(|first| first == text);
                if is_same { Err(Unsent::Unfit(failure)) } else { Ok(pieces) }
            }
            Err(other) => Err(other),
        }
    }

    fn begin_line(&mut self) {
        self.line = Line { number: self.lines.number(), ..Line::default() };
        self.read += 1;
    }

    fn send_text(&mut self, text: &str) -> Result<(), Unsent> {
        let name = self.token.map(|token| match self.line.named {
            // No token has a line break, so that none is like the name of a line of another.
            0 => format!("{token}\n{}", self.line.number),
            part => format!("{token}\n{}\n{part}", self.line.number),
        });
        self.line.named += 1;
        self.sending.send(text, name.as_deref())
    }

    /// Goes on after a text, unless it failed for a reason that is not its own.
    fn go_on(&mut self, sent: Result<(), Unsent>) -> Outcome {
        match sent {
            Ok(()) => even_unread(self.sending.output.flush()),
            Err(Unsent::Unfit(failure) | Unsent::Past(failure)) => {
                if self.line.fate == Fate::Sent {
                    self.line.fate = Fate::Skipped;
                    self.unsent += 1;
                    complain(&self.lines.name(&failure).line);
                }
                Ok(())
            }
            Err(Unsent::Other(error)) => Err(self.how_far(error)),
        }
    }

    /// The error, with how far the stream came before it.
    fn how_far(&self, error: Error) -> Error {
        let before = self.read - 1;
        let unsent = self.unsent - u64::from(self.line.fate == Fate::Skipped);
        let sent = before - unsent;
        match error {
            Error::Failure(failure) if before > 0 => {
                let line = self.lines.name(&failure).line;
                let far = match (sent, before) {
                    (1, 1) => "the line before it was sent".to_owned(),
                    (sent, before) if sent == before => format!("the {before} lines before it were sent"),
                    (sent, before) => format!("of the lines before it {sent} of {before} were sent"),
                };
                Failure { line: format!("{line}; {far}"), ..failure }.into()
            }
            error => error,
        }
    }

    /// What the stream comes to.
    fn end(&self) -> Outcome {
        let (unsent, read) = (self.unsent, self.read);
        let were = if unsent == 1 { "was" } else { "were" };
        match unsent {
            0 => Ok(()),
            _ => Err(fail(FailureKind::Failed, format!("{unsent} of {read} lines {were} not sent"))),
        }
    }
}

//! The lines of standard input. One that its peer does not take ends nothing, unless that is wanted. Lines that are at hand are
//! under way together, unless one may only be sent once it is known what became of the one before it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::fd::AsFd as _;

use simp_control::error::{Error, Outcome, fail, unexpected};
use simp_control::{Failure, FailureKind, Incoming, MessageState, Reply};

use super::sending::{Sending, Unsent, of_text};
use super::window::{Flight, Known, Stage, Window};
use crate::args::OnError;
use crate::commands::queueing::even_unread;
use crate::fit::fit;
use crate::show::complain;
use crate::stdin::{StdinLines, named, unreadable};

/// So much of the input is read at once, if it is there.
const READ_LEN: usize = 64 << 10;

/// Sends each line of standard input, under the token and its number if there is a token.
pub(super) fn send(sending: &mut Sending<'_>, on_error: OnError, token: Option<&str>) -> Outcome {
    // The daemon waits for our hello, but the first line may be long in coming.
    sending.client.write()?;
    let input = io::stdin().as_fd().try_clone_to_owned().map_err(|error| unreadable(&error))?;
    let lines = StdinLines::new(BufReader::with_capacity(READ_LEN, File::from(input)));
    let mut stream = Stream { sending, lines, token, line: Line::default(), read: 0, unsent: 0 };
    match on_error {
        // A line under a token that is queued behind one that fails would count as failed for good.
        OnError::Skip if token.is_none() && stream.sending.can_go_together() => stream.together()?,
        OnError::Stop | OnError::Skip => stream.as_they_are(on_error)?,
        OnError::Replace => stream.replaced()?,
    }
    stream.end()
}

/// How far a stream is.
struct Stream<'a, 'b, R> {
    sending: &'a mut Sending<'b>,
    lines: StdinLines<BufReader<R>>,
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

impl<R: Read> Stream<'_, '_, R> {
    /// Sends lines as they are, as many together as are at hand.
    fn together(&mut self) -> Outcome {
        let mut window = Window::new(self.sending.waits());
        loop {
            self.fill(&mut window)?;
            self.tell(&mut window)?;
            if window.is_empty() && self.lines.is_at_end() {
                return Ok(());
            }
            if !window.is_empty() {
                self.sending.client.write()?;
                match self.take_in(&mut window) {
                    Ok(()) => {}
                    Err(Error::Lost(_)) => self.one_by_one(&mut window)?,
                    Err(error) => return Err(self.cut_short(error, &mut window)),
                }
            }
        }
    }

    /// Asks for what is at hand. Input is waited for only if nothing is under way: whatever becomes of that is told at once.
    fn fill(&mut self, window: &mut Window) -> Outcome {
        if !window.is_low() {
            return Ok(());
        }
        while window.is_empty()
            || self.sending.chat.is_some() && window.has_room() && self.lines.has_at_hand()
        {
            let Some(line) = self.lines.next()? else { return Ok(()) };
            let number = self.lines.number();
            let (text, stage) = match (line, self.sending.chat) {
                (Err(failure), _) => (String::new(), Stage::Known(Known::Unfit(failure))),
                (Ok(text), Some(chat)) => {
                    let asked = self.sending.submit(&text, chat)?;
                    (text, Stage::Asked(asked))
                }
                // Alone: it shows which chat is meant, which the others must go on in.
                (Ok(text), None) => {
                    self.begin_line(number);
                    let sent = self.sending.send(&text, None);
                    self.go_on(sent)?;
                    self.flush()?;
                    continue;
                }
            };
            window.push(Flight { number, text, stage });
        }
        Ok(())
    }

    /// Takes in what has come, or waits for it.
    fn take_in(&mut self, window: &mut Window) -> Outcome {
        let mut next = Some(self.sending.client.next_answered()?);
        while let Some(incoming) = next {
            match incoming {
                Incoming::Event(event) => window.happened(event),
                Incoming::Reply(Reply::Queued { message, chat }) => {
                    self.sending.is_queued(message, chat);
                    window.answered(Ok((message, chat)));
                }
                Incoming::Reply(_) => return Err(unexpected()),
                Incoming::Refused(failure) => window.answered(Err(failure)),
                Incoming::Reconnected => {}
            }
            next = self.sending.client.buffered()?;
        }
        Ok(())
    }

    /// Tells what is known, in the order of the lines.
    fn tell(&mut self, window: &mut Window) -> Outcome {
        while let Some(flight) = window.pop_known() {
            if let Err(error) = self.settle(flight, window) {
                // Those after it may have been taken on.
                while window.asked() > 0 && self.take_in(window).is_ok() {}
                return Err(self.with_those_after(error, window));
            }
        }
        self.flush()
    }

    /// The connection broke: waits for what becomes of each, one after the other, and asks again for what has no answer.
    fn one_by_one(&mut self, window: &mut Window) -> Outcome {
        while let Some(flight) = window.pop() {
            self.settle(flight, window).map_err(|error| self.with_those_after(error, window))?;
            self.flush()?;
        }
        Ok(())
    }

    /// The error, which keeps what becomes of all that is under way from being known.
    fn cut_short(&mut self, error: Error, window: &mut Window) -> Error {
        if let Some(flight) = window.pop() {
            self.begin_line(flight.number);
        }
        let error = self.how_far(error);
        self.with_those_after(error, window)
    }

    /// Waits for what becomes of a line if that is not known, and tells it. In the window are those after it.
    fn settle(&mut self, flight: Flight, window: &Window) -> Outcome {
        let Flight { number, text, stage } = flight;
        self.begin_line(number);
        let sent = match stage {
            Stage::Asked(asked) => self.sending.send_again(&text, asked),
            Stage::Queued(message) => self.sending.wait_again(message),
            Stage::Known(Known::Unfit(failure)) => Err(Unsent::Unfit(failure)),
            Stage::Known(Known::Refused(failure)) => self.refused(failure, &text, window),
            Stage::Known(Known::Queued(message, chat)) => self.sending.show_queued(message, chat, &text),
            Stage::Known(Known::Settled(event)) => self.sending.show(&event),
        };
        self.go_on(sent)
    }

    /// Simpd refused a text. If that was because the chat is over, none after it was taken on, and it may be for the next one.
    fn refused(&mut self, failure: Failure, text: &str, window: &Window) -> Result<(), Unsent> {
        match failure.kind == FailureKind::NoSuch && window.messages().is_empty() {
            true => self.sending.send(text, None),
            false => Err(of_text(failure.into(), text)),
        }
    }

    /// The error, with what became of the lines after it that were under way.
    fn with_those_after(&mut self, error: Error, window: &Window) -> Error {
        let Error::Failure(failure) = error else { return error };
        let messages = window.messages();
        let is_over = |state: &Option<MessageState>| matches!(state, Some(MessageState::Undelivered { .. }));
        // A simpd that does not answer is not asked.
        let states = match failure.kind {
            FailureKind::NoDaemon => Vec::new(),
            _ => self.sending.client.states(&messages).unwrap_or_default(),
        };
        let over = states.iter().filter(|state| is_over(state)).count();
        let after = match (window.asked() + messages.len() - over, window.len()) {
            (_, 0) => return failure.into(),
            (0, 1) => "the line after it was not delivered either".to_owned(),
            (0, all) => format!("the {all} lines after it were not delivered either"),
            (1, 1) => "the line after it may have been sent".to_owned(),
            (some, all) if some == all => format!("the {all} lines after it may have been sent"),
            (some, all) => format!("of the {all} lines after it {some} may have been sent"),
        };
        Failure { line: format!("{}; {after}", failure.line), ..failure }.into()
    }

    /// Sends lines as they are. Those that their peer does not take are left out, or the first of them is the end.
    fn as_they_are(&mut self, on_error: OnError) -> Outcome {
        while let Some(line) = self.lines.next()? {
            self.begin_line(self.lines.number());
            let sent = match line {
                Ok(text) => self.send_text(&text),
                Err(failure) => Err(Unsent::Unfit(failure)),
            };
            match sent {
                Err(Unsent::Unfit(failure) | Unsent::Past(failure)) if on_error == OnError::Stop => {
                    return Err(named(self.line.number, &failure).into());
                }
                sent => self.go_on(sent)?,
            }
            self.flush()?;
        }
        Ok(())
    }

    /// Sends lines as what their peer takes.
    fn replaced(&mut self) -> Outcome {
        while let Some(texts) = self.lines.next_part()? {
            if self.line.number != self.lines.number() {
                self.begin_line(self.lines.number());
            }
            let mut rest = VecDeque::from(texts);
            while let Some(text) = rest.pop_front() {
                let fitting = self.send_or_fit(&text);
                let sent =
                    fitting.map(|pieces| pieces.into_iter().rev().for_each(|piece| rest.push_front(piece)));
                self.go_on(sent)?;
                self.flush()?;
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

    fn begin_line(&mut self, number: u64) {
        self.line = Line { number, ..Line::default() };
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
            Ok(()) => Ok(()),
            Err(Unsent::Unfit(failure) | Unsent::Past(failure)) => {
                if self.line.fate == Fate::Sent {
                    self.line.fate = Fate::Skipped;
                    self.unsent += 1;
                    complain(&named(self.line.number, &failure).line);
                }
                Ok(())
            }
            Err(Unsent::Other(error)) => Err(self.how_far(error)),
        }
    }

    fn flush(&mut self) -> Outcome {
        even_unread(self.sending.output.flush())
    }

    /// The error, with how far the stream came before it.
    fn how_far(&self, error: Error) -> Error {
        let before = self.read - 1;
        let unsent = self.unsent - u64::from(self.line.fate == Fate::Skipped);
        let sent = before - unsent;
        match error {
            Error::Failure(failure) if before > 0 => {
                let line = named(self.line.number, &failure).line;
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

//! All printing. What is printed is a value of [`Shown`]; each format has one renderer.

use std::io::{self, BufWriter, StdoutLock, Write};

use simp_control::{ChatInfo, Consumer, Event, Failure, PeerInfo, Status};

use crate::outbox::Kept;
use crate::probe::Report;
use crate::stop::{Outcome, output_error};
use crate::{escape, json, plain};

/// How things are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Plain,
    /// For people, of messages the text alone.
    Text,
    /// One object per line.
    Json,
}

/// What can be printed.
#[derive(Debug)]
pub(crate) enum Shown<'a> {
    /// An entry of the log as it comes.
    Event(&'a Event),
    /// An entry of the log that is looked up.
    Entry(&'a Event),
    /// A chat that is open now.
    Connected(&'a ChatInfo),
    /// A chat or request that is over now.
    Ended(&'a ChatInfo),
    /// A list of chats.
    Chats(&'a [ChatInfo]),
    /// A message of ours is in the peer's hands.
    Delivered(&'a Event),
    /// A message of ours is on disk.
    Queued { message: u64, chat: u64, text: &'a str },
    /// What is kept until its peer has it.
    Outbox(&'a [Kept]),
    /// A message was taken out of the outbox.
    Cancelled(u64),
    /// Who reads the log; `last_id` is its newest entry.
    Consumers { consumers: &'a [Consumer], last_id: u64 },
    /// A consumer is forgotten.
    Removed(&'a str),
    /// How peers speak.
    Peers(&'a [PeerInfo]),
    /// Of so many peers it is forgotten.
    Forgotten(u64),
    /// What the daemon says of itself.
    Status(&'a Status),
    /// This daemon has stopped.
    Stopped(&'a str),
    /// What was found out about a peer.
    Probed(&'a Report),
}

/// Standard output.
pub(crate) struct Output {
    out: BufWriter<StdoutLock<'static>>,
    format: Format,
}

impl Output {
    /// Standard output in this format.
    pub(crate) fn new(format: Format) -> Self {
        Self { out: BufWriter::new(io::stdout().lock()), format }
    }

    /// Shows of messages the text alone, unless JSON is printed.
    pub(crate) fn text_alone(&mut self) {
        if self.format == Format::Plain {
            self.format = Format::Text;
        }
    }

    /// Whether JSON is printed.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Prints it; [`Output::flush`] makes it leave.
    pub(crate) fn show(&mut self, shown: &Shown<'_>) -> Outcome {
        let lines = match self.format {
            Format::Plain => plain::render(shown),
            Format::Text => plain::render_text(shown),
            Format::Json => json::render(shown),
        };
        self.raw(&lines)
    }

    /// Tells a reader of JSON why the command failed. People read it on stderr.
    pub(crate) fn failure(&mut self, failure: &Failure) -> Outcome {
        if self.is_json() { self.raw(&json::failure(failure)) } else { Ok(()) }
    }

    /// Prints what is the same in all formats.
    pub(crate) fn raw(&mut self, text: &str) -> Outcome {
        self.out.write_all(text.as_bytes()).map_err(|error| output_error(&error))
    }

    /// Everything printed so far leaves the process.
    pub(crate) fn flush(&mut self) -> Outcome {
        self.out.flush().map_err(|error| output_error(&error))
    }
}

/// One line on standard error that says what went wrong.
pub(crate) fn complain(line: &str) {
    notice(&format!("simpctl: {}", escape::shown(line)));
}

/// One line on standard error, in one piece. What is not read there is lost without harm.
pub(crate) fn notice(line: &str) {
    let _ = io::stderr().lock().write_all(format!("{line}\n").as_bytes());
}

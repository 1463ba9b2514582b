//! All printing: standard output in the form that was chosen, and lines on standard error.
//!
//! - `model`: what is shown. `plain`, `json`: its two forms; `keys`, `files`, `overview` and `parts` are of the first. `template`: entries
//!   in a form of the user's own. `prometheus`: a status in one of its own.

mod files;
mod json;
mod keys;
mod model;
mod overview;
mod parts;
mod plain;
mod prometheus;
mod template;

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _};

use simp_control::error::{Outcome, unwritten};
use simp_control::{Event, Failure, FailureKind, Peer, Secure, escape};

pub(crate) use files::how_far;
pub(crate) use model::{ChatEntry, Daemon, OutboxEntry, Problem, Progress, Unread, View, WaitsFor};
pub(crate) use prometheus::metrics;
pub(crate) use template::{Template, template};

/// How things are printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Plain,
    /// For people, who see of entries as they come also when that was.
    Timed,
    /// For people, of messages the text alone.
    Text,
    /// Of entries what the user wants.
    Template(Template),
    /// One object per line.
    Json,
}

/// How much a command prints if it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    /// One answer. A failure takes its place in JSON.
    One,
    /// Any number of things, each like the others: a failure is none of them.
    Stream,
}

/// Standard output.
pub(crate) struct Output {
    out: BufWriter<StdoutLock<'static>>,
    format: Format,
    /// What a failure would be among.
    amount: Amount,
    /// The terminal's last line says how far a file is.
    has_progress: bool,
    verdict: Verdict,
}

/// Whether what was printed says that something is wrong. If it does, so does the exit status, and no further line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    Bad,
}

impl Output {
    /// Standard output in this format, for a command that prints so much.
    pub(crate) fn new(format: Format, amount: Amount) -> Self {
        Self {
            out: BufWriter::new(io::stdout().lock()),
            format,
            amount,
            has_progress: false,
            verdict: Verdict::Good,
        }
    }

    /// Shows entries as the user wants them, or of messages the text alone; else at a terminal with the time. JSON stays.
    pub(crate) fn entries_as(&mut self, template: Option<&Template>, text_alone: bool) {
        self.format = match (&self.format, template) {
            (Format::Json, _) => return,
            (_, Some(template)) => Format::Template(template.clone()),
            (_, None) if text_alone => Format::Text,
            (_, None) if io::stdout().is_terminal() => Format::Timed,
            (_, None) => Format::Plain,
        }
    }

    /// Whether a person at a terminal reads along, who likes to know of more than what is printed.
    pub(crate) fn has_person(&self) -> bool {
        self.format != Format::Json && io::stderr().is_terminal()
    }

    /// Whether it is for a program, as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Prints it; [`Output::flush`] makes it leave.
    pub(crate) fn show(&mut self, shown: &View<'_>) -> Outcome {
        let lines = match &self.format {
            Format::Plain => plain::render(shown),
            Format::Timed => plain::render_timed(shown),
            Format::Text => plain::render_text(shown),
            Format::Template(template) => match shown.entry() {
                Some(event) => template.line(event),
                None => plain::render(shown),
            },
            Format::Json => json::render(shown),
        };
        // Whoever reads one answer has it now.
        self.amount = Amount::Stream;
        self.raw(&lines)
    }

    /// Whether somebody reads how far a file is.
    pub(crate) fn shows_progress(&self) -> bool {
        self.is_json() || self.has_person()
    }

    /// Shows how far a file is: as an object, or as a line at a terminal that the next one takes the place of.
    pub(crate) fn progress(&mut self, progress: &Progress<'_>) -> Outcome {
        if self.is_json() {
            self.amount = Amount::Stream;
            self.raw(&json::progress(progress))?;
            return self.flush();
        }
        self.progress_line(progress.name, progress.done, progress.size);
        Ok(())
    }

    /// The same for people alone.
    pub(crate) fn progress_line(&mut self, name: &str, done: u64, size: u64) {
        let line = files::progress(name, done, size);
        let _ = io::stderr().lock().write_all(format!("\r{line}\x1b[K").as_bytes());
        self.has_progress = true;
    }

    /// Takes the line on how far a file is away.
    pub(crate) fn end_progress(&mut self) {
        if std::mem::take(&mut self.has_progress) {
            let _ = io::stderr().lock().write_all(b"\r\x1b[K");
        }
    }

    /// Tells a reader of JSON why there is no answer. Everybody else reads it on stderr, and in the exit status.
    pub(crate) fn failure(&mut self, failure: &Failure) -> Outcome {
        match (&self.format, self.amount) {
            (Format::Json, Amount::One) => self.raw(&json::failure(failure)),
            _ => Ok(()),
        }
    }

    /// What is printed says that something is wrong.
    pub(crate) fn note_bad(&mut self) {
        self.verdict = Verdict::Bad;
    }

    /// The exit status of a command that has done what it should.
    pub(crate) fn exit_status(&self) -> u8 {
        match self.verdict {
            Verdict::Good => 0,
            Verdict::Bad => FailureKind::Failed.exit_status(),
        }
    }

    /// Prints what is the same in all formats.
    pub(crate) fn raw(&mut self, text: &str) -> Outcome {
        self.out.write_all(text.as_bytes()).map_err(|error| unwritten(&error))
    }

    /// Everything printed so far leaves the process.
    pub(crate) fn flush(&mut self) -> Outcome {
        self.out.flush().map_err(|error| unwritten(&error))
    }
}

/// One line on standard error that says what went wrong, or what is waited for.
pub(crate) fn complain(line: &str) {
    to_stderr(&format!("simpctl: {}", escape::shown(line)));
}

/// Tells a person of what happened, on standard error.
pub(crate) fn notice(event: &Event) {
    to_stderr(&plain::sentence(event));
}

/// Tells a person of a request to this daemon, and what to type.
pub(crate) fn notice_request(daemon: &str, peer: &Peer, secure: Option<Secure>) {
    to_stderr(&plain::invitation(daemon, peer, secure));
}

/// One line, in one piece. What is not read there is lost without harm.
fn to_stderr(line: &str) {
    let _ = io::stderr().lock().write_all(format!("{line}\n").as_bytes());
}

//! What threads bring to the one that has the model.

use crossterm::event::KeyEvent;
use simp_control::Event;
use simp_control::error::Error;

use crate::model::job::Answered;
use crate::model::snapshot::Snapshot;

/// So much waits for the screen at most; who brings more waits.
pub(crate) const INPUTS_MAX: usize = 256;

/// Something to take in.
pub(crate) enum Input {
    Key(KeyEvent),
    Paste(String),
    /// The terminal has another size.
    Resized,
    /// The user looks at the terminal, or elsewhere.
    Gaze(bool),
    /// Entries of the log.
    Events(Vec<Event>),
    /// simpd went away, and is waited for.
    Away,
    /// It is back, with the same log.
    Back,
    /// It is back with another log, and everything begins again.
    Anew(Box<Snapshot>),
    /// The answer to a job that was asked for this log: its number, counted from the start.
    Answer(u64, Box<Answered>),
    Signal(i32),
    /// The terminal is gone.
    Gone,
    /// Nothing more will come from simpd.
    Failed(Error),
}

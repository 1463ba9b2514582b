//! What people read: lines on standard output, and on standard error.

use std::io::{self, Write as _};

use simp_control::error::{Outcome, unwritten};
use simp_control::escape;
use simp_service::messages;

/// Writes a line to standard output.
///
/// # Errors
/// If it cannot be written: `failed`, or [`Abandoned`](simp_control::error::Error::Abandoned) if nobody reads it.
pub fn print(line: &str) -> Outcome {
    let mut out = io::stdout().lock();
    // Scripts wait for the line that says the room is open, so it must not stay in a buffer.
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| unwritten(&error))
}

/// So many of something: `1 line`, `2 lines`.
pub fn counted(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Writes a line about the room to standard error, with whatever a peer put into it escaped.
pub fn say(line: &str) {
    messages::say("simp-room", &escape::shown(line));
}

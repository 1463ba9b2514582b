//! What the user reads in the terminal.

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
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| unwritten(&error))
}

/// Writes a line in the program's name to standard error, with whatever a peer put into it escaped.
pub fn say(line: &str) {
    messages::say("simp-web", &escape::shown(line));
}

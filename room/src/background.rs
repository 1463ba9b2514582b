//! `run --background`: the room as a process of its own, without a terminal.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use simp_control::FailureKind;
use simp_control::error::{Outcome, fail};

use crate::places::failed;

/// Set for the process that was started so.
const DETACHED: &str = "SIMP_ROOM_DETACHED";

/// So much of what it said before it ended is passed on, in bytes.
const SAID_MAX: u64 = 4_096;

/// Whether this is the process that was started so. It then leads a session of its own.
pub fn is_detached() -> bool {
    let is = std::env::var_os(DETACHED).is_some();
    if is {
        // Fails only for one that leads a process group, which it does not.
        let _ = nix::unistd::setsid();
    }
    is
}

/// Starts this program again without a terminal, what it has to say going to this file. Gives its line once the room is
/// open.
///
/// # Errors
/// Where it ends first: with what it said last.
pub fn start(messages: &Path) -> Outcome<String> {
    let broken = |error| failed(messages, &error);
    let file = File::options().create(true).append(true).mode(0o600).open(messages).map_err(broken)?;
    let said_before = file.metadata().map_err(broken)?.len();
    let program = std::env::current_exe().map_err(broken)?;
    let mut child = Command::new(program)
        .args(std::env::args_os().skip(1))
        .env(DETACHED, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(file)
        .spawn()
        .map_err(broken)?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(broken)?;
    }
    if !line.is_empty() {
        return Ok(line);
    }
    let status = child.wait().map_err(broken)?;
    let said = fs::read(messages).map_err(broken)?;
    let mut said = said.get(said_before as usize..).unwrap_or_default().take(SAID_MAX);
    let mut text = String::new();
    let _ = said.read_to_string(&mut text);
    let last = text.lines().last().unwrap_or_default();
    let kind = if status.code() == Some(3) { FailureKind::NoDaemon } else { FailureKind::Failed };
    Err(fail(kind, last.strip_prefix("simp-room: ").unwrap_or(last)))
}

//! `--background`: the program as a process of its own, without a terminal. Its first line on standard output says that
//! it is ready, and goes to whoever started it.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::parent_id;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// Set for the process that runs in the background, to the id of the one that started it. So it means nothing to whatever
/// that process starts in its turn.
const DETACHED: &str = "SIMP_DETACHED";

/// How much of what a program said before it failed is passed on, in bytes.
const SAID_MAX: u64 = 64 << 10;

/// The program cannot be started a second time, or its messages cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot start in the background: {0}")]
pub struct BackgroundError(#[from] io::Error);

/// Starts this program again without a terminal, and waits until that one is ready or has failed. In the process that
/// was started so it returns `None` at once: go on. In the one that a user started it returns the exit status to end
/// with; the line that says "ready", or the reason of the failure, has been passed on to that user then.
///
/// The program in the background has our arguments, leads a session of its own, and appends what it writes on standard
/// error to the file `messages`, which has mode 0600. Its standard output is closed to all but the first line.
///
/// # Errors
/// [`BackgroundError`], if the file cannot be written or the program cannot be started.
pub fn enter(messages: &Path) -> Result<Option<ExitCode>, BackgroundError> {
    if std::env::var(DETACHED).is_ok_and(|starter| starter == parent_id().to_string()) {
        // Fails only for the leader of a process group, which a child of ours is not.
        let _ = nix::unistd::setsid();
        return Ok(None);
    }
    let file = File::options().create(true).append(true).mode(0o600).open(messages)?;
    let said_before = file.metadata()?.len();
    let mut child = Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(DETACHED, std::process::id().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(file)
        .spawn()?;
    let mut ready = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut ready)?;
    }
    if !ready.is_empty() {
        // It runs, whether or not somebody reads that.
        let _ = io::stdout().lock().write_all(ready.as_bytes());
        return Ok(Some(ExitCode::SUCCESS));
    }
    let status = child.wait()?.code().and_then(|code| u8::try_from(code).ok());
    // The file holds what earlier starts said, too.
    let said = fs::read(messages)?;
    let mut said = said.get(said_before as usize..).unwrap_or_default().take(SAID_MAX);
    io::copy(&mut said, &mut io::stderr().lock())?;
    Ok(Some(status.map_or(ExitCode::FAILURE, ExitCode::from)))
}

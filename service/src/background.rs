//! `--background`: the program as a process of its own, without a terminal. Its first line on standard output says that
//! it is ready, and goes to whoever started it.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::{ExitStatusExt as _, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use crate::system::system;
use crate::{disk, messages, plain_file, process, supervisor};

/// Set for the process that runs in the background, to the id of the one that started it. So it means nothing to whatever
/// that process starts in its turn.
const DETACHED: &str = "SIMP_DETACHED";

/// How much of what a program said before it failed is passed on, in bytes.
const SAID_MAX: u64 = 64 << 10;

/// What a program says before it fails fits into this, in bytes.
const REASON_MAX: u32 = 4_096;

/// The program cannot be started a second time, or its messages cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum BackgroundError {
    /// It cannot be started, or waited for.
    #[error("cannot start in the background: {}", system(.0))]
    Start(#[from] io::Error),
    /// The file for its messages cannot be used.
    #[error("cannot start in the background: {0}: {trouble}", trouble = disk::trouble(.1, "XDG_STATE_HOME", "move it away"))]
    Messages(PathBuf, io::Error),
    /// It has failed, and has not said why, or not to the end.
    #[error(
        "cannot start in the background: it ended with {0} and did not say why (start it without --background)"
    )]
    Silent(String),
}

/// Whether this is the process that [`enter`] has started.
pub fn is_entered() -> bool {
    std::env::var(DETACHED).is_ok_and(|starter| starter == parent_id().to_string())
}

/// Starts this program again without a terminal, and waits until that one is ready or has failed. In the process that
/// was started so it returns `None` at once: go on. In the one that a user started it returns the exit status to end
/// with. By then that user has been told the line that says "ready" and what else the program said in its own name, which
/// is `program`; or all that it said before it failed, whose last line is its reason.
///
/// The program in the background has our arguments and none of our descriptors, leads a session of its own, and appends
/// what it writes on standard error to the file `kept`, which has mode 0600 and a bound: see [`messages`]. Its standard
/// output is closed to all but the first line.
///
/// # Errors
/// [`BackgroundError`], if the file cannot be written, the program cannot be started, or fails without a reason.
pub fn enter(program: &str, kept: &Path) -> Result<Option<ExitCode>, BackgroundError> {
    if is_entered() {
        // A lock of whoever started us would be held for as long as we run, and a pipe never end.
        process::close_inherited();
        messages::keep_in(kept);
        supervisor::leave();
        // Fails only for the leader of a process group, which a child of ours is not.
        let _ = nix::unistd::setsid();
        return Ok(None);
    }
    let unusable = |error| BackgroundError::Messages(kept.to_owned(), error);
    let file = plain_file::append(kept).map_err(unusable)?;
    let mut said = Said::from_now_on(kept).map_err(unusable)?;
    // Without room there for its reason only we can say why it fails. But it may not fail.
    let room = disk::reserve(&file, REASON_MAX);
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
    let of_program = format!("{program}: ");
    if !ready.is_empty() {
        let said = said.read().map_err(unusable)?;
        let lines = said.split_inclusive(|byte| *byte == b'\n');
        lines.filter(|line| line.starts_with(of_program.as_bytes())).for_each(messages::write);
        // It runs, whether or not somebody reads that.
        let _ = io::stdout().lock().write_all(ready.as_bytes());
        return Ok(Some(ExitCode::SUCCESS));
    }
    let ended = child.wait()?;
    let said = said.read().map_err(unusable)?;
    let (lines, cut) = said.split_at(said.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
    messages::write(lines);
    let last = lines.split_inclusive(|byte| *byte == b'\n').next_back();
    let is_said = cut.is_empty() && last.is_some_and(|line| line.starts_with(of_program.as_bytes()));
    match (ended.code().and_then(|code| u8::try_from(code).ok()), room) {
        (Some(status), _) if is_said => Ok(Some(ExitCode::from(status))),
        (_, Err(full)) => Err(unusable(full)),
        (_, Ok(())) => Err(BackgroundError::Silent(how(ended))),
    }
}

/// How a program ended, for people.
fn how(ended: ExitStatus) -> String {
    match ended.signal() {
        Some(signal) => format!("signal {signal}"),
        None => format!("exit status {}", ended.code().unwrap_or_default()),
    }
}

/// What a program says on its way into the background.
struct Said<'a> {
    kept: &'a Path,
    /// The file as it is now: a program that fails may remove it, and one whose file is full begins another.
    file: File,
}

impl<'a> Said<'a> {
    /// The file holds what earlier starts said, too.
    fn from_now_on(kept: &'a Path) -> io::Result<Self> {
        let mut file = File::open(kept)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self { kept, file })
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut said = Vec::new();
        (&self.file).take(SAID_MAX).read_to_end(&mut said)?;
        let before = self.file.metadata()?.ino();
        match File::open(self.kept) {
            // It was begun since then, so all of it is new.
            Ok(next) if next.metadata()?.ino() != before => {
                next.take(SAID_MAX).read_to_end(&mut said)?;
            }
            _ => {}
        }
        Ok(said)
    }
}

//! One run of a command, from its start to its end: what it reads and writes, and how long it may take. It blocks.

use std::io::{self, ErrorKind, PipeReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use simp_control::error::system;

use super::groups;

/// How long a command that has had its time may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);

/// So many bytes of output are an answer at most.
const OUTPUT_MAX: usize = 1_000_000;

/// How a command is run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// How long it may take.
    pub(super) limit: Option<Duration>,
    /// Whether its output is kept; if not, it is ours.
    pub(super) keeps_output: bool,
}

/// Why a run came to nothing, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failed {
    /// The command failed.
    Command(String),
    /// Something else did, which says nothing of the message.
    Other(String),
}

/// Runs a command with this on its standard input, and gives its output if that is kept.
///
/// # Errors
/// How it has failed, or why it was not run.
pub(super) fn run(
    command: &str,
    prepare: impl FnOnce(&mut Command),
    input: &[u8],
    terms: Terms,
) -> Result<Vec<u8>, Failed> {
    let mut sh = Command::new("sh");
    sh.arg("-c").arg(command).stdin(Stdio::piped());
    if terms.keeps_output {
        sh.stdout(Stdio::piped());
    }
    prepare(&mut sh);
    let started = match terms.limit {
        // All that it starts ends with it.
        Some(_) => groups::start(sh.process_group(0)),
        None => sh.spawn(),
    };
    let mut child = started.map_err(|error| Failed::Other(format!("sh: {}", system(&error))))?;
    let attended = attend(&mut child, input, terms);
    if terms.limit.is_some() {
        groups::over(&child);
    }
    // It has ended, unless this process has no thread or descriptor left.
    let status = child.wait();
    let output = attended.map_err(|error| Failed::Other(system(&error)))?.map_err(Failed::Command)?;
    match status {
        Ok(status) if status.success() => Ok(output),
        Ok(status) => Err(Failed::Command(ended(status))),
        Err(error) => Err(Failed::Other(system(&error))),
    }
}

/// How a command that failed has ended.
fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no exit status".to_owned(),
    }
}

/// How far a command is that takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    Lasts,
    /// It was asked to end.
    Asked,
    /// It was killed.
    Over,
}

/// Waits until it has ended, and leaves it to be reaped: until then its process group is nobody else's.
fn attend(child: &mut Child, input: &[u8], terms: Terms) -> io::Result<Result<Vec<u8>, String>> {
    let group = Pid::from_raw(child.id() as i32);
    let end = end_of(group)?;
    let (mut feed, mut output) = (Feed::new(child, input)?, Output::new(child)?);
    let (mut patience, mut until) = (Patience::Lasts, terms.limit.map(|limit| Instant::now() + limit));
    loop {
        let has_ended = wait(&end, &feed, &output, until)?;
        feed.write();
        output.read();
        if has_ended {
            break;
        }
        if until.is_some_and(|until| until <= Instant::now()) {
            // Of a group that is gone nothing is left to end.
            (patience, until) = match patience {
                Patience::Lasts => {
                    let _ = killpg(group, Signal::SIGTERM);
                    (Patience::Asked, Some(Instant::now() + GRACE))
                }
                Patience::Asked | Patience::Over => {
                    let _ = killpg(group, Signal::SIGKILL);
                    (Patience::Over, None)
                }
            };
        }
    }
    match (patience, terms.limit) {
        (Patience::Asked | Patience::Over, Some(limit)) => {
            // What it has left behind.
            let _ = killpg(group, Signal::SIGKILL);
            Ok(Err(format!("no end within {} s", limit.as_secs_f64())))
        }
        _ if output.is_too_much() => Ok(Err(format!("more than {OUTPUT_MAX} bytes of output"))),
        _ => Ok(Ok(output.kept)),
    }
}

/// What ends when this process does, which stays to be reaped. The system has no descriptor of a process everywhere.
fn end_of(process: Pid) -> io::Result<PipeReader> {
    let (end, ends) = io::pipe()?;
    thread::Builder::new().spawn(move || {
        let _ends = ends;
        while waitid(Id::Pid(process), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(Errno::EINTR) {}
    })?;
    Ok(end)
}

/// Waits until there is something to do. Gives whether the process has ended.
fn wait(end: &PipeReader, feed: &Feed<'_>, output: &Output, until: Option<Instant>) -> io::Result<bool> {
    let mut fds = vec![PollFd::new(end.as_fd(), PollFlags::POLLIN)];
    fds.extend(feed.stdin.as_ref().map(|stdin| PollFd::new(stdin.as_fd(), PollFlags::POLLOUT)));
    fds.extend(output.stdout.as_ref().map(|stdout| PollFd::new(stdout.as_fd(), PollFlags::POLLIN)));
    let left = until.map(|until| until.saturating_duration_since(Instant::now()).as_millis() + 1);
    let timeout = left.map_or(PollTimeout::NONE, |ms| {
        PollTimeout::try_from(ms.min(i32::MAX as u128)).unwrap_or(PollTimeout::MAX)
    });
    match poll(&mut fds, timeout) {
        Ok(_) => Ok(fds[0].any() == Some(true)),
        Err(Errno::EINTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// What is still to be written to a command.
struct Feed<'a> {
    stdin: Option<ChildStdin>,
    left: &'a [u8],
}

impl<'a> Feed<'a> {
    fn new(child: &mut Child, input: &'a [u8]) -> io::Result<Self> {
        let stdin = child.stdin.take();
        stdin.iter().try_for_each(|stdin| never_block(stdin.as_fd()))?;
        Ok(Self { stdin, left: input })
    }

    /// Writes as much as it takes now.
    fn write(&mut self) {
        while let Some(stdin) = &mut self.stdin {
            match stdin.write(self.left) {
                Ok(written) => self.left = &self.left[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // A command that does not read its input is no failure.
                Err(_) => self.left = &[],
            }
            if self.left.is_empty() {
                self.stdin = None;
            }
        }
    }
}

/// What a command has written, if that is kept.
struct Output {
    stdout: Option<ChildStdout>,
    kept: Vec<u8>,
}

impl Output {
    fn new(child: &mut Child) -> io::Result<Self> {
        let stdout = child.stdout.take();
        stdout.iter().try_for_each(|stdout| never_block(stdout.as_fd()))?;
        Ok(Self { stdout, kept: Vec::new() })
    }

    /// Reads what is there now: what it has started may hold its output open for longer than it runs.
    fn read(&mut self) {
        let mut some = [0; 16 << 10];
        while let Some(stdout) = &mut self.stdout {
            match stdout.read(&mut some) {
                Ok(0) => self.stdout = None,
                Ok(read) => self.kept.extend_from_slice(&some[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.stdout = None,
            }
            if self.is_too_much() {
                self.stdout = None;
            }
        }
    }

    fn is_too_much(&self) -> bool {
        self.kept.len() > OUTPUT_MAX
    }
}

fn never_block(fd: BorrowedFd<'_>) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Terms = Terms { limit: None, keeps_output: true };

    fn output(command: &str, input: &[u8], terms: Terms) -> Result<String, String> {
        match run(command, |_| (), input, terms) {
            Ok(output) => Ok(String::from_utf8(output).unwrap()),
            Err(Failed::Command(how)) => Err(how),
            Err(Failed::Other(why)) => panic!("{why}"),
        }
    }

    #[test]
    fn it_is_given_its_input_and_gives_its_output_however_long_both_are() {
        let long = "x".repeat(1_000_000);
        assert_eq!(output("cat", long.as_bytes(), FREE), Ok(long.clone()));
        let line = "more than 1000000 bytes of output";
        assert_eq!(output("cat; echo", long.as_bytes(), FREE), Err(line.to_owned()));
        assert_eq!(output("yes", b"", FREE), Err(line.to_owned()));
    }

    #[test]
    fn one_that_does_not_read_is_no_failure() {
        let input = [b'x'; 100_000];
        assert_eq!(output("exec <&-; echo done", &input, FREE), Ok("done\n".to_owned()));
        assert_eq!(output("exit 0", &input, FREE), Ok(String::new()));
    }

    #[test]
    fn how_it_has_ended_is_said_in_words_of_ours() {
        for (command, how) in [("exit 3", "exit status 3"), ("kill -9 $$", "signal 9")] {
            assert_eq!(output(command, b"", FREE), Err(how.to_owned()));
        }
    }

    #[test]
    fn what_it_leaves_behind_with_its_output_is_not_waited_for() {
        // The other one ends with us: it reads what nobody writes.
        let (stdin, _writer) = io::pipe().unwrap();
        let command = "exec 3<&0; cat <&3 & echo answer";
        let prepare = |sh: &mut Command| {
            sh.stdin(stdin);
        };
        let said = run(command, prepare, b"", FREE);
        assert_eq!(said.as_deref(), Ok(&b"answer\n"[..]));
    }

    #[test]
    fn one_that_takes_too_long_is_ended_with_all_that_it_has_started() {
        let (mut ended, ends) = io::pipe().unwrap();
        let terms = Terms { limit: Some(Duration::from_millis(50)), keeps_output: false };
        // Neither of them ends when it is asked to.
        let stubborn =
            "trap '' TERM; sh -c 'trap \"\" TERM; while :; do sleep 600; done' & wait; wait; sleep 600";
        let prepare = |sh: &mut Command| {
            sh.stdout(ends);
        };
        let how = run(stubborn, prepare, b"", terms);
        assert_eq!(how, Err(Failed::Command("no end within 0.05 s".to_owned())));
        // Nobody has its output any more.
        assert_eq!(ended.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn one_that_ends_in_its_time_is_not_touched() {
        let terms = Terms { limit: Some(Duration::from_secs(60)), keeps_output: true };
        assert_eq!(output("echo quick", b"", terms), Ok("quick\n".to_owned()));
    }
}

//! One connection to simpd, blocking: requests out, answers in. What they mean is `client`'s business.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use simp_control::frame::{self, FrameBuffer};
use simp_control::{Answer, FailureKind, Request};

use crate::find::{Daemon, Place};
use crate::stop::{Outcome, Stop, fail};

/// How much is read from the socket at a time.
const READ_LEN: usize = 64 * 1024;

/// A connection to simpd.
pub(crate) struct Connection {
    stream: UnixStream,
    place: Place,
    /// Requests that are not written yet.
    out: Vec<u8>,
    frames: FrameBuffer,
    chunk: Box<[u8]>,
    /// Waiting ends once nobody reads our standard output any more.
    pub(crate) watches_output: bool,
}

impl Connection {
    /// Takes over a connection on which nothing has been said yet.
    pub(crate) fn new(daemon: Daemon) -> Self {
        Self {
            stream: daemon.stream,
            place: daemon.place,
            out: Vec::new(),
            frames: FrameBuffer::default(),
            chunk: vec![0; READ_LEN].into(),
            watches_output: false,
        }
    }

    /// Where the daemon is.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Puts a request in line for [`Connection::write`].
    pub(crate) fn submit(&mut self, request: &Request) -> Outcome {
        frame::encode(request, &mut self.out).map_err(|error| fail(FailureKind::Failed, error.to_string()))
    }

    /// Writes what is in line.
    pub(crate) fn write(&mut self) -> Outcome {
        let written = self.stream.write_all(&self.out);
        self.out.clear();
        match written {
            // A daemon that hangs up may have said why; reading brings it.
            Err(error) if is_end(&error) => Ok(()),
            Err(error) => Err(self.broken(&error.to_string())),
            Ok(()) => Ok(()),
        }
    }

    /// The next answer of those that were read.
    pub(crate) fn take(&mut self) -> Outcome<Option<Answer>> {
        self.frames.take().map_err(|error| {
            fail(FailureKind::NoDaemon, format!("{}: not a simpd ({error})", self.place.name))
        })
    }

    /// Reads what is there, or waits for it. False once the deadline has passed.
    ///
    /// # Errors
    /// [`Stop::Lost`] at the end of the connection.
    pub(crate) fn read(&mut self, deadline: Option<Instant>) -> Outcome<bool> {
        if !wait(Some(self.stream.as_fd()), self.watches_output, deadline)? {
            return Ok(false);
        }
        match self.stream.read(&mut self.chunk) {
            Ok(0) => Err(self.place.lost()),
            Ok(len) => {
                self.frames.push(self.chunk.get(..len).unwrap_or_default());
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) if is_end(&error) => Err(self.place.lost()),
            Err(error) => Err(self.broken(&error.to_string())),
        }
    }

    /// Waits for this long.
    ///
    /// # Errors
    /// [`Stop::ReaderGone`] where nobody reads our output any more.
    pub(crate) fn pause(&self, pause: Duration) -> Outcome {
        wait(None, self.watches_output, Some(Instant::now() + pause)).map(drop)
    }

    fn broken(&self, why: &str) -> Stop {
        fail(FailureKind::NoDaemon, format!("the connection to simpd on {}: {why}", self.place.name))
    }
}

/// Waits until there is something to read. False once the deadline has passed.
fn wait(socket: Option<BorrowedFd<'_>>, output: bool, deadline: Option<Instant>) -> Outcome<bool> {
    let stdout = io::stdout();
    loop {
        let mut fds = Vec::with_capacity(2);
        fds.extend(socket.map(|socket| PollFd::new(socket, PollFlags::POLLIN)));
        fds.extend(output.then(|| PollFd::new(stdout.as_fd(), PollFlags::empty())));
        match poll(&mut fds, timeout(deadline)) {
            Ok(0) if deadline.is_some_and(|deadline| deadline <= Instant::now()) => return Ok(false),
            Ok(_) | Err(Errno::EINTR) => (),
            Err(errno) => return Err(fail(FailureKind::Failed, format!("poll: {}", errno.desc()))),
        }
        if output && fds.last().and_then(PollFd::any) == Some(true) {
            return Err(Stop::ReaderGone);
        }
        if socket.is_some() && fds.first().and_then(PollFd::any) == Some(true) {
            return Ok(true);
        }
    }
}

/// What is left until the deadline, rounded up so that a wait does not end early.
fn timeout(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now());
    let ms = left.as_millis() + u128::from(!left.is_zero());
    PollTimeout::try_from(ms.min(i32::MAX as u128)).unwrap_or(PollTimeout::MAX)
}

/// Whether the error says that the daemon is no longer there.
fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

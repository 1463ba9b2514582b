//! One connection to simpd, blocking: requests out, answers in. What they mean is the client's business.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};

use crate::answer::Answer;
use crate::error::{Error, Outcome, fail, system};
use crate::failure::FailureKind;
use crate::frame;
use crate::framed::FrameStream;
use crate::request::Request;
use crate::sleep::{self, Waking};
use crate::socket::Socket;

/// So long is waited without noticing that the machine has slept: the wait ends that much later then, and nearly every one is over
/// before.
const UNNOTICED: Duration = Duration::from_secs(1);

/// What a wait has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// There is something of simpd.
    Input,
    /// The other descriptor that was waited for has something to read, or has ended.
    Call,
    /// The deadline has passed.
    Over,
}

/// A connection to simpd.
pub(crate) struct Connection {
    stream: FrameStream,
    socket: Socket,
    /// Requests that are not written yet.
    out: Vec<u8>,
    /// Waiting ends once nobody reads any more what is written here.
    watched: Option<OwnedFd>,
    /// Wakes up who waits with a time limit; made for the first that does.
    waking: Option<Waking>,
}

impl Connection {
    /// Takes over a stream on which nothing has been said yet.
    pub(crate) fn new(stream: UnixStream, socket: Socket) -> Self {
        Self { stream: FrameStream::new(stream), socket, out: Vec::new(), watched: None, waking: None }
    }

    /// Where the daemon is.
    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Goes on with a new stream to the same socket. What was in line or half read is dropped.
    ///
    /// # Errors
    /// [`Error::Lost`] if there is no simpd now.
    pub(crate) fn renew(&mut self) -> Outcome {
        // Half of a frame from the old connection must not be read as the beginning of the new one.
        self.stream = FrameStream::new(self.socket.connect_again()?);
        self.out.clear();
        Ok(())
    }

    /// From now on, waiting ends with [`Error::Abandoned`] once nobody reads any more what is written here.
    pub(crate) fn watch(&mut self, output: OwnedFd) {
        self.watched = Some(output);
    }

    /// Puts a request in line for [`Connection::write`].
    pub(crate) fn submit(&mut self, request: &Request) -> Outcome {
        frame::encode(request, &mut self.out).map_err(|error| fail(FailureKind::Failed, error.to_string()))
    }

    /// Writes what is in line. What comes meanwhile is read: simpd reads nothing more of whoever does not read.
    pub(crate) fn write(&mut self) -> Outcome {
        let written = self.write_all();
        self.out.clear();
        match written {
            // A daemon that hangs up may have said why; reading brings it.
            Err(error) if is_end(&error) => Ok(()),
            Err(error) => Err(self.broken(&system(&error))),
            Ok(()) => Ok(()),
        }
    }

    fn write_all(&mut self) -> io::Result<()> {
        let mut written = 0;
        while let Some(rest) = self.out.get(written..).filter(|rest| !rest.is_empty()) {
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
            match send(self.stream.stream().as_raw_fd(), rest, flags) {
                Ok(count) => written += count,
                Err(Errno::EAGAIN) => self.read_until_it_takes_more()?,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    fn read_until_it_takes_more(&mut self) -> io::Result<()> {
        loop {
            let either = PollFlags::POLLIN | PollFlags::POLLOUT;
            let mut fds = [PollFd::new(self.stream.stream().as_fd(), either)];
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            let happened = fds[0].revents().unwrap_or(PollFlags::empty());
            if happened.contains(PollFlags::POLLIN) && self.stream.read()? == 0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if happened.intersects(PollFlags::POLLOUT | PollFlags::POLLERR | PollFlags::POLLHUP) {
                return Ok(());
            }
        }
    }

    /// The next answer of those that were read.
    pub(crate) fn take(&mut self) -> Outcome<Option<Answer>> {
        self.stream.take().map_err(|_| {
            fail(
                FailureKind::NoDaemon,
                format!(
                    "{}: not a simpd (its answer makes no sense; name another with -d)",
                    self.socket.name
                ),
            )
        })
    }

    /// Reads what is there, or waits for it. False once the deadline has passed.
    ///
    /// # Errors
    /// [`Error::Lost`] at the end of the connection.
    pub(crate) fn read(&mut self, deadline: Option<Instant>) -> Outcome<bool> {
        self.read_or(None, deadline).map(|waited| waited == Waited::Input)
    }

    /// The same, or waits until `call` can be read.
    ///
    /// # Errors
    /// [`Error::Lost`] at the end of the connection.
    pub(crate) fn read_or(
        &mut self,
        call: Option<BorrowedFd<'_>>,
        deadline: Option<Instant>,
    ) -> Outcome<Waited> {
        // To read waits too, if there is nothing else to wait for.
        if call.is_none() && deadline.is_none() && self.watched.is_none() {
            return self.take_in();
        }
        match self.input_or(call, deadline)? {
            Waited::Input => self.take_in(),
            waited => Ok(waited),
        }
    }

    fn input_or(&mut self, call: Option<BorrowedFd<'_>>, deadline: Option<Instant>) -> Outcome<Waited> {
        if let Some(soon) = self.unnoticed(deadline) {
            let waited = self.wait(Some(self.stream.stream().as_fd()), call, Some(soon))?;
            if waited != Waited::Over {
                return Ok(waited);
            }
        }
        self.prepare(deadline);
        self.wait(Some(self.stream.stream().as_fd()), call, deadline)
    }

    /// Waits until `call` can be read, whatever comes of simpd. False once the deadline has passed.
    pub(crate) fn called(&mut self, call: BorrowedFd<'_>, deadline: Option<Instant>) -> Outcome<bool> {
        self.prepare(deadline);
        self.wait(None, Some(call), deadline).map(|waited| waited == Waited::Call)
    }

    fn take_in(&mut self) -> Outcome<Waited> {
        match self.stream.read() {
            // Closed in order or reset: a simpd that stops and one that is killed are waited for alike.
            Ok(0) => Err(self.socket.lost()),
            Ok(_) => Ok(Waited::Input),
            Err(error) if is_end(&error) => Err(self.socket.lost()),
            Err(error) => Err(self.broken(&system(&error))),
        }
    }

    /// Waits for this long.
    ///
    /// # Errors
    /// [`Error::Abandoned`] if nobody reads our output any more.
    pub(crate) fn pause(&self, pause: Duration) -> Outcome {
        self.wait(None, None, Some(sleep::now() + pause)).map(drop)
    }

    /// When to begin to notice that the machine sleeps; `None` if that is not to be, or is already.
    fn unnoticed(&self, deadline: Option<Instant>) -> Option<Instant> {
        let soon = sleep::now() + UNNOTICED;
        deadline.filter(|deadline| self.waking.is_none() && *deadline > soon).map(|_| soon)
    }

    fn prepare(&mut self, deadline: Option<Instant>) {
        if deadline.is_some() && self.waking.is_none() {
            // Without it a time limit only ends later, if the machine sleeps.
            self.waking = Waking::watch().ok();
        }
    }

    /// Waits until there is something to read.
    fn wait(
        &self,
        input: Option<BorrowedFd<'_>>,
        call: Option<BorrowedFd<'_>>,
        deadline: Option<Instant>,
    ) -> Outcome<Waited> {
        loop {
            let mut fds = Vec::with_capacity(4);
            fds.extend(input.map(|input| PollFd::new(input, PollFlags::POLLIN)));
            fds.extend(call.map(|call| PollFd::new(call, PollFlags::POLLIN)));
            // Nothing is asked of the output: that its reader is gone is reported all the same.
            fds.extend(self.watched.as_ref().map(|output| PollFd::new(output.as_fd(), PollFlags::empty())));
            fds.extend(self.waking.as_ref().map(|waking| PollFd::new(waking.as_fd(), PollFlags::POLLIN)));
            // A signal, an early end of the wait or the end of a sleep only brings us here again.
            match poll(&mut fds, timeout(deadline)) {
                Ok(0) if deadline.is_some_and(|deadline| deadline <= sleep::now()) => {
                    return Ok(Waited::Over);
                }
                Ok(_) | Err(Errno::EINTR) => (),
                Err(errno) => {
                    return Err(fail(FailureKind::Failed, format!("poll: {}", system(&errno.into()))));
                }
            }
            let mut happened = fds.iter().map(|fd| fd.any() == Some(true));
            let has_input = input.is_some() && happened.next() == Some(true);
            let has_call = call.is_some() && happened.next() == Some(true);
            // Before the input: with nobody to show it to, nothing more is taken from the daemon.
            if self.watched.is_some() && happened.next() == Some(true) {
                return Err(Error::Abandoned);
            }
            match (has_input, has_call) {
                (true, _) => return Ok(Waited::Input),
                (false, true) => return Ok(Waited::Call),
                (false, false) => (),
            }
            if let Some(waking) = self.waking.as_ref().filter(|_| happened.next() == Some(true)) {
                waking.noticed();
            }
        }
    }

    fn broken(&self, why: &str) -> Error {
        fail(FailureKind::NoDaemon, format!("the connection to simpd on {}: {why}", self.socket.name))
    }
}

/// What is left until the deadline, rounded up so that a wait does not end early.
fn timeout(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(sleep::now());
    let ms = left.as_millis() + u128::from(!left.is_zero());
    PollTimeout::try_from(ms.min(i32::MAX as u128)).unwrap_or(PollTimeout::MAX)
}

/// Whether the error says that the daemon is no longer there.
fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

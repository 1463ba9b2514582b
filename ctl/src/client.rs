//! One connection to simpd, blocking: hello, request and reply, and the events that are followed.
//! It prints nothing and knows no subcommand.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use simp_proto::control::{Answer, Event, FailureKind, Reply, Request, VERSION};
use simp_proto::frame::{self, FrameBuffer, FrameError};

use crate::find::Daemon;
use crate::stop::{Outcome, Stop, fail, unexpected};

/// How much is read from the socket at a time.
const READ_LEN: usize = 64 * 1024;

/// A connection to simpd.
pub(crate) struct Client {
    stream: UnixStream,
    name: String,
    /// Where the daemon receives; empty as long as it has not answered our hello.
    address: String,
    /// Requests that are not written yet.
    out: Vec<u8>,
    /// Replies to come that nobody waits for.
    dropped: usize,
    frames: FrameBuffer,
    /// Events that came while a reply was waited for.
    events: VecDeque<Event>,
    chunk: Box<[u8]>,
    watches_output: bool,
}

/// How long a reply may take. The daemon answers at once, unless it is stopped or waits for its disk.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What came from the daemon.
#[derive(Debug)]
pub(crate) enum Next {
    /// An entry of the log that we follow.
    Event(Event),
    /// The reply to the oldest request that has none.
    Reply(Reply),
}

impl Client {
    /// Prepares the hello; it is written together with the first request.
    pub(crate) fn new(daemon: Daemon) -> Outcome<Self> {
        let mut client = Self {
            stream: daemon.stream,
            name: daemon.name,
            address: String::new(),
            out: Vec::new(),
            dropped: 0,
            frames: FrameBuffer::default(),
            events: VecDeque::new(),
            chunk: vec![0; READ_LEN].into(),
            watches_output: false,
        };
        client.submit(&Request::Hello { version: VERSION })?;
        Ok(client)
    }

    /// A second connection to the same daemon.
    pub(crate) fn another(&self) -> Outcome<Self> {
        let path = self.stream.peer_addr().map_err(|error| self.broken(&error.to_string()))?;
        let stream = UnixStream::connect_addr(&path).map_err(|_| self.gone())?;
        let mut client = Self::new(Daemon { stream, name: self.name.clone() })?;
        // The daemon waits for our hello, but what we ask here may be long in coming.
        client.write()?;
        Ok(client)
    }

    /// What to call the daemon.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// From now on, waiting ends with [`Stop::ReaderGone`] once nobody reads our standard output any more.
    /// Without it a `simpctl listen | head -1` would stay until the message after that.
    pub(crate) fn watch_output(&mut self) {
        self.watches_output = true;
    }

    /// Where the daemon receives, `ADDR:PORT`: waits for its hello.
    pub(crate) fn address(&mut self) -> Outcome<&str> {
        self.write()?;
        while self.address.is_empty() {
            self.read(None)?;
            if self.buffered()?.is_some() {
                return Err(unexpected());
            }
        }
        Ok(&self.address)
    }

    /// Puts a request in line. It is written with the next that is asked, or by [`Client::write`].
    pub(crate) fn submit(&mut self, request: &Request) -> Outcome {
        frame::encode(request, &mut self.out).map_err(|error| fail(FailureKind::Failed, error.to_string()))
    }

    /// Like [`Client::submit`] for a request whose reply says nothing but that it worked.
    pub(crate) fn submit_quietly(&mut self, request: &Request) -> Outcome {
        self.dropped += 1;
        self.submit(request)
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

    /// Asks and waits for the reply, which comes at once. Events that come before it are kept.
    ///
    /// # Errors
    /// The daemon's failure, or ours to reach it.
    pub(crate) fn ask(&mut self, request: &Request) -> Outcome<Reply> {
        self.submit(request)?;
        self.write()?;
        self.reply()
    }

    /// Waits for the reply to a request that is written already. Events that come before it are kept.
    ///
    /// # Errors
    /// As with [`Client::ask`].
    pub(crate) fn reply(&mut self) -> Outcome<Reply> {
        let deadline = Some(Instant::now() + ANSWER_WITHIN);
        loop {
            match self.decoded()? {
                Some(Next::Reply(_)) if self.dropped > 0 => self.dropped -= 1,
                Some(Next::Reply(reply)) => return Ok(reply),
                Some(Next::Event(event)) => self.events.push_back(event),
                None if self.read(deadline)? => {}
                None => {
                    let line =
                        format!("simpd on {} does not answer (is it stopped, or its disk?)", self.name);
                    return Err(fail(FailureKind::NoDaemon, line));
                }
            }
        }
    }

    /// Waits for what comes next; `None` once the deadline has passed.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> Outcome<Option<Next>> {
        loop {
            if let Some(next) = self.buffered()? {
                return Ok(Some(next));
            }
            if !self.read(deadline)? {
                return Ok(None);
            }
        }
    }

    /// Waits for the next event; `None` once the deadline has passed.
    pub(crate) fn event(&mut self, deadline: Option<Instant>) -> Outcome<Option<Event>> {
        loop {
            match self.next(deadline)? {
                Some(Next::Event(event)) => return Ok(Some(event)),
                Some(Next::Reply(_)) => (),
                None => return Ok(None),
            }
        }
    }

    /// What has come already, without waiting.
    pub(crate) fn buffered(&mut self) -> Outcome<Option<Next>> {
        if let Some(event) = self.events.pop_front() {
            return Ok(Some(Next::Event(event)));
        }
        loop {
            match self.decoded()? {
                Some(Next::Reply(_)) if self.dropped > 0 => self.dropped -= 1,
                next => return Ok(next),
            }
        }
    }

    /// Waits until the daemon closes the connection.
    pub(crate) fn wait_for_end(&mut self) -> Outcome {
        loop {
            match self.stream.read(&mut self.chunk) {
                Ok(0) => return Ok(()),
                Ok(_) => (),
                Err(error) if is_end(&error) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(self.broken(&error.to_string())),
            }
        }
    }

    /// The next answer of those that were read, after the daemon's hello.
    fn decoded(&mut self) -> Outcome<Option<Next>> {
        loop {
            let answer = self.frames.take().map_err(|error| self.foreign(&error))?;
            match answer {
                None => return Ok(None),
                Some(Answer::Failure(failure)) => return Err(failure.into()),
                Some(answer) if self.address.is_empty() => self.greet(answer)?,
                Some(Answer::Reply(reply)) => return Ok(Some(Next::Reply(reply))),
                Some(Answer::Event(event)) => return Ok(Some(Next::Event(event))),
            }
        }
    }

    /// Takes the first answer, which is the daemon's hello.
    fn greet(&mut self, answer: Answer) -> Outcome {
        let Answer::Reply(Reply::Hello { version, address, program, .. }) = answer else {
            return Err(unexpected());
        };
        if version != VERSION {
            let what =
                format!("simpd {program} speaks version {version} of the control API, simpctl {VERSION}");
            return Err(fail(FailureKind::NoDaemon, format!("{what} (install both from one release)")));
        }
        self.address = address;
        Ok(())
    }

    /// Reads what is there, or waits for it. False once the deadline has passed.
    fn read(&mut self, deadline: Option<Instant>) -> Outcome<bool> {
        if !self.wait(deadline)? {
            return Ok(false);
        }
        match self.stream.read(&mut self.chunk) {
            Ok(0) => Err(self.gone()),
            Ok(len) => {
                self.frames.push(self.chunk.get(..len).unwrap_or_default());
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) if is_end(&error) => Err(self.gone()),
            Err(error) => Err(self.broken(&error.to_string())),
        }
    }

    /// Waits until there is something to read. False once the deadline has passed.
    fn wait(&self, deadline: Option<Instant>) -> Outcome<bool> {
        let stdout = io::stdout();
        loop {
            let socket = PollFd::new(self.stream.as_fd(), PollFlags::POLLIN);
            let output = PollFd::new(stdout.as_fd(), PollFlags::empty());
            let mut fds = [socket, output];
            let watched = if self.watches_output { &mut fds[..] } else { &mut fds[..1] };
            match poll(watched, timeout(deadline)) {
                Ok(0) if deadline.is_some_and(|deadline| deadline <= Instant::now()) => return Ok(false),
                Ok(_) | Err(Errno::EINTR) => (),
                Err(errno) => return Err(self.broken(errno.desc())),
            }
            let [socket, output] = &fds;
            if output.any() == Some(true) {
                return Err(Stop::ReaderGone);
            }
            if socket.any() == Some(true) {
                return Ok(true);
            }
        }
    }

    fn gone(&self) -> Stop {
        fail(FailureKind::NoDaemon, format!("simpd on {} went away", self.name))
    }

    fn foreign(&self, error: &FrameError) -> Stop {
        fail(FailureKind::NoDaemon, format!("{}: not a simpd ({error})", self.name))
    }

    fn broken(&self, why: &str) -> Stop {
        fail(FailureKind::NoDaemon, format!("the connection to simpd on {}: {why}", self.name))
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

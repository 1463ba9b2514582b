//! The control client as tests use it, where anything but the answer that is expected fails the test; a raw connection for
//! those that break the rules; and the requests and entries that tests name most.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use simp_control::error::Error;
use simp_control::{
    Answer, Client, Event, Failure, FailureKind, Filter, FollowFrom, FrameStream, Incoming, Piece, Reply,
    Request, Status, What,
};

use super::DEADLINE;

/// A client that has been greeted.
pub struct TestClient(pub Client);

impl TestClient {
    /// Connects and says hello.
    pub fn connect(socket: &Path) -> Self {
        let mut client = Client::at(socket).unwrap();
        client.address().unwrap();
        Self(client)
    }

    pub fn write(&mut self, request: &Request) {
        self.0.submit(request).unwrap();
        self.0.write().unwrap();
    }

    /// The next answer; `None` if the daemon has hung up.
    pub fn read(&mut self) -> Option<Answer> {
        match self.0.next_here(Some(Instant::now() + DEADLINE)) {
            Ok(Some(Incoming::Reply(reply))) => Some(Answer::Reply(reply)),
            Ok(Some(Incoming::Event(event))) => Some(Answer::Event(event)),
            Ok(Some(Incoming::Refused(failure))) | Err(Error::Failure(failure)) => {
                Some(Answer::Failure(failure))
            }
            Err(Error::Lost(_)) => None,
            other => panic!("nothing came from the daemon: {other:?}"),
        }
    }

    pub fn ask(&mut self, request: &Request) -> Answer {
        match self.0.ask(request) {
            Ok(reply) => Answer::Reply(reply),
            Err(Error::Failure(failure)) => Answer::Failure(failure),
            Err(error) => panic!("{request:?}: {error}"),
        }
    }

    /// The reply to a request that is carried out.
    #[track_caller]
    pub fn reply(&mut self, request: &Request) -> Reply {
        self.0.ask(request).unwrap_or_else(|error| panic!("{request:?} was answered with {error:?}"))
    }

    /// This request is refused, with this kind and this line.
    #[track_caller]
    pub fn fails(&mut self, request: &Request, kind: FailureKind, line: &str) {
        assert_eq!(self.ask(request), Answer::Failure(Failure::new(kind, line)));
    }

    #[track_caller]
    pub fn status(&mut self) -> Status {
        *self.0.status().unwrap()
    }

    /// The status, asked for again and again until it is so.
    #[track_caller]
    pub fn status_when(&mut self, mut so: impl FnMut(&Status) -> bool) -> Status {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let status = self.status();
            if so(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "it did not come to be: {status:?}");
        }
    }

    /// The status once the daemon has taken in so many datagrams since its start, and has answered them.
    #[track_caller]
    pub fn status_after(&mut self, datagrams: u64) -> Status {
        self.status_when(|status| status.counters.datagrams_in >= datagrams)
    }

    /// Follows the log, all of it that comes after `from`.
    pub fn follow(&mut self, from: FollowFrom) -> u64 {
        match self.reply(&Request::Follow { from, filter: Filter::default() }) {
            Reply::Following { after } => after,
            other => panic!("{other:?}"),
        }
    }

    /// The next entry of the log.
    #[track_caller]
    pub fn event(&mut self) -> Event {
        match self.read() {
            Some(Answer::Event(event)) => event,
            other => panic!("not an event: {other:?}"),
        }
    }

    /// The next entry of the log says this.
    #[track_caller]
    pub fn expect(&mut self, what: What) -> Event {
        let event = self.event();
        assert_eq!(event.what, what);
        event
    }

    /// Sends a text in the only chat and returns the message's id.
    #[track_caller]
    pub fn send(&mut self, text: &str) -> u64 {
        match self.reply(&send(None, text)) {
            Reply::Queued { message, .. } => message,
            other => panic!("{other:?}"),
        }
    }

    /// The whole log, oldest first.
    pub fn log(&mut self) -> Vec<Event> {
        let mut all = self.0.history(Piece::ALL, &Filter::default()).unwrap();
        all.reverse();
        all
    }
}

/// A connection to the control socket on which nothing is said but what the test says.
pub struct Raw(pub FrameStream);

impl Raw {
    pub fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Self(FrameStream::new(stream))
    }

    /// The stream itself, for what is no frame.
    pub fn stream(&self) -> &UnixStream {
        self.0.stream()
    }

    pub fn write(&mut self, request: &Request) {
        self.0.write(request).unwrap();
    }

    /// The next answer; `None` if the daemon has hung up.
    pub fn read(&mut self) -> Option<Answer> {
        match self.0.receive() {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => None,
            answer => answer.unwrap(),
        }
    }

    /// The daemon gives a failure, and hangs up.
    #[track_caller]
    pub fn dismissed(&mut self) -> (FailureKind, String) {
        let Some(Answer::Failure(failure)) = self.read() else { panic!("no failure") };
        assert_eq!(self.read(), None);
        (failure.kind, failure.line)
    }
}

/// A request to connect to this address, for as long as the daemon's setting says.
pub fn connect(address: &str) -> Request {
    Request::Connect { address: address.to_owned(), timeout_ms: None, secure: None }
}

/// A request to send a text in a chat.
pub fn send(who: Option<&str>, text: &str) -> Request {
    Request::send(who.map(str::to_owned), text)
}

/// What an entry with a message of the peer says.
pub fn message(text: &str) -> What {
    What::Message { text: text.to_owned() }
}

/// What an entry with a message of ours says.
pub fn queued(text: &str) -> What {
    What::Queued { text: text.to_owned(), again: None, size: None }
}

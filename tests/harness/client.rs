//! A client of the control API that waits for its answers, and the requests and entries that tests name most.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use simp_control::frame::{self, FrameBuffer};
use simp_control::{
    Answer, Event, Failure, FailureKind, Filter, FollowFrom, Reply, Request, Status, VERSION, What,
};

use super::{DEADLINE, uninterrupted};

/// A client of the control API.
pub struct Client {
    pub stream: UnixStream,
    input: FrameBuffer,
}

impl Client {
    /// Connects, and says nothing yet.
    pub fn silent(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Self { stream, input: FrameBuffer::default() }
    }

    /// Connects and says hello.
    pub fn connect(socket: &Path) -> Self {
        let mut client = Self::silent(socket);
        assert!(matches!(
            client.ask(&Request::Hello { version: VERSION }),
            Answer::Reply(Reply::Hello { .. })
        ));
        client
    }

    pub fn write(&mut self, request: &Request) {
        let mut bytes = Vec::new();
        frame::encode(request, &mut bytes).unwrap();
        self.stream.write_all(&bytes).unwrap();
    }

    /// The next answer; `None` where the daemon has hung up.
    pub fn read(&mut self) -> Option<Answer> {
        loop {
            if let Some(answer) = self.input.take().unwrap() {
                return Some(answer);
            }
            let mut buffer = [0; 4096];
            match uninterrupted(|| self.stream.read(&mut buffer)) {
                Ok(0) => return None,
                Ok(count) => self.input.push(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came from the daemon: {error}"),
            }
        }
    }

    pub fn ask(&mut self, request: &Request) -> Answer {
        self.write(request);
        self.read().expect("the daemon hung up")
    }

    /// The reply to a request that is carried out.
    #[track_caller]
    pub fn reply(&mut self, request: &Request) -> Reply {
        match self.ask(request) {
            Answer::Reply(reply) => reply,
            other => panic!("{request:?} was answered with {other:?}"),
        }
    }

    /// This request is refused, with this kind and this line.
    #[track_caller]
    pub fn fails(&mut self, request: &Request, kind: FailureKind, line: &str) {
        assert_eq!(self.ask(request), Answer::Failure(Failure::new(kind, line)));
    }

    pub fn status(&mut self) -> Status {
        match self.reply(&Request::Status) {
            Reply::Status(status) => *status,
            other => panic!("{other:?}"),
        }
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

    /// Follows the log, all of it that comes behind `from`.
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
        let mut all = Vec::new();
        let mut before = None;
        loop {
            let Reply::History { events, older } =
                self.reply(&Request::History { before, limit: u32::MAX, filter: Filter::default() })
            else {
                panic!("not a history");
            };
            all.extend(events);
            before = older;
            if before.is_none() {
                all.reverse();
                return all;
            }
        }
    }
}

/// A request to connect to this address, for as long as the daemon's setting says.
pub fn connect(address: &str) -> Request {
    Request::Connect { address: address.to_owned(), timeout_ms: None }
}

/// A request to send a text in a chat.
pub fn send(who: Option<&str>, text: &str) -> Request {
    Request::Send {
        who: who.map(str::to_owned),
        chat: None,
        text: text.to_owned(),
        queue: false,
        expire_ms: None,
        token: None,
        again_after: None,
    }
}

/// What an entry with a message of the peer says.
pub fn message(text: &str) -> What {
    What::Message { text: text.to_owned() }
}

/// What an entry with a message of ours says.
pub fn queued(text: &str) -> What {
    What::Queued { text: text.to_owned(), again: None }
}

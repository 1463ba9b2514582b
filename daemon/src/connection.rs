//! One control connection: reads its frames, keeps what is to be written to it, knows how far it is and what it owes.
//! What a request means is the engine's to know; only that hello comes first is seen to here.

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use mio::net::UnixStream;
use simp_control::frame::{FrameBuffer, FrameError};
use simp_control::{Answer, Event, Failure, FailureKind, Request, VERSION};
use simp_engine::wheel::TimerId;
use simp_engine::{Follower, Reader, Rights, only_reads};

use crate::output::Output;

/// Bytes waiting for a client above which nothing more is made for it: no further request of it is read, no
/// further entry of the log. It is served at the pace at which it reads.
const OUTPUT_HIGH: usize = 64 << 10;

/// Most bytes taken from one client in a turn, so that no client starves another.
const READ_PER_TURN: usize = 64 << 10;

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientState {
    /// It owes us its hello.
    New,
    /// It has said hello with our version.
    Greeted,
    /// Nothing more is read; it goes once its output is written.
    Leaving,
    /// It cannot be written to any more.
    Gone,
}

/// What its socket has for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inlet {
    /// Nothing, until there is an event.
    Dry,
    /// Perhaps something.
    Wet,
    /// The client has closed its side: nothing comes after what is there.
    Ending,
    /// It has closed both sides: nobody reads what is written to it.
    Abandoned,
}

/// What a client has to do before a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owed {
    /// To say hello, or to complete a frame.
    Request,
    /// To read on: nothing more comes from it, and it has answers left to read. It had taken so many bytes then.
    ///
    /// Whoever has not closed its side may read as slowly as it likes, and pause: nobody knows that it will not go on.
    Reading {
        /// Bytes.
        taken: u64,
    },
}

/// What a client owes us, and the timer that is set for it.
#[derive(Debug, Clone, Copy)]
pub struct Debt {
    /// What.
    pub owed: Owed,
    /// Until when.
    pub timer: TimerId,
}

/// One control connection.
#[derive(Debug)]
pub struct ClientConnection {
    /// Its socket.
    pub stream: UnixStream,
    /// What it may ask.
    pub rights: Rights,
    input: FrameBuffer,
    output: Output,
    state: ClientState,
    /// A request that was read and costs much, for the next turn.
    held: Option<Request>,
    /// It follows the log.
    follower: Option<Follower>,
    /// While it owes us something.
    pub debt: Option<Debt>,
    /// Why it is let go; the last that is written to it, after its answers.
    last_words: Option<Failure>,
    inlet: Inlet,
    /// So many bytes were read from it, and decoded, since that was asked last.
    read: u64,
}

impl ClientConnection {
    /// A client that has just come.
    pub fn new(stream: UnixStream, rights: Rights) -> Self {
        Self {
            stream,
            rights,
            input: FrameBuffer::default(),
            output: Output::default(),
            state: ClientState::New,
            held: None,
            follower: None,
            debt: None,
            last_words: None,
            // It may have asked before we accepted it: that is read in this turn, without its event.
            inlet: Inlet::Wet,
            read: 0,
        }
    }

    /// Bytes that wait for it.
    pub fn unread(&self) -> usize {
        self.output.rest().len()
    }

    /// Whether it reads slower than it is written to.
    pub fn is_full(&self) -> bool {
        self.unread() >= OUTPUT_HIGH
    }

    /// What it owes us. No request while it is our turn: if its output is full, or its socket has more to read, what we
    /// hold may be whole requests that we did not take yet.
    pub fn owes(&self) -> Option<Owed> {
        let is_ending = matches!(self.inlet, Inlet::Ending | Inlet::Abandoned);
        let reads_no_more_requests = is_ending || self.state == ClientState::Leaving;
        let is_our_turn = self.inlet != Inlet::Dry || self.held.is_some() || self.is_full();
        match self.state {
            ClientState::Gone => None,
            _ if reads_no_more_requests => {
                let owed = Owed::Reading { taken: self.output.taken() };
                Some(owed).filter(|_| !self.output.rest().is_empty())
            }
            ClientState::New => Some(Owed::Request),
            ClientState::Greeted => Some(Owed::Request).filter(|_| self.input.is_partial() && !is_our_turn),
            ClientState::Leaving => None,
        }
    }

    /// It has not done in time what it owed.
    pub fn fails_to(&mut self, owed: Owed, within: Duration) {
        match owed {
            Owed::Request => {
                let line = format!("no complete request came within {} s", within.as_secs());
                self.dismiss(Failure::new(FailureKind::Usage, line));
            }
            Owed::Reading { taken } => {
                // An event comes only once there is much room again: a slow reader may have made some.
                self.flush();
                if self.output.taken() == taken {
                    self.state = ClientState::Gone;
                }
            }
        }
    }

    /// Whether requests are still read from it.
    pub fn is_asking(&self) -> bool {
        matches!(self.state, ClientState::New | ClientState::Greeted)
    }

    fn leave(&mut self) {
        // Gone is for good: there is nobody to write the rest to.
        if self.state != ClientState::Gone {
            self.state = ClientState::Leaving;
        }
    }

    /// Adds an answer to what is to be written.
    pub fn answer(&mut self, answer: &Answer) {
        // Only a history could be too long, and that is cut before.
        if self.output.add(answer).is_err() {
            self.leave();
        }
    }

    /// Adds those entries that its follower wants to what is to be written, as many as it has room for. `looked`
    /// is how far the log is known with them.
    pub fn follow(&mut self, entries: &[Event], looked: u64) {
        let is_asking = self.is_asking();
        let Some(mut follower) = self.follower.take_if(|_| is_asking) else { return };
        for event in entries {
            if self.is_full() {
                self.follower = Some(follower);
                return;
            }
            if follower.wanted.matches(event) {
                self.answer(&Answer::Event(event.clone()));
                follower.given = event.id;
            }
            follower.cursor = event.id;
        }
        // Past those that it does not want as well, lest they be read again.
        follower.cursor = looked;
        self.follower = Some(follower);
    }

    /// Lets it follow the log, in place of what it followed before.
    pub fn follow_from(&mut self, follower: Follower) {
        self.follower = Some(follower).filter(|_| self.is_asking());
    }

    /// What it follows.
    pub fn follower(&self) -> Option<&Follower> {
        // Once it leaves, nothing more is made for it.
        self.follower.as_ref().filter(|_| self.is_asking())
    }

    /// How far it is, if it follows for a consumer, or did until it left.
    pub fn reader(&self) -> Option<Reader> {
        let Follower { cursor, given, consumer, .. } = self.follower.as_ref()?;
        Some(Reader { consumer: consumer.clone()?, given: *given, looked: *cursor })
    }

    /// Whether it has room for entries of the log that it has not been given, up to the newest.
    pub fn is_behind(&self, newest: u64) -> bool {
        !self.is_full() && self.follower().is_some_and(|follower| follower.cursor < newest)
    }

    /// Says why, and lets it go once that is written.
    pub fn dismiss(&mut self, failure: Failure) {
        self.last_words = Some(failure);
        self.leave();
    }

    /// The next request, or `None` if none is complete, or if it should read its answers first.
    pub fn next_request(&mut self) -> Option<Request> {
        let request = self.take_request()?;
        match request {
            _ if self.state == ClientState::Greeted => Some(request),
            Request::Hello { version: VERSION } => {
                self.state = ClientState::Greeted;
                Some(request)
            }
            // The answer names both versions, and then it goes.
            Request::Hello { .. } => {
                self.leave();
                Some(request)
            }
            _ => {
                self.dismiss(Failure::new(FailureKind::Usage, "the first request must be hello"));
                None
            }
        }
    }

    /// Gives a request back: it is the next one again, in the next turn.
    pub fn hold(&mut self, request: Request) {
        self.held = Some(request);
    }

    /// Whether it was given one back.
    pub fn holds_request(&self) -> bool {
        self.held.is_some()
    }

    fn take_request(&mut self) -> Option<Request> {
        if self.held.is_some() {
            return self.held.take();
        }
        let mut taken = 0;
        // What was read before first: a client that sends without a pause must not fill our memory.
        while self.is_asking() && !self.is_full() {
            let pending = self.input.pending();
            let next = self.input.take();
            // To decode a long one costs as much again as to read it, in whichever turn its end comes.
            self.read += (pending - self.input.pending()) as u64;
            match next {
                Ok(Some(request)) if self.inlet == Inlet::Abandoned && only_reads(&request) => {}
                Ok(Some(request)) => return Some(request),
                Ok(None) if self.inlet == Inlet::Dry || taken >= READ_PER_TURN => return None,
                Ok(None) => taken += self.read(),
                Err(error) => self.dismiss(broken(&error)),
            }
        }
        None
    }

    /// Whether a request may come out of it without a further event of its socket.
    pub fn has_more(&self) -> bool {
        (self.inlet != Inlet::Dry || self.held.is_some()) && self.is_asking() && !self.is_full()
    }

    /// Its socket has something to read, or has ended.
    pub fn woken(&mut self, event: &mio::event::Event) {
        if event.is_write_closed() {
            self.inlet = Inlet::Abandoned;
            // What it has asked is done all the same, but for what only it would have had something of.
            self.held.take_if(|request| only_reads(request));
        } else if event.is_read_closed() {
            self.inlet = Inlet::Ending;
        } else if event.is_readable() && self.inlet == Inlet::Dry {
            self.inlet = Inlet::Wet;
        }
    }

    /// How many bytes were read from it, and decoded, since this was asked last.
    pub fn read_since(&mut self) -> u64 {
        std::mem::take(&mut self.read)
    }

    fn read(&mut self) -> usize {
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => {
                // It may still read the answers to what it asked; a stream it would not end.
                self.inlet = Inlet::Dry;
                self.leave();
                0
            }
            Ok(count) => {
                self.read += count as u64;
                self.input.push(buffer.get(..count).unwrap_or_default());
                count
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => {
                self.inlet = Inlet::Dry;
                if error.kind() != io::ErrorKind::WouldBlock {
                    self.state = ClientState::Gone;
                }
                0
            }
        }
    }

    /// Writes what can be written.
    pub fn flush(&mut self) {
        // After the answers of this turn, for it was let go after it had asked.
        if let Some(failure) = self.last_words.take() {
            self.answer(&Answer::Failure(failure));
        }
        while self.state != ClientState::Gone && !self.output.rest().is_empty() {
            match self.stream.write(self.output.rest()) {
                Ok(0) => self.state = ClientState::Gone,
                Ok(count) => self.output.take(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.state = ClientState::Gone,
            }
        }
    }

    /// Whether nothing is left to do for it.
    pub fn is_done(&self) -> bool {
        match self.state {
            ClientState::New | ClientState::Greeted => false,
            ClientState::Leaving => self.output.rest().is_empty(),
            ClientState::Gone => true,
        }
    }
}

fn broken(error: &FrameError) -> Failure {
    Failure::new(FailureKind::Usage, format!("the request cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use mio::{Events, Interest, Poll, Token};
    use simp_control::{Filter, frame};

    use super::*;

    /// Waits until its socket has something for the client, and tells it.
    fn wake(poll: &mut Poll, client: &mut ClientConnection) {
        let mut events = Events::with_capacity(1);
        while events.is_empty() {
            poll.poll(&mut events, None).unwrap();
        }
        events.iter().for_each(|event| client.woken(event));
    }

    #[test]
    fn of_a_client_that_has_gone_only_that_is_done_which_others_have_something_of() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut client = ClientConnection::new(ours, Rights::All);
        let mut poll = Poll::new().unwrap();
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut client.stream, Token(0), both).unwrap();
        let history = Request::History { before: None, limit: 1_000, filter: Filter::default() };
        let send = Request::send(None, "hi");
        let mut wire = Vec::new();
        let requests = [&Request::Hello { version: VERSION }, &history, &history, &send, &history];
        requests.iter().for_each(|request| frame::encode(request, &mut wire).unwrap());
        theirs.write_all(&wire).unwrap();
        // It is there: all is done in order, and what costs much waits for a further turn.
        wake(&mut poll, &mut client);
        assert_eq!(client.next_request(), Some(Request::Hello { version: VERSION }));
        let held = client.next_request().unwrap();
        assert_eq!(held, history);
        client.hold(held);
        drop(theirs);
        wake(&mut poll, &mut client);
        assert_eq!(client.next_request(), Some(send));
        assert_eq!(client.next_request(), None);
        assert!(client.is_done(), "{client:?}");
    }

    #[test]
    fn a_client_that_has_closed_its_side_only_reads_all_its_answers() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut client = ClientConnection::new(ours, Rights::All);
        let mut poll = Poll::new().unwrap();
        poll.registry().register(&mut client.stream, Token(0), Interest::READABLE).unwrap();
        let mut wire = Vec::new();
        let requests = [Request::Hello { version: VERSION }, Request::Status, Request::Consumers];
        requests.iter().for_each(|request| frame::encode(request, &mut wire).unwrap());
        theirs.write_all(&wire).unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        wake(&mut poll, &mut client);
        for request in requests {
            assert_eq!(client.next_request(), Some(request));
        }
        assert_eq!(client.next_request(), None);
    }

    #[test]
    fn a_long_request_is_as_much_work_as_it_has_bytes_once_to_read_and_once_to_decode() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut client = ClientConnection::new(UnixStream::from_std(ours), Rights::All);
        let mut wire = Vec::new();
        let requests = [Request::Hello { version: VERSION }, Request::send(None, "x".repeat(900_000))];
        requests.iter().for_each(|request| frame::encode(request, &mut wire).unwrap());
        let length = wire.len() as u64;
        let writer = std::thread::spawn(move || (&theirs).write_all(&wire).map(|()| theirs));
        let (mut taken, mut work) = (0, 0);
        while taken < requests.len() {
            taken += usize::from(client.next_request().is_some());
            // As if an event said so.
            client.inlet = Inlet::Wet;
            work += client.read_since();
        }
        assert_eq!(work, 2 * length);
        drop(writer.join().unwrap());
    }
}

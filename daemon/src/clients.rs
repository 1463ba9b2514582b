//! The control socket: accepts clients, reads their frames, keeps what is to be written to them.
//! What a request means is the engine's to know; only that hello comes first is seen to here.

use std::fs::{self, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use simp_control::error::system;
use simp_control::frame::{FrameBuffer, FrameError};
use simp_control::{Answer, Event, Failure, FailureKind, Request, VERSION};
use simp_engine::wheel::TimerId;
use simp_engine::{ClientId, Follower, Reader};
use simp_service::callers;
use slab::Slab;

use crate::output::Output;

/// Most clients at a time.
pub const CLIENTS_MAX: usize = 1_024;

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
    stream: UnixStream,
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
}

impl ClientConnection {
    fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            input: FrameBuffer::default(),
            output: Output::default(),
            state: ClientState::New,
            held: None,
            follower: None,
            debt: None,
            last_words: None,
            // It may have asked before we accepted it: that is read in this turn, without its event.
            inlet: Inlet::Wet,
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
        let reads_no_more_requests = self.inlet == Inlet::Ending || self.state == ClientState::Leaving;
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

    fn is_asking(&self) -> bool {
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
            match self.input.take() {
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
    fn flush(&mut self) {
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

    fn is_done(&self) -> bool {
        match self.state {
            ClientState::New | ClientState::Greeted => false,
            ClientState::Leaving => self.output.rest().is_empty(),
            ClientState::Gone => true,
        }
    }
}

/// A listening socket for our user only.
fn bind(path: &Path, registry: &Registry, token: Token) -> io::Result<UnixListener> {
    let mut listener = UnixListener::bind(path)?;
    // The folder is ours alone already. This holds even if its user opens that to others.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    registry.register(&mut listener, token, Interest::READABLE)?;
    Ok(listener)
}

/// Whether it concerns one knock only, and the next may be taken in.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted)
}

fn broken(error: &FrameError) -> Failure {
    Failure::new(FailureKind::Usage, format!("the request cannot be read: {error}"))
}

/// Whether somebody knocks who was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Knocking {
    /// Nobody does: whoever knocks next causes an event.
    Answered,
    /// Somebody does, and we had no descriptor for the connection.
    NoDescriptor,
    /// A client has gone since then, so that there may be one.
    MayHaveDescriptor,
}

/// What is left of a client that has gone.
#[derive(Debug)]
pub struct Departed {
    /// The timer that was set for what it owed.
    pub timer: Option<TimerId>,
    /// How far it was, if it read for a consumer.
    pub reader: Option<Reader>,
}

/// The listening socket and all clients.
#[derive(Debug)]
pub struct Clients {
    listener: UnixListener,
    token: Token,
    clients: Slab<ClientConnection>,
    /// Added to a client's key for its token, so that tokens below are the server's own.
    first_token: usize,
    knocking: Knocking,
}

impl Clients {
    /// Listens on the socket at `path`, which must not exist, for our user only.
    ///
    /// # Errors
    /// Those of binding and of registering with mio.
    pub fn listen(path: &Path, registry: &Registry, token: Token, first_token: usize) -> io::Result<Self> {
        let listener = bind(path, registry, token)?;
        Ok(Self { listener, token, clients: Slab::new(), first_token, knocking: Knocking::Answered })
    }

    /// Listens on a new socket at `path`, which must not exist. Clients stay.
    ///
    /// # Errors
    /// Those of binding and of registering with mio: then it listens where it did.
    pub fn listen_again(&mut self, path: &Path, registry: &Registry) -> io::Result<()> {
        // Those who knocked while the old one had a path.
        self.accept(registry);
        let listener = bind(path, registry, self.token)?;
        let mut old = std::mem::replace(&mut self.listener, listener);
        registry.deregister(&mut old)
    }

    /// Takes in nobody any more. The clients hear of that when what this returns is dropped.
    pub fn close(self) -> Slab<ClientConnection> {
        self.clients
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Takes in all who knock. Only our user and root may stay.
    pub fn accept(&mut self, registry: &Registry) {
        self.knocking = Knocking::Answered;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(stream, registry),
                Err(error) if is_passing(&error) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    tracing::warn!("a client cannot be accepted: {}", system(&error));
                    self.knocking = Knocking::NoDescriptor;
                    return;
                }
            }
        }
    }

    /// Whether to [`accept`](Self::accept) without being woken: nothing else tells that a descriptor is free.
    pub fn should_accept(&self) -> bool {
        self.knocking == Knocking::MayHaveDescriptor
    }

    fn admit(&mut self, stream: UnixStream, registry: &Registry) {
        let is_ours = callers::is_ours(&stream);
        let mut client = ClientConnection::new(stream);
        if !is_ours {
            client.dismiss(Failure::new(
                FailureKind::NoDaemon,
                "permission denied: this simpd belongs to another user (start your own: simpd ADDR)",
            ));
        } else if self.clients.len() >= CLIENTS_MAX {
            client.dismiss(Failure::new(
                FailureKind::Failed,
                format!("the limit of {CLIENTS_MAX} clients is reached (close some of them)"),
            ));
        }
        if !client.is_asking() {
            // The kernel has room for one line, so that nothing waits and it takes no place among the clients.
            client.flush();
            return;
        }
        let entry = self.clients.vacant_entry();
        let token = Token(self.first_token + entry.key());
        // Both from the start: an event comes once per change, so that room which nobody needs wakes us only once.
        if registry.register(&mut client.stream, token, Interest::READABLE | Interest::WRITABLE).is_ok() {
            entry.insert(client);
        }
    }

    /// The socket of a client has something to read, or room. A token that is none of a client says nothing.
    pub fn woken(&mut self, event: &mio::event::Event) {
        let key = event.token().0.checked_sub(self.first_token);
        let Some(client) = key.and_then(|key| self.clients.get_mut(key)) else { return };
        if event.is_read_closed() {
            client.inlet = Inlet::Ending;
        } else if event.is_readable() && client.inlet == Inlet::Dry {
            client.inlet = Inlet::Wet;
        }
    }

    /// The client with this key.
    pub fn get_mut(&mut self, key: ClientId) -> Option<&mut ClientConnection> {
        self.clients.get_mut(key)
    }

    /// All clients.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (ClientId, &mut ClientConnection)> {
        self.clients.iter_mut()
    }

    /// Writes to all what can be written, and lets go those that are done; returns what is left of them.
    pub fn flush(&mut self, registry: &Registry) -> Vec<Departed> {
        let mut departed = Vec::new();
        self.clients.retain(|_, client| {
            client.flush();
            if !client.is_done() {
                return true;
            }
            departed.push(Departed { timer: client.debt.map(|debt| debt.timer), reader: client.reader() });
            if self.knocking == Knocking::NoDescriptor {
                self.knocking = Knocking::MayHaveDescriptor;
            }
            // The descriptor is closed right after, which removes it from the poll all the same.
            let _ = registry.deregister(&mut client.stream);
            false
        });
        departed
    }
}

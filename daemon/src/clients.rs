//! The control socket: accepts clients, reads their frames, keeps what is to be written to them.
//! What a request means is the engine's to know; only that hello comes first is seen to here.

use std::fs::{self, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use simp_control::frame::{self, FrameBuffer, FrameError};
use simp_control::{Answer, Event, Failure, FailureKind, Request, VERSION};
use simp_engine::wheel::TimerId;
use simp_engine::{ClientId, Follower};
use simp_service::callers;
use slab::Slab;

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

/// One control connection.
#[derive(Debug)]
pub struct ClientConnection {
    stream: UnixStream,
    input: FrameBuffer,
    output: Vec<u8>,
    written: usize,
    state: ClientState,
    /// A request that was read, for the next turn.
    held: Option<Request>,
    /// It follows the log.
    follower: Option<Follower>,
    /// Runs while it owes us the rest of a frame, or its hello.
    pub debt: Option<TimerId>,
    /// Why it is let go; the last that is written to it, after its answers.
    last_words: Option<Failure>,
    /// The socket may have more to read.
    readable: bool,
}

impl ClientConnection {
    fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            input: FrameBuffer::default(),
            output: Vec::new(),
            written: 0,
            state: ClientState::New,
            held: None,
            follower: None,
            debt: None,
            last_words: None,
            // It may have asked before we accepted it: that is read in this turn, without its event.
            readable: true,
        }
    }

    /// Whether it reads slower than it is written to.
    pub fn is_full(&self) -> bool {
        self.output.len() - self.written >= OUTPUT_HIGH
    }

    /// Whether it owes us the rest of a frame, or its hello. Not while it is our turn: if its output is
    /// full, or its socket has more to read, what we hold may be whole requests that we did not take yet.
    pub fn owes(&self) -> bool {
        match self.state {
            ClientState::New => true,
            ClientState::Greeted => {
                self.input.is_partial() && !self.readable && self.held.is_none() && !self.is_full()
            }
            ClientState::Leaving | ClientState::Gone => false,
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
        self.follower = None;
    }

    /// Adds an answer to what is to be written.
    pub fn answer(&mut self, answer: &Answer) {
        // Only a history could be too long, and that is cut before.
        if frame::encode(answer, &mut self.output).is_err() {
            self.leave();
        }
    }

    /// Adds those entries that its follower wants to what is to be written, as many as it has room for. `looked`
    /// is how far the log is known with them.
    pub fn follow(&mut self, entries: &[Event], looked: u64) {
        let Some(mut follower) = self.follower.take() else { return };
        for event in entries {
            if self.is_full() {
                self.follower = Some(follower);
                return;
            }
            if follower.wanted.matches(event) {
                self.answer(&Answer::Event(event.clone()));
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
        self.follower.as_ref()
    }

    /// Whether it has room for entries of the log that it has not been given, up to the newest.
    pub fn is_behind(&self, newest: u64) -> bool {
        !self.is_full() && self.follower.as_ref().is_some_and(|follower| follower.cursor < newest)
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

    fn take_request(&mut self) -> Option<Request> {
        if self.held.is_some() {
            return self.held.take();
        }
        let mut taken = 0;
        // What was read before first: a client that sends without a pause must not fill our memory.
        while self.is_asking() && !self.is_full() {
            match self.input.take() {
                Ok(Some(request)) => return Some(request),
                Ok(None) if !self.readable || taken >= READ_PER_TURN => return None,
                Ok(None) => taken += self.read(),
                Err(error) => self.dismiss(broken(&error)),
            }
        }
        None
    }

    /// Whether a request may come out of it without a further event of its socket.
    pub fn has_more(&self) -> bool {
        (self.readable || self.held.is_some()) && self.is_asking() && !self.is_full()
    }

    fn read(&mut self) -> usize {
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => {
                // It may still read the answers to what it asked; a stream it would not end.
                self.readable = false;
                self.leave();
                0
            }
            Ok(count) => {
                self.input.push(buffer.get(..count).unwrap_or_default());
                count
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => {
                self.readable = false;
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
        while let Some(rest) = self.output.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(0) => self.state = ClientState::Gone,
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.state = ClientState::Gone,
            }
            if self.state == ClientState::Gone {
                return;
            }
        }
        self.written = 0;
        self.output.clear();
        // One long answer must not cost its memory for as long as the client stays.
        self.output.shrink_to(OUTPUT_HIGH);
    }

    fn is_done(&self) -> bool {
        match self.state {
            ClientState::New | ClientState::Greeted => false,
            ClientState::Leaving => self.output.is_empty(),
            ClientState::Gone => true,
        }
    }
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

/// The listening socket and all clients.
#[derive(Debug)]
pub struct Clients {
    listener: UnixListener,
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
        let mut listener = UnixListener::bind(path)?;
        // The folder is ours alone already. This holds even if its user opens that to others.
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        registry.register(&mut listener, token, Interest::READABLE)?;
        Ok(Self { listener, clients: Slab::new(), first_token, knocking: Knocking::Answered })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Takes in all who knock and returns their keys. Only our user and root may stay.
    pub fn accept(&mut self, registry: &Registry) -> Vec<ClientId> {
        let mut keys = Vec::new();
        self.knocking = Knocking::Answered;
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if is_passing(&error) => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return keys,
                Err(error) => {
                    tracing::warn!("a client cannot be accepted: {error}");
                    self.knocking = Knocking::NoDescriptor;
                    return keys;
                }
            };
            keys.extend(self.admit(stream, registry));
        }
    }

    /// Whether to [`accept`](Self::accept) without being woken: nothing else tells that a descriptor is free.
    pub fn should_accept(&self) -> bool {
        self.knocking == Knocking::MayHaveDescriptor
    }

    fn admit(&mut self, stream: UnixStream, registry: &Registry) -> Option<ClientId> {
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
            return None;
        }
        let entry = self.clients.vacant_entry();
        let token = Token(self.first_token + entry.key());
        // Both from the start: an event comes once per change, so that room which nobody needs wakes us only once.
        registry.register(&mut client.stream, token, Interest::READABLE | Interest::WRITABLE).ok()?;
        let key = entry.key();
        entry.insert(client);
        Some(key)
    }

    /// The socket of a client has something to read, or room. A token that is none of a client says nothing.
    pub fn woken(&mut self, token: Token, readable: bool) {
        let key = token.0.checked_sub(self.first_token);
        if let Some(client) = key.and_then(|key| self.clients.get_mut(key)) {
            client.readable |= readable;
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

    /// Writes to all what can be written, and lets go those that are done; returns the timers of their debts.
    pub fn flush(&mut self, registry: &Registry) -> Vec<TimerId> {
        let mut timers = Vec::new();
        self.clients.retain(|_, client| {
            client.flush();
            if !client.is_done() {
                return true;
            }
            timers.extend(client.debt);
            if self.knocking == Knocking::NoDescriptor {
                self.knocking = Knocking::MayHaveDescriptor;
            }
            // The descriptor is closed right after, which removes it from the poll all the same.
            let _ = registry.deregister(&mut client.stream);
            false
        });
        timers
    }
}

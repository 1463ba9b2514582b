//! The control socket: accepts clients, reads their frames, keeps what is to be written to them.
//! What a request means is `requests`' business.

use std::fs::{self, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use simp_control::frame::{self, FrameBuffer, FrameError};
use simp_control::{Answer, Event, Failure, FailureKind, Request};
use simp_service::callers;
use slab::Slab;

use crate::store::Wanted;
use crate::wheel::TimerId;

/// Most clients at a time.
pub const CLIENTS_MAX: usize = 1_024;

/// Bytes waiting for a client above which nothing more is made for it: no further request of it is read, no
/// further entry of the log. It is served at the pace at which it reads.
const OUTPUT_HIGH: usize = 64 << 10;

/// Most bytes taken from one client in a turn, so that no client starves another.
const READ_PER_TURN: usize = 64 << 10;

/// Who reads the log, and how far it is.
#[derive(Debug)]
pub struct Follower {
    /// Entries up to here have been given to it.
    pub cursor: u64,
    /// What it wants.
    pub wanted: Wanted,
}

/// What was answered in this turn, should it turn out not to have happened.
#[derive(Debug)]
pub enum Answered {
    /// A request that has written something.
    Writing,
    /// One that has only read, perhaps what others wrote in this turn.
    Reading(Request),
    /// It was let go, and this is why.
    Dismissed(Failure),
}

/// One control connection.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    input: FrameBuffer,
    output: Vec<u8>,
    written: usize,
    /// Where in the output the answers of this turn begin, and what they are to.
    fresh_from: usize,
    fresh: Vec<Answered>,
    /// It has said hello with our version.
    pub greeted: bool,
    /// It follows the log.
    pub follower: Option<Follower>,
    /// Runs while it owes us the rest of a frame, or its hello.
    pub timer: Option<TimerId>,
    /// The socket may have more to read.
    readable: bool,
    /// Nothing more is read; it goes once its output is written.
    leaving: bool,
    /// It cannot be written to any more.
    gone: bool,
}

impl Client {
    fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            input: FrameBuffer::default(),
            output: Vec::new(),
            written: 0,
            fresh_from: 0,
            fresh: Vec::new(),
            greeted: false,
            follower: None,
            timer: None,
            readable: true,
            leaving: false,
            gone: false,
        }
    }

    /// Whether it reads slower than it is written to.
    pub fn is_full(&self) -> bool {
        self.output.len() - self.written >= OUTPUT_HIGH
    }

    /// Whether it owes us the rest of a frame, or its hello. Not while it is our turn: where its output is
    /// full, or its socket has more to read, what we hold may be whole requests that we did not take yet.
    pub fn owes(&self) -> bool {
        !self.leaving && (!self.greeted || (self.input.is_partial() && !self.readable && !self.is_full()))
    }

    /// Adds the answer to a request of this turn.
    pub fn reply(&mut self, answer: &Answer, answered: Answered) {
        self.note(answered);
        self.answer(answer);
    }

    fn note(&mut self, answered: Answered) {
        if self.fresh.is_empty() {
            self.fresh_from = self.output.len();
        }
        self.fresh.push(answered);
    }

    /// Takes the answers of this turn back, and returns what they were to.
    pub fn take_back(&mut self) -> Vec<Answered> {
        if !self.fresh.is_empty() {
            self.output.truncate(self.fresh_from);
        }
        std::mem::take(&mut self.fresh)
    }

    /// Adds an answer to what is to be written.
    pub fn answer(&mut self, answer: &Answer) {
        // Only a history could be too long, and that is cut before.
        if frame::encode(answer, &mut self.output).is_err() {
            self.leaving = true;
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
        follower.cursor = looked;
        self.follower = Some(follower);
    }

    /// Says why, and lets it go once that is written.
    pub fn dismiss(&mut self, failure: Failure) {
        self.note(Answered::Dismissed(failure.clone()));
        self.answer(&Answer::Failure(failure));
        self.leaving = true;
        self.follower = None;
    }

    /// The next request, or `None` where none is complete, or it should read its answers first.
    pub fn next_request(&mut self) -> Option<Request> {
        let mut taken = 0;
        while !self.leaving && !self.is_full() {
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
        self.readable && !self.leaving && !self.is_full()
    }

    fn read(&mut self) -> usize {
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => {
                // It may still read the answers to what it asked; a stream it would not end.
                self.readable = false;
                self.leaving = true;
                self.follower = None;
                0
            }
            Ok(count) => {
                self.input.push(buffer.get(..count).unwrap_or_default());
                count
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => {
                self.readable = false;
                self.gone |= error.kind() != io::ErrorKind::WouldBlock;
                0
            }
        }
    }

    /// Writes what can be written.
    fn flush(&mut self) {
        self.fresh.clear();
        while let Some(rest) = self.output.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(0) => self.gone = true,
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.gone = true,
            }
            if self.gone {
                return;
            }
        }
        self.written = 0;
        self.output.clear();
        self.output.shrink_to(OUTPUT_HIGH);
    }

    fn is_done(&self) -> bool {
        self.gone || (self.leaving && self.output.is_empty())
    }
}

/// Whether it concerns one knock only, and the next may be taken in.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted)
}

fn broken(error: &FrameError) -> Failure {
    Failure::new(FailureKind::Usage, format!("the request cannot be read: {error}"))
}

/// The listening socket and all clients.
#[derive(Debug)]
pub struct Clients {
    listener: UnixListener,
    clients: Slab<Client>,
    /// Added to a client's key for its token, so that tokens below are the server's own.
    first_token: usize,
    /// Somebody knocks whom we had no descriptor for.
    starved: bool,
    /// A client has gone since, so that there may be one now.
    has_room: bool,
}

impl Clients {
    /// Listens on the socket at `path`, which must not exist, for our user only.
    ///
    /// # Errors
    /// Those of binding and of registering with mio.
    pub fn listen(path: &Path, registry: &Registry, token: Token, first_token: usize) -> io::Result<Self> {
        let mut listener = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        registry.register(&mut listener, token, Interest::READABLE)?;
        Ok(Self { listener, clients: Slab::new(), first_token, starved: false, has_room: false })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Takes in all who knock and returns their keys. Only our user and root may stay.
    pub fn accept(&mut self, registry: &Registry) -> Vec<usize> {
        let mut keys = Vec::new();
        (self.starved, self.has_room) = (false, false);
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if is_passing(&error) => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return keys,
                Err(error) => {
                    tracing::warn!("a client cannot be accepted: {error}");
                    self.starved = true;
                    return keys;
                }
            };
            keys.extend(self.admit(stream, registry));
        }
    }

    /// Whether to [`accept`](Self::accept) without being woken: nothing else tells that a descriptor is free.
    pub fn should_accept(&self) -> bool {
        self.starved && self.has_room
    }

    fn admit(&mut self, stream: UnixStream, registry: &Registry) -> Option<usize> {
        let is_ours = callers::is_ours(&stream);
        let mut client = Client::new(stream);
        if !is_ours {
            client.dismiss(Failure::new(
                FailureKind::NoDaemon,
                "permission denied: this simpd belongs to another user (start your own: simpd ADDR)",
            ));
        } else if self.clients.len() >= CLIENTS_MAX {
            client.dismiss(Failure::new(
                FailureKind::Failed,
                format!("{CLIENTS_MAX} clients are connected already (end some of them)"),
            ));
        }
        if client.leaving {
            client.flush();
            return None;
        }
        let entry = self.clients.vacant_entry();
        let token = Token(self.first_token + entry.key());
        registry.register(&mut client.stream, token, Interest::READABLE | Interest::WRITABLE).ok()?;
        let key = entry.key();
        entry.insert(client);
        Some(key)
    }

    /// A client's socket has something to read. `None` where the token is not one of a client.
    pub fn woken(&mut self, token: Token, readable: bool) -> Option<usize> {
        let key = token.0.checked_sub(self.first_token)?;
        self.clients.get_mut(key)?.readable |= readable;
        Some(key)
    }

    /// The client with this key.
    pub fn get_mut(&mut self, key: usize) -> Option<&mut Client> {
        self.clients.get_mut(key)
    }

    /// All clients.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut Client)> {
        self.clients.iter_mut()
    }

    /// Writes to all what can be written, and lets go those that are done; returns the timers they leave.
    pub fn flush(&mut self, registry: &Registry) -> Vec<TimerId> {
        let mut timers = Vec::new();
        self.clients.retain(|_, client| {
            client.flush();
            if !client.is_done() {
                return true;
            }
            timers.extend(client.timer);
            self.has_room = true;
            // The descriptor is closed right after, which removes it from the poll all the same.
            let _ = registry.deregister(&mut client.stream);
            false
        });
        timers
    }
}

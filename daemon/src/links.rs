//! Our side of the secure channels: the endpoint, and the socket beside that of SIMP. The engine names peers by their
//! addresses in SIMP; here it is known that their links are beside these.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use mio::event::Source;
use mio::{Interest, Registry, Token};
use simp_engine::{ChannelCommand, ChannelEvent};
use simp_secure::{self as secure, Endpoint, Identity, Settings};

use crate::secure_socket::{Outcome, SecureSocket, beside};
use crate::udp::{BindError, More};

/// Most datagrams that are received in one turn.
const DATAGRAMS_PER_TURN: usize = 1_024;

/// Most events that one turn takes in: they share one commit.
const EVENTS_PER_TURN: usize = 2_048;

/// Why there are no links.
#[derive(Debug, thiserror::Error)]
pub enum LinksError {
    /// The port of SIMP is the lowest that there is.
    #[error(
        "there is no port below {0} for secure chats (choose another, or secure = \"off\" in simpd.toml)"
    )]
    NoPort(u16),
    /// The socket cannot be bound.
    #[error(
        "{0}: {1} (secure chats need this port too: choose another address, or secure = \"off\" in simpd.toml)"
    )]
    Bind(SocketAddr, BindError),
    /// Our user wanted none at the start.
    #[error("secure was \"off\" when this simpd started (restart it)")]
    Off,
    /// TLS cannot be set up.
    #[error(transparent)]
    Setup(#[from] secure::SetupError),
}

/// The endpoint and its socket.
pub struct Links {
    endpoint: Endpoint,
    socket: SecureSocket,
    is_readable: bool,
    waits: bool,
}

impl Links {
    /// Beside the SIMP of this address.
    ///
    /// # Errors
    /// [`LinksError`] says why there cannot be any.
    pub fn new(identity: &Identity, simp: SocketAddr) -> Result<Self, LinksError> {
        let address = beside(simp).ok_or(LinksError::NoPort(simp.port()))?;
        let socket = SecureSocket::bind(address).map_err(|error| LinksError::Bind(address, error))?;
        let settings = Settings { segments_max: socket.segments_max(), ..Settings::default() };
        let endpoint = Endpoint::new(identity, settings)?;
        Ok(Self { endpoint, socket, is_readable: true, waits: false })
    }

    /// Has its events come with this token.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.socket.register(registry, token, Interest::READABLE)
    }

    /// Something can be read.
    pub fn woken(&mut self) {
        self.is_readable = true;
    }

    /// Where its socket is.
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr()
    }

    /// From now on an interface has our address, or none has.
    pub fn set_present(&mut self, is_present: bool) {
        self.socket.set_present(is_present);
    }

    /// What the kernel has.
    pub fn receive(&mut self, now: Instant) -> io::Result<()> {
        let (endpoint, mut received) = (&mut self.endpoint, 0);
        while self.is_readable && received < DATAGRAMS_PER_TURN {
            let before = received;
            let more = self.socket.receive(|it| {
                received += 1;
                endpoint.handle_datagram(now, it.from, it.local, it.ecn, it.bytes);
            })?;
            self.is_readable = more == More::Perhaps;
            // A batch of nothing but errors is left for the next turn.
            if received == before {
                break;
            }
        }
        if self.socket.errors_waiting() { self.receive_errors(now) } else { Ok(()) }
    }

    /// Which addresses cannot be reached.
    pub fn receive_errors(&mut self, now: Instant) -> io::Result<()> {
        let endpoint = &mut self.endpoint;
        self.socket.receive_errors(|error| endpoint.handle_unreachable(now, error.to))
    }

    /// What has come of channels, as much as one turn takes in.
    pub fn take_events(&mut self, now: Instant, events: &mut Vec<ChannelEvent>) {
        if self.endpoint.poll_timeout().is_some_and(|at| at <= now) {
            self.endpoint.handle_timeout(now);
        }
        let refused = self.socket.take_refused();
        events.extend(refused.map(|(to, why)| ChannelEvent::NotSent(simp_of(to), why.words())));
        let taken = std::iter::from_fn(|| self.endpoint.poll_event());
        events.extend(taken.take(EVENTS_PER_TURN).map(event));
    }

    /// What is to be done with channels.
    pub fn obey(&mut self, now: Instant, commands: impl Iterator<Item = ChannelCommand>) {
        for command in commands {
            match command {
                // Where there is no such port nobody listens.
                ChannelCommand::Open(channel, to, key) => {
                    self.endpoint.open(now, channel, beside(to).unwrap_or(to), key);
                }
                ChannelCommand::Write(channel, frame) => self.endpoint.write(channel, &frame),
                ChannelCommand::End(channel) => self.endpoint.close(channel),
                ChannelCommand::Pause(channel, is_paused) => self.endpoint.pause(channel, is_paused),
                ChannelCommand::EndAll => self.endpoint.shut(now),
            }
        }
    }

    /// What is to leave does, and if the socket takes no more we are woken when it does.
    pub fn flush(&mut self, now: Instant, registry: &Registry, token: Token) -> io::Result<()> {
        let waits = self.socket.flush(now, &mut self.endpoint) == Outcome::Waits;
        if waits != std::mem::replace(&mut self.waits, waits) {
            let interest = if waits { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            self.socket.reregister(registry, token, interest)?;
        }
        Ok(())
    }

    /// Tells all peers that we go.
    pub fn close(&mut self, now: Instant) {
        self.endpoint.shut(now);
        // Whoever does not hear it finds out.
        self.socket.flush(now, &mut self.endpoint);
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.endpoint.poll_timeout()
    }

    /// Whether there is more to receive, which no event will tell.
    pub fn has_more(&self) -> bool {
        self.is_readable
    }

    /// Whether there are more events, which nothing will tell.
    pub fn has_events(&self) -> bool {
        self.endpoint.has_more()
    }
}

/// As the engine has it.
fn event(event: secure::ChannelEvent) -> ChannelEvent {
    match event {
        secure::ChannelEvent::Opened { channel, key } => ChannelEvent::Opened(channel, key),
        secure::ChannelEvent::Incoming { channel, key, address } => {
            ChannelEvent::Incoming(channel, key, simp_of(address))
        }
        secure::ChannelEvent::Frame { channel, frame } => ChannelEvent::Frame(channel, frame),
        secure::ChannelEvent::Moved { channel, address } => ChannelEvent::Moved(channel, simp_of(address)),
        secure::ChannelEvent::Broken { channel, why } => ChannelEvent::Broken(channel, why),
    }
}

/// The SIMP of the daemon whose links come from here.
fn simp_of(address: SocketAddr) -> SocketAddr {
    let mut simp = address;
    simp.set_port(address.port().saturating_add(1));
    simp
}

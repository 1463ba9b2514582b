//! The QUIC library, as it was told to be.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use quinn_proto::{
    ClientConfig, Connection, ConnectionEvent, ConnectionHandle, DatagramEvent, EcnCodepoint, Endpoint,
    EndpointEvent, Incoming, ServerConfig, Transmit,
};

use crate::endpoint_settings::Settings;
use crate::gate::Room;
use crate::guarded::guard;
use crate::identity::Identity;
use crate::tls::Tls;
use crate::transport::{self, Clock};

/// Who is called is known by a key, not by a name; TLS wants one, and does not transmit it.
const NAME: &str = "simp";

/// A connection that has begun.
pub(crate) type Begun = (ConnectionHandle, Connection);

/// What is transmitted to somebody without a link.
pub(crate) type Answer = (Transmit, Vec<u8>);

/// What the library makes of a datagram.
pub(crate) enum Made {
    /// It is one of this connection.
    Event(ConnectionHandle, ConnectionEvent),
    /// Somebody wants a link.
    Wish(Box<Incoming>),
    /// An answer to it.
    Answer(Answer),
}

/// The library.
pub(crate) struct Library {
    endpoint: Endpoint,
    client: ClientConfig,
    server: Arc<ServerConfig>,
    server_in_crowd: Arc<ServerConfig>,
    clock: Arc<Clock>,
}

impl Library {
    pub(crate) fn new(identity: &Identity, settings: &Settings) -> Result<Self, rustls::Error> {
        let tls = Tls::new(identity)?;
        let clock = Arc::new(Clock::default());
        let server = |room| Arc::new(transport::server(&tls, settings, room, clock.clone()));
        let (server, server_in_crowd) = (server(Room::Much), server(Room::Little));
        let config = Arc::new(transport::endpoint(identity.reset_key()));
        Ok(Self {
            endpoint: Endpoint::new(config, Some(server.clone()), false, None),
            client: transport::client(&tls, settings),
            server,
            server_in_crowd,
            clock,
        })
    }

    /// What time it is from now on.
    pub(crate) fn set_clock(&self, now: Instant) {
        self.clock.set(now);
    }

    /// Takes in a datagram.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        from: SocketAddr,
        local: Option<IpAddr>,
        ecn: Option<EcnCodepoint>,
        bytes: BytesMut,
    ) -> Option<Made> {
        let (endpoint, mut answer) = (&mut self.endpoint, Vec::new());
        // A panic may leave a table of the library with an entry that leads nowhere: its datagrams are then ignored.
        let event = guard(|| endpoint.handle(now, from, local, ecn, bytes, &mut answer)).flatten()?;
        Some(match event {
            DatagramEvent::ConnectionEvent(handle, event) => Made::Event(handle, event),
            DatagramEvent::NewConnection(incoming) => Made::Wish(Box::new(incoming)),
            DatagramEvent::Response(transmit) => Made::Answer((transmit, answer)),
        })
    }

    /// Begins a connection to this address; `None` if that is none.
    pub(crate) fn call(&mut self, now: Instant, to: SocketAddr) -> Option<Begun> {
        self.endpoint.connect(now, self.client.clone(), to, NAME).ok()
    }

    /// Begins a connection with somebody who wants one.
    ///
    /// # Errors
    /// The handshake has failed already; what is said of that.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        incoming: Incoming,
        room: Room,
    ) -> Result<Begun, Option<Answer>> {
        let server = match room {
            Room::Much => self.server.clone(),
            Room::Little => self.server_in_crowd.clone(),
        };
        let (endpoint, mut answer) = (&mut self.endpoint, Vec::new());
        // As in `handle`.
        let begun = guard(|| {
            endpoint.accept(incoming, now, &mut answer, Some(server)).map_err(|error| error.response)
        });
        match begun {
            Some(Ok(begun)) => Ok(begun),
            Some(Err(transmit)) => Err(transmit.map(|transmit| (transmit, answer))),
            None => Err(None),
        }
    }

    /// Asks somebody who wants a connection to prove its address.
    pub(crate) fn ask_for_proof(&mut self, incoming: Incoming) -> Option<Answer> {
        let mut answer = Vec::new();
        match self.endpoint.retry(incoming, &mut answer) {
            Ok(transmit) => Some((transmit, answer)),
            // It has come back with a proof already, so that this cannot be.
            Err(error) => {
                self.endpoint.ignore(error.into_incoming());
                None
            }
        }
    }

    /// Tells somebody that there is no connection to be had.
    pub(crate) fn refuse(&mut self, incoming: Incoming) -> Answer {
        let mut answer = Vec::new();
        (self.endpoint.refuse(incoming, &mut answer), answer)
    }

    /// What a connection has for the rest of the library, and that for the connection.
    pub(crate) fn handle_event(
        &mut self,
        handle: ConnectionHandle,
        event: EndpointEvent,
    ) -> Option<ConnectionEvent> {
        self.endpoint.handle_event(handle, event)
    }

    /// Connections that it has.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.endpoint.open_connections()
    }
}

//! What a turn takes in.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use simp_control::{Host, LookupError, Request};
use simp_proto::secure::{Broken, ChannelId, Frame, KeyId};
use simp_proto::{Datagram, DecodeError, Form};

use crate::files::FileEvent;
use crate::policy::Policy;
use crate::rights::Rights;

/// Names one client for as long as it is connected.
pub type ClientId = usize;

/// Where a datagram came from.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// Who sent it, or whose address it has.
    pub from: SocketAddr,
    /// To which of our addresses, if we receive on several.
    pub local: Option<IpAddr>,
    /// Its bytes, as they came.
    pub length: usize,
    /// How it is written, and so an answer.
    pub form: Form,
}

/// A datagram that came.
#[derive(Debug)]
pub struct Arrival {
    /// Where from.
    pub origin: Origin,
    /// What it says, or what is wrong with it.
    pub datagram: Result<Datagram, DecodeError>,
}

/// How far a client is that reads the log for a consumer.
#[derive(Debug)]
pub struct Reader {
    /// The consumer's name.
    pub consumer: String,
    /// The newest entry that the client wanted and was given.
    pub given: u64,
    /// Up to here the log was looked through for it.
    pub looked: u64,
}

/// Whether the network takes datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Link {
    /// As far as is known.
    #[default]
    Free,
    /// Not now: the server still has some that it could not transmit.
    Busy,
    /// Not before an interface has our address.
    NoAddress,
}

/// What became of a datagram that did not leave at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// It waits with the server.
    Held,
    /// It waited, and has left at last or been given up.
    Left,
    /// Our own system refuses to transmit it, and says why.
    Refused(&'static str),
}

/// What became of the lookup of a host's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookedUp {
    /// The name.
    pub name: String,
    /// Its addresses, in the order of preference.
    pub found: Result<Vec<Host>, LookupError>,
}

/// What happened to a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelEvent {
    /// One that we opened is there, and the peer has proved to have this key.
    Opened(ChannelId, KeyId),
    /// A peer with this key has opened one, from this address.
    Incoming(ChannelId, KeyId, SocketAddr),
    /// This came over it.
    Frame(ChannelId, Frame),
    /// Our own system does not transmit to the peer at this address, and why, which says nothing of the peer.
    NotSent(SocketAddr, &'static str),
    /// It is about to be no more, and its peer was at this address last.
    Moved(ChannelId, SocketAddr),
    /// It is no more. Nothing is said of one that we have ended.
    Broken(ChannelId, Broken),
}

/// What came since the last turn. A turn leaves it empty, with its memory.
#[derive(Debug, Default)]
pub struct Inputs {
    /// In the order in which they came.
    pub datagrams: Vec<Arrival>,
    /// What happened to channels, in the order in which it did.
    pub channels: Vec<ChannelEvent>,
    /// What became of files, in the order in which it did. As with channels, while the engine does not
    /// [hear](crate::Engine::hears_channels) them they wait.
    pub files: Vec<FileEvent>,
    /// Names that were looked up. While the engine does not [hear](crate::Engine::hears_channels) them they are forgotten,
    /// and asked for again.
    pub lookups: Vec<LookedUp>,
    /// Addresses at which nothing listens, or to which no way leads.
    pub unreachable: Vec<SocketAddr>,
    /// What became of datagrams of earlier turns that did not leave at once, each with where it goes, in the order in
    /// which it happened.
    pub departures: Vec<(SocketAddr, Departure)>,
    /// Whether datagrams can leave now.
    pub link: Link,
    /// What clients that have said hello ask, those of each client in order.
    pub requests: Vec<(ClientId, Request)>,
    /// What those of them may ask that may not ask everything.
    pub rights: HashMap<ClientId, Rights>,
    /// Clients that read for a consumer, those that have just gone too: all of them or none. They matter if one has gone,
    /// or if the last turn left [something to do](crate::Engine::has_more).
    pub readers: Vec<Reader>,
    /// Clients that are gone: another may have the name of one by the next turn.
    pub gone: Vec<ClientId>,
    /// The settings, if they were read again.
    pub policy: Option<Policy>,
    /// How many clients are connected.
    pub clients: usize,
    /// How many datagrams of the last turn have left.
    pub transmitted: u64,
    /// How many our own system refused or the server gave up.
    pub not_transmitted: u64,
}

impl Inputs {
    /// All of it has been taken in.
    pub(crate) fn clear(&mut self) {
        self.datagrams.clear();
        self.channels.clear();
        self.files.clear();
        self.lookups.clear();
        self.unreachable.clear();
        self.departures.clear();
        self.requests.clear();
        self.rights.clear();
        self.readers.clear();
        self.gone.clear();
        // `policy` has been taken; `clients` and `link` hold until they are set anew.
        (self.transmitted, self.not_transmitted) = (0, 0);
    }
}

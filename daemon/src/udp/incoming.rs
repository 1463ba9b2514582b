//! What comes out of the socket: datagrams, and destinations that cannot be reached.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// One datagram as it arrived.
#[derive(Debug)]
pub struct Received<'a> {
    /// Who sent it.
    pub from: SocketAddr,
    /// Which of our addresses it was sent to, if the socket is bound to all of them; an answer leaves from
    /// here.
    pub local: Option<IpAddr>,
    /// The payload, never truncated.
    pub bytes: &'a [u8],
}

/// A destination the network says it cannot reach. A hint, not a proof: it can be forged or pass with time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// Where the lost datagram was to go.
    pub to: SocketAddr,
    /// How far it got.
    pub kind: UnreachableKind,
}

/// What could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreachableKind {
    /// The machine is there, but nothing listens on the port.
    Port,
    /// The machine does not answer, or a firewall forbids it.
    Host,
    /// No route leads there.
    Network,
}

impl fmt::Display for UnreachableKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Port => "nothing listens there",
            Self::Host => "the host does not answer",
            Self::Network => "no route to it",
        })
    }
}

//! What becomes of datagrams that are to leave, and of which kind a refusal of the kernel is.

use std::fmt;
use std::net::SocketAddr;

use nix::errno::Errno;

/// Why the kernel did not transmit a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No route leads there, as far as this machine knows; it may be without a network for a moment.
    NoRoute,
    /// Something on this machine forbids it.
    Forbidden,
    /// It cannot leave from our address: that is a loopback address, or no interface has it.
    NotFromHere,
    /// The datagram itself cannot leave: it is too long, or of another protocol.
    Never,
    /// Anything else.
    Other,
}

impl Refusal {
    /// What the error of a call means.
    pub(crate) fn of(errno: Errno) -> Self {
        use Errno::*;
        match errno {
            ENETUNREACH | ENETDOWN | EHOSTUNREACH | EHOSTDOWN | ENONET | ENODEV => Self::NoRoute,
            EPERM | EACCES => Self::Forbidden,
            EINVAL | EADDRNOTAVAIL => Self::NotFromHere,
            EMSGSIZE | EAFNOSUPPORT => Self::Never,
            _ => Self::Other,
        }
    }

    /// The same in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoRoute => "no way leads there from this host (see: ip route)",
            Self::Forbidden => "this host may not send there (see its firewall)",
            Self::NotFromHere => "it cannot be reached from the address of simpd (see: ip address)",
            Self::Never | Self::Other => "this host cannot send there",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// What became of a datagram that did not leave at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It waits for the next flush.
    Held,
    /// It had waited, and has left or was refused now.
    Left,
    /// The kernel refused it.
    Refused(Refusal),
}

/// One queued datagram that met its fate, by where it goes.
pub type Fated = (SocketAddr, Fate);

/// Why datagrams wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// The socket's buffer is full: an event says when it has room.
    Socket,
    /// The queue of a network device is full, or the system has no memory. No event says when that is over.
    Device,
    /// No interface has our address: [`Udp::set_present`](super::Udp::set_present) says when one has.
    NoAddress,
}

/// What became of the datagrams of one flush.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Handed to the network.
    pub transmitted: usize,
    /// Refused by the kernel.
    pub refused: usize,
    /// Too old to leave.
    pub dropped: usize,
    /// Why the rest waits, if there is one.
    pub blocked: Option<Blocked>,
}

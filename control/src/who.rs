//! How users name a peer.

use std::net::{IpAddr, SocketAddr};

use crate::values::Peer;

/// A peer as a user names it. What reads as an address means that address and nothing else: a peer chooses its
/// name, and may choose one that looks like somebody's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// `ADDR`: whoever is there, on any port.
    Ip(IpAddr),
    /// `ADDR:PORT`.
    Address(SocketAddr),
    /// `USER@ADDR:PORT`, as peers are shown.
    Both(String, SocketAddr),
    /// Anything else: a user name.
    User(String),
}

impl Who {
    /// Reads what a user wrote.
    pub fn parse(text: &str) -> Self {
        // The last `@`: a user name may have some, and an address has none.
        let shown = text.rsplit_once('@').and_then(|(user, address)| Some((user, address.parse().ok()?)));
        match (text.parse(), text.parse(), shown) {
            // What reads as an address is one, whatever name a peer has chosen.
            (Ok(ip), ..) => Self::Ip(ip),
            (_, Ok(address), _) => Self::Address(address),
            (.., Some((user, address))) => Self::Both(user.to_owned(), address),
            _ => Self::User(text.to_owned()),
        }
    }

    /// Whether it means the peer at this address that calls itself so.
    pub fn means(&self, user: &str, at: SocketAddr) -> bool {
        match self {
            Self::Ip(ip) => *ip == at.ip(),
            Self::Address(address) => *address == at,
            Self::Both(name, address) => *address == at && name == user,
            // A blank name is that of every peer that sends none, so it names nobody.
            Self::User(name) => !user.is_empty() && name == user,
        }
    }

    /// The same for a peer as clients see it.
    pub fn is(&self, peer: &Peer) -> bool {
        peer.address.parse().is_ok_and(|at| self.means(&peer.user, at))
    }

    /// The one address it means, if it says one with its port.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Address(address) | Self::Both(_, address) => Some(*address),
            Self::Ip(_) | Self::User(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_passes_for_an_address() {
        let (bob, eve) = ("127.0.0.2:7777".parse().unwrap(), "127.0.0.9:7777".parse().unwrap());
        for who in ["127.0.0.2", "127.0.0.2:7777", "bob@127.0.0.2:7777", "bob"] {
            assert!(Who::parse(who).means("bob", bob), "{who}");
        }
        for who in ["127.0.0.2", "127.0.0.2:7777", "bob@127.0.0.2:7777"] {
            assert!(!Who::parse(who).means(who, eve), "{who} as a name");
        }
        for who in ["", "alice", "127.0.0.2:7778", "eve@127.0.0.2:7777", "::1"] {
            assert!(!Who::parse(who).means("bob", bob), "{who}");
        }
        assert!(!Who::parse("").means("", bob), "a blank name is nobody's");
    }

    #[test]
    fn ipv6_addresses_are_read_with_and_without_a_port() {
        let at = "[::1]:7777".parse().unwrap();
        for who in ["::1", "[::1]:7777", "bob@[::1]:7777"] {
            assert!(Who::parse(who).means("bob", at), "{who}");
        }
    }
}

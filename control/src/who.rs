//! How users name a peer.

use std::fmt;
use std::net::SocketAddr;

use crate::address::{Address, AddressError, Host};
use crate::values::Peer;

/// A peer as a user names it. What reads as an address means that address and nothing else: a peer chooses its
/// name, and may choose one that looks like somebody's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// `ADDR`: whoever is there, on any port.
    Ip(Host),
    /// `ADDR:PORT`.
    Address(SocketAddr),
    /// `USER@ADDR:PORT`, as peers are shown.
    Both(String, SocketAddr),
    /// `USER@ADDR`: this user there, on any port.
    OnHost(String, Host),
    /// Anything else: a user name.
    User(String),
}

/// A name that means nobody, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{who}: {error}")]
pub struct WhoError {
    who: String,
    error: AddressError,
}

impl Who {
    /// Reads what a user wrote.
    ///
    /// # Errors
    /// An address whose interface this machine does not have.
    pub fn read(text: &str) -> Result<Self, WhoError> {
        let read = match Address::parse(text) {
            // What reads as an address is one, whatever name a peer has chosen.
            Ok(Address { host, port: None }) => Ok(Self::Ip(host)),
            Ok(Address { host, port: Some(port) }) => Ok(Self::Address(host.with_port(port))),
            Err(AddressError::NoAddress) => Self::shown(text),
            Err(error) => Err(error),
        };
        read.map_err(|error| WhoError { who: text.to_owned(), error })
    }

    /// The same; what makes no sense is somebody's name.
    pub fn parse(text: &str) -> Self {
        Self::read(text).unwrap_or_else(|_| Self::User(text.to_owned()))
    }

    /// Reads what has no address alone.
    fn shown(text: &str) -> Result<Self, AddressError> {
        // The last `@`: a user name may have some, and an address has none.
        let Some((user, address)) = text.rsplit_once('@') else { return Ok(Self::User(text.to_owned())) };
        match Address::parse(address) {
            Ok(Address { host, port: Some(port) }) => Ok(Self::Both(user.to_owned(), host.with_port(port))),
            Ok(Address { host, port: None }) => Ok(Self::OnHost(user.to_owned(), host)),
            Err(AddressError::NoAddress) => Ok(Self::User(text.to_owned())),
            Err(error) => Err(error),
        }
    }

    /// Whether it means the peer at this address that calls itself so.
    pub fn means(&self, user: &str, at: SocketAddr) -> bool {
        match self {
            Self::Ip(host) => host.has(at),
            Self::Address(address) => is_at(*address, at),
            Self::Both(name, address) => is_at(*address, at) && name == user,
            Self::OnHost(name, host) => host.has(at) && name == user,
            // A blank name is that of every peer that sends none, so it names nobody.
            Self::User(name) => !user.is_empty() && name == user,
        }
    }

    /// The same for a peer as clients see it.
    pub fn is(&self, peer: &Peer) -> bool {
        peer.address.parse().is_ok_and(|at| self.means(&peer.user, at))
    }

    /// Whether it is a user name only because it is an address that was mistyped, as it seems: one of digits and what
    /// stands between those.
    pub fn is_like_address(&self) -> bool {
        let Self::User(name) = self else { return false };
        let is_v4 = name.contains('.') && name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let host = name.rsplit_once(':').map(|(host, _)| host);
        let has_port = host.is_some_and(|host| Address::parse(host).is_ok());
        is_v4 || has_port || name.contains("::") || name.starts_with('[')
    }

    /// The one address it means, if it says one with its port.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Address(address) | Self::Both(_, address) => Some(*address),
            Self::Ip(_) | Self::OnHost(..) | Self::User(_) => None,
        }
    }
}

/// Whether it is the same address and port; without an interface on any.
fn is_at(address: SocketAddr, at: SocketAddr) -> bool {
    address == at || (address.port() == at.port() && Host::of(address).has(at))
}

/// As it is read again, an interface by its number.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(host) => write!(f, "{host}"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Both(user, address) => write!(f, "{user}@{address}"),
            Self::OnHost(user, host) => write!(f, "{user}@{host}"),
            Self::User(user) => f.write_str(user),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_passes_for_an_address() {
        let (bob, eve) = ("127.0.0.2:7777".parse().unwrap(), "127.0.0.9:7777".parse().unwrap());
        for who in ["127.0.0.2", "127.0.0.2:7777", "bob@127.0.0.2:7777", "bob@127.0.0.2", "bob"] {
            assert!(Who::parse(who).means("bob", bob), "{who}");
        }
        for who in ["127.0.0.2", "127.0.0.2:7777", "bob@127.0.0.2:7777", "bob@127.0.0.2"] {
            assert!(!Who::parse(who).means(who, eve), "{who} as a name");
        }
        for who in ["", "alice", "127.0.0.2:7778", "eve@127.0.0.2:7777", "eve@127.0.0.2", "@127.0.0.2", "::1"]
        {
            assert!(!Who::parse(who).means("bob", bob), "{who}");
        }
        assert!(!Who::parse("").means("", bob), "a blank name is nobody's");
    }

    #[test]
    fn ipv6_addresses_are_read_with_and_without_a_port() {
        let at = "[::1]:7777".parse().unwrap();
        for who in ["::1", "[::1]:7777", "bob@[::1]:7777", "bob@::1", "bob@[::1]"] {
            assert!(Who::parse(who).means("bob", at), "{who}");
        }
    }

    #[test]
    fn a_link_local_peer_is_meant_with_its_interface_or_on_any() {
        let at = "[fe80::1%1]:7777".parse().unwrap();
        for who in [
            "fe80::1",
            "fe80::1%lo",
            "fe80::1%1",
            "[fe80::1%lo]:7777",
            "[fe80::1]:7777",
            "bob@[fe80::1%lo]:7777",
            "bob@fe80::1%lo",
            "bob@fe80::1",
        ] {
            assert!(Who::parse(who).means("bob", at), "{who}");
            let shown = Who::parse(who).to_string();
            assert!(Who::parse(&shown).means("bob", at), "{shown}");
        }
        let elsewhere = "[fe80::1%99999999]:7777".parse().unwrap();
        for who in [
            "fe80::1%lo",
            "[fe80::1%lo]:7777",
            "bob@[fe80::1%lo]:7777",
            "bob@fe80::1%lo",
            "[fe80::1%lo]:7778",
        ] {
            assert!(!Who::parse(who).means("bob", elsewhere), "{who}");
        }
        for who in ["fe80::1%no-such", "bob@fe80::1%no-such", "bob@[fe80::1%no-such]:7777"] {
            let line = Who::read(who).unwrap_err().to_string();
            assert_eq!(line, format!("{who}: no interface 'no-such' here (list them: ip link)"));
        }
    }
}

//! Whose a key is.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use simp_values::{KeyId, Name, NameError};

use crate::address::PORT;
use crate::who::{Who, WhoError};

/// Whose a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyOwner {
    /// That of the peer at this address.
    Address(SocketAddr),
    /// That of whoever calls itself so.
    User(Name),
}

/// What can have no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyOwnerError {
    /// An address that makes no sense.
    #[error(transparent)]
    Who(#[from] WhoError),
    /// Like an address, and none.
    #[error("{0}: not an address, nor the name of a user (an address is ADDR or ADDR:PORT)")]
    NoAddress(String),
    /// Several hosts, or none.
    #[error("{0}: not the address of one host")]
    NotOneHost(SocketAddr),
    /// A name and an address together.
    #[error("{0}: a key is that of an address or of a name, not of both at once")]
    Both(String),
    /// Nobody is called so.
    #[error("{name}: {1}", name = even_blank(.0))]
    Name(String, NameError),
}

/// A name that can be seen.
fn even_blank(name: &str) -> Cow<'_, str> {
    if name.trim().is_empty() { format!("'{name}'").into() } else { name.into() }
}

impl KeyOwner {
    /// Reads `ADDR`, which is on port 7777, `ADDR:PORT`, or a user name.
    ///
    /// # Errors
    /// [`KeyOwnerError`] names the text.
    pub fn read(text: &str) -> Result<Self, KeyOwnerError> {
        let who = Who::read(text)?;
        if who.is_like_address() || text.starts_with(KeyId::PREFIX) {
            return Err(KeyOwnerError::NoAddress(text.to_owned()));
        }
        let address = match who {
            Who::Ip(host) => host.with_port(PORT),
            Who::Address(address) => address,
            Who::User(name) => {
                let user = Name::new(&name).map_err(|error| KeyOwnerError::Name(name, error))?;
                return Ok(Self::User(user));
            }
            Who::Both(..) | Who::OnHost(..) => return Err(KeyOwnerError::Both(text.to_owned())),
        };
        let ip = address.ip();
        let is_broadcast = ip == std::net::Ipv4Addr::BROADCAST;
        if ip.is_unspecified() || ip.is_multicast() || is_broadcast || address.port() == 0 {
            return Err(KeyOwnerError::NotOneHost(address));
        }
        Ok(Self::Address(address))
    }
}

/// As the daemon lists it.
impl fmt::Display for KeyOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::User(user) => f.write_str(user.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_that_of_one_address_or_of_one_name() {
        for (text, owner) in [
            ("127.0.0.2", "127.0.0.2:7777"),
            ("127.0.0.2:1", "127.0.0.2:1"),
            ("::1", "[::1]:7777"),
            ("::ffff:127.0.0.2", "127.0.0.2:7777"),
            ("bob", "bob"),
        ] {
            assert_eq!(KeyOwner::read(text).map(|owner| owner.to_string()), Ok(owner.to_owned()));
        }
        for (text, error) in [
            (
                "bob@127.0.0.2:7777",
                "bob@127.0.0.2:7777: a key is that of an address or of a name, not of both at once",
            ),
            ("0.0.0.0", "0.0.0.0:7777: not the address of one host"),
            ("255.255.255.255", "255.255.255.255:7777: not the address of one host"),
            ("fe80::1%no-such", "fe80::1%no-such: no interface 'no-such' here (list them: ip link)"),
            ("", "'': a user name cannot be empty"),
            (" ", "' ': a user name cannot be empty"),
        ] {
            assert_eq!(KeyOwner::read(text).unwrap_err().to_string(), error);
        }
        for text in [
            "127.15.8.300",
            "127.15.8",
            "127.15.8.2:70000",
            "127.15.8.2:",
            "127.15.8.2:x",
            "::1:g",
            "[::1",
            "[::1]:70000",
            "SHA256:x",
        ] {
            let line =
                format!("{text}: not an address, nor the name of a user (an address is ADDR or ADDR:PORT)");
            assert_eq!(KeyOwner::read(text).unwrap_err().to_string(), line);
        }
        for name in ["D:emon", "bob.jones", "v2.1-rc", "1and1", "a:b", "42"] {
            assert!(matches!(KeyOwner::read(name), Ok(KeyOwner::User(_))), "{name}");
        }
    }
}

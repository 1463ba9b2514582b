//! Addresses as people write them, in every program and setting the same: `ADDR`, `ADDR:PORT`, `[ADDR]:PORT`. A link-local
//! IPv6 address means something only together with an interface of this machine, by name or number: `fe80::1%eth0`,
//! `[fe80::1%3]:7777`.
//!
//! A name becomes a number as soon as it is read. Numbers are what travels, is kept and is shown; only what must mean the
//! same after the machine was started again, the names of daemons, has the interface's name.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use nix::net::if_::{if_indextoname, if_nametoindex};

/// The port that SIMP daemons use (SIMP 2).
pub const PORT: u16 = 7777;

/// The longest name of an interface, in bytes (`IFNAMSIZ` of Linux, without the NUL).
const INTERFACE_NAME_MAX: usize = 15;

/// A host: an address, and the interface by which it is reached if it is link-local.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host {
    ip: IpAddr,
    /// The number of the interface; 0 for any.
    interface: u32,
}

impl Host {
    /// The host of this address. An IPv4 address in IPv6 form is the IPv4 address.
    pub fn of(address: SocketAddr) -> Self {
        let interface = match address {
            SocketAddr::V6(v6) => v6.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        Self { ip: address.ip().to_canonical(), interface }
    }

    /// Its address.
    pub fn ip(self) -> IpAddr {
        self.ip
    }

    /// The same on any interface.
    pub fn on_any_interface(self) -> Self {
        Self { interface: 0, ..self }
    }

    /// With a port.
    pub fn with_port(self, port: u16) -> SocketAddr {
        match self.ip {
            IpAddr::V4(ip) => (ip, port).into(),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, self.interface).into(),
        }
    }

    /// Whether this address is one of it.
    pub fn has(self, address: SocketAddr) -> bool {
        let other = Self::of(address);
        self == other || self == other.on_any_interface()
    }

    /// Whether it is link-local and says no interface, so that nothing can be sent there.
    pub fn lacks_interface(self) -> bool {
        self.interface == 0 && is_link_local(self.ip)
    }

    /// The same by an interface, unless it says one or needs none.
    #[must_use]
    pub fn by_interface_of(self, ours: SocketAddr) -> Self {
        let interface = if self.lacks_interface() { Self::of(ours).interface } else { self.interface };
        Self { interface, ..self }
    }

    /// As [`fmt::Display`] shows it, but with the name of the interface.
    pub fn by_name(self) -> String {
        let named = Some(self.interface).filter(|number| *number != 0).and_then(name);
        match named {
            Some(name) => format!("{}%{name}", self.ip),
            None => self.to_string(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.interface {
            0 => write!(f, "{}", self.ip),
            number => write!(f, "{}%{number}", self.ip),
        }
    }
}

/// An address as somebody wrote it: `ADDR`, or `ADDR:PORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// Where.
    pub host: Host,
    /// The port, if one was written.
    pub port: Option<u16>,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It may be a name.
    #[error("not an address (ADDR or ADDR:PORT, for example 127.0.0.1 or [::1]:7777)")]
    NoAddress,
    /// This machine has no such interface.
    #[error("no interface '{0}' here (list them: ip link)")]
    NoInterface(String),
    /// A port follows the interface, and nothing shows where that ends.
    #[error("a port after an interface needs brackets (write [{ip}%{interface}]:{port})")]
    NeedsBrackets {
        /// The address.
        ip: IpAddr,
        /// What is before the colon.
        interface: String,
        /// The port, or `PORT` if what is after the colon is none.
        port: String,
    },
    /// Other addresses mean the same on each interface.
    #[error("only a link-local address, fe80::..., has an interface")]
    NotLinkLocal,
    /// Nothing can be received or sent there.
    #[error("a link-local address needs its interface, such as {0}%eth0 (list them: ip link)")]
    LacksInterface(IpAddr),
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// [`AddressError`] says what is wrong, without the text.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (host, port) = split(text).ok_or(AddressError::NoAddress)?;
        let (ip, interface) = host.split_once('%').map_or((host, None), |(ip, name)| (ip, Some(name)));
        let ip: IpAddr = ip.parse().map_err(|_| AddressError::NoAddress)?;
        let interface = interface.map_or(Ok(0), |name| number(ip, name))?;
        // An IPv4 address in IPv6 form is the same one.
        Ok(Self { host: Host { ip: ip.to_canonical(), interface }, port })
    }

    /// With port 7777 if none was written.
    pub fn socket_address(self) -> SocketAddr {
        self.host.with_port(self.port.unwrap_or(PORT))
    }

    /// The address of something that is bound or sent to: a link-local one with its interface.
    ///
    /// # Errors
    /// [`AddressError`] says what is wrong, without the text.
    pub fn parse_complete(text: &str) -> Result<SocketAddr, AddressError> {
        let address = Self::parse(text)?;
        match address.host.lacks_interface() {
            true => Err(AddressError::LacksInterface(address.host.ip)),
            false => Ok(address.socket_address()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}", self.host.with_port(port)),
            None => write!(f, "{}", self.host),
        }
    }
}

/// Parts the host and the port. An IPv6 address has brackets if a port follows, and may have them otherwise.
fn split(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
        }
        None => match text.split_once(':') {
            // With a second colon all of it is an IPv6 address.
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (text, None),
        },
    };
    let number = |port: &str| is_number(port).then(|| port.parse().ok())?;
    match port {
        Some(port) => Some((host, Some(number(port)?))),
        None => Some((host, None)),
    }
}

/// The number of an interface of this machine.
fn number(ip: IpAddr, typed: &str) -> Result<u32, AddressError> {
    if !is_link_local(ip) {
        return Err(AddressError::NotLinkLocal);
    }
    if let Some((interface, port)) = typed.split_once(':') {
        let port = if is_number(port) { port } else { "PORT" };
        let (interface, port) = (interface.to_owned(), port.to_owned());
        return Err(AddressError::NeedsBrackets { ip, interface, port });
    }
    let named = || if_nametoindex(typed).ok().filter(|_| may_be_name(typed));
    let numbered = || typed.parse().ok().filter(|number| is_number(typed) && name(*number).is_some());
    named().or_else(numbered).ok_or_else(|| AddressError::NoInterface(typed.to_owned()))
}

/// Whether an interface can be called so. The system looks up what is before a colon, as for an alias of old, and its C
/// library may cut off what is too long: what follows would be lost without a word.
fn may_be_name(typed: &str) -> bool {
    let is_odd = |letter: char| matches!(letter, '/' | ':') || letter.is_whitespace();
    (1..=INTERFACE_NAME_MAX).contains(&typed.len()) && !typed.contains(is_odd)
}

fn is_number(typed: &str) -> bool {
    !typed.is_empty() && typed.bytes().all(|byte| byte.is_ascii_digit())
}

/// What the interface with this number is called; `None` if this machine has none.
fn name(number: u32) -> Option<String> {
    // nix takes the failure of the C library for an empty name.
    let name = if_indextoname(number).ok()?.into_string().ok()?;
    Some(name).filter(|name| !name.is_empty())
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if Ipv6Addr::is_unicast_link_local(&ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of the loopback interface, which every machine has.
    fn loopback() -> u32 {
        if_nametoindex("lo").unwrap()
    }

    #[test]
    fn an_address_has_port_7777_unless_it_says_another() {
        for (text, address) in [
            ("127.0.0.1", "127.0.0.1:7777"),
            ("127.0.0.1:7000", "127.0.0.1:7000"),
            ("::1", "[::1]:7777"),
            ("[::1]", "[::1]:7777"),
            ("[::1]:7000", "[::1]:7000"),
            ("fe80::1", "[fe80::1]:7777"),
            ("::ffff:127.0.0.1", "127.0.0.1:7777"),
            ("[::ffff:127.0.0.1]:7000", "127.0.0.1:7000"),
        ] {
            assert_eq!(Address::parse(text).unwrap().socket_address(), address.parse().unwrap(), "{text}");
        }
        for text in [
            "",
            "localhost",
            "127.0.0.1:70000",
            "127.0.0.1:",
            "127.0.0.1:+7",
            "1.2.3",
            "::1:x",
            "[::1",
            "[::1]7",
            "a%lo",
            "user@::1",
            "[::1]:",
            "127.0.0.1/8",
        ] {
            assert_eq!(Address::parse(text), Err(AddressError::NoAddress), "{text}");
        }
    }

    #[test]
    fn an_interface_is_named_or_numbered_and_shown_with_its_number() {
        let number = loopback();
        for (text, shown) in [
            ("fe80::1%lo".to_owned(), format!("fe80::1%{number}")),
            (format!("fe80::1%{number}"), format!("fe80::1%{number}")),
            ("[fe80::1%lo]".to_owned(), format!("fe80::1%{number}")),
            ("[fe80::1%lo]:7000".to_owned(), format!("[fe80::1%{number}]:7000")),
        ] {
            let address = Address::parse(&text).unwrap();
            assert_eq!(address.to_string(), shown, "{text}");
            assert_eq!(Address::parse(&shown), Ok(address), "what is shown is read again");
            assert_eq!(address.host.by_name(), "fe80::1%lo");
        }
        let plus = format!("fe80::1%+{number}");
        for text in [
            "fe80::1%no-such",
            "fe80::1%",
            "fe80::1%0",
            "fe80::1%99999999",
            "[fe80::1%-1]:7777",
            &plus,
            "fe80::1%lo ",
            "fe80::1%lo/64",
            "fe80::1%.",
            "[fe80::1%lo\n]:7777",
            "fe80::1%lo-is-16-bytes-l",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(matches!(error, AddressError::NoInterface(_)), "{text}: {error}");
        }
        for text in ["::1%lo", "127.0.0.1%lo", "[::1%1]:7777"] {
            assert_eq!(Address::parse(text), Err(AddressError::NotLinkLocal), "{text}");
        }
    }

    #[test]
    fn a_port_after_an_interface_needs_brackets() {
        for (text, remedy) in [
            ("fe80::1%lo:8888", "[fe80::1%lo]:8888"),
            ("fe80::1%3:8888", "[fe80::1%3]:8888"),
            ("fe80::1%no-such:1", "[fe80::1%no-such]:1"),
            ("[fe80::1%lo:8888]", "[fe80::1%lo]:8888"),
            ("[fe80::1%lo:8888]:7777", "[fe80::1%lo]:8888"),
            ("fe80::1%lo:", "[fe80::1%lo]:PORT"),
            ("fe80::1%lo:http", "[fe80::1%lo]:PORT"),
        ] {
            let said = Address::parse(text).unwrap_err().to_string();
            assert_eq!(said, format!("a port after an interface needs brackets (write {remedy})"), "{text}");
        }
    }

    #[test]
    fn a_link_local_address_without_an_interface_means_any_and_is_not_complete() {
        let here = Address::parse_complete("[fe80::1%lo]:7000").unwrap();
        let any = Address::parse("fe80::1").unwrap().host;
        assert!(any.has(here) && Host::of(here).has(here) && any.lacks_interface());
        assert!(!Host::of(here).has(any.with_port(7000)));
        assert_eq!(any.by_interface_of(here), Host::of(here));
        let refused = Address::parse_complete("fe80::1");
        assert_eq!(refused, Err(AddressError::LacksInterface("fe80::1".parse().unwrap())));
        assert_eq!(Address::parse_complete("::1"), Ok("[::1]:7777".parse().unwrap()));
    }
}

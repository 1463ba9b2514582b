//! What simpd.toml says of peers, by their addresses: how they speak, and that they are spoken with in plain chats only. That
//! goes before whatever such a peer shows of itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use simp_control::{Address, AddressError, Host, Who};
use simp_proto::{Dialect, DialectError};

/// What says that there are no secure chats with a peer.
const NEVER_SECURE: &str = "never-secure";

/// All that the table `[peers]` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins {
    peers: BTreeMap<SocketAddr, Pin>,
    /// Of everybody at an address, on any port that is not among `peers`.
    hosts: BTreeMap<Host, Pin>,
}

/// What an entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pin {
    /// How the peer speaks; nothing if that is learned.
    dialect: Option<Dialect>,
    is_never_secure: bool,
}

impl Pin {
    fn read(words: &str) -> Result<Self, DialectError> {
        let mut habits: Vec<_> = words.split(',').map(str::trim).collect();
        let count = habits.len();
        habits.retain(|word| *word != NEVER_SECURE);
        let is_never_secure = habits.len() < count;
        let dialect = if habits.is_empty() { None } else { Some(habits.join(",").parse()?) };
        Ok(Self { dialect, is_never_secure })
    }
}

/// What is wrong with an entry of the table.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// A key names no peer.
    #[error("not an address (ADDR or ADDR:PORT, for example \"127.0.0.1\" or \"[::1]:7777\")")]
    Address,
    /// Its interface makes no sense.
    #[error(transparent)]
    Interface(AddressError),
    /// A value is no list of habits.
    #[error("{0} (or {NEVER_SECURE})")]
    Dialect(#[from] DialectError),
}

impl Pins {
    /// Adds an entry of the table: an address, and the habits of the peers there, among which may be `never-secure`.
    ///
    /// # Errors
    /// [`PinError`] says what there is to choose from.
    pub fn add(&mut self, key: &str, habits: &str) -> Result<(), PinError> {
        let pin = Pin::read(habits)?;
        let address = Address::parse(key).map_err(|error| match error {
            AddressError::NoAddress => PinError::Address,
            error => PinError::Interface(error),
        })?;
        // An IPv4 address in IPv6 form is the same peer.
        let host = Host::of(address.socket_address());
        match address.port {
            None => self.hosts.insert(host, pin),
            Some(0) => return Err(PinError::Address),
            Some(port) => self.peers.insert(host.with_port(port), pin),
        };
        Ok(())
    }

    /// How the peer at this address speaks, if the table says it: for its address with the port, else for its host.
    pub fn of(&self, address: SocketAddr) -> Option<Dialect> {
        self.pin(address)?.dialect
    }

    /// Whether the table says that there are no secure chats with the peer at this address.
    pub fn is_never_secure(&self, address: SocketAddr) -> bool {
        self.pin(address).is_some_and(|pin| pin.is_never_secure)
    }

    fn pin(&self, address: SocketAddr) -> Option<Pin> {
        let host = Host::of(address);
        // A link-local address without an interface is that of a host on any.
        let hosts = [host, host.on_any_interface()];
        let peer = hosts.iter().find_map(|host| self.peers.get(&host.with_port(address.port())));
        peer.or_else(|| hosts.iter().find_map(|host| self.hosts.get(host))).copied()
    }

    /// Whether the table says how the peer speaks that is meant.
    pub fn are_about(&self, who: &Who) -> bool {
        match who {
            Who::Ip(host) | Who::OnHost(_, host) => {
                let speaks = |pin: &Pin| pin.dialect.is_some();
                let hosts = self.hosts.iter().map(|(host, pin)| (host.with_port(0), pin));
                let peers = self.peers.iter().map(|(address, pin)| (*address, pin));
                hosts.chain(peers).any(|(at, pin)| host.has(at) && speaks(pin))
            }
            Who::Address(address) | Who::Both(_, address) => self.of(*address).is_some(),
            // The table knows addresses only: a name can be anybody's.
            Who::User(_) => false,
        }
    }

    /// How peers speak, each with its address as a user writes it there.
    pub fn iter(&self) -> impl Iterator<Item = (String, Dialect)> {
        let peers = self.peers.iter().map(|(address, pin)| (address.to_string(), pin));
        let hosts = self.hosts.iter().map(|(host, pin)| (host.to_string(), pin));
        peers.chain(hosts).filter_map(|(address, pin)| Some((address, pin.dialect?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pins(table: &[(&str, &str)]) -> Result<Pins, String> {
        let mut pins = Pins::default();
        for (key, habits) in table {
            pins.add(key, habits).map_err(|error| error.to_string())?;
        }
        Ok(pins)
    }

    #[test]
    fn an_address_with_its_port_goes_before_the_host() {
        let pins = pins(&[
            ("127.0.0.2", "plain"),
            ("127.0.0.2:7778", "rings"),
            ("::1", "takes-turns"),
            ("[::1]:7778", "odd"),
            ("::ffff:127.0.0.3", "cuts-at=9"),
            ("[::ffff:127.0.0.4]:1", "cuts-at=8"),
            ("fe80::1%lo", "plain"),
            ("[fe80::1]:7778", "odd"),
            ("fe80::1", "rings"),
            ("fe80::2%lo", "plain"),
        ])
        .unwrap();
        for (address, habits) in [
            ("127.0.0.2:7777", Some("plain")),
            ("127.0.0.2:7778", Some("rings")),
            ("[::1]:7777", Some("takes-turns")),
            ("[::1]:7778", Some("odd")),
            ("127.0.0.3:7777", Some("cuts-at=9")),
            ("127.0.0.4:1", Some("cuts-at=8")),
            ("127.0.0.4:2", None),
            ("[fe80::1%1]:7777", Some("plain")),
            ("[fe80::1%1]:7778", Some("odd")),
            ("[fe80::1%2]:7777", Some("rings")),
            ("[fe80::2%2]:7777", None),
        ] {
            let said = pins.of(address.parse().unwrap()).map(|dialect| dialect.to_string());
            assert_eq!(said.as_deref(), habits, "{address}");
        }
        for (who, is_about) in [
            ("127.0.0.2", true),
            ("127.0.0.4", true),
            ("a@127.0.0.3:9", true),
            ("127.0.0.4:2", false),
            ("bob", false),
            ("fe80::1%lo", true),
            ("fe80::2", true),
            ("fe80::3", false),
        ] {
            assert_eq!(pins.are_about(&Who::parse(who)), is_about, "{who}");
        }
        assert_eq!(pins.iter().count(), 10);
    }

    #[test]
    fn a_peer_can_be_spoken_with_in_plain_chats_only_and_its_way_of_speaking_learned() {
        let pins = pins(&[
            ("127.0.0.2", "never-secure"),
            ("127.0.0.2:7778", "rings"),
            ("127.0.0.3:7777", "plain, never-secure"),
        ])
        .unwrap();
        for (address, dialect, is_never_secure) in [
            ("127.0.0.2:7777", None, true),
            ("127.0.0.2:7778", Some("rings"), false),
            ("127.0.0.3:7777", Some("plain"), true),
            ("127.0.0.3:7778", None, false),
        ] {
            let at = address.parse().unwrap();
            let said = pins.of(at).map(|dialect| dialect.to_string());
            assert_eq!((said.as_deref(), pins.is_never_secure(at)), (dialect, is_never_secure), "{address}");
        }
        assert!(pins.are_about(&Who::parse("127.0.0.2")) && !pins.are_about(&Who::parse("127.0.0.2:7777")));
        let said: Vec<_> = pins.iter().map(|(address, _)| address).collect();
        assert_eq!(said, ["127.0.0.2:7778", "127.0.0.3:7777"]);
    }

    #[test]
    fn what_is_no_address_is_named() {
        for key in ["bob", "127.0.0.2:0", "127.0.0.2:x", "", "bob@127.0.0.2:7777"] {
            let line = pins(&[(key, "plain")]).unwrap_err();
            assert!(line.starts_with("not an address (ADDR "), "{key}: {line}");
        }
        let line = pins(&[("fe80::1%no-such", "plain")]).unwrap_err();
        assert_eq!(line, "no interface 'no-such' here (list them: ip link)");
        let line = pins(&[("127.0.0.2", "pads")]).unwrap_err();
        assert!(line.starts_with("unknown habit 'pads' (known: plain, cuts-at=N "), "{line}");
        assert!(line.ends_with(") (or never-secure)"), "{line}");
    }

    #[test]
    fn the_manual_has_every_habit_and_no_other() {
        let page = include_str!("../../../man/simpd.toml.5");
        let table = page.split(".It Ic peers").nth(1).unwrap().split(".El").next().unwrap();
        let described: Vec<_> = table.lines().filter_map(|line| line.strip_prefix(".It Li ")).collect();
        let forms = simp_proto::Form::NAMES.map(|(_, name)| name);
        let habits = simp_proto::Habit::ALL.map(|(_, name)| name);
        assert_eq!(described, [&["plain"], &forms[..], &habits[..], &["cuts-at=N", NEVER_SECURE]].concat());
    }
}

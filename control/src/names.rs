//! Whom users mean: what reads as an address is checked, and hosts are looked up, for every front end. The daemon looks
//! up only what the outbox has messages for.

use std::net::{IpAddr, SocketAddr};

use crate::address::{Address, AddressError, Host};
use crate::answer::Reply;
use crate::client::Client;
use crate::databases::{self, LookupError};
use crate::error::{Error, Outcome, fail};
use crate::failure::FailureKind;
use crate::host_name::{HostName, split};
use crate::known_peers;
use crate::request::Request;
use crate::values::Peer;
use crate::who::Who;

/// Whom a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    /// Whoever is at this address.
    Address(String),
    /// A host, and the address that it has now, unless nobody can say that now.
    Host(HostName, Option<String>),
}

/// What the daemon is to invite: an address as it was typed, where the peer is that is known by a name, or the first
/// address of a host's name that is of the daemon's own family.
///
/// # Errors
/// As [`meant`], and `no_such` if a host cannot be looked up now.
pub fn address(client: &mut Client, typed: &str) -> Outcome<String> {
    match meant(client, typed)? {
        Meant::Address(address) | Meant::Host(_, Some(address)) => Ok(address),
        Meant::Host(host, None) => {
            Err(fail(FailureKind::NoSuch, format!("{}: {}", host.name(), LookupError::NoAnswer)))
        }
    }
}

/// Whom this means: an address, a peer that is known by this name, or else a host. A name with a dot, or with a port, is
/// that of a host if there is one: whatever a peer calls itself, `nas.example` stays that host, and `nas.` is one that a
/// peer is called like.
///
/// # Errors
/// `no_such` if there is neither, or several peers are called so; `usage` if it makes no sense.
pub fn meant(client: &mut Client, typed: &str) -> Outcome<Meant> {
    let (host, port) = match address_or_host(typed) {
        // It travels with the number of the interface.
        Ok(Named::Address(address)) => return Ok(Meant::Address(address.to_string())),
        Ok(Named::Host(host, port)) => (host, port),
        // No host can be called so, but a user can.
        Err(error) => return known_peers::address(client, typed)?.map(Meant::Address).ok_or(error),
    };
    let is_of_host = host.contains('.') || port.is_some();
    if !is_of_host && let Some(known) = known_peers::address(client, typed)? {
        return Ok(Meant::Address(known));
    }
    let meant = |address| Meant::Host(HostName::new(host, port), address);
    match of_host(client, host, port)? {
        Ok(address) => Ok(meant(Some(address))),
        Err(LookupError::NoAnswer) => Ok(meant(None)),
        Err(LookupError::Unknown) if is_of_host => {
            known_peers::address(client, typed)?.map(Meant::Address).ok_or_else(|| unknown(host))
        }
        Err(LookupError::Unknown) => {
            Err(fail(FailureKind::NoSuch, format!("{host}: neither a known peer nor a known host")))
        }
    }
}

/// The first address of a host's name that is of the daemon's own family.
fn of_host(client: &mut Client, host: &str, port: Option<u16>) -> Outcome<Result<String, LookupError>> {
    // The daemon waits for our hello, and a name may be long in resolving.
    client.write()?;
    let found = look_up(host);
    let ours = client.address()?.parse::<SocketAddr>().ok();
    Ok(found.and_then(|found| {
        let host = best(&found, |ip| ours.is_some_and(|ours| ours.is_ipv4() == ip.is_ipv4()));
        host.map(|host| Address { host, port }.to_string()).ok_or(LookupError::Unknown)
    }))
}

/// Which of a host's addresses to use: the first of our own family, for a socket of one family cannot send to the other. If
/// there is none, the first: simpd refuses it, and says why.
pub fn best(found: &[Host], is_of_ours: impl Fn(IpAddr) -> bool) -> Option<Host> {
    found.iter().find(|host| is_of_ours(host.ip())).or(found.first()).copied()
}

/// The address of a peer that is spoken with directly: as it was typed, or the first of a host's name; port 7777
/// if none is given.
///
/// # Errors
/// `no_such` if the host is unknown, `usage` if it makes no sense.
pub fn peer(typed: &str) -> Outcome<SocketAddr> {
    let address = match address_or_host(typed)? {
        Named::Address(address) => address,
        Named::Host(host, port) => {
            let found = look_up(host).map_err(|why| fail(FailureKind::NoSuch, format!("{host}: {why}")))?;
            Address { host: *found.first().ok_or_else(|| unknown(host))?, port }
        }
    };
    if address.host.lacks_interface() {
        return Err(usage(typed, &AddressError::LacksInterface(address.host.ip())));
    }
    let found = address.socket_address();
    // Whoever answers to one of these is not the one that was asked for.
    let broadcast = found.ip() == IpAddr::from([255; 4]);
    if broadcast || found.ip().is_unspecified() || found.ip().is_multicast() || found.port() == 0 {
        return Err(fail(FailureKind::Usage, format!("{found}: not the address of one host")));
    }
    Ok(found)
}

/// A name of a peer as the daemon is told it: an interface by its number.
///
/// # Errors
/// `usage` if it can be nobody's.
pub fn who(typed: Option<&str>) -> Outcome<Option<String>> {
    match typed {
        Some(blank) if blank.trim().is_empty() => {
            let line = format!("'{blank}': nobody is called so (leave it out if there is only one)");
            Err(fail(FailureKind::Usage, line))
        }
        Some(typed) => match Who::read(typed) {
            Ok(who) => Ok(Some(who.to_string())),
            Err(error) => Err(fail(FailureKind::Usage, error.to_string())),
        },
        None => Ok(None),
    }
}

/// Asks with `named` as it was typed. If nobody is called so, but a host is, asks once more with each of its
/// addresses, and leaves in `named` the one that was right.
///
/// # Errors
/// What [`Client::ask`] fails with, of kind `no_such` if it means nobody; `usage` if it can be nobody's.
pub fn ask(
    client: &mut Client,
    named: &mut Option<String>,
    request: impl Fn(Option<String>) -> Request,
) -> Outcome<Reply> {
    // As it was typed first: a user may be called like a host.
    let refused = match client.ask(&request(who(named.as_deref())?)) {
        Err(error) if error.is(FailureKind::NoSuch) => error,
        outcome => return outcome,
    };
    for address in named.as_deref().map(addresses).unwrap_or_default() {
        match client.ask(&request(Some(address.clone()))) {
            Err(again) if again.is(FailureKind::NoSuch) => (),
            outcome => {
                *named = Some(address);
                return outcome;
            }
        }
    }
    Err(refused)
}

/// Whether it means `named`, by its name or by that of its host.
pub fn means(named: Option<&str>, peer: &Peer) -> bool {
    let Some(named) = named else { return true };
    // As it was typed first: a name may take long to resolve.
    Who::parse(named).is(peer) || addresses(named).iter().any(|address| Who::parse(address).is(peer))
}

/// What names a host.
#[derive(Debug, PartialEq, Eq)]
enum Named<'a> {
    Address(Address),
    Host(&'a str, Option<u16>),
}

fn address_or_host(typed: &str) -> Outcome<Named<'_>> {
    match (Address::parse(typed), split(typed)) {
        (Ok(address), _) => Ok(Named::Address(address)),
        (Err(AddressError::NoAddress), Some((host, port))) => Ok(Named::Host(host, port)),
        (Err(AddressError::NoAddress), None) => {
            let shown = if typed.trim().is_empty() { format!("'{typed}'") } else { typed.to_owned() };
            let line = format!("{shown}: neither ADDR[:PORT] nor HOST[:PORT] (see simpctl connect --help)");
            Err(fail(FailureKind::Usage, line))
        }
        (Err(error), _) => Err(usage(typed, &error)),
    }
}

fn usage(typed: &str, error: &AddressError) -> Error {
    fail(FailureKind::Usage, format!("{typed}: {error}"))
}

fn unknown(host: &str) -> Error {
    fail(FailureKind::NoSuch, format!("{host}: {}", LookupError::Unknown))
}

/// Where the peer is that is known by this name; `None` if nobody is, or if it is an address.
///
/// # Errors
/// `no_such` if several peers are, with their addresses.
pub fn known(client: &mut Client, name: &str) -> Outcome<Option<String>> {
    match Who::parse(name) {
        Who::User(name) => known_peers::address(client, &name),
        Who::Ip(_) | Who::Address(_) | Who::Both(..) | Who::OnHost(..) => Ok(None),
    }
}

/// The addresses of what may be a host's name, with its port if it has one.
pub fn addresses(named: &str) -> Vec<String> {
    let Ok(Named::Host(host, port)) = address_or_host(named) else { return Vec::new() };
    let found = look_up(host).unwrap_or_default();
    let mut found: Vec<String> = found.into_iter().map(|host| Address { host, port }.to_string()).collect();
    found.dedup();
    found
}

/// The addresses of the host with this name, in the order of preference. It may take as long as resolv.conf(5) says.
///
/// # Errors
/// [`LookupError`].
pub fn look_up(host: &str) -> Result<Vec<Host>, LookupError> {
    match (databases::hosts(host), host.strip_suffix('.')) {
        // A dot at the end says that the name is complete, which only DNS understands, and /etc/hosts does not.
        (Err(_), Some(name)) => databases::hosts(name),
        (found, _) => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_not_looked_up() {
        assert!(addresses("127.0.0.1").is_empty());
        assert!(addresses("[::1]:7777").is_empty());
        assert!(addresses("Ann Lee").is_empty());
        assert!(addresses("fe80::1%no-such").is_empty());
    }
}

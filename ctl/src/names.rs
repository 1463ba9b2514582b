//! Host names: the daemon never resolves any, so it happens here.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use simp_control::error::{Error, Outcome, fail};
use simp_control::{Client, FailureKind, Peer, Reply, Request, Who, places};

/// What the daemon is to invite: an address as it was typed, a host's name as the first of its addresses that
/// is of the daemon's own family.
///
/// # Errors
/// `no_such` if the host is unknown, `usage` if it makes no sense.
pub(crate) fn address(client: &mut Client, typed: &str) -> Outcome<String> {
    // An IPv6 address has brackets if a port follows, so people type them without one too.
    let typed = typed.strip_prefix('[').and_then(|bare| bare.strip_suffix(']')).unwrap_or(typed);
    if is_address(typed) {
        return Ok(typed.to_owned());
    }
    let (host, port) = split(typed).ok_or_else(|| {
        fail(
            FailureKind::Usage,
            format!("{typed}: neither ADDR[:PORT] nor HOST[:PORT] (see simpctl connect --help)"),
        )
    })?;
    // The daemon waits for our hello, and a name may be long in resolving.
    client.write()?;
    let found = resolve(host);
    let ours = client.address()?.parse::<SocketAddr>().ok();
    // A socket of one family cannot send to the other.
    let same = found.iter().find(|ip| ours.is_some_and(|ours| ours.is_ipv4() == ip.is_ipv4()));
    // If none is of its family simpd refuses it, and says why.
    match same.or(found.first()) {
        Some(&ip) => Ok(written(ip, port)),
        None => Err(fail(FailureKind::NoSuch, format!("{host}: unknown host"))),
    }
}

/// The address of a peer that is spoken with directly: as it was typed, or the first of a host's name; port 7777
/// if none is given.
///
/// # Errors
/// `no_such` if the host is unknown, `usage` if it makes no sense.
pub(crate) fn peer(typed: &str) -> Outcome<SocketAddr> {
    let found = match (places::parse_address(typed), split(typed)) {
        (Some(address), _) => address,
        (None, Some((host, port))) => match resolve(host).first() {
            Some(&ip) => SocketAddr::new(ip, port.unwrap_or(places::PORT)),
            None => return Err(fail(FailureKind::NoSuch, format!("{host}: unknown host"))),
        },
        (None, None) => {
            return Err(fail(FailureKind::Usage, format!("{typed}: neither ADDR[:PORT] nor HOST[:PORT]")));
        }
    };
    // Whoever answers to one of these is not the one that was asked for.
    let broadcast = found.ip() == IpAddr::from([255; 4]);
    if broadcast || found.ip().is_unspecified() || found.ip().is_multicast() || found.port() == 0 {
        return Err(fail(FailureKind::Usage, format!("{found}: not the address of one host")));
    }
    Ok(found)
}

/// Asks with `who` as it was typed. If nobody is called so, but a host is, asks once more with each of its
/// addresses, and leaves in `who` the one that was right.
pub(crate) fn ask(
    client: &mut Client,
    who: &mut Option<String>,
    request: impl Fn(Option<String>) -> Request,
) -> Outcome<Reply> {
    // As it was typed first: a user may be called like a host.
    let refused = match client.ask(&request(who.clone())) {
        Err(error) if error.is(FailureKind::NoSuch) => error,
        outcome => return outcome,
    };
    for address in who.as_deref().map(addresses).unwrap_or_default() {
        match client.ask(&request(Some(address.clone()))) {
            Err(again) if again.is(FailureKind::NoSuch) => (),
            outcome => {
                *who = Some(address);
                return outcome;
            }
        }
    }
    Err(refused)
}

/// The same for what may be an address that simpd has nothing to do with yet: if nobody is called so, but a
/// host is, asks once more with the address that [`address`] finds.
pub(crate) fn ask_or_resolve(
    client: &mut Client,
    who: &mut Option<String>,
    request: impl Fn(Option<String>) -> Request,
) -> Outcome<Reply> {
    let refused = match client.ask(&request(who.clone())) {
        Err(error) if error.is(FailureKind::NoSuch) => error,
        outcome => return outcome,
    };
    match who.as_deref().map(|typed| address(client, typed)) {
        Some(Ok(address)) => client.ask(&request(Some(who.insert(address).clone()))),
        Some(Err(Error::Lost(lost))) => Err(lost.into()),
        // It is no host either; simpd says what it may be.
        Some(Err(_)) | None => Err(refused),
    }
}

/// Whether it means `who`, by its name or by that of its host.
pub(crate) fn means(who: Option<&str>, peer: &Peer) -> bool {
    let Some(who) = who else { return true };
    // As it was typed first: a name may take long to resolve.
    Who::parse(who).is(peer) || addresses(who).iter().any(|address| Who::parse(address).is(peer))
}

fn is_address(typed: &str) -> bool {
    typed.parse::<IpAddr>().is_ok() || typed.parse::<SocketAddr>().is_ok()
}

/// The addresses of what may be a host's name, with its port if it has one.
fn addresses(who: &str) -> Vec<String> {
    if is_address(who) {
        return Vec::new();
    }
    let Some((host, port)) = split(who) else { return Vec::new() };
    let mut found: Vec<String> = resolve(host).into_iter().map(|ip| written(ip, port)).collect();
    found.dedup();
    found
}

fn resolve(host: &str) -> Vec<IpAddr> {
    (host, 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect()).unwrap_or_default()
}

fn written(ip: IpAddr, port: Option<u16>) -> String {
    port.map_or(ip.to_string(), |port| SocketAddr::new(ip, port).to_string())
}

/// Parts `HOST[:PORT]`.
fn split(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok().filter(|&port| port != 0)?)),
        None => (text, None),
    };
    // Anything else, a space or a slash, is a slip: no resolver is asked about it.
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    (!host.is_empty() && host.chars().all(is_host)).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_have_a_port() {
        assert_eq!(split("host.example"), Some(("host.example", None)));
        assert_eq!(split("host:7778"), Some(("host", Some(7778))));
        for bad in ["", ":7777", "host:", "host:0", "host:70000", "a b", "a:b:c", "127.0.0.1/8"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_address_is_not_looked_up() {
        assert!(addresses("127.0.0.1").is_empty());
        assert!(addresses("[::1]:7777").is_empty());
        assert!(addresses("Ann Lee").is_empty());
    }

    #[test]
    fn a_port_is_kept() {
        let ip = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(written(ip, None), "127.0.0.1");
        assert_eq!(written(ip, Some(7778)), "127.0.0.1:7778");
    }
}

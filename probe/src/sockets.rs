//! The probe's two sockets, its own and that of a third party: what leaves them, what comes to them, and when.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};
use simp_control::FailureKind;
use simp_control::error::{Error, Outcome, fail, system};
use simp_control::places::PORT;
use simp_control::{Address, Host};

use crate::findings::Evidence;

/// What is there already is taken in for so long after a moment that has passed, and a peer that floods us ends no
/// later.
const GRACE: Duration = Duration::from_millis(200);

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Third,
}

/// The sockets.
#[derive(Debug)]
pub(crate) struct Sockets {
    began: Instant,
    peer: SocketAddr,
    ours: UdpSocket,
    third: UdpSocket,
    buffer: Vec<u8>,
    /// Whether anything has come from the peer.
    heard: bool,
}

impl Sockets {
    /// Binds both: ours to `from`, or to port 7777 of the address that the system takes towards the peer, and the
    /// third party's to another address if that is possible.
    ///
    /// # Errors
    /// Our address is taken or not ours, `usage` if it makes no sense.
    pub(crate) fn open(peer: SocketAddr, from: Option<&str>) -> Outcome<Self> {
        let from = match from {
            Some(typed) => Address::parse_complete(typed)
                .map_err(|error| fail(FailureKind::Usage, format!("--from '{typed}': {error}")))?,
            None => ours_towards(peer)?.with_port(PORT),
        };
        if from.is_ipv4() != peer.is_ipv4() {
            let line = format!("--from must be an address of this host that can reach {peer}");
            return Err(fail(FailureKind::Usage, line));
        }
        if from == peer {
            let line = format!("{peer}: cannot be probed from its own address ({})", remedy(peer, from));
            return Err(fail(FailureKind::Failed, line));
        }
        let ours = bind(from).map_err(|error| not_bound(peer, from, &error))?;
        let third = third(peer, from).map_err(|error| not_bound(peer, from, &error))?;
        // Larger than any datagram, so that an oversized one is seen as long as it is.
        let buffer = vec![0; 65_536];
        Ok(Self { began: Instant::now(), peer, ours, third, buffer, heard: false })
    }

    /// The address of one side.
    pub(crate) fn address(&self, side: Side) -> SocketAddr {
        self.socket(side).local_addr().unwrap_or(self.peer)
    }

    /// Whether the third party has an address of its own, and not only a port.
    pub(crate) fn is_third_elsewhere(&self) -> bool {
        self.address(Side::Ours).ip() != self.address(Side::Third).ip()
    }

    /// The peer.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Whether anything has come from the peer.
    pub(crate) fn heard(&self) -> bool {
        self.heard
    }

    /// When the probe began.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// The moment at which this was.
    pub(crate) fn moment(&self, seen: &Evidence) -> Instant {
        self.began + seen.at
    }

    fn socket(&self, side: Side) -> &UdpSocket {
        match side {
            Side::Ours => &self.ours,
            Side::Third => &self.third,
        }
    }

    /// Transmits this.
    pub(crate) fn transmit(&mut self, side: Side, bytes: Vec<u8>) -> Outcome<Evidence> {
        // What is reported here may be of the datagram before.
        let attempt = || self.socket(side).send_to(&bytes, self.peer);
        let sent = attempt().or_else(|error| if is_refusal(&error) { attempt() } else { Err(error) });
        match sent {
            Err(error) if is_refusal(&error) => self.handle_refusal()?,
            Err(error) => {
                return Err(fail(FailureKind::Failed, format!("{}: {}", self.peer, system(&error))));
            }
            Ok(_) => (),
        }
        Ok(Evidence { at: self.began.elapsed(), from: self.address(side), to: self.peer, bytes })
    }

    /// The next datagram from the peer's host; `None` once this moment has come, or if nobody listens there.
    ///
    /// # Errors
    /// Nobody listens there, and nothing has come before.
    pub(crate) fn receive(&mut self, side: Side, until: Instant) -> Outcome<Option<Evidence>> {
        while Instant::now() < until + GRACE {
            // A limit of zero would be none.
            let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let socket = if side == Side::Ours { &self.ours } else { &self.third };
            let received =
                socket.set_read_timeout(Some(left)).and_then(|()| socket.recv_from(&mut self.buffer));
            match received {
                // Any port of the peer's host: that it answers from another is a finding (2.1), not noise.
                Ok((length, from)) if Host::of(from) == Host::of(self.peer) => {
                    self.heard = true;
                    let bytes = self.buffer.get(..length).unwrap_or_default().to_vec();
                    return Ok(Some(Evidence {
                        at: self.began.elapsed(),
                        from,
                        to: self.address(side),
                        bytes,
                    }));
                }
                Ok(_) => (),
                Err(error) if is_refusal(&error) => {
                    self.handle_refusal()?;
                    return Ok(None);
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => continue,
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => (),
                    _ => return Err(fail(FailureKind::Failed, format!("{}: {}", self.peer, system(&error)))),
                },
            }
            if Instant::now() >= until {
                break;
            }
        }
        Ok(None)
    }

    /// Nobody listens there: any more, or not at all.
    fn handle_refusal(&self) -> Outcome {
        // It did listen before, and may have died of what we sent: that is for the clause at hand to judge.
        if self.heard {
            return Ok(());
        }
        let line = format!("{}: nobody listens there (is its daemon running?)", self.peer);
        Err(fail(FailureKind::Failed, line))
    }
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable
    )
}

/// The address that the system takes towards the peer.
fn ours_towards(peer: SocketAddr) -> Outcome<Host> {
    let any = if peer.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let found = UdpSocket::bind(any).and_then(|socket| {
        socket.connect(peer)?;
        socket.local_addr()
    });
    found.map(Host::of).map_err(|error| fail(FailureKind::Failed, format!("{peer}: {}", system(&error))))
}

/// Binds a socket that is told where nobody listens, though it is not connected: answers may come from anywhere.
fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    if address.is_ipv4() {
        setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
    } else {
        setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
    }
    Ok(socket)
}

/// On the loopback the next free address, for there are many; elsewhere another port.
fn third(peer: SocketAddr, from: SocketAddr) -> io::Result<UdpSocket> {
    // A third party with our address could pass for us with peers that look at the IP alone.
    let neighbours = match from.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => (1..100).map(|n| u32::from(ip).saturating_add(n)).collect(),
        _ => Vec::new(),
    };
    let neighbours = neighbours.into_iter().map(|bits| IpAddr::from(Ipv4Addr::from(bits)));
    let mut neighbours = neighbours.filter(|ip| ip.is_loopback() && *ip != peer.ip());
    match neighbours.find_map(|ip| bind(SocketAddr::new(ip, from.port())).ok()) {
        Some(socket) => Ok(socket),
        None => bind(Host::of(from).with_port(0)),
    }
}

fn not_bound(peer: SocketAddr, from: SocketAddr, error: &io::Error) -> Error {
    let line = match error.kind() {
        ErrorKind::AddrInUse => {
            format!("{from}: address in use (stop the simpd that is there, or {})", remedy(peer, from))
        }
        ErrorKind::AddrNotAvailable => format!("{from}: not an address of this host"),
        _ => format!("{from}: {}", system(error)),
    };
    fail(FailureKind::Failed, line)
}

/// Where to probe from instead.
fn remedy(peer: SocketAddr, from: SocketAddr) -> String {
    let free = [9, 10, 11].map(|host| IpAddr::from([127, 0, 0, host]));
    let free = free.into_iter().find(|ip| *ip != peer.ip() && *ip != from.ip());
    let other = match free {
        Some(ip) if peer.ip().is_loopback() && peer.is_ipv4() => ip.to_string(),
        _ => Host::of(from).with_port(from.port().wrapping_add(1).max(1)).to_string(),
    };
    format!("use --from {other}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_address_to_probe_from_is_one_that_reaches_the_peer() {
        for (peer, from, expected) in [
            ("127.0.0.1:7777", "127.0.0.1:7777", "use --from 127.0.0.9"),
            ("127.0.0.9:7777", "127.0.0.1:7777", "use --from 127.0.0.10"),
            ("[::1]:7777", "[::1]:7777", "use --from [::1]:7778"),
            ("192.0.2.1:7777", "192.0.2.7:7777", "use --from 192.0.2.7:7778"),
        ] {
            assert_eq!(remedy(peer.parse().unwrap(), from.parse().unwrap()), expected);
        }
    }
}

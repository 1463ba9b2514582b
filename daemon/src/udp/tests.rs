//! The socket against itself on loopback addresses.

use super::kernel::to_socket_addr;
use super::*;
use mio::{Events, Poll};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

/// A socket with a loop of its own, and what came in.
struct Host {
    udp: Udp,
    poll: Poll,
    received: Vec<(SocketAddr, Option<IpAddr>, Vec<u8>)>,
    unreachable: Vec<Unreachable>,
    batches: usize,
}

impl Host {
    fn at(address: &str) -> Self {
        let mut udp = Udp::bind(address.parse().unwrap()).unwrap();
        let poll = Poll::new().unwrap();
        poll.registry().register(&mut udp, Token(0), Interest::READABLE).unwrap();
        Self { udp, poll, received: Vec::new(), unreachable: Vec::new(), batches: 0 }
    }

    fn addr(&self) -> SocketAddr {
        self.udp.local_addr()
    }

    fn port(&self, ip: &str) -> SocketAddr {
        SocketAddr::new(ip.parse().unwrap(), self.addr().port())
    }

    fn transmit(&mut self, to: SocketAddr, from: Option<IpAddr>, bytes: &[u8]) {
        self.udp.queue(to, from, bytes, None);
        let flushed = self.udp.flush(Instant::now(), |failed| panic!("{failed:?}"));
        assert_eq!(flushed, Flushed { transmitted: 1, refused: 0, dropped: 0, blocked: None });
    }

    fn receive(&mut self) -> More {
        self.batches += 1;
        let keep = |d: Received<'_>| self.received.push((d.from, d.local, d.bytes.to_vec()));
        self.udp.receive(keep).unwrap()
    }

    /// Turns of the loop, as the contract has it, until `enough`.
    fn run_until(&mut self, enough: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut events = Events::with_capacity(4);
        while !enough(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "nothing came within {PATIENCE:?}");
            self.poll.poll(&mut events, Some(left)).unwrap();
            for event in &events {
                while event.is_readable() && self.receive() == More::Perhaps {}
                if event.is_error() || self.udp.errors_waiting() {
                    self.udp.receive_errors(|error| self.unreachable.push(error)).unwrap();
                }
            }
        }
    }

    fn next(&mut self) -> (SocketAddr, Option<IpAddr>, Vec<u8>) {
        self.run_until(|host| !host.received.is_empty());
        self.received.remove(0)
    }
}

/// A port where nobody listens (any more).
fn closed(address: &str) -> SocketAddr {
    Udp::bind(address.parse().unwrap()).unwrap().local_addr()
}

fn ip(address: &str) -> Option<IpAddr> {
    Some(address.parse().unwrap())
}

#[test]
fn datagrams_go_there_and_back() {
    for (alice, bob) in [("127.90.1.1:0", "127.90.1.2:0"), ("[::1]:0", "[::1]:0")] {
        let (mut alice, mut bob) = (Host::at(alice), Host::at(bob));
        alice.transmit(bob.addr(), None, b"ping");
        assert_eq!(bob.next(), (alice.addr(), None, b"ping".to_vec()));
        bob.transmit(alice.addr(), None, b"");
        assert_eq!(alice.next(), (bob.addr(), None, vec![]));
    }
}

#[test]
fn an_answer_leaves_from_the_address_that_was_addressed() {
    for (wildcard, peer, addressed) in [
        ("0.0.0.0:0", "127.90.2.1:0", "127.90.2.2"),
        ("[::]:0", "127.90.2.3:0", "127.90.2.4"),
        ("[::]:0", "[::1]:0", "::1"),
    ] {
        let (mut server, mut peer) = (Host::at(wildcard), Host::at(peer));
        // Twice, because the headers of the first batch serve the second one too.
        for _ in 0..2 {
            peer.transmit(server.port(addressed), None, b"ping");
            let (from, local, bytes) = server.next();
            assert_eq!((from, local, &bytes[..]), (peer.addr(), ip(addressed), &b"ping"[..]));
            server.transmit(from, local, b"pong");
            assert_eq!(peer.next(), (server.port(addressed), None, b"pong".to_vec()));
        }
    }
}

#[test]
fn answers_from_different_addresses_share_one_flush() {
    let (mut server, mut peer) = (Host::at("[::]:0"), Host::at("127.90.3.1:0"));
    let sources = [ip("127.90.3.2"), ip("127.90.3.2"), None, ip("127.90.3.3")];
    for from in sources {
        server.udp.queue(peer.addr(), from, b"pong", None);
    }
    assert_eq!(server.udp.flush(Instant::now(), |failed| panic!("{failed:?}")).transmitted, 4);
    peer.run_until(|peer| peer.received.len() == 4);
    let seen: Vec<_> = peer.received.iter().map(|(from, ..)| Some(from.ip())).collect();
    assert_eq!(seen, [sources[0], sources[1], ip("127.0.0.1"), sources[3]]);
}

#[test]
fn a_hundred_datagrams_arrive_in_order_over_several_batches() {
    let (mut alice, mut bob) = (Host::at("127.90.4.1:0"), Host::at("127.90.4.2:0"));
    for n in 0..100u8 {
        alice.udp.queue(bob.addr(), None, &vec![n; 1 + 10 * usize::from(n)], None);
    }
    assert_eq!(alice.udp.flush(Instant::now(), |failed| panic!("{failed:?}")).transmitted, 100);
    bob.run_until(|bob| bob.received.len() >= 100);
    assert_eq!(bob.batches, 100usize.div_ceil(RECEIVE_BATCH));
    for (n, (_, _, bytes)) in (0..100u8).zip(&bob.received) {
        assert_eq!(*bytes, vec![n; 1 + 10 * usize::from(n)]);
    }
}

#[test]
fn the_largest_datagram_arrives_whole_and_a_larger_one_is_refused_alone() {
    let (mut alice, mut bob) = (Host::at("127.90.5.1:0"), Host::at("127.90.5.2:0"));
    let largest: Vec<u8> = (0..65_507u32).map(|n| n as u8).collect();
    alice.udp.queue(bob.addr(), None, &largest, None);
    alice.udp.queue(bob.addr(), None, &[0; 65_508], None);
    alice.udp.queue("[::1]:9".parse().unwrap(), None, b"not on an IPv4 socket", None);
    alice.udp.queue(bob.addr(), None, b"next", None);
    let mut failed = Vec::new();
    let flushed = alice.udp.flush(Instant::now(), |fated| failed.push(fated));
    assert_eq!(flushed, Flushed { transmitted: 2, refused: 2, dropped: 0, blocked: None });
    let expected = [bob.addr(), "[::1]:9".parse().unwrap()];
    assert_eq!(failed, expected.map(|to| (to, Fate::Refused(Refusal::Never))));
    assert!(bob.next().2 == largest);
    assert_eq!(bob.next().2, b"next");
    alice.udp.receive_errors(|error| panic!("{error:?}")).unwrap();
}

#[test]
fn a_network_without_a_route_is_reported_at_once() {
    let mut alice = Host::at("[::1]:0");
    let to: SocketAddr = "127.90.6.1:9".parse().unwrap();
    alice.udp.queue(to, None, b"IPv6 only", None);
    let mut failed = Vec::new();
    assert_eq!(alice.udp.flush(Instant::now(), |fated| failed.push(fated)).refused, 1);
    assert_eq!(failed, [(to, Fate::Refused(Refusal::NoRoute))]);
    assert!(!alice.udp.is_blocked());
}

#[test]
fn a_closed_port_is_reported_and_everything_else_still_flows() {
    for (alice, bob, closed_at) in [
        ("127.90.7.1:0", "127.90.7.2:0", "127.90.7.3:0"),
        ("[::1]:0", "[::1]:0", "[::1]:0"),
        ("[::]:0", "127.90.7.4:0", "127.90.7.5:0"),
        ("[::]:0", "[::1]:0", "[::1]:0"),
    ] {
        let (mut alice, mut bob) = (Host::at(alice), Host::at(bob));
        let loopback = if bob.addr().is_ipv4() { "127.0.0.1" } else { "::1" };
        let alice_at = if alice.addr().ip().is_unspecified() { alice.port(loopback) } else { alice.addr() };
        let closed = closed(closed_at);
        for n in 0..40 {
            bob.transmit(alice_at, None, &[n]);
            alice.udp.queue(closed, None, b"lost", None);
            alice.udp.queue(bob.addr(), None, &[n], None);
        }
        let flushed = alice.udp.flush(Instant::now(), |failed| panic!("{failed:?}"));
        assert_eq!(flushed.transmitted, 80);
        alice.run_until(|alice| alice.received.len() == 40 && !alice.unreachable.is_empty());
        bob.run_until(|bob| bob.received.len() == 40);
        let expected = Unreachable { to: closed, kind: UnreachableKind::Port };
        assert!(alice.unreachable.iter().all(|error| *error == expected), "{:?}", alice.unreachable);
        assert_eq!(alice.udp.receive(|_| panic!("nothing is left")).unwrap(), More::No);
        assert!(!alice.udp.errors_waiting());
    }
}

#[test]
fn a_receive_that_meets_an_error_says_that_errors_wait() {
    let mut alice = Host::at("127.90.8.1:0");
    let closed = closed("127.90.8.2:0");
    alice.transmit(closed, None, b"lost");
    let deadline = Instant::now() + PATIENCE;
    while !alice.udp.errors_waiting() && Instant::now() < deadline {
        assert_eq!(alice.receive(), More::No);
    }
    let mut errors = Vec::new();
    alice.udp.receive_errors(|error| errors.push(error)).unwrap();
    assert_eq!(errors, [Unreachable { to: closed, kind: UnreachableKind::Port }]);
    assert!(!alice.udp.errors_waiting());
}

#[test]
fn a_bind_that_fails_says_why() {
    for taken in ["127.90.9.1:0", "[::1]:0", "[::]:0", "0.0.0.0:0"] {
        let first = Host::at(taken);
        assert!(matches!(Udp::bind(first.addr()), Err(BindError::InUse)), "{taken}");
    }
    let none = BindError::from(Errno::EAFNOSUPPORT).to_string();
    assert_eq!(none, "address family not supported by protocol");
}

#[test]
fn a_mapped_address_is_an_ipv4_address() {
    let mut alice = Host::at("[::ffff:127.90.10.1]:0");
    assert_eq!(alice.addr().ip(), "127.90.10.1".parse::<IpAddr>().unwrap());
    let mapped = SocketAddr::new("::ffff:127.90.10.1".parse().unwrap(), alice.addr().port());
    alice.transmit(mapped, None, b"to myself");
    assert_eq!(alice.next().0, alice.addr());
}

#[test]
fn the_scope_of_a_link_local_address_survives() {
    let scoped: SocketAddr = std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 7, 0, 3).into();
    assert_eq!(to_socket_addr(&SockaddrStorage::from(scoped)), Some(scoped));
    assert_eq!(canonical(scoped), scoped);
}

#[test]
fn an_address_that_no_interface_has_can_be_bound_and_nothing_leaves_before_one_has() {
    let mut alice = Host::at("127.90.11.1:0");
    let mut bob = Host::at("127.90.11.2:0");
    for elsewhere in ["192.0.2.1:0", "[2001:db8::1]:0"] {
        Udp::bind(elsewhere.parse().unwrap()).unwrap();
    }
    alice.udp.set_present(false);
    alice.udp.queue(bob.addr(), None, b"hi", None);
    let mut fates = Vec::new();
    let flushed = alice.udp.flush(Instant::now(), |fated| fates.push(fated));
    assert_eq!((flushed.blocked, alice.udp.is_blocked()), (Some(Blocked::NoAddress), true));
    alice.udp.set_present(true);
    assert_eq!(alice.udp.flush(Instant::now(), |fated| fates.push(fated)).transmitted, 1);
    assert_eq!(fates, [(bob.addr(), Fate::Held), (bob.addr(), Fate::Left)]);
    assert_eq!(bob.next().2, b"hi");
}

//! Two endpoints over sockets on loopback addresses.

use std::time::Duration;

use mio::{Events, Poll};
use simp_proto::secure::{Broken, ChannelId, Frame};
use simp_secure::{ChannelEvent, Identity, Settings};

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);
const CHANNEL: ChannelId = ChannelId(0);

/// A daemon with nothing but secure channels.
struct Host {
    socket: SecureSocket,
    endpoint: Endpoint,
    poll: Poll,
    events: Vec<ChannelEvent>,
    datagrams: usize,
    batches: usize,
    outcome: Outcome,
    waits: usize,
    /// How long it sleeps at most.
    nap: Duration,
}

impl Host {
    fn at(address: &str) -> Self {
        let mut socket = SecureSocket::bind(address.parse().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity::load(&folder.path().join("key.pem")).unwrap();
        let settings = Settings { segments_max: socket.segments_max().min(10), ..Settings::default() };
        let endpoint = Endpoint::new(&identity, settings).unwrap();
        let poll = Poll::new().unwrap();
        poll.registry().register(&mut socket, Token(0), Interest::READABLE).unwrap();
        Self {
            socket,
            endpoint,
            poll,
            events: Vec::new(),
            datagrams: 0,
            batches: 0,
            outcome: Outcome::Left,
            waits: 0,
            nap: Duration::from_millis(1),
        }
    }

    fn addr(&self) -> SocketAddr {
        self.socket.local_addr()
    }

    /// One turn, as a loop has it.
    fn turn(&mut self, events: &mut Events) {
        let now = Instant::now();
        let deadline = self.endpoint.poll_timeout().map(|deadline| deadline.saturating_duration_since(now));
        self.poll.poll(events, Some(deadline.unwrap_or(self.nap).min(self.nap))).unwrap();
        let now = Instant::now();
        loop {
            self.batches += 1;
            let more = self.socket.receive(|SecureDatagram { from, local, ecn, bytes }| {
                self.datagrams += 1;
                self.endpoint.handle_datagram(now, from, local, ecn, bytes);
            });
            if more.unwrap() == More::No {
                break;
            }
        }
        self.socket.receive_errors(|error| self.endpoint.handle_unreachable(now, error.to)).unwrap();
        self.endpoint.handle_timeout(now);
        while let Some(event) = self.endpoint.poll_event() {
            self.events.push(event);
        }
        let outcome = self.socket.flush(now, &mut self.endpoint);
        if outcome != self.outcome {
            self.outcome = outcome;
            let interest = match outcome {
                Outcome::Left => Interest::READABLE,
                Outcome::Waits => Interest::READABLE | Interest::WRITABLE,
            };
            self.poll.registry().reregister(&mut self.socket, Token(0), interest).unwrap();
            self.waits += usize::from(outcome == Outcome::Waits);
        }
    }

    fn texts(&self) -> Vec<u64> {
        let texts = self.events.iter().filter_map(|event| match event {
            ChannelEvent::Frame { frame: Frame::Text { number, .. }, .. } => Some(*number),
            _ => None,
        });
        texts.collect()
    }
}

#[track_caller]
fn until(hosts: &mut [&mut Host], is_so: impl Fn(&[&mut Host]) -> bool) {
    let mut events = Events::with_capacity(4);
    let end = Instant::now() + PATIENCE;
    while !is_so(hosts) {
        assert!(Instant::now() < end, "it is not so after {PATIENCE:?}");
        hosts.iter_mut().for_each(|host| host.turn(&mut events));
    }
}

#[test]
fn texts_arrive_over_every_kind_of_address() {
    for (alice, bob, to) in [
        ("127.90.20.1:0", "127.90.20.2:0", "127.90.20.2"),
        ("[::1]:0", "[::1]:0", "::1"),
        ("[::]:0", "127.90.20.3:0", "127.90.20.3"),
        ("127.90.20.4:0", "[::]:0", "127.90.20.5"),
        ("127.90.20.6:0", "0.0.0.0:0", "127.90.20.7"),
        ("[::1]:0", "[::]:0", "::1"),
    ] {
        let (mut alice, mut bob) = (Host::at(alice), Host::at(bob));
        let to = SocketAddr::new(to.parse().unwrap(), bob.addr().port());
        alice.endpoint.open(Instant::now(), CHANNEL, to, None);
        for number in 1..=500 {
            alice
                .endpoint
                .write(CHANNEL, &Frame::Text { number, text: "x".repeat(500), kept: false, answers: None });
        }
        until(&mut [&mut alice, &mut bob], |hosts| hosts[1].texts().len() == 500);
        assert_eq!(bob.texts(), Vec::from_iter(1..=500));
        let ChannelEvent::Incoming { channel, address, .. } = bob.events[0] else {
            panic!("{:?}", bob.events[0])
        };
        assert_eq!(address.port(), alice.addr().port());
        assert_eq!(address.is_ipv4(), to.is_ipv4());
        bob.endpoint.write(channel, &Frame::Accept);
        until(&mut [&mut alice, &mut bob], |hosts| hosts[0].events.len() == 2);
    }
}

#[test]
fn a_port_where_nobody_listens_is_known_at_once() {
    for address in ["127.90.21.1:0", "[::1]:0"] {
        let closed = SecureSocket::bind(address.parse().unwrap()).unwrap().local_addr();
        let mut alice = Host::at(address);
        let begin = Instant::now();
        alice.endpoint.open(begin, CHANNEL, closed, None);
        until(&mut [&mut alice], |hosts| !hosts[0].events.is_empty());
        assert_eq!(alice.events, [ChannelEvent::Broken { channel: CHANNEL, why: Broken::Unreachable }]);
    }
}

#[test]
fn a_network_without_a_route_is_known_at_once() {
    let mut alice = Host::at("[::1]:0");
    alice.endpoint.open(Instant::now(), CHANNEL, "127.90.22.1:9".parse().unwrap(), None);
    until(&mut [&mut alice], |hosts| !hosts[0].events.is_empty());
    assert_eq!(alice.events, [ChannelEvent::Broken { channel: CHANNEL, why: Broken::Unreachable }]);
}

#[test]
fn without_an_address_nothing_leaves_and_nothing_waits() {
    let (mut alice, mut bob) = (Host::at("127.90.23.1:0"), Host::at("127.90.23.2:0"));
    alice.socket.set_present(false);
    alice.endpoint.open(Instant::now(), CHANNEL, bob.addr(), None);
    until(&mut [&mut alice, &mut bob], |hosts| !hosts[0].events.is_empty());
    assert_eq!(alice.events, [ChannelEvent::Broken { channel: CHANNEL, why: Broken::NoAnswer }]);
    assert_eq!(bob.datagrams, 0);
    alice.socket.set_present(true);
    alice.endpoint.open(Instant::now(), ChannelId(2), bob.addr(), None);
    until(&mut [&mut alice, &mut bob], |hosts| hosts[0].events.len() == 2);
}

#[test]
fn it_is_beside_that_of_simp() {
    for (simp, secure) in [
        ("10.0.0.2:7777", Some("10.0.0.2:7776")),
        ("[fe80::1%3]:7777", Some("[fe80::1%3]:7776")),
        ("[::]:2", Some("[::]:1")),
        ("[::ffff:10.0.0.2]:7777", Some("10.0.0.2:7776")),
        ("10.0.0.2:1", None),
        ("10.0.0.2:0", None),
    ] {
        assert_eq!(beside(simp.parse().unwrap()), secure.map(|secure| secure.parse().unwrap()), "{simp}");
    }
}

/// In no way a test: `cargo test --release -p simp-daemon --lib -- --ignored --nocapture figures`.
#[test]
#[ignore = "it measures"]
fn figures() {
    const COUNT: u64 = 200_000;
    for in_flight in [1, 64, 512] {
        let (mut alice, mut bob) = (Host::at("127.90.24.1:0"), Host::at("127.90.24.2:0"));
        (alice.nap, bob.nap) = (Duration::ZERO, Duration::ZERO);
        alice.endpoint.open(Instant::now(), CHANNEL, bob.addr(), None);
        until(&mut [&mut alice, &mut bob], |hosts| !hosts[0].events.is_empty());
        let (begin, mut events) = (Instant::now(), Events::with_capacity(4));
        let (mut written, mut seen, mut answered) = (0, 0, 0);
        let count = COUNT * in_flight / 512 + 20_000;
        while answered < count {
            while written < count && written - answered < in_flight {
                written += 1;
                alice.endpoint.write(
                    CHANNEL,
                    &Frame::Text { number: written, text: "x".repeat(64), kept: false, answers: None },
                );
            }
            alice.turn(&mut events);
            bob.turn(&mut events);
            let mut incoming = None;
            for event in bob.events.drain(..) {
                if let ChannelEvent::Frame { channel, .. } = event {
                    seen += 1;
                    incoming = Some(channel);
                }
            }
            if let Some(channel) = incoming {
                bob.endpoint.write(channel, &Frame::Ack { upto: seen });
            }
            for event in alice.events.drain(..) {
                if let ChannelEvent::Frame { frame: Frame::Ack { upto }, .. } = event {
                    answered = upto;
                }
            }
        }
        let each = begin.elapsed().as_secs_f64() / count as f64;
        let per_batch = bob.datagrams as f64 / bob.batches as f64;
        let waits = alice.waits + bob.waits;
        println!(
            "{in_flight} in flight: {:.0} texts/s, {per_batch:.2} datagrams for each call, waited {waits} times",
            1.0 / each
        );
    }
}

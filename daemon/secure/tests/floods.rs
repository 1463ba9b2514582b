//! What strangers can make a daemon do.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use simp_proto::secure::Broken;
use simp_secure::{BytesMut, Settings};
use simp_seeds::{Random, Replay, seeds};

use crate::net::{ALICE, BOB, CAROL, Datagram, Net, Weather};

/// Bytes that Bob has transmitted to each address, and their datagrams.
fn answers(net: &Net) -> HashMap<SocketAddr, (usize, usize)> {
    let mut answers = HashMap::<_, (usize, usize)>::new();
    for datagram in net.transmitted.iter().filter(|datagram| datagram.from == net.hosts[BOB].address) {
        let (bytes, count) = answers.entry(datagram.to).or_default();
        *bytes += datagram.bytes.len();
        *count += 1;
    }
    answers
}

/// The first datagram of so many that want a link, each with an address of its own.
fn wishes(net: &mut Net, count: u32) -> Vec<Datagram> {
    let mut wishes = Vec::new();
    for n in 0..count {
        let to = SocketAddr::from(([10, 77, (n >> 8) as u8, n as u8], 7776));
        let now = net.now;
        let channel = net.hosts[CAROL].open(now, to, None);
        let mut buf = Vec::new();
        while let Some(transmit) = net.hosts[CAROL].endpoint.poll_transmit(now, &mut buf) {
            let from = SocketAddr::from((to.ip(), 1_024 + n as u16));
            assert_eq!(transmit.destination, to);
            wishes.push(Datagram { from, to: net.hosts[BOB].address, bytes: buf.clone() });
        }
        net.hosts[CAROL].endpoint.close(channel);
    }
    assert_eq!(wishes.len(), count as usize);
    wishes
}

#[test]
fn garbage_is_answered_with_less_than_it_is_and_leaves_nothing() {
    for seed in seeds(20) {
        let _replay = Replay { package: "simp-secure", test: "garbage_is_answered", seed };
        let mut random = Random(seed);
        let mut net = Net::new(seed, Weather::default());
        let (alice, bob) = net.channel();
        let recorded = net.transmitted.clone();
        let stranger = SocketAddr::from(([10, 66, 6, 6], 6_666));
        let mut sent = 0;
        for _ in 0..500 {
            let bytes = match random.below(3) {
                0 => random.bytes(1_500),
                // What was once said, as it was or not quite.
                1 => recorded[random.index(recorded.len())].bytes.clone(),
                _ => {
                    let mut bytes = recorded[random.index(recorded.len())].bytes.clone();
                    let at = random.index(bytes.len());
                    bytes[at] ^= 1 << random.below(8);
                    bytes
                }
            };
            sent += bytes.len();
            let now = net.now;
            net.hosts[BOB].endpoint.handle_datagram(now, stranger, None, None, BytesMut::from(&bytes[..]));
            net.run(Duration::from_millis(1));
        }
        net.run(Duration::from_secs(10));
        let (answered, _) = answers(&net).get(&stranger).copied().unwrap_or_default();
        assert!(answered <= 3 * sent, "{answered} for {sent}");
        // And the channel is as it was.
        net.hosts[ALICE].write(alice, 1, "still there");
        net.run(Duration::from_secs(1));
        assert_eq!(net.hosts[BOB].numbers(bob), [0, 1]);
        net.run(Duration::from_secs(60));
        assert_eq!(net.hosts[BOB].endpoint.poll_timeout(), None);
    }
}

#[test]
fn a_flood_of_wishes_is_answered_with_little_forgotten_soon_and_lets_others_through() {
    let mut net = Net::new(1, Weather { delay: Duration::from_millis(1), ..Weather::default() });
    let wishes = wishes(&mut net, 2_000);
    let length = wishes[0].bytes.len();
    for (n, wish) in wishes.into_iter().enumerate() {
        net.put(wish);
        if n % 10 == 0 {
            net.run(Duration::from_millis(1));
        }
    }
    // Amid the flood somebody who is there.
    let (alice, _) = net.channel();
    assert!(net.hosts[ALICE].opened(alice).is_some());
    // It had to prove its address.
    let retries =
        net.transmitted.iter().filter(|it| it.to == net.hosts[ALICE].address && it.bytes[0] >> 4 == 0xf);
    assert_eq!(retries.count(), 1);
    net.run(Duration::from_secs(20));
    let answers = answers(&net);
    let strangers = answers.iter().filter(|(to, _)| to.ip().to_string().starts_with("10.77"));
    let (mut most, mut handshakes) = (0, 0);
    for (_, (bytes, count)) in strangers {
        most = most.max(*bytes);
        handshakes += usize::from(*count > 1 || *bytes > 300);
    }
    assert!(most <= 3 * length, "{most} for {length}");
    assert!(handshakes <= 100, "{handshakes} without a proof");
    // Nobody proved an address: of them nothing is left but the one link, and soon not that.
    net.run(Duration::from_secs(60));
    assert_eq!(net.hosts[BOB].endpoint.poll_timeout(), None);
}

#[test]
fn whoever_finds_no_room_is_told_so() {
    for full in [
        Settings { incoming_max: 1, ..Settings::default() },
        Settings { incoming_max: 0, ..Settings::default() },
    ] {
        let mut net = Net::with(1, Weather { delay: Duration::from_millis(5), ..Weather::default() }, full);
        if full.incoming_max == 1 {
            net.channel();
        }
        let channel = net.open(CAROL, BOB);
        net.run(Duration::from_secs(1));
        assert_eq!(net.hosts[CAROL].broken(channel), Some(Broken::Refused));
        // Once there is room, there is.
        if full.incoming_max == 1 {
            net.run(Duration::from_secs(60));
            let channel = net.open(CAROL, BOB);
            net.run(Duration::from_secs(1));
            assert!(net.hosts[CAROL].opened(channel).is_some());
        }
    }
}

#[test]
fn we_call_only_so_many_at_once() {
    let settings = Settings { outgoing_max: 2, ..Settings::default() };
    let mut net = Net::with(1, Weather::default(), settings);
    let now = net.now;
    let to = [1, 2, 3].map(|n| SocketAddr::from(([10, 7, 7, n], 7776)));
    let channels = to.map(|to| net.hosts[ALICE].open(now, to, None));
    net.run(Duration::from_secs(2));
    let broken = channels.map(|channel| net.hosts[ALICE].broken(channel).unwrap());
    assert_eq!(broken, [Broken::NoAnswer, Broken::NoAnswer, Broken::Refused]);
}

#[test]
fn what_is_not_read_is_bounded_however_many_channels_there_are() {
    let mut net = Net::new(1, Weather::default());
    net.hosts[BOB].is_deaf = true;
    let text = "x".repeat(64 << 10);
    for number in 0..16 {
        let channel = net.open(ALICE, BOB);
        (0..16).for_each(|_| net.hosts[ALICE].write(channel, number, &text));
    }
    net.run(Duration::from_secs(10));
    let carried: usize = net.transmitted.iter().map(|datagram| datagram.bytes.len()).sum();
    assert!(carried < 1_400 << 10, "{carried}");
}

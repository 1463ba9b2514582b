//! What is said over a channel arrives once and in order, or the channel breaks.

use std::time::Duration;

use simp_secure::{Broken, ChannelEvent};
use simp_seeds::{Random, Replay, seeds};

use crate::net::{ALICE, BOB, CAROL, Net, Weather};

const BAD: Weather = Weather { lost: 20, copied: 10, late: 30, delay: Duration::from_millis(10) };

#[test]
fn frames_arrive_once_and_in_order_over_any_network_until_the_channel_ends() {
    for seed in seeds(60) {
        let _replay = Replay { package: "simp-secure", test: "frames_arrive_once", seed };
        let mut random = Random(seed);
        let weather = Weather {
            lost: random.below(25),
            copied: random.below(15),
            late: random.below(40),
            delay: Duration::from_millis(random.below(100)),
        };
        let mut net = Net::new(seed, weather);
        let (alice, bob) = net.channel();
        let count = 1 + random.below(600);
        let text = "x".repeat(random.below(1_000) as usize);
        let bob_text = "y".repeat(random.below(100) as usize);
        for number in 1..=count {
            net.hosts[ALICE].write(alice, number, &text);
            net.hosts[BOB].write(bob, number, &bob_text);
        }
        net.hosts[ALICE].endpoint.close(alice);
        net.until(|net| net.hosts[BOB].broken(bob).is_some());
        assert_eq!(net.hosts[BOB].numbers(bob), Vec::from_iter(0..=count));
        assert_eq!(net.hosts[BOB].broken(bob), Some(Broken::Ended));
        assert_eq!(net.hosts[BOB].events.last().unwrap().channel(), bob);
        // Whoever has closed it hears nothing more of it.
        assert_eq!(net.hosts[ALICE].numbers(alice), []);
        assert_eq!(net.hosts[ALICE].broken(alice), None);
    }
}

#[test]
fn channels_of_two_daemons_share_a_link_and_go_both_ways() {
    let mut net = Net::new(1, BAD);
    let (_, bob) = net.channel();
    net.run(Duration::from_secs(1));
    let before = handshake(&net);
    let second = net.open(BOB, ALICE);
    net.hosts[BOB].write(second, 7, "over the same link");
    net.until(|net| net.hosts[ALICE].incoming().is_some());
    let incoming = net.hosts[ALICE].incoming().unwrap();
    net.until(|net| net.hosts[ALICE].numbers(incoming) == [7]);
    assert!(bob.0 % 2 == 1 && incoming.0 % 2 == 1);
    let key = net.hosts[BOB].key;
    let address = net.hosts[BOB].address;
    assert!(net.hosts[ALICE].events.contains(&ChannelEvent::Incoming { channel: incoming, key, address }));
    assert_eq!(handshake(&net), before, "no other handshake");
    assert!(net.hosts[CAROL].events.is_empty());
}

/// Datagrams with a part of a handshake.
fn handshake(net: &Net) -> usize {
    net.transmitted.iter().filter(|datagram| datagram.bytes[0] & 0x80 != 0).count()
}

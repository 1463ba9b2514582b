//! What is said over a channel arrives once and in order, or the channel breaks.

use std::time::Duration;

use simp_proto::secure::Broken;
use simp_secure::ChannelEvent;
use simp_seeds::{Random, Replay, seeds};

use crate::net::{ALICE, BOB, CAROL, Net, Weather};

const BAD: Weather = Weather { lost: 20, copied: 10, late: 30, damaged: 2, delay: Duration::from_millis(10) };

#[test]
fn frames_arrive_once_and_in_order_over_any_network_until_the_channel_ends() {
    for seed in seeds(60) {
        let _replay = Replay { package: "simp-secure", test: "frames_arrive_once", seed };
        let mut random = Random(seed);
        let weather = Weather {
            lost: random.below(25),
            copied: random.below(15),
            late: random.below(40),
            damaged: random.below(4),
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

#[test]
fn a_channel_that_is_not_read_holds_the_peer_up_and_no_other_channel() {
    let mut net = Net::new(1, Weather { delay: Duration::from_millis(1), ..Weather::default() });
    let (alice, bob) = net.channel();
    let other = net.open(ALICE, BOB);
    net.hosts[ALICE].write(other, 0, "first");
    net.until(|net| net.hosts[BOB].incoming() != Some(bob));
    let bob_other = net.hosts[BOB].incoming().unwrap();
    net.hosts[BOB].endpoint.pause(bob, true);
    let text = "x".repeat(1 << 10);
    let before = net.transmitted.iter().map(|it| it.bytes.len()).sum::<usize>();
    for number in 1..=1_500 {
        net.hosts[ALICE].write(alice, number, &text);
    }
    net.run(Duration::from_secs(10));
    let carried = net.transmitted.iter().map(|it| it.bytes.len()).sum::<usize>() - before;
    assert!(carried < 600 << 10, "{carried} bytes for somebody who does not read them");
    assert_eq!(net.hosts[BOB].numbers(bob), [0]);
    net.hosts[ALICE].write(other, 1, "meanwhile");
    net.run(Duration::from_secs(1));
    assert_eq!(net.hosts[BOB].numbers(bob_other), [0, 1]);
    net.hosts[BOB].endpoint.pause(bob, false);
    net.run(Duration::from_secs(10));
    assert_eq!(net.hosts[BOB].numbers(bob), Vec::from_iter(0..=1_500));
}

#[test]
fn more_than_the_peer_ever_takes_breaks_the_channel() {
    let mut net = Net::new(1, Weather::default());
    let (alice, bob) = net.channel();
    net.hosts[BOB].endpoint.pause(bob, true);
    let text = "x".repeat(1 << 10);
    let mut number = 0;
    while net.hosts[ALICE].broken(alice).is_none() {
        number += 1;
        assert!(number < 4_000);
        net.hosts[ALICE].write(alice, number, &text);
        net.run(Duration::from_millis(1));
    }
    assert_eq!(net.hosts[ALICE].broken(alice), Some(Broken::Lost));
    // 2 MiB, and what was on its way.
    assert!(number > 2_000 && number < 3_000, "{number}");
    // The peer hears of the end when it reads again.
    net.hosts[BOB].endpoint.pause(bob, false);
    net.run(Duration::from_secs(1));
    assert_eq!(net.hosts[BOB].broken(bob), Some(Broken::Ended));
}

#[test]
fn the_longest_text_and_many_short_ones_are_in_flight_at_once() {
    for (length, count) in [(256 << 10, 1), (256, 512)] {
        let delay = Duration::from_millis(50);
        let mut net = Net::new(1, Weather { delay, ..Weather::default() });
        let (alice, bob) = net.channel();
        for number in 1..=count {
            net.hosts[ALICE].write(alice, number, &"x".repeat(length));
        }
        let begin = net.now;
        net.until(|net| net.hosts[BOB].numbers(bob).last() == Some(&count));
        // What the congestion window needs to grow, and no stop by the peer.
        assert!(net.now - begin < Duration::from_millis(600), "{:?}", net.now - begin);
    }
}

#[test]
fn more_channels_than_one_link_has_room_for_all_open() {
    let mut net = Net::new(1, BAD);
    let channels: Vec<_> = (0..40).map(|_| net.open(ALICE, BOB)).collect();
    for (number, channel) in channels.iter().enumerate() {
        net.hosts[ALICE].write(*channel, number as u64, "hello");
    }
    net.run(Duration::from_secs(10));
    let texts = |event: &&ChannelEvent| matches!(event, ChannelEvent::Frame { .. });
    assert_eq!(net.hosts[BOB].events.iter().filter(texts).count(), 40);
    assert!(channels.iter().all(|channel| net.hosts[ALICE].opened(*channel).is_some()));
}

#[test]
fn channels_that_end_make_room_for_others_on_the_same_link() {
    let mut net = Net::new(1, Weather { delay: Duration::from_millis(1), ..Weather::default() });
    net.channel();
    net.run(Duration::from_secs(1));
    let before = handshake(&net);
    for number in 0..100 {
        let channel = net.open(ALICE, BOB);
        net.hosts[ALICE].write(channel, number, "hello");
        net.run(Duration::from_millis(20));
        let incoming = net.hosts[BOB].incoming().unwrap();
        assert_eq!(net.hosts[BOB].numbers(incoming), [number]);
        // Either of them ends it.
        match number % 2 {
            0 => net.hosts[ALICE].endpoint.close(channel),
            _ => net.hosts[BOB].endpoint.close(incoming),
        }
        net.run(Duration::from_millis(20));
        let ended =
            if number % 2 == 0 { net.hosts[BOB].broken(incoming) } else { net.hosts[ALICE].broken(channel) };
        assert_eq!(ended, Some(Broken::Ended));
    }
    assert_eq!(handshake(&net), before);
}

#[test]
fn both_may_call_at_once() {
    let mut net = Net::new(1, Weather { delay: Duration::from_millis(10), ..Weather::default() });
    let (alice, bob) = (net.open(ALICE, BOB), net.open(BOB, ALICE));
    net.hosts[ALICE].write(alice, 1, "hello");
    net.hosts[BOB].write(bob, 2, "hello");
    net.run(Duration::from_secs(1));
    let (of_bob, of_alice) = (net.hosts[ALICE].incoming().unwrap(), net.hosts[BOB].incoming().unwrap());
    assert_eq!((net.hosts[ALICE].numbers(of_bob), net.hosts[BOB].numbers(of_alice)), (vec![2], vec![1]));
}

/// Datagrams with a part of a handshake.
fn handshake(net: &Net) -> usize {
    net.transmitted.iter().filter(|datagram| datagram.bytes[0] & 0x80 != 0).count()
}

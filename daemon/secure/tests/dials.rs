//! Whom a call reaches, and how soon it is known.

use std::time::Duration;

use simp_proto::secure::{Broken, Frame};
use simp_secure::ChannelEvent;
use simp_seeds::{Replay, replaying, seeds};

use crate::net::{ALICE, BOB, Net, Weather};

#[test]
fn a_peer_with_another_key_hears_nothing() {
    let mut net = Net::new(1, Weather::default());
    let (expected, to) = (net.foreign_key(), net.hosts[BOB].address);
    let now = net.now;
    let channel = net.hosts[ALICE].open(now, to, Some(expected));
    net.hosts[ALICE].write(channel, 1, "a secret");
    net.run(Duration::from_secs(3));
    assert_eq!(net.hosts[ALICE].broken(channel), Some(Broken::OtherKey(net.hosts[BOB].key)));
    assert_eq!((net.hosts[ALICE].events.len(), net.hosts[BOB].events.len()), (1, 0));
    assert_eq!(net.hosts[ALICE].endpoint.poll_timeout(), None);
}

#[test]
fn nobody_there_is_known_after_a_second_and_three_attempts() {
    let mut net = Net::new(1, Weather::default());
    let begin = net.now;
    let channel = net.hosts[ALICE].open(begin, "10.0.0.9:7776".parse().unwrap(), None);
    let mut attempts = 0;
    for pause in [100, 250, 600] {
        net.run(Duration::from_millis(pause));
        assert!(net.transmitted.len() > attempts);
        attempts = net.transmitted.len();
    }
    net.until(|net| net.hosts[ALICE].broken(channel).is_some());
    assert_eq!(net.hosts[ALICE].broken(channel), Some(Broken::NoAnswer));
    assert_eq!(net.now - begin, Duration::from_secs(1));
    let before = net.transmitted.len();
    net.run(Duration::from_secs(60));
    assert_eq!((net.transmitted.len(), net.hosts[ALICE].endpoint.poll_timeout()), (before, None));
}

#[test]
fn an_address_that_cannot_be_reached_is_known_at_once_and_hears_nothing_more() {
    let mut net = Net::new(1, Weather { delay: Duration::from_millis(20), ..Weather::default() });
    let bob = net.hosts[BOB].address;
    net.closed.insert(bob);
    let begin = net.now;
    let channel = net.open(ALICE, BOB);
    net.until(|net| net.hosts[ALICE].broken(channel).is_some());
    assert_eq!(net.hosts[ALICE].broken(channel), Some(Broken::Unreachable));
    assert_eq!((net.now - begin, net.transmitted.len()), (Duration::from_millis(20), 1));
    net.run(Duration::from_secs(60));
    assert_eq!((net.transmitted.len(), net.hosts[ALICE].endpoint.poll_timeout()), (1, None));
}

#[test]
fn we_are_no_peer_of_ours() {
    let mut net = Net::new(1, Weather::default());
    let channel = net.open(ALICE, ALICE);
    net.hosts[ALICE].write(channel, 1, "to myself");
    net.run(Duration::from_secs(10));
    assert_eq!(net.hosts[ALICE].broken(channel), Some(Broken::OtherKey(net.hosts[ALICE].key)));
    assert_eq!(net.hosts[ALICE].events.len(), 1);
    assert_eq!(net.hosts[ALICE].endpoint.poll_timeout(), None);
}

#[test]
fn a_key_is_asked_for_by_each_channel() {
    let mut net = Net::new(1, Weather { delay: Duration::from_millis(10), ..Weather::default() });
    let (key, foreign, to, now) = (net.hosts[BOB].key, net.foreign_key(), net.hosts[BOB].address, net.now);
    let alice = &mut net.hosts[ALICE];
    let channels = [None, Some(foreign), Some(key)].map(|expects| alice.open(now, to, expects));
    channels.iter().for_each(|channel| alice.write(*channel, channel.0, "hello"));
    net.run(Duration::from_secs(1));
    let alice = &net.hosts[ALICE];
    assert_eq!(channels.map(|channel| alice.opened(channel)), [Some(key), None, Some(key)]);
    assert_eq!(alice.broken(channels[1]), Some(Broken::OtherKey(key)));
    let texts = net.hosts[BOB].events.iter().filter_map(|event| match event {
        ChannelEvent::Frame { frame: Frame::Text { number, .. }, .. } => Some(*number),
        _ => None,
    });
    assert_eq!(Vec::from_iter(texts), [channels[0].0, channels[2].0]);
}

#[test]
fn whoever_has_answered_has_more_time_than_a_second() {
    let mut slow = 0;
    for seed in seeds(100) {
        let _replay = Replay { package: "simp-secure", test: "whoever_has_answered", seed };
        let weather = Weather { lost: 35, delay: Duration::from_millis(60), ..Weather::default() };
        let mut net = Net::new(seed, weather);
        let begin = net.now;
        let channel = net.open(ALICE, BOB);
        net.until(|net| !net.hosts[ALICE].events.is_empty());
        slow +=
            u32::from(net.now - begin > Duration::from_secs(1) && net.hosts[ALICE].opened(channel).is_some());
        assert!(net.now - begin <= Duration::from_secs(5));
    }
    assert!(replaying() || slow > 0);
}

#[test]
fn a_call_that_is_given_up_by_its_caller_is_forgotten() {
    let mut net = Net::new(1, Weather { delay: Duration::from_millis(10), ..Weather::default() });
    let channel = net.open(ALICE, BOB);
    net.hosts[ALICE].endpoint.close(channel);
    net.run(Duration::from_secs(60));
    assert_eq!(
        (net.hosts[ALICE].events.len(), net.hosts[BOB].events.len(), net.transmitted.len()),
        (0, 0, 0)
    );
    assert_eq!(net.hosts[ALICE].endpoint.poll_timeout(), None);
    // But not what was said before.
    let channel = net.open(ALICE, BOB);
    net.hosts[ALICE].write(channel, 1, "goodbye");
    net.hosts[ALICE].endpoint.close(channel);
    net.run(Duration::from_secs(1));
    let incoming = net.hosts[BOB].incoming().unwrap();
    assert_eq!(
        (net.hosts[BOB].numbers(incoming), net.hosts[BOB].broken(incoming)),
        (vec![1], Some(Broken::Ended))
    );
    assert_eq!(net.hosts[ALICE].events.len(), 0);
}

#[test]
fn nothing_comes_of_a_channel_after_it_was_closed() {
    let mut net = Net::new(1, Weather::default());
    let now = net.now;
    let channel = net.hosts[ALICE].open(now, "10.0.0.2:0".parse().unwrap(), None);
    assert!(net.hosts[ALICE].endpoint.has_more());
    net.hosts[ALICE].endpoint.close(channel);
    net.run(Duration::from_secs(1));
    assert_eq!(net.hosts[ALICE].events, []);
}

#[test]
fn port_0_is_nobody() {
    let mut net = Net::new(1, Weather::default());
    let now = net.now;
    let channel = net.hosts[ALICE].open(now, "10.0.0.2:0".parse().unwrap(), None);
    net.run(Duration::from_secs(1));
    assert_eq!(net.hosts[ALICE].broken(channel), Some(Broken::Unreachable));
}

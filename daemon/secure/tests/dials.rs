//! Whom a call reaches, and how soon it is known.

use std::time::Duration;

use simp_secure::Broken;

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
    net.until(|net| net.hosts[ALICE].broken(channel).is_some());
    assert_eq!(net.hosts[ALICE].broken(channel), Some(Broken::NoAnswer));
    assert_eq!(net.now - begin, Duration::from_secs(1));
    assert!(net.transmitted.len() >= 3, "{}", net.transmitted.len());
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

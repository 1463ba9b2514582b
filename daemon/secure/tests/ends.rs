//! How links end, and that nothing is left of them.

use std::net::SocketAddr;
use std::time::Duration;

use simp_proto::secure::Broken;
use simp_secure::ChannelEvent;

use crate::net::{ALICE, BOB, Net, Weather};

#[test]
fn a_link_with_nothing_to_say_is_forgotten_by_both_sides_without_a_word() {
    let mut net = Net::new(1, Weather { delay: Duration::from_millis(1), ..Weather::default() });
    let (alice, bob) = net.channel();
    net.run(Duration::from_secs(1));
    let (before, begin) = (net.transmitted.len(), net.now);
    net.until(|net| net.hosts[ALICE].broken(alice).is_some() && net.hosts[BOB].broken(bob).is_some());
    assert!(net.now - begin > Duration::from_secs(28) && net.now - begin < Duration::from_secs(31));
    assert_eq!(
        (net.hosts[ALICE].broken(alice), net.hosts[BOB].broken(bob)),
        (Some(Broken::Lost), Some(Broken::Lost))
    );
    net.run(Duration::from_secs(600));
    assert_eq!(net.transmitted.len(), before);
    for host in [ALICE, BOB] {
        assert_eq!(net.hosts[host].endpoint.poll_timeout(), None);
        assert!(!net.hosts[host].endpoint.has_more());
    }
    // And it is made again when there is something.
    let second = net.open(ALICE, BOB);
    net.hosts[ALICE].write(second, 1, "again");
    net.until(|net| {
        net.hosts[BOB].incoming().is_some_and(|incoming| net.hosts[BOB].numbers(incoming) == [1])
    });
}

#[test]
fn a_peer_that_was_killed_and_is_back_with_its_key_is_noticed_with_the_next_word() {
    let mut net = Net::new(1, Weather { delay: Duration::from_millis(5), ..Weather::default() });
    let (alice, _) = net.channel();
    net.run(Duration::from_secs(1));
    net.hosts[BOB].restart();
    let begin = net.now;
    net.hosts[ALICE].write(alice, 1, "are you there?");
    net.until(|net| net.hosts[ALICE].broken(alice).is_some());
    assert_eq!(net.hosts[ALICE].broken(alice), Some(Broken::Lost));
    assert!(net.now - begin < Duration::from_millis(100), "{:?}", net.now - begin);
    let second = net.open(ALICE, BOB);
    net.until(|net| net.hosts[ALICE].opened(second).is_some());
}

#[test]
fn a_peer_that_was_killed_and_calls_again_is_gone_from_the_link_that_it_had_made() {
    let mut net = Net::new(1, Weather { delay: Duration::from_millis(5), ..Weather::default() });
    let from_bob = |net: &mut Net, number| {
        let channel = net.open(BOB, ALICE);
        net.hosts[BOB].write(channel, number, "it is me");
        let is_there =
            |net: &Net| net.hosts[ALICE].incoming().filter(|it| net.hosts[ALICE].numbers(*it) == [number]);
        net.until(|net| is_there(net).is_some());
        is_there(net).unwrap()
    };
    let first = from_bob(&mut net, 1);
    net.run(Duration::from_secs(1));
    // Who has called cannot say in advance how it would tell that it knows nothing of the link.
    net.hosts[BOB].restart();
    let begin = net.now;
    let second = from_bob(&mut net, 2);
    net.until(|net| net.hosts[ALICE].broken(first).is_some());
    assert_eq!(net.hosts[ALICE].broken(first), Some(Broken::Lost));
    assert!(net.now - begin <= Duration::from_millis(1_100), "{:?}", net.now - begin);
    net.run(Duration::from_secs(5));
    assert_eq!(net.hosts[ALICE].broken(second), None);
}

#[test]
fn a_peer_that_moves_is_still_there() {
    let mut net = Net::new(1, Weather { delay: Duration::from_millis(5), ..Weather::default() });
    let (alice, bob) = net.channel();
    let elsewhere = "10.9.9.9:30000".parse().unwrap();
    let address = net.hosts[ALICE].address;
    net.moved.insert(address, elsewhere);
    for number in 1..=100 {
        net.hosts[ALICE].write(alice, number, "from elsewhere");
        net.hosts[BOB].write(bob, number, "to elsewhere");
        net.run(Duration::from_millis(50));
    }
    assert_eq!(net.hosts[BOB].numbers(bob), Vec::from_iter(0..=100));
    assert_eq!(net.hosts[ALICE].numbers(alice), Vec::from_iter(1..=100));
    // A channel to where it is now takes the same link.
    let now = net.now;
    let second = net.hosts[BOB].open(now, elsewhere, None);
    net.hosts[BOB].write(second, 7, "found");
    net.run(Duration::from_secs(1));
    let incoming = net.hosts[ALICE].incoming().unwrap();
    assert_eq!(net.hosts[ALICE].numbers(incoming), [7]);
}

/// Where it is told that Alice has moved to until Bob's channel ends; meanwhile what she transmits seems to come from elsewhere,
/// which is true or not.
fn told_of_move(is_true: bool) -> Vec<SocketAddr> {
    let mut net = Net::new(1, Weather { delay: Duration::from_millis(5), ..Weather::default() });
    let (alice, bob) = net.channel();
    net.run(Duration::from_secs(1));
    let address = net.hosts[ALICE].address;
    net.moved.insert(address, elsewhere());
    net.hosts[ALICE].write(alice, 1, "from elsewhere");
    net.until(|net| net.hosts[BOB].numbers(bob) == [0, 1]);
    if !is_true {
        net.moved.clear();
    }
    net.until(|net| net.hosts[BOB].broken(bob).is_some());
    let told = net.hosts[BOB].events.iter().filter_map(|event| match event {
        ChannelEvent::Moved { channel, address } if *channel == bob => Some(*address),
        _ => None,
    });
    told.collect()
}

fn elsewhere() -> SocketAddr {
    SocketAddr::from(([10, 9, 9, 9], 30_000))
}

#[test]
fn where_a_peer_was_last_is_told_as_the_link_ends_if_it_was_there() {
    assert_eq!(told_of_move(true), [elsewhere()]);
    assert_eq!(told_of_move(false), [], "somebody else has sent on what it says");
}

#[test]
fn a_daemon_that_stops_says_so() {
    let mut net = Net::new(1, Weather { delay: Duration::from_millis(5), ..Weather::default() });
    let (alice, bob) = net.channel();
    net.hosts[BOB].write(bob, 1, "goodbye");
    net.run(Duration::from_millis(1));
    let now = net.now;
    net.hosts[BOB].endpoint.shut(now);
    net.run(Duration::from_millis(50));
    assert_eq!(
        (net.hosts[ALICE].numbers(alice), net.hosts[ALICE].broken(alice)),
        (vec![1], Some(Broken::Lost))
    );
    net.run(Duration::from_secs(5));
    assert_eq!([ALICE, BOB].map(|host| net.hosts[host].endpoint.poll_timeout()), [None, None]);
}

#[test]
fn what_the_network_says_of_a_link_is_believed_only_if_it_does_not_answer() {
    let mut net = Net::new(1, Weather { delay: Duration::from_millis(5), ..Weather::default() });
    let (alice, _) = net.channel();
    let (bob, now) = (net.hosts[BOB].address, net.now);
    net.hosts[ALICE].endpoint.handle_unreachable(now, bob);
    net.run(Duration::from_secs(5));
    assert_eq!(net.hosts[ALICE].broken(alice), None);
    net.closed.insert(bob);
    let begin = net.now;
    net.hosts[ALICE].write(alice, 1, "are you there?");
    net.until(|net| net.hosts[ALICE].broken(alice).is_some());
    assert_eq!(net.hosts[ALICE].broken(alice), Some(Broken::Lost));
    assert!(net.now - begin < Duration::from_millis(1_100));
}

#[test]
fn a_link_whose_peer_has_gone_does_not_hold_up_who_calls_again() {
    let mut net = Net::new(1, Weather { delay: Duration::from_millis(5), ..Weather::default() });
    let (alice, _) = net.channel();
    net.run(Duration::from_secs(20));
    net.weather.lost = 100;
    let begin = net.now;
    let second = net.open(ALICE, BOB);
    net.hosts[ALICE].write(second, 1, "are you there?");
    net.until(|net| net.hosts[ALICE].broken(second).is_some());
    assert_eq!(net.hosts[ALICE].broken(alice), Some(Broken::Lost));
    assert!(net.now - begin <= Duration::from_secs(1), "{:?}", net.now - begin);
}

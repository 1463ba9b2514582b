//! How links end, and that nothing is left of them.

use std::time::Duration;

use simp_secure::Broken;

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

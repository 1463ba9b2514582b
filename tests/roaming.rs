//! A peer at another address is the same peer if it has the same key.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;

use crate::harness::{Daemon, World};

/// Stops a daemon, and starts it on another address with its key; `all`: with its log too.
fn move_to(world: &World, (daemon, from): (Daemon, u8), to: u8, all: bool, args: &[&str]) -> Daemon {
    world.ctl(from, &["stop"]).ok();
    assert_eq!(daemon.wait(), Some(0));
    let folder = |host| world.path("state/simp").join(world.address(host));
    if all {
        fs::rename(folder(from), folder(to)).unwrap();
    } else {
        DirBuilder::new().mode(0o700).create(folder(to)).unwrap();
        fs::copy(folder(from).join("key"), folder(to).join("key")).unwrap();
    }
    world.start(to, args)
}

/// Whose keys the daemon on this address knows, and where.
fn known(world: &World, host: u8) -> Vec<String> {
    let owners = world.ctl(host, &["keys"]).ok();
    owners.lines().map(|line| line.split(":7777").next().unwrap().to_owned()).collect()
}

fn hears(world: &World, host: u8, line: &str) {
    assert_eq!(world.ctl(host, &["listen", "-n", "1", "--timeout", "20"]).ok(), format!("{line}\n"));
}

const BOB: [&str; 4] = ["--user", "bob", "--accept", "all"];

#[test]
fn a_chat_goes_on_with_a_peer_that_says_something_at_another_address() {
    let world = World::new();
    let (_alice, bob) = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    world.ctl(1, &["send", "here"]).ok();
    let _bob = move_to(&world, (bob, 2), 3, true, &BOB);
    hears(&world, 3, "alice: here");
    world.ctl(3, &["send", "there"]).ok();
    hears(&world, 1, "bob: there");
    world.ctl(1, &["send", "and back"]).ok();
    hears(&world, 3, "alice: and back");
    let chats = world.ctl(1, &["chats"]).ok();
    assert!(chats.starts_with(&format!("1  open  bob@{}:7777  0  ", world.address(3))), "{chats}");
    assert_eq!(known(&world, 1), [2, 3].map(|host| world.address(host)));
    assert_eq!(world.ctl(1, &["history", "--all"]).ok().matches("closed").count(), 0);
}

/// What is queued for a peer at one address, in all ways in which it can be met at another.
fn is_delivered_elsewhere(meet: impl Fn(&World)) {
    let world = World::new();
    let (_alice, bob) = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    world.ctl(1, &["quit"]).ok();
    let two = world.address(2);
    // As a chat with another log is: all that the two still know of each other are the keys.
    let _bob = move_to(&world, (bob, 2), 3, false, &BOB);
    world.ctl(1, &["send", "--queue", "-t", &two, "kept"]).ok();
    meet(&world);
    hears(&world, 3, "alice: kept");
    let all = world.ctl(1, &["listen", "--all", "-n", "7", "--timeout", "20", "--json"]).ok();
    assert!(all.lines().last().unwrap().contains("\"event\":\"delivered\""), "{all}");
    assert_eq!(world.ctl(1, &["outbox"]).ok(), "");
    assert_eq!(known(&world, 1), [2, 3].map(|host| world.address(host)));
}

#[test]
fn the_outbox_is_delivered_to_a_peer_that_invites_from_another_address() {
    is_delivered_elsewhere(|world| {
        // It is let in without asking, as it would be where it was.
        let connected = world.ctl(3, &["connect", &world.address(1), "--timeout", "20"]).ok();
        assert!(connected.starts_with(&format!("connected to alice@{}:7777 (secure", world.address(1))));
    });
}

#[test]
fn the_outbox_is_delivered_to_a_peer_that_is_invited_at_another_address() {
    is_delivered_elsewhere(|world| {
        world.ctl(1, &["connect", &world.address(3), "--timeout", "20"]).ok();
    });
}

#[test]
fn the_outbox_is_delivered_where_the_peer_was_seen_last() {
    let world = World::new();
    let (_alice, bob) = world.alice_and_bob();
    let two = world.address(2);
    world.ctl(1, &["connect", &two]).ok();
    let _bob = move_to(&world, (bob, 2), 3, true, &BOB);
    world.ctl(3, &["send", "there"]).ok();
    hears(&world, 1, "bob: there");
    // With a chat, and without one.
    world.ctl(1, &["send", "--queue", "--timeout", "20", "-t", &two, "one"]).ok();
    hears(&world, 3, "alice: one");
    world.ctl(1, &["quit"]).ok();
    world.ctl(1, &["send", "--queue", "--timeout", "20", "-t", &two, "two"]).ok();
    hears(&world, 3, "alice: two");
}

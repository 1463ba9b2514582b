//! A peer that has a key, and a link, and means no good: it says what has no place, far too much, or nothing at all. It costs
//! itself its channel, and others nothing.

use std::time::Instant;

use simp_control::What;
use simp_proto::secure::{ChannelId, Frame, Stands};

use super::bare::{Bare, hello, text};
use super::{ALICE, BOB, MALLORY, count, heard, start};
use crate::harness::{DEADLINE, Daemon, World, is_connected_to, resident_kib, send};

/// Its second address.
const CAROL: u8 = 6;

/// Channels without a word that makes sense; and invitations, unless `SIMP_INVITATIONS=n` says how many.
const CHANNELS: usize = 1_000;

/// Texts whose acknowledgements are not read, and texts that are not read.
const TEXTS: u64 = 5_000;

/// Most bytes more that any of this may take, in KiB.
const GROWN_MAX: u64 = 24 << 10;

/// Alice and bob in a chat, without a relay.
fn in_a_chat(world: &World) -> (Daemon, Daemon) {
    let (alice, bob) = (start(world, ALICE, "alice"), start(world, BOB, "bob"));
    let at = world.address(ALICE);
    is_connected_to(&format!("alice@{at}:7777"), &world.ctl(BOB, &["connect", &at]).ok());
    (alice, bob)
}

/// Bob has noticed nothing of it.
fn talks(world: &World, text: &str) {
    world.ctl(BOB, &["send", &format!("{text}, says bob")]).ok();
    world.ctl(ALICE, &["send", "-t", "bob", &format!("{text}, says alice")]).ok();
}

/// The frames of the daemon on a channel, without its first.
fn greeted(mallory: &mut Bare, on: ChannelId) {
    assert!(matches!(mallory.frame(on), Frame::Hello(_)));
}

#[test]
fn what_has_no_place_ends_the_channel_and_nothing_else() {
    let world = World::new();
    let (alice, _bob) = in_a_chat(&world);
    let at = world.address(ALICE);
    let mut mallory = Bare::new(&world, MALLORY);
    for frame in
        [Frame::Accept, Frame::Busy, text(1, "no hello"), Frame::Ack { upto: 7 }, Frame::Bye { reason: None }]
    {
        let channel = mallory.open(&at);
        mallory.write(channel, frame);
        mallory.is_ended(channel);
    }
    mallory.chat_with(&at, 7);
    let mut number = 0;
    for wrong in [
        Frame::Hello(hello(7, Stands::Open)),
        text(0, "numbers begin with 1"),
        text(u64::MAX, "and end somewhere"),
        text(9, &"x".repeat((256 << 10) + 1)),
    ] {
        let channel = mallory.greet(&at, hello(7, Stands::Open));
        greeted(&mut mallory, channel);
        number += 1;
        mallory.write(channel, text(number, &format!("{number}")));
        assert_eq!(mallory.frame(channel), Frame::Ack { upto: number });
        mallory.write(channel, wrong);
        mallory.is_ended(channel);
    }
    talks(&world, "still there");
    let expected = ["1", "2", "3", "4", "still there, says bob"];
    assert_eq!(heard(&mut alice.client()), expected);
    assert_eq!(alice.client().status().chats, 2);
}

#[test]
fn the_chat_of_another_is_nobody_elses() {
    let world = World::new();
    let (alice, _bob) = in_a_chat(&world);
    let at = world.address(ALICE);
    let mut carol = Bare::new(&world, CAROL);
    let hers = carol.chat_with(&at, 7);
    let mut mallory = Bare::new(&world, MALLORY);
    for stands in [Stands::Open, Stands::Invited, Stands::Over] {
        let channel = mallory.greet(&at, hello(7, stands));
        let no_such_chat = Some("no such chat".to_owned());
        assert_eq!(mallory.frame(channel), Frame::Bye { reason: no_such_chat });
        mallory.is_ended(channel);
    }
    // An invitation with that name is one to a chat of her own.
    let channel = mallory.chat_with(&at, 7);
    mallory.write(channel, text(1, "I am mallory"));
    assert_eq!(mallory.frame(channel), Frame::Ack { upto: 1 });
    carol.write(hers, text(1, "I am carol"));
    assert_eq!(carol.frame(hers), Frame::Ack { upto: 1 });
    talks(&world, "still there");
    assert_eq!(alice.client().status().chats, 3);
    let mut client = alice.client();
    assert_eq!(heard(&mut client), ["I am mallory", "I am carol", "still there, says bob"]);
    let from = client.log().into_iter().filter(|event| matches!(event.what, What::Message { .. }));
    let from: Vec<String> = from.map(|event| event.peer.address).collect();
    assert_eq!(from[..2], [MALLORY, CAROL].map(|host| world.address(host) + ":7777"));
}

#[test]
fn a_peer_that_acknowledges_nothing_is_given_up() {
    let world = World::new();
    let config = world.path("simpd.toml");
    std::fs::write(&config, "attempts = 1\n").unwrap();
    let config = config.to_str().unwrap();
    let alice = world.start(ALICE, &["--user", "alice", "--accept", "all", "--config", config]);
    let mut mallory = Bare::new(&world, MALLORY);
    let channel = mallory.chat_with(&world.address(ALICE), 7);
    let send = world.spawn_ctl(ALICE, &["send", "is anybody there?"]);
    let Frame::Text { number, text, .. } = mallory.frame(channel) else { panic!("no text") };
    assert_eq!(text, "is anybody there?");
    // Everything but this.
    mallory.write(channel, Frame::Ack { upto: number - 1 });
    mallory.write(channel, Frame::Accept);
    // Another channel is tried meanwhile, and brings nothing either.
    alice.client().status_when(|status| {
        mallory.turn();
        status.chats == 0
    });
    let line = "simpctl: not delivered: peer gone (send it again with: simpctl resend 3)";
    send.wait().fails(8, line);
}

#[test]
fn a_peer_that_reads_nothing_takes_no_memory_and_is_heard() {
    let world = World::new();
    let (alice, _bob) = in_a_chat(&world);
    let mut mallory = Bare::new(&world, MALLORY);
    let channel = mallory.chat_with(&world.address(ALICE), 7);
    mallory.endpoint.pause(channel, true);
    let mut client = alice.client();
    let (before, last) = (resident_kib(alice.pid()), client.status().last_id);
    // Neither our acknowledgements, nor what we say.
    for number in 1..=TEXTS {
        mallory.write(channel, text(number, "are you there? I do not listen"));
    }
    let to = world.address(MALLORY);
    for n in 0..TEXTS {
        client.reply(&send(Some(&to), &format!("{n} {}", "x".repeat(1_000))));
        if n % 16 == 0 {
            mallory.turn();
        }
    }
    let deadline = Instant::now() + DEADLINE;
    while client.status().last_id < last + 2 * TEXTS {
        assert!(Instant::now() < deadline, "only {} of {}", client.status().last_id - last, 2 * TEXTS);
        mallory.turn();
    }
    let grown = resident_kib(alice.pid()).saturating_sub(before);
    println!("{grown} KiB more");
    assert!(grown <= GROWN_MAX, "{grown} KiB more");
    talks(&world, "still there");
    assert_eq!(heard(&mut client).len() as u64, TEXTS + 1);
}

#[test]
fn channels_and_invitations_without_end_cost_little() {
    let most = std::env::var("SIMP_INVITATIONS").map_or(CHANNELS, |rounds| rounds.parse().unwrap());
    let world = World::new();
    let alice = world.start(ALICE, &["--user", "alice", "--accept", "bob", "--max-chats", "4"]);
    let _bob = start(&world, BOB, "bob");
    let at = world.address(ALICE);
    is_connected_to(&format!("alice@{at}:7777"), &world.ctl(BOB, &["connect", &at]).ok());
    let mut mallory = Bare::new(&world, MALLORY);
    let (before, began) = (resident_kib(alice.pid()), Instant::now());
    // All at once: a link has room for few, and so has a host.
    for _ in 0..CHANNELS {
        let channel = mallory.call(&at);
        mallory.write(channel, Frame::Ack { upto: 1 });
    }
    (0..CHANNELS).for_each(|_| mallory.turn());
    talks(&world, "after channels");
    // One after the other, each with a name of its own, and left to itself.
    for n in 0..most as u64 {
        let channel = mallory.greet(&at, hello(n, Stands::Inviting));
        mallory.until("an answer", |event| (event.channel() == channel).then_some(()));
        if n % 2 == 0 {
            mallory.endpoint.close(channel);
        }
    }
    talks(&world, "after invitations");
    let mut client = alice.client();
    let requests = count(&mut client, |what| *what == What::Request) as u64;
    let allowed = 1 + 256 + 16 * (1 + began.elapsed().as_secs());
    let grown = resident_kib(alice.pid()).saturating_sub(before);
    println!("{requests} requests in the log, {grown} KiB more");
    assert!(requests <= allowed, "{requests} requests in the log, {allowed} at most");
    assert!(client.status().requests <= 1 && client.status().last_id < 4 * allowed);
    assert!(grown <= GROWN_MAX, "{grown} KiB more");
}

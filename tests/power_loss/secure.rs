//! The same for a secure chat, in which many deliveries come at once and share a row of the log.

use std::fs;

use nix::sys::signal::Signal;
use simp_control::{Answer, FollowFrom, Reply, Request, What};

use super::promises::{Datagrams, promises};
use super::trace::{Tracer, records};
use super::traffic::Told;
use super::{Found, Traced, log_folder};
use crate::harness::{Daemon, Random, TestClient, World, connect, send};

/// Messages queued at once.
const BATCH: usize = 64;

/// More batches than are ever needed to have the write-ahead log copied back.
const BATCHES_MAX: usize = 500;

#[test]
fn nothing_that_clients_were_told_of_a_secure_chat_is_lost_with_the_power() {
    let world = World::new();
    fs::create_dir(world.path("state")).unwrap();
    let root = world.path("state").canonicalize().unwrap();
    let tracer = Tracer::new(&world, &root);
    let told = chat(&world, &tracer);

    let trace = tracer.read();
    let run = Traced::new(&world, root, records(&trace));
    let promises = promises(&run.records, Datagrams::Sealed, &told, &run.log);
    let mut found = Found::default();
    run.lose_power(&promises, &mut Random(1), &mut found);
    let losses = &found.losses;
    assert!(losses.is_empty(), "{}", losses[..losses.len().min(10)].join("\n"));
    assert_eq!(found.duplicates, 0);
    assert!(found.moments >= 300 && found.promises > 1_000);
    let (shared, entries) = (run.log.shared, run.log.entries.len());
    assert!(shared > entries / 4, "{shared} of {entries} entries share rows");
}

/// A simpd that is killed, started again and killed, in a chat with another one; all is delivered before.
fn chat(world: &World, tracer: &Tracer) -> Told {
    let mut told = Told::default();
    let (alice, mut client, mut follower) = start(world, tracer, 0);
    // Only now: the folders above that of the log are to be made by who is traced.
    let bob = world.start(2, &["--user", "bob", "--accept", "all"]);
    client.reply(&connect(&world.address(2)));
    let mut newest = 0;
    while !matches!(follower.event().what, What::Opened { .. }) {}
    for _ in 0..5 {
        newest = deliver(&mut client, &mut follower, &mut told);
    }
    kill(alice, &mut client);

    let (alice, mut client, mut follower) = start(world, tracer, newest);
    let log = log_folder(world, 1).join("log.db");
    let bytes = || fs::metadata(&log).unwrap().len();
    let before = bytes();
    let batches = (0..BATCHES_MAX).take_while(|_| {
        deliver(&mut client, &mut follower, &mut told);
        bytes() == before
    });
    assert!(batches.count() < BATCHES_MAX, "the write-ahead log was never copied back");
    for _ in 0..5 {
        deliver(&mut client, &mut follower, &mut told);
    }
    kill(alice, &mut client);
    drop(bob);
    told
}

fn start(world: &World, tracer: &Tracer, after: u64) -> (Daemon, TestClient, TestClient) {
    let mut command = world.command("simpd");
    command.args([&world.address(1), "--user", "alice", "--accept", "all"]);
    tracer.attach(&mut command);
    let alice = Daemon::start(command, world.socket(1));
    let (client, mut follower) = (alice.client(), alice.client());
    follower.follow(FollowFrom::After(after));
    (alice, client, follower)
}

/// Many messages at once. Returns the id of the entry with which the last is delivered.
fn deliver(client: &mut TestClient, follower: &mut TestClient, told: &mut Told) -> u64 {
    let texts: Vec<_> = (0..BATCH).map(|n| format!("alice {}", told.sent.len() + n)).collect();
    texts.iter().for_each(|text| client.write(&send(None, text)));
    let mut last = 0;
    for text in texts {
        let answer = client.read();
        let Some(Answer::Reply(Reply::Queued { message, .. })) = answer else { panic!("{answer:?}") };
        told.sent.push((message, text));
        last = message;
    }
    told.heard = told.sent.len();
    loop {
        let event = follower.event();
        if event.what == (What::Delivered { message: last }) {
            return event.id;
        }
    }
}

/// Once all that it was asked is answered.
fn kill(alice: Daemon, client: &mut TestClient) {
    client.reply(&Request::Status);
    alice.signal(Signal::SIGKILL);
    assert_eq!(alice.wait(), None);
}

//! Messages that are taken back when their time is over, or by their id: what was taken back never arrives.
//!
//! `SIMP_SEED=n` takes the same dice again, `SIMP_ROUNDS=n` sets how many kills.

use std::collections::BTreeSet;

use nix::sys::signal::Signal;
use simp_control::{Answer, Reason, Request, What};

use crate::harness::{Random, World, seed};

const ALICE: [&str; 4] = ["--user", "alice", "--accept", "all"];
const BOB: [&str; 4] = ["--user", "bob", "--accept", "all"];

/// So often alice is killed in each of the two kinds of chats.
const KILLS: u64 = 12;

const FIRST: &str = "0.2";

#[test]
fn a_message_is_taken_back_at_the_time_limit_unless_it_has_left() {
    let world = World::new();
    let _alice = world.start(1, &ALICE);
    let (peer, to) = (world.peer(3, "eve"), world.address(1));
    peer.open(&to);
    // What comes after it leaves at once.
    let first = world.spawn_ctl(1, &["send", "first"]);
    peer.hear(&to, 0, "first");
    first.wait().ok();
    let send = |text: &str, more: &[&str]| {
        world.ctl(1, &[&["send", "--timeout", FIRST, "--or-cancel"], more, &[text]].concat())
    };
    send("one", &[]).fails(6, "simpctl: message 5 has left, and may have arrived (simpd keeps trying)");
    send("two", &[]).fails(8, "simpctl: not delivered: taken back after 0.2 s");
    // It has never left, so its name is free again.
    let named = ["--token", "t"];
    for _ in ["now", "later"] {
        send("three", &named).fails(8, "simpctl: not delivered: taken back after 0.2 s");
    }
    let json = send("four", &["--json"]);
    let failure = "{\"error\":\"not delivered: taken back after 0.2 s\",\"kind\":\"undelivered\"}\n";
    assert_eq!((json.status, json.stdout.as_str()), (Some(8), failure));
    let lines = ["send", "--timeout", FIRST, "--or-cancel"];
    world.ctl_with(1, &lines, "five\nsix\n").fails(8, "simpctl: not delivered: taken back after 0.2 s");
    peer.hear(&to, 1, "one");
    let last = world.spawn_ctl(1, &["send", "--timeout", "20", "--or-cancel", "last"]);
    peer.hear(&to, 0, "last");
    last.wait().ok();
    world.ctl(1, &["chats"]).ok();
    assert_eq!(world.ctl(1, &["outbox"]).ok(), "");
}

#[test]
fn a_message_of_the_outbox_is_taken_back_at_the_time_limit() {
    let world = World::new();
    let _alice = world.start(1, &ALICE);
    let to = world.address(2);
    let send = ["send", "--queue", "-t", &to, "--timeout", FIRST, "--or-cancel", "hi"];
    world.ctl(1, &send).fails(8, "simpctl: not delivered: taken back after 0.2 s");
    assert_eq!(world.ctl(1, &["outbox"]).ok(), "");
    let _bob = world.start(2, &BOB);
    world.ctl(1, &["send", "--queue", "-t", &to, "--timeout", "20", "--or-cancel", "ho"]).ok();
    assert_eq!(world.ctl(2, &["listen", "-n", "1", "--text"]).ok(), "ho\n");
}

#[test]
fn a_message_that_waits_in_a_chat_is_taken_back_by_its_id() {
    let world = World::new();
    let _alice = world.start(1, &ALICE);
    let peer = world.peer(3, "eve");
    peer.open(&world.address(1));
    let first = world.spawn_ctl(1, &["send", "first"]);
    peer.hear(&world.address(1), 0, "first");
    first.wait().ok();
    for text in ["one", "two"] {
        world.ctl(1, &["send", "--no-wait", text]).ok();
    }
    world.ctl(1, &["outbox", "cancel", "6"]).ok();
    world.ctl(1, &["outbox", "cancel", "6"]).fails(1, "simpctl: message 6: was already given up");
    let left = "simpctl: message 5 has left already, and its peer may have it (simpd keeps trying)";
    world.ctl(1, &["outbox", "cancel", "5"]).fails(1, left);
}

#[test]
fn what_makes_no_sense_is_status_2_and_nothing_is_sent() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    for (args, line) in [
        (&["hi"][..], "--or-cancel needs --timeout: when the message is taken back"),
        (
            &["--timeout", "1", "--no-wait", "hi"],
            "--or-cancel waits until the time is over, which --no-wait does not: give one of the two",
        ),
        (&["--timeout", "1", "--file", "x"], "--or-cancel is for texts, and --file has none (leave it out)"),
    ] {
        world.ctl(1, &[&["send", "--or-cancel"], args].concat()).fails(2, &format!("simpctl: {line}"));
    }
    assert_eq!(world.ctl(1, &["history"]).ok(), "");
}

#[test]
fn what_was_taken_back_never_arrives_and_all_else_does_whenever_simpd_is_killed() {
    for how in ["--plain", "--secure"] {
        let mut random = Random(seed());
        let world = World::new();
        let (mut alice, bob) = (world.start(1, &ALICE), world.start(2, &BOB));
        world.ctl(1, &["connect", how, &world.address(2)]).ok();
        // A plain peer is not known to be gone as long as its socket is there; in a secure chat nothing leaves without
        // a channel.
        let mut stopped = Some(bob);
        if how == "--plain" {
            stopped.as_ref().unwrap().signal(Signal::SIGSTOP);
        } else {
            stopped = None;
        }
        let restart = |alice: crate::harness::Daemon| {
            alice.signal(Signal::SIGKILL);
            alice.wait();
            world.start(1, &ALICE)
        };
        alice = restart(alice);
        let (mut sent, mut promised) = (Vec::new(), BTreeSet::new());
        for _ in 0..std::env::var("SIMP_ROUNDS").map_or(KILLS, |rounds| rounds.parse().unwrap()) {
            let mut client = alice.client();
            for _ in 0..3 {
                let text = format!("m{}", sent.len());
                sent.push((client.send(&text), text));
            }
            for _ in 0..2 {
                let (message, _) = sent[sent.len() - 1 - random.index(sent.len().min(6))];
                let cancel = Request::Cancel { message };
                if random.percent(50) {
                    // It is killed before it answers, perhaps before it has done anything.
                    client.write(&cancel);
                    break;
                }
                if let Answer::Reply(_) = client.ask(&cancel) {
                    promised.insert(message);
                }
            }
            alice = restart(alice);
        }
        let bob = match stopped {
            Some(bob) => {
                bob.signal(Signal::SIGCONT);
                bob
            }
            None => world.start(2, &BOB),
        };
        world.ctl(1, &["send", "last"]).ok();
        let taken: BTreeSet<u64> = alice
            .client()
            .log()
            .into_iter()
            .filter_map(|event| match event.what {
                What::Undelivered { message, reason: Reason::Cancelled } => Some(message),
                _ => None,
            })
            .collect();
        assert!(promised.is_subset(&taken) && taken.len() > 1, "{promised:?} {taken:?}");
        let expected =
            sent.iter().filter(|(message, _)| !taken.contains(message)).map(|(_, text)| text.as_str());
        let told: Vec<String> = bob
            .client()
            .log()
            .into_iter()
            .filter_map(|event| match event.what {
                What::Message { text } => Some(text),
                _ => None,
            })
            .collect();
        assert_eq!(told, expected.chain(["last"]).collect::<Vec<_>>(), "{how}");
    }
}

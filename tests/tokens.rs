//! Messages that have a name of the script that sends them: each is sent once, however often the script runs.
//!
//! `SIMP_SEED=n` takes the same dice again, `SIMP_ROUNDS=n` sets how many kills.

use std::fs;

use nix::sys::signal::Signal;
use simp_control::{Request, What};
use simp_proto::Operation;

use crate::harness::{Daemon, Random, Running, World, seed};

const ALICE: [&str; 4] = ["--user", "alice", "--accept", "all"];
const BOB: [&str; 4] = ["--user", "bob", "--accept", "all"];

/// So often simpctl is killed, and perhaps one of the daemons.
const KILLS: u64 = 16;

/// So many lines the stream has for each of these.
const LINES_PER_KILL: u64 = 10;

fn restart(world: &World, host: u8, daemon: Daemon, args: &[&str]) -> Daemon {
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
    world.start(host, args)
}

#[test]
fn a_line_that_came_to_nothing_is_told_again_and_ends_no_further_run() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let (to, bob) = (world.address(1), world.peer(2, "bob"));
    let stream = || {
        let mut sending = world.spawn_ctl(1, &["send", "--token", "day"]);
        ["one", "two", "three"].iter().for_each(|line| sending.write_line(line));
        sending
    };
    bob.open(&to);
    let first = stream();
    bob.hear(&to, 0, "one");
    bob.expect(Operation::Chat, 1, b"two");
    bob.send(&to, Operation::Fin, 0, b"");
    bob.expect(Operation::Ack, 0, b"");
    let line = "standard input line 2: not delivered: peer quit (send it again with: simpctl resend 5)";
    first.wait().fails(8, &format!("simpctl: {line}; the line before it was sent"));
    bob.open(&to);
    let second = stream();
    bob.hear(&to, 0, "three");
    let ended = second.wait();
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(1), ""));
    assert_eq!(ended.stderr, format!("simpctl: {line}\nsimpctl: 1 of 3 lines was not sent\n"));
}

#[test]
fn a_message_that_was_taken_back_may_be_sent_under_its_token_later() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let (to, bob) = (world.address(1), world.peer(2, "bob"));
    bob.open(&to);
    world.ctl(1, &["send", "--no-wait", "first"]).ok();
    bob.expect(Operation::Chat, 0, b"first");
    let alarm = ["send", "--token", "alarm", "--timeout", "0.2", "--or-cancel", "fire"];
    world.ctl(1, &alarm).fails(8, "simpctl: not delivered: taken back after 0.2 s");
    bob.send(&to, Operation::Ack, 0, b"");
    let again = world.spawn_ctl(1, &["send", "--token", "alarm", "fire"]);
    bob.hear(&to, 1, "fire");
    again.wait().ok();
    // Now it is that one.
    world.ctl(1, &["send", "--token", "alarm", "fire"]).ok();
    assert!(bob.arrived().is_empty());
}

#[test]
fn a_message_with_a_token_is_one_message_and_its_status_is_the_first_one() {
    let world = World::new();
    let alice = world.start(1, &ALICE);
    let peer = world.peer(3, "eve");
    peer.open(&world.address(1));
    let send = ["send", "--token", "report", "hi"];
    // The first says that it waits.
    let [first, second] = [(), ()].map(|()| world.spawn_ctl(1, &send));
    peer.hear(&world.address(1), 0, "hi");
    assert_eq!((first.wait().ok(), second.wait().ok()), (String::new(), String::new()));
    let alice = restart(&world, 1, alice, &ALICE);
    // Long since; and its chat may be over.
    world.ctl(1, &send).ok();
    peer.send(&world.address(1), Operation::Fin, 0, b"");
    alice.client().status_when(|status| status.chats == 0);
    let delivered = world.ctl(1, &["send", "--json", "--token", "report", "hi"]).ok();
    assert!(delivered.contains("\"event\":\"delivered\""), "{delivered}");
    world.ctl(1, &["send", "--token", "report", "-t", &world.address(3), "hi"]).ok();
    world.ctl(1, &["send", "--token", "report", "--queue", "-t", &world.address(3), "hi"]).ok();
    assert_eq!(world.ctl(1, &["history"]).ok().lines().count(), 1);
    let other = |how: &str| {
        format!(
            "simpctl: message 3 has this name already, with another {how} (see: simpctl history; give each message a name of its own)"
        )
    };
    world.ctl(1, &["send", "--token", "report", "ho"]).fails(2, &other("text"));
    let to = world.address(4);
    world.ctl(1, &["send", "--token", "report", "--queue", "-t", &to, "hi"]).fails(2, &other("peer"));
    assert_eq!(world.ctl(1, &["history"]).ok().lines().count(), 1);
}

#[test]
fn a_message_with_a_token_that_waits_or_was_given_up_has_the_status_that_says_so() {
    let world = World::new();
    let alice = world.start(1, &ALICE);
    let peer = world.peer(3, "eve");
    peer.open(&world.address(1));
    let send = ["send", "--token", "report", "--timeout", "0.1", "hi"];
    let waits = "simpctl: message 3 is not acknowledged yet (simpd keeps trying)";
    for _ in 0..2 {
        world.ctl(1, &send).fails(6, waits);
    }
    alice.client().reply(&Request::Quit { who: None, chat: None, now: true });
    for _ in 0..2 {
        let line = "simpctl: not delivered: quit (send it again with: simpctl resend 3)";
        world.ctl(1, &send).fails(8, line);
    }
}

#[test]
fn a_token_that_makes_no_sense_is_status_2_and_nothing_is_sent() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let long = "x".repeat(201);
    let see = "(see simpctl send --help)";
    for (args, line) in [
        (&["--token", "", "hi"][..], format!("--token '': no name given {see}")),
        (&["--token", "a\x07b", "hi"], format!("--token 'a\\x07b': it has control characters {see}")),
        (
            &["--token", &long, "hi"],
            format!("--token '{long}': a token has at most 200 bytes, this one has 201 {see}"),
        ),
        (
            &["--token", "t", "--file", "x"],
            "--token is for texts, and --file has none (leave it out)".to_owned(),
        ),
    ] {
        let ran = world.ctl(1, &[&["send"], args].concat());
        assert_eq!((ran.status, ran.stderr), (Some(2), format!("simpctl: {}\n", line)));
    }
    assert_eq!(world.ctl(1, &["history"]).ok(), "");
}

/// Runs the stream with this input.
fn stream(world: &World, input: &str) -> Running {
    let path = world.path("input");
    fs::write(&path, input).unwrap();
    let mut command = world.command("sh");
    let simpctl = world.command("simpctl").get_program().to_str().unwrap().to_owned();
    let args = format!("{simpctl} -d {} send --token nightly", world.address(1));
    command.args(["-c", &format!("exec {args} <{}", path.display())]);
    Running::start(command)
}

#[test]
fn a_stream_that_is_run_again_goes_on_where_it_stopped_whoever_was_killed() {
    let mut random = Random(seed());
    let world = World::new();
    let (mut alice, mut bob) = (world.start(1, &ALICE), world.start(2, &BOB));
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let kills = std::env::var("SIMP_ROUNDS").map_or(KILLS, |rounds| rounds.parse().unwrap());
    let many = kills * LINES_PER_KILL;
    let lines: Vec<String> = (0..many).map(|n| format!("line {n}, gr\u{fc}n")).collect();
    let input = lines.join("\n");
    for _ in 0..kills {
        let sending = stream(&world, &input);
        let heard = bob.client().status().last_id + random.below(2 * LINES_PER_KILL);
        bob.client().status_when(|status| status.last_id >= heard.min(many));
        match random.below(3) {
            0 => alice = restart(&world, 1, alice, &ALICE),
            1 => bob = restart(&world, 2, bob, &BOB),
            _ => {}
        }
        sending.signal(Signal::SIGKILL);
        sending.wait();
    }
    stream(&world, &input).wait().ok();
    let told = bob.client().log().into_iter().filter_map(|event| match event.what {
        What::Message { text } => Some(text),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), lines);
}

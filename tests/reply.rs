//! `simpctl listen --exec CMD --reply`: what a command prints is the answer, and each message has one.
//!
//! `SIMP_SEED=n` takes the same dice again, `SIMP_ROUNDS=n` sets how many kills.

use std::thread;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use simp_control::{Event, FollowFrom, What};
use simp_proto::Operation;

use crate::harness::{Daemon, Peer, Random, Running, World, seed};

const ALICE: [&str; 6] = ["--user", "alice", "--accept", "all", "--max-chats", "9"];

/// So often one of the three is killed.
const KILLS: usize = 8;

/// Alice, and bare peers of these names, each in a chat with her.
fn with_peers<const COUNT: usize>(world: &World, names: [&str; COUNT]) -> (Daemon, [Peer; COUNT]) {
    let alice = world.start(1, &ALICE);
    let mut host = 2;
    let peers = names.map(|name| {
        host += 1;
        let peer = world.peer(host, name);
        peer.open(&world.address(1));
        peer
    });
    (alice, peers)
}

/// A responder of alice's, as consumer `c`, which begins with all.
fn args<'a>(command: &'a str, others: &[&'a str]) -> Vec<&'a str> {
    [&["listen", "--since", "0", "--consumer", "c", "--reply", "--exec", command], others].concat()
}

fn respond(world: &World, command: &str, others: &[&str]) -> Running {
    world.spawn_ctl(1, &args(command, others))
}

/// The texts that alice has sent.
fn sent(alice: &Daemon) -> Vec<String> {
    let texts = alice.client().log().into_iter().filter_map(|event| match event.what {
        What::Queued { text, .. } => Some(text),
        _ => None,
    });
    texts.collect()
}

/// Bob's entries that are messages to him, once there are so many.
fn heard(bob: &Daemon, count: usize) -> Vec<String> {
    let mut client = bob.client();
    client.follow(FollowFrom::After(0));
    let texts = std::iter::repeat_with(|| client.event()).filter_map(|event: Event| match event.what {
        What::Message { text } => Some(text),
        _ => None,
    });
    texts.take(count).collect()
}

#[test]
fn what_a_command_prints_is_the_answer_and_what_it_cannot_be_is_replaced() {
    let world = World::new();
    let (alice, [eve]) = with_peers(&world, ["eve"]);
    let command = "case $SIMP_TEXT in quiet) ;; long) printf \"%2000s\" x | tr ' ' y;; \
                   *) printf 'gr\u{fc}\u{df}e, %s\\n' \"$SIMP_TEXT\"; echo 'second line';; esac";
    for (seq, text) in [(0, "quiet"), (1, "eve"), (0, "long")] {
        eve.say(&world.address(1), seq, text);
    }
    let responding = respond(&world, command, &["-n", "3"]);
    eve.hear(&world.address(1), 0, "grusse, eve\nsecond line");
    let long = "y".repeat(1_999) + "x";
    let mut seq = 1;
    let mut rest = long.as_str();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(985));
        eve.hear(&world.address(1), seq, piece);
        (seq, rest) = (1 - seq, after);
    }
    assert_eq!(responding.wait().ok(), "");
    assert_eq!(sent(&alice).len(), 4);
}

#[test]
fn many_who_ask_at_once_get_their_own_answers() {
    let world = World::new();
    let _bob = world.start(2, &["--user", "bob", "--accept", "all", "--max-chats", "9"]);
    let asking = [1, 3, 4].map(|host| {
        let daemon = world.start(host, &["--user", &format!("user{host}")]);
        world.ctl(host, &["connect", &world.address(2)]).ok();
        (host, daemon)
    });
    let command = "echo \"$SIMP_USER: $SIMP_TEXT\"";
    let _responder =
        world.spawn_ctl(2, &["listen", "--consumer", "r", "--exec", command, "--reply", "--jobs", "4"]);
    while !world.ctl(2, &["consumers"]).ok().contains('r') {}
    thread::scope(|scope| {
        for number in 0..30 {
            let (world, host) = (&world, asking[number % 3].0);
            scope.spawn(move || {
                let answer = world.ctl(host, &["ask", "-t", "bob", &format!("question {number}")]).ok();
                assert_eq!(answer, format!("user{host}: question {number}\n"));
            });
        }
    });
}

#[test]
fn a_responder_that_is_killed_answers_nothing_twice() {
    let world = World::new();
    let (alice, [eve, frank, grace]) = with_peers(&world, ["eve", "frank", "grace"]);
    let gates = ["first", "second"].map(|name| world.path(name));
    gates.iter().for_each(|gate| mkfifo(gate, Mode::S_IRWXU).unwrap());
    // The mark stays before the first message until the gate opens. What the others are told is another thing each time.
    let folder = world.path("").display().to_string();
    let command = |gate: &str| {
        format!(
            "cd {folder}; case $SIMP_USER in eve) read -r _ <{gate}; echo late;; \
             grace) printf \"%1500s\" z;; *) echo x >>times; wc -l <times;; esac"
        )
    };
    eve.say(&world.address(1), 0, "slow");
    frank.say(&world.address(1), 0, "quick");
    grace.say(&world.address(1), 0, "long");
    let responding = respond(&world, &command("first"), &["--jobs", "3"]);
    frank.hear(&world.address(1), 0, "1");
    for (seq, length) in [(0, 985), (1, 515)] {
        let piece = grace.receive();
        assert_eq!((piece.operation, piece.payload.len()), (Operation::Chat, length));
        grace.send(&world.address(1), Operation::Ack, seq, b"");
    }
    responding.signal(Signal::SIGKILL);
    // What it ran goes on.
    std::fs::write(&gates[0], "\n").unwrap();
    responding.wait();
    let responding = respond(&world, &command("second"), &["--jobs", "3", "-n", "3"]);
    while std::fs::read_to_string(world.path("times")).unwrap().lines().count() < 2 {}
    std::fs::write(&gates[1], "\n").unwrap();
    eve.hear(&world.address(1), 0, "late");
    assert_eq!(responding.wait().ok(), "");
    let sent = sent(&alice);
    assert_eq!(sent.len(), 4, "{sent:?}");
    assert!(!sent.contains(&"2".to_owned()));
}

#[test]
fn an_answer_that_comes_too_late_is_not_that_of_the_next_question() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let gate = world.path("gate");
    mkfifo(&gate, Mode::S_IRWXU).unwrap();
    let command = format!(
        "case $SIMP_TEXT in slow) read -r _ <'{}'; echo late;; *) echo \"$SIMP_TEXT:\"; echo and more;; esac",
        gate.display()
    );
    let _responder = respond(&world, &command, &[]);
    let line = "simpctl: no answer within 1 s";
    world.ctl(2, &["ask", "--timeout", "1", "slow"]).fails(6, line);
    let questions = ["one", "two"].map(|text| world.spawn_ctl(2, &["ask", text]));
    std::fs::write(&gate, "\n").unwrap();
    let answers = questions.map(|asked| asked.wait().ok());
    assert_eq!(answers, ["one:\nand more\n", "two:\nand more\n"]);
    // Whoever reads along knows which is which.
    let asked = world.ctl(2, &["history", "--json"]).ok();
    let said: Vec<serde_json::Value> =
        asked.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let id = |text| said.iter().find(|entry| entry["text"] == text).unwrap()["id"].clone();
    let late = said.iter().find(|entry| entry["text"] == "late").unwrap();
    assert_eq!(late["answers"], id("slow"));
}

fn restart(world: &World, host: u8, daemon: Daemon, args: &[&str]) -> Daemon {
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
    world.start(host, args)
}

#[test]
fn whoever_is_killed_meanwhile_each_message_has_one_answer() {
    const BOB: [&str; 4] = ["--user", "bob", "--accept", "all"];
    let kills = std::env::var("SIMP_ROUNDS").map_or(KILLS, |rounds| rounds.parse().unwrap());
    let mut random = Random(seed());
    let world = World::new();
    let (mut alice, mut bob) = (world.start(1, &ALICE), world.start(2, &BOB));
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let messages = 10 * (kills + 1);
    let lines: String = (0..messages).map(|number| format!("{number}\n")).collect();
    world.ctl_with(2, &["send", "--no-wait"], &lines).ok();
    // Once it is there it waits for a simpd that is killed; before, it would end.
    let respond = |alice: &Daemon| {
        let responding = respond(&world, "echo \"re: $SIMP_TEXT\"", &[]);
        alice.client().status_when(|status| status.clients >= 2);
        responding
    };
    let mut responding = respond(&alice);
    for kill in 0..kills {
        heard(&bob, 10 * kill + random.below(10) as usize);
        match random.below(3) {
            0 => alice = restart(&world, 1, alice, &ALICE),
            1 => bob = restart(&world, 2, bob, &BOB),
            _ => {
                responding.signal(Signal::SIGKILL);
                responding.wait();
                alice.client().status_when(|status| status.clients == 1);
                responding = respond(&alice);
            }
        }
    }
    let expected: Vec<String> = (0..messages).map(|number| format!("re: {number}")).collect();
    assert_eq!(heard(&bob, messages), expected);
    responding.signal(Signal::SIGKILL);
    responding.wait();
    // What its mark is not past yet is answered already.
    world.ctl(1, &args("echo again", &["--timeout", "0.2"]));
    assert_eq!(sent(&alice), expected);
}

#[test]
fn a_chat_that_is_over_has_no_answer_and_is_no_stop() {
    let world = World::new();
    let (_alice, [eve, frank]) = with_peers(&world, ["eve", "frank"]);
    eve.say(&world.address(1), 0, "one");
    eve.send(&world.address(1), Operation::Fin, 1, b"");
    let over = format!("eve@{}:7777", world.address(3));
    while world.ctl(1, &["chats"]).ok().contains(&over) {}
    frank.say(&world.address(1), 0, "two");
    let responding = respond(&world, "echo answer", &["-n", "2"]);
    frank.hear(&world.address(1), 0, "answer");
    let outcome = responding.wait();
    assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(0), ""));
    let said = format!(
        "simpctl: message 5: no answer was sent: no match for {}:7777 among frank@",
        world.address(3)
    );
    assert!(outcome.stderr.starts_with(&said) && outcome.stderr.lines().count() == 1, "{}", outcome.stderr);
}

#[test]
fn an_answer_that_is_too_long_is_a_failure_of_its_command() {
    let world = World::new();
    let (alice, [eve]) = with_peers(&world, ["eve"]);
    eve.say(&world.address(1), 0, "one");
    let failed = "echo \"$SIMP_STATUS\" >&2";
    let outcome = world.ctl(
        1,
        &args("head -c 1000001 /dev/zero", &["-n", "1", "--exec-tries", "1", "--exec-failed", failed]),
    );
    let said = "simpctl: message 3: given up after 1 try (more than 1000000 bytes of output)\n\
                more than 1000000 bytes of output\nsimpctl: 1 message was given up\n";
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(1), said));
    assert!(sent(&alice).is_empty());
}

#[test]
fn answers_that_make_no_sense_are_status_2_and_nothing_is_sent() {
    let world = World::new();
    let (alice, [eve]) = with_peers(&world, ["eve"]);
    eve.say(&world.address(1), 0, "one");
    for (args, line) in [
        (&["--reply"][..], "--reply is about commands, and needs --exec CMD"),
        (
            &["--reply", "--exec", "echo no", "--all"],
            "--reply answers messages, and --all is for other events too (leave one out)",
        ),
        (
            &["--reply", "--exec", "echo no", "--json"],
            "--exec prints no messages, so that --json means nothing (leave one out)",
        ),
        (
            &["--reply", "--exec", " "],
            "--exec needs a command: an empty one would mark every message as seen",
        ),
    ] {
        let args = [&["listen", "--since", "0"], args].concat();
        world.ctl(1, &args).fails(2, &format!("simpctl: {line}"));
    }
    assert!(sent(&alice).is_empty());
}

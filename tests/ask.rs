//! `simpctl ask`: the answer to a text, and what is said if there is none.

use std::fs;
use std::thread;

use nix::sys::signal::Signal;
use simp_control::{FollowFrom, Kind};
use simp_proto::Operation;

use crate::harness::{Daemon, Peer, Running, World, message, run};

const ALICE: [&str; 6] = ["--user", "alice", "--accept", "all", "--max-chats", "9"];

/// Alice in a chat with a bare peer.
fn with_eve(world: &World) -> (Daemon, Peer) {
    let alice = world.start(1, &ALICE);
    let eve = world.peer(3, "eve");
    eve.open(&world.address(1));
    (alice, eve)
}

/// Alice and bob in a chat, in which a command of bob's answers what alice says.
fn with_a_responder(world: &World) -> (Daemon, Daemon, Running) {
    let (alice, bob) = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    world.ctl(2, &["send", "not an answer"]).ok();
    let command = "echo \"re: $SIMP_TEXT\"";
    let responder = world.spawn_ctl(2, &["listen", "--consumer", "responder", "--reply", "--exec", command]);
    while !world.ctl(2, &["consumers"]).ok().contains("responder") {}
    (alice, bob, responder)
}

/// Waits until a message of alice's has been acknowledged.
fn is_delivered(alice: &Daemon) {
    let mut client = alice.client();
    client.follow(FollowFrom::After(0));
    while client.event().what.kind() != Kind::Delivered {}
}

#[test]
fn an_answer_is_printed_and_no_mark_is_moved() {
    let world = World::new();
    let _daemons = with_a_responder(&world);
    assert_eq!(world.ctl(1, &["ask", "how", "are", "you?"]).ok(), "re: how are you?\n");
    assert_eq!(world.ctl(1, &["ask", "-t", "bob", "say", "--json", "now"]).ok(), "re: say --json now\n");
    assert_eq!(world.ctl(1, &["ask", "--", "-n"]).ok(), "re: -n\n");
    assert_eq!(world.ctl(1, &["ask", "--", "-"]).ok(), "re: -\n");
    assert_eq!(world.ctl_with(1, &["ask", "-"], "two\nlines\n").ok(), "re: two\nlines\n");
    let answer: serde_json::Value =
        serde_json::from_str(&world.ctl(1, &["ask", "--json", "well?"]).ok()).unwrap();
    assert_eq!((&answer["event"], &answer["text"]), (&"message".into(), &"re: well?".into()));
    assert_eq!(world.ctl(1, &["consumers"]).ok(), "");
    assert_eq!(world.ctl(1, &["listen", "-n", "1", "--text"]).ok(), "not an answer\n");
}

#[test]
fn those_who_ask_at_the_same_time_get_their_own_answers() {
    let world = World::new();
    let _daemons = with_a_responder(&world);
    thread::scope(|scope| {
        for number in 0..24 {
            let world = &world;
            scope.spawn(move || {
                let question = format!("question {number}");
                assert_eq!(world.ctl(1, &["ask", "-t", "bob", &question]).ok(), format!("re: {question}\n"));
            });
        }
    });
}

#[test]
fn without_an_answer_it_is_status_6() {
    let world = World::new();
    let (_alice, _bob) = (world.start(1, &ALICE), world.start(2, &["--accept", "all"]));
    world.ctl(1, &["connect", &world.address(2)]).ok();
    world.ctl(1, &["ask", "--timeout", "2", "anybody there?"]).fails(6, "simpctl: no answer within 2 s");
    let eve = world.peer(3, "eve");
    world.ctl(1, &["quit"]).ok();
    eve.open(&world.address(1));
    let asking = world.spawn_ctl(1, &["ask", "--json", "--timeout", "1", "or not?"]);
    eve.expect(Operation::Chat, 0, b"or not?");
    let outcome = asking.wait();
    let id = world.ctl(1, &["history", "-n", "1"]).ok();
    let id = id.split_whitespace().next().unwrap();
    let line = format!("no answer within 1 s: message {id} is not acknowledged yet (simpd keeps trying)");
    assert_eq!((outcome.status, outcome.stderr), (Some(6), format!("simpctl: {line}\n")));
    assert_eq!(outcome.stdout, format!("{{\"error\":\"{line}\",\"kind\":\"no_answer\"}}\n"));
}

#[test]
fn a_text_that_has_not_left_at_the_time_limit_is_taken_back() {
    let world = World::new();
    let (alice, eve) = with_eve(&world);
    let first = world.spawn_ctl(1, &["send", "one"]);
    eve.expect(Operation::Chat, 0, b"one");
    let asking = world.spawn_ctl(1, &["ask", "--timeout", "1", "two"]);
    // Whatever this is, it is no answer to what she was not asked.
    alice.client().status_when(|status| status.last_id >= 4);
    eve.say(&world.address(1), 0, "what?");
    asking.wait().fails(6, "simpctl: no answer within 1 s: the text had not left, and was taken back");
    eve.send(&world.address(1), Operation::Ack, 0, b"");
    first.wait().ok();
    world.ctl(1, &["send", "--no-wait", "three"]).ok();
    loop {
        let datagram = eve.receive();
        assert_ne!(datagram.payload, b"two");
        if datagram.payload == b"three" {
            break;
        }
    }
}

#[test]
fn a_chat_that_ends_ends_it() {
    let world = World::new();
    let (alice, eve) = with_eve(&world);
    let asking = world.spawn_ctl(1, &["ask", "one"]);
    eve.hear(&world.address(1), 0, "one");
    is_delivered(&alice);
    eve.send(&world.address(1), Operation::Fin, 0, b"");
    let over = format!("simpctl: no answer: the chat with eve@{}:7777 is over (peer quit)", world.address(3));
    asking.wait().fails(6, &over);

    let frank = world.peer(4, "frank");
    frank.open(&world.address(1));
    let asking = world.spawn_ctl(1, &["ask", "two"]);
    frank.expect(Operation::Chat, 0, b"two");
    frank.send(&world.address(1), Operation::Fin, 0, b"");
    asking.wait().fails(8, "simpctl: not delivered: peer quit (ask again)");
    let line = "there is no open chat (open a chat: simpctl connect ADDR, or queue the message for a later one: send --queue \
                -t ADDR)";
    world.ctl(1, &["ask", "three"]).fails(7, &format!("simpctl: {line}"));
    world.ctl(1, &["ask", "-t", "carol", "three"]).fails(7, &format!("simpctl: {line}"));
}

#[test]
fn an_answer_that_came_before_the_acknowledgement_counts_at_the_time_limit() {
    let world = World::new();
    let (_alice, eve) = with_eve(&world);
    let asking = world.spawn_ctl(1, &["ask", "--timeout", "1", "one"]);
    eve.expect(Operation::Chat, 0, b"one");
    eve.say(&world.address(1), 0, "answer");
    eve.send(&world.address(1), Operation::Ack, 0, b"");
    assert_eq!(asking.wait().ok(), "answer\n");
}

#[test]
fn a_daemon_that_is_killed_meanwhile_is_waited_for() {
    let world = World::new();
    let (alice, eve) = with_eve(&world);
    let asking = world.spawn_ctl(1, &["ask", "one"]);
    eve.hear(&world.address(1), 0, "one");
    is_delivered(&alice);
    alice.signal(Signal::SIGKILL);
    alice.wait();
    let _alice = world.start(1, &ALICE);
    eve.send(&world.address(1), Operation::Chat, 0, b"answer");
    let outcome = asking.wait();
    let simpd = format!("simpctl: simpd on {}", world.address(1));
    let said = format!("{simpd} went away, waiting for it\n{simpd} is back\n");
    assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(0), "answer\n"));
    assert_eq!(outcome.stderr, said);
}

#[test]
fn whoever_asks_waits_for_those_before_it_and_not_for_other_chats() {
    let world = World::new();
    let (alice, eve) = with_eve(&world);
    let frank = world.peer(4, "frank");
    frank.open(&world.address(1));
    let first = world.spawn_ctl(1, &["ask", "-t", "eve", "one"]);
    eve.hear(&world.address(1), 0, "one");
    let limit = "simpctl: no answer within 0.3 s: nothing was asked, for others who ask came first";
    world.ctl(1, &["ask", "-t", "eve", "--timeout", "0.3", "two"]).fails(6, limit);
    let other = world.spawn_ctl(1, &["ask", "-t", "frank", "for frank"]);
    frank.hear(&world.address(1), 0, "for frank");
    frank.say(&world.address(1), 0, "from frank");
    assert_eq!(other.wait().ok(), "from frank\n");
    // Whoever is killed lets the next one ask.
    let third = world.spawn_ctl(1, &["ask", "-t", "eve", "three"]);
    first.signal(Signal::SIGKILL);
    first.wait();
    eve.hear(&world.address(1), 1, "three");
    eve.say(&world.address(1), 0, "from eve");
    assert_eq!(third.wait().ok(), "from eve\n");
    let texts = alice.client().log();
    assert!(!texts.iter().any(|event| event.what.text() == Some("two")));
    assert!(texts.iter().any(|event| event.what == message("from eve")));
}

#[test]
fn whoever_cannot_take_turns_asks_nothing() {
    let world = World::new();
    let (alice, _eve) = with_eve(&world);
    let asks = world.path("run/simp").join(format!("{}:7777.asks", world.address(1)));
    fs::create_dir(&asks).unwrap();
    let line =
        format!("simpctl: {}: not a regular file (set XDG_RUNTIME_DIR to a folder of yours)", asks.display());
    world.ctl(1, &["ask", "hi"]).fails(1, &line);
    assert_eq!(alice.client().log().len(), 2, "the chat, and nothing else");
    // With a folder of its own, which is not there yet, and the socket by its path.
    fs::remove_dir(&asks).unwrap();
    let mut command = world.command("simpctl");
    command.env("XDG_RUNTIME_DIR", world.path("")).args(["-d", alice.socket.to_str().unwrap()]);
    command.args(["ask", "--timeout", "0.1", "hi"]);
    assert_eq!(run(command, "").status, Some(6));
    assert!(world.path("simp").join(asks.file_name().unwrap()).exists() && !asks.exists());
}

#[test]
fn what_makes_no_sense_is_status_2_and_nothing_is_sent() {
    let world = World::new();
    let (alice, _eve) = with_eve(&world);
    for (args, line) in [
        (&[][..], "<text> is missing (see simpctl ask --help)"),
        (&["-t", "eve"], "<text> is missing (see simpctl ask --help)"),
        (&[""], "an empty text cannot be sent"),
        (&["-"], "standard input: an empty text cannot be sent"),
        (
            &["-", "x"],
            "- is all of standard input: give it or a text, not both (a text that begins with it: ask -- -)",
        ),
        (&["-t", " ", "hi"], "' ': nobody is called so (leave it out if there is only one)"),
        (&["--timeout", "0", "hi"], "--timeout '0': a time is more than 0 (see simpctl ask --help)"),
        (
            &["-5", "degrees"],
            "no option -5 (put -- before a text that begins with a dash; see simpctl ask --help)",
        ),
        (&["--tiemout", "1", "hi"], "no option --tiemout (did you mean --timeout? see simpctl ask --help)"),
        (&["gr\u{fc}n"], "a text must be ASCII; '\u{fc}' (U+00FC) at position 3 is not"),
    ] {
        world.ctl(1, &[&["ask"], args].concat()).fails(2, &format!("simpctl: {line}"));
    }
    assert_eq!(alice.client().log().len(), 2, "the chat, and nothing else");
}

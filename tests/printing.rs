//! How `listen` and `history` print what there is: templates, times at a terminal, and what became of messages of ours.

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use simp_proto::Operation;

use crate::harness::{Terminal, World};

fn lines(json: &str) -> Vec<Value> {
    json.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_template_says_how_a_message_is_printed() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    world.ctl(1, &["send", "--", "one\ttwo"]).ok();
    let template = r"{user}\t{from} {address} {chat} {event} \{{id}\}: {text}";
    let alice = world.address(1);
    let line = format!("alice\talice@{alice}:7777 {alice}:7777 1 message {{3}}: one\\ttwo\n");
    assert_eq!(world.ctl(2, &["listen", "-n", "1", "--format", template]).ok(), line);
    let listed = world.ctl(2, &["listen", "--since", "0", "-n", "1", "--format", "{at} {time} {text}"]).ok();
    let said: Vec<&str> = listed.split(' ').collect();
    // The world is in UTC.
    assert_eq!((&said[0][..10], &said[0][11..19]), (said[1], said[2]), "{listed}");
    let bob = world.address(2);
    let line = format!("3 bob@{bob}:7777 queued one\\ttwo\n");
    assert_eq!(world.ctl(1, &["history", "--format", "{id} {from} {event} {text}"]).ok(), line);
    let all = world.ctl(1, &["history", "--all", "--format", "{event}:{text}"]).ok();
    assert_eq!(all, "inviting:\nopened:\nqueued:one\\ttwo\ndelivered:\n");
}

#[test]
fn a_template_that_makes_no_sense_is_refused_before_anything_is_marked_as_seen() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    world.ctl(1, &["send", "hi"]).ok();
    let alone = "--format says how to print a message: it goes with none of --json, --text and --exec";
    for (args, line) in [
        (
            &["listen", "--format", "{txt}"][..],
            "--format '{txt}': there is no {txt} (there are id, at, time, event, chat, from, user, address, text) (see simpctl listen --help)",
        ),
        (
            &["listen", "--format", "hi"],
            "--format 'hi': it has no field, such as {text} (see simpctl listen --help)",
        ),
        (
            &["listen", "--format", "{text"],
            r"--format '{text': a { has no } (one as it is: \{) (see simpctl listen --help)",
        ),
        (
            &["history", "--format", r"{id}\x"],
            r"--format '{id}\x': after a backslash comes t, n, \, { or } (see simpctl history --help)",
        ),
        (&["listen", "--format", "{id}", "--json"], alone),
        (&["listen", "--format", "{id}", "--text"], alone),
        (&["listen", "--format", "{id}", "--exec", "true"], alone),
        (
            &["history", "--format", "{id}", "--json"],
            "--json has all fields, so that --format means nothing (leave one out)",
        ),
        (
            &["history", "--follow", "--until", "3"],
            "--follow has no end, so that --until means nothing (leave one out)",
        ),
    ] {
        world.ctl(2, args).fails(2, &format!("simpctl: {line}"));
    }
    assert_eq!(world.ctl(2, &["listen", "-n", "1"]).ok(), "alice: hi\n");
}

#[test]
fn at_a_terminal_the_time_stands_before_a_message() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    world.ctl(1, &["send", "hi"]).ok();
    let at = world.ctl(2, &["history", "--format", "{time}"]).ok();
    let time = at.trim_end().split_once(' ').unwrap().1;
    for (args, line) in [
        (&["listen", "--since", "0", "-n", "1"][..], format!("{time} alice: hi")),
        (&["listen", "--since", "0", "-n", "1", "--text"], "hi".to_owned()),
        (&["listen", "--since", "0", "-n", "1", "--format", "{user} {text}"], "alice hi".to_owned()),
    ] {
        let mut command = world.command("simpctl");
        command.args(["-d", &world.address(2)]).args(args);
        let (status, screen) = Terminal::start(&command, 10, 80).ends();
        assert!(status.success() && screen.lines().any(|shown| shown.trim_end() == line), "{screen}");
    }
}

#[test]
fn history_says_what_the_peer_does_not_surely_have() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let (to, bob) = (world.address(1), world.peer(2, "bob"));
    bob.open(&to);
    let send = |text| world.ctl(1, &["send", "--no-wait", text]).ok();
    send("here");
    bob.hear(&to, 0, "here");
    send("lost");
    bob.expect(Operation::Chat, 1, b"lost");
    let said = || {
        let shown = world.ctl(1, &["history", "--from", "bob"]).ok();
        shown.lines().map(|line| line.split_once("you -> ").unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(said(), ["bob: here", "bob: lost (waiting)"]);
    bob.send(&to, Operation::Fin, 0, b"");
    bob.expect(Operation::Ack, 0, b"");
    assert_eq!(said(), ["bob: here", "bob: lost (not delivered: peer quit)"]);
    // What it became is later than what is asked for.
    let states = |args: &[&str]| -> Vec<Value> {
        let all = lines(&world.ctl(1, &[&["history", "--json"], args].concat()).ok());
        all.into_iter().map(|entry| json!([entry["text"], entry["state"]])).collect()
    };
    let all = [json!(["here", "delivered"]), json!(["lost", "undelivered"])];
    assert_eq!(states(&[]), all);
    assert_eq!(states(&["--until", "5", "--search", "LO"]), all[1..]);
}

#[test]
fn history_goes_on_with_what_comes() {
    let world = World::new();
    let (_alice, bob) = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    world.ctl(1, &["send", "one"]).ok();
    world.ctl(1, &["send", "two"]).ok();
    let mut both = world.spawn_ctl(2, &["history", "--follow", "-n", "1", "--format", "{event} {text}"]);
    let mut all = world.spawn_ctl(2, &["history", "--follow", "--all", "-n", "1", "--json"]);
    assert_eq!(both.read_line(), "message two");
    assert_eq!(lines(&all.read_line())[0]["text"], "two");
    // Through a restart, too.
    bob.signal(Signal::SIGKILL);
    bob.wait();
    let _bob = world.start(2, &["--user", "bob", "--accept", "all"]);
    world.ctl(1, &["send", "three"]).ok();
    world.ctl(2, &["send", "four"]).ok();
    assert_eq!([both.read_line(), both.read_line()], ["message three", "queued four"]);
    let events = [(); 3].map(|()| lines(&all.read_line()).remove(0)["event"].clone());
    assert_eq!(events, ["message", "queued", "delivered"]);
    // Nobody reads on.
    both.close_stdout();
    let ran = both.wait();
    assert_eq!(ran.status, Some(0));
}

//! Standard input as messages: lines that their peer does not take, lines of any length, and all of it at once.
//!
//! `SIMP_SEED=n` takes the same dice again, `SIMP_ROUNDS=n` sets how many kills.

use std::fs::File;
use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::Value;
use simp_control::{
    Answer, Event, Failure, FailureKind, MessageState, Peer, Reason, Reply, Request, Takes, What,
};
use simp_proto::Operation;

use crate::harness::scripted::{asked, hello_with, scripted};
use crate::harness::{Daemon, Ran, Random, Running, World, seed, within};

/// Alice and Bob, in a chat like this.
fn chat(world: &World, how: &str) -> (Daemon, Daemon) {
    let daemons = world.alice_and_bob();
    world.ctl(1, &["connect", how, &world.address(2)]).ok();
    daemons
}

/// Runs simpctl with any bytes on standard input.
fn pipe(world: &World, socket: &Path, args: &[&str], input: &[u8]) -> Ran {
    let path = world.path("input");
    std::fs::write(&path, input).unwrap();
    let mut command = world.command("simpctl");
    command.arg("-d").arg(socket).args(args).stdin(File::open(&path).unwrap());
    let output = within(move || command.output().unwrap());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// What Bob has been told, as the exact texts.
fn told(world: &World) -> Vec<String> {
    let said = world.ctl(2, &["history", "--since", "0", "--json"]).ok();
    let text = |line: &str| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned();
    said.lines().map(text).collect()
}

fn said(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("simpctl: {line}\n")).collect()
}

/// So often one of the daemons is killed,
const KILLS: u64 = 8;

/// and so many lines there are for each of these.
const LINES_PER_KILL: u64 = 200;

const ODD: &[u8] = b"one\r\n\xff\ntw\xc3\xb6\n\na\0b\nthree";

#[test]
fn a_line_that_its_peer_does_not_take_is_reported_once_and_the_others_go_on() {
    let world = World::new();
    let _daemons = chat(&world, "--plain");
    let lines = said(&[
        "standard input line 2: a text must be UTF-8, and this is not",
        "standard input line 3: a text must be ASCII; '\u{f6}' (U+00F6) at position 3 is not",
        "standard input line 5: a text cannot contain the character U+0000",
        "3 of 5 lines were not sent",
    ]);
    for args in [&["send"][..], &["send", "--on-error", "skip"], &["send", "--json"]] {
        let outcome = pipe(&world, &world.socket(1), args, ODD);
        assert_eq!((outcome.status, &outcome.stderr), (Some(1), &lines));
        // A stream says its failures on standard error and in the exit status alone.
        let events: Vec<&str> = outcome.stdout.lines().collect();
        let is_json = args.contains(&"--json");
        assert!(events.iter().all(|event| event.contains("\"event\":\"delivered\"")), "{events:?}");
        assert_eq!(events.len(), if is_json { 2 } else { 0 });
    }
    assert_eq!(told(&world), ["one", "three"].repeat(3));
    let one = pipe(&world, &world.socket(1), &["send"], b"\xff");
    let lines =
        said(&["standard input line 1: a text must be UTF-8, and this is not", "1 of 1 lines was not sent"]);
    assert_eq!((one.status, one.stderr), (Some(1), lines));
    // What is good is no error.
    pipe(&world, &world.socket(1), &["send"], b"four\r\n\r\n\nfive").ok();
    assert_eq!(told(&world).split_off(6), ["four", "five"]);
}

#[test]
fn a_stream_that_is_to_stop_ends_with_the_first_bad_line() {
    let world = World::new();
    let _daemons = chat(&world, "--plain");
    let line = "simpctl: standard input line 2: a text must be UTF-8, and this is not";
    pipe(&world, &world.socket(1), &["send", "--on-error", "stop"], ODD).fails(2, line);
    assert_eq!(told(&world), ["one"]);
}

#[test]
fn a_line_is_sent_as_what_a_plain_peer_takes_if_that_is_wanted() {
    let world = World::new();
    let _daemons = chat(&world, "--plain");
    let words = "some words \u{f6} ".repeat(100);
    let input = [ODD, b"\n", words.trim_end().as_bytes(), b"\nlast\n"].concat();
    pipe(&world, &world.socket(1), &["send", "--on-error", "replace"], &input).ok();
    let told = told(&world);
    let (short, long) = told.split_at(5);
    assert_eq!(short, ["one", "?", "two", "a?b", "three"]);
    assert_eq!(long.concat(), words.replace('\u{f6}', "o").trim_end().to_owned() + "last");
    let lengths: Vec<_> = long.iter().map(String::len).collect();
    assert!(lengths.len() == 3 && lengths[0] <= 985 && long[0].ends_with(' '), "{lengths:?}");
}

#[test]
fn a_line_of_any_length_is_left_out_or_comes_in_parts_and_the_next_one_is_read() {
    let world = World::new();
    let _daemons = chat(&world, "--secure");
    let line = "gr\u{fc}n ".repeat(400_000);
    let input = format!("a\n{line}\nb\n");
    let outcome = pipe(&world, &world.socket(1), &["send"], input.as_bytes());
    let lines = said(&[
        "standard input line 2: a text has at most 1000000 bytes, this one has more (send it in parts)",
        "1 of 3 lines was not sent",
    ]);
    assert_eq!((outcome.status, outcome.stderr), (Some(1), lines));
    pipe(&world, &world.socket(1), &["send", "--on-error", "replace"], input.as_bytes()).ok();
    let told = told(&world);
    assert_eq!(told[..3], ["a", "b", "a"]);
    let parts = &told[3..told.len() - 1];
    assert!(parts.concat() == line, "{} parts", parts.len());
    assert!(parts.iter().all(|part| part.len() <= 256 << 10 && part.ends_with(' ')));
    assert_eq!(told[told.len() - 1], "b");
}

#[test]
fn a_failure_that_is_not_of_the_line_ends_the_stream_and_says_how_far_it_came() {
    let world = World::new();
    let _daemons = chat(&world, "--plain");
    let mut sending = world.spawn_ctl(1, &["send"]);
    sending.write_line("one");
    assert_eq!(world.ctl(2, &["listen", "-n", "1", "--text"]).ok(), "one\n");
    sending.write_line("tw\u{f6}");
    assert!(sending.read_error_line().starts_with("simpctl: standard input line 2: "));
    world.ctl(1, &["quit"]).ok();
    sending.write_line("three");
    let none = "there is no open chat (open a chat: simpctl connect ADDR, or queue the message for a later one: send --queue -t ADDR)";
    let line = format!("simpctl: standard input line 3: {none}; of the lines before it 1 of 2 were sent");
    sending.wait().fails(7, &line);
    // Of the first it is said alone.
    world.ctl_with(1, &["send"], "one\n").fails(7, &format!("simpctl: {none}"));
}

#[test]
fn all_of_standard_input_is_one_message_and_a_dash_is_a_text() {
    let world = World::new();
    let _daemons = chat(&world, "--secure");
    let bob = world.address(2);
    for args in
        [&["send", "-"][..], &["send", "-t", &bob, "-"], &["send", "-", "-t", &bob], &["send", "-", "--json"]]
    {
        let sent = world.ctl_with(1, args, "one\n\ntwo\r\n").ok();
        assert_eq!(sent.lines().count(), usize::from(args.contains(&"--json")), "{sent}");
    }
    world.ctl(1, &["send", "--", "-"]).ok();
    world.ctl(1, &["send", "-t", &bob, "--", "-", "is", "a", "dash"]).ok();
    assert_eq!(told(&world), [vec!["one\n\ntwo"; 4], vec!["-", "- is a dash"]].concat());
    // What is too long is said before anything is sent, and as JSON, for it is one message.
    let long = "x".repeat(300_000);
    let refused = world.ctl_with(1, &["send", "--json", "-"], &long);
    assert_eq!(refused.status, Some(2));
    assert!(refused.stdout.starts_with("{\"error\":\"bob@"), "{}", refused.stdout);
    for (input, line) in [
        (
            &"x".repeat(1_000_001)[..],
            "a text has at most 1000000 bytes, this one has more (send it in parts)",
        ),
        ("a\0b", "a text cannot contain the character U+0000"),
        ("\n", "an empty text cannot be sent"),
    ] {
        world.ctl_with(1, &["send", "-"], input).fails(2, &format!("simpctl: standard input: {line}"));
    }
    assert_eq!(told(&world).len(), 6);
}

#[test]
fn what_makes_no_sense_is_status_2_and_nothing_is_sent() {
    let world = World::new();
    let _daemons = chat(&world, "--plain");
    let file = world.path("file").display().to_string();
    let lines_only = "--on-error is for the lines of standard input: leave it out";
    let expected = "(see simpctl send --help)";
    for (args, line) in [
        (&["--on-error", "skip", "hi"][..], lines_only),
        (&["--on-error", "replace", "-"], lines_only),
        (&["--on-error", "stop", "--file", &file], lines_only),
        (
            &["--on-error", "never"],
            &format!("--on-error 'never': expected stop, skip or replace {expected}") as &str,
        ),
        (
            &["-", "hi"],
            "- is all of standard input: give it or a text, not both (a text that begins with it: send -- -)",
        ),
        (
            &["--whole"],
            &format!("no option --whole (put -- before a text that begins with a dash; {}", &expected[1..]),
        ),
    ] {
        let args = [&["send"], args].concat();
        world.ctl_with(1, &args, "hi\n").fails(2, &format!("simpctl: {line}"));
    }
    assert_eq!(world.ctl(1, &["history"]).ok(), "");
}

/// What a simpd says that takes a text for good, and finds out too late that it is too long.
fn too_late(message: u64) -> Vec<Answer> {
    vec![Answer::Reply(Reply::Queued { message, chat: 1 }), outcome(message, Some(Reason::TooLong))]
}

fn outcome(message: u64, reason: Option<Reason>) -> Answer {
    let peer = Peer { user: "eve".to_owned(), address: "127.0.0.3:7777".to_owned() };
    let what = match reason {
        Some(reason) => What::Undelivered { message, reason },
        None => What::Delivered { message },
    };
    Answer::Event(Event { id: message + 1, at_ms: 0, chat: 1, peer, secure: None, answers: None, what })
}

#[test]
fn lines_that_are_at_hand_are_under_way_together_and_their_outcomes_are_told_in_order() {
    let world = World::new();
    let queued = |message| Answer::Reply(Reply::Queued { message, chat: 1 });
    // Nothing is said to the second and third before the fourth is asked for.
    let together =
        vec![queued(9), outcome(11, None), queued(11), queued(13), outcome(13, None), outcome(9, None)];
    let answers = vec![vec![queued(7), outcome(7, None)], vec![], vec![], together];
    let (ran, texts) = with_simpd(&world, &["send", "--json"], "a\nb\nc\n\n\nd\n", answers);
    assert_eq!(texts, ["a", "b", "c", "d"]);
    let told = ran.ok();
    let message = |line: &str| serde_json::from_str::<Value>(line).unwrap()["message"].as_u64().unwrap();
    assert_eq!(told.lines().map(message).collect::<Vec<_>>(), [7, 9, 11, 13]);
}

#[test]
fn a_line_that_is_not_delivered_ends_the_stream_and_those_behind_it_are_not_delivered_either() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let (to, bob) = (world.address(1), world.peer(2, "bob"));
    bob.open(&to);
    let mut sending = world.spawn_ctl(1, &["send"]);
    sending.write_line("one");
    bob.hear(&to, 0, "one");
    sending.write_line("two\nthree\nfour");
    bob.expect(Operation::Chat, 1, b"two");
    bob.send(&to, Operation::Fin, 0, b"");
    bob.expect(Operation::Ack, 0, b"");
    let ended = sending.wait();
    let line =
        "simpctl: standard input line 2: not delivered: peer quit (send it again with: simpctl resend ";
    assert!(ended.status == Some(8) && ended.stderr.starts_with(line), "{ended:?}");
    let far = "); the line before it was sent; the 2 lines after it were not delivered either\n";
    assert!(ended.stderr.ends_with(far), "{ended:?}");
}

#[test]
fn a_failure_says_how_many_lines_after_it_may_have_been_sent() {
    let world = World::new();
    let queued = |message| Answer::Reply(Reply::Queued { message, chat: 1 });
    let states = |states| vec![Answer::Reply(Reply::States { states })];
    let taken_back = outcome(9, Some(Reason::Cancelled));
    let path = world.path("scripted.sock");
    for (last, after) in [
        (MessageState::Waiting, "the 2 lines after it may have been sent"),
        (
            MessageState::Undelivered { reason: Reason::Cancelled },
            "of the 2 lines after it 1 may have been sent",
        ),
    ] {
        let together = vec![queued(9), queued(11), queued(13), taken_back.clone()];
        let script = vec![
            hello_with(&["takes"]),
            vec![Answer::Reply(Reply::Following { after: 1 })],
            vec![queued(7), outcome(7, None)],
            vec![],
            vec![],
            together,
            states(vec![Some(MessageState::Delivered), Some(last)]),
        ];
        let script = scripted(&path, vec![script]);
        let why = "not delivered: cancelled (send it again with: simpctl resend 9)";
        let line = format!("simpctl: standard input line 2: {why}; the line before it was sent; {after}");
        pipe(&world, &path, &["send"], b"a\nb\nc\nd\n").fails(8, &line);
        let last = asked(&script).remove(0).pop();
        assert_eq!(last, Some(Request::States { messages: vec![11, 13] }));
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_simpd_that_makes_no_sense_ends_the_stream_and_the_error_says_how_far_it_came() {
    let world = World::new();
    let queued = vec![Answer::Reply(Reply::Queued { message: 7, chat: 1 }), outcome(7, None)];
    let nonsense = vec![Answer::Reply(Reply::Following { after: 1 })];
    let (ran, texts) = with_simpd(&world, &["send"], "a\nb\nc\n", vec![queued, vec![], nonsense]);
    let line = "simpctl: standard input line 2: unexpected reply from simpd; the line before it was sent; the line after it may \
                have been sent";
    ran.fails(1, line);
    assert_eq!(texts, ["a", "b", "c"]);
}

#[test]
fn lines_under_way_are_asked_for_once_more_if_simpd_goes_away() {
    let world = World::new();
    let path = world.path("scripted.sock");
    let queued = |message| Answer::Reply(Reply::Queued { message, chat: 1 });
    let following = |after| vec![Answer::Reply(Reply::Following { after })];
    let first = vec![
        hello_with(&["takes"]),
        following(1),
        vec![queued(7), outcome(7, None)],
        vec![queued(9)],
        vec![],
    ];
    let settled = |message| [following(message), vec![outcome(message, None)]].concat();
    let second = vec![
        hello_with(&["takes"]),
        settled(9),
        following(10),
        vec![queued(11)],
        settled(11),
        following(12),
        vec![queued(13), outcome(13, None)],
    ];
    let script = scripted(&path, vec![first, second]);
    let mut sending = world.command("simpctl");
    sending.arg("-d").arg(&path).arg("send");
    let mut sending = Running::start(sending);
    sending.write_line("a\nb\nc");
    let lost = sending.read_error_line();
    assert!(lost.contains("went away"), "{lost}");
    let back = sending.read_error_line();
    sending.write_line("d");
    let ended = sending.wait();
    assert_eq!((ended.status, back.contains("is back")), (Some(0), true), "{back} {ended:?}");
    let sent = |request: Request| match request {
        Request::Send { text, token, again_after, .. } => Some((text, token, again_after)),
        _ => None,
    };
    let [before, after]: [Vec<_>; 2] = asked(&script)
        .into_iter()
        .map(|asked| asked.into_iter().filter_map(sent).collect())
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    assert_eq!(after[0], (String::from("c"), before[2].1, Some(8)));
    assert_eq!(after[1].2, None);
}

#[test]
fn lines_under_way_arrive_once_and_in_order_whichever_simpd_is_killed() {
    let mut random = Random(seed());
    let world = World::new();
    let start =
        |host: u8| world.start(host, &["--user", ["alice", "bob"][usize::from(host) - 1], "--accept", "all"]);
    let mut daemons = [start(1), start(2)];
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let kills = std::env::var("SIMP_ROUNDS").map_or(KILLS, |rounds| rounds.parse().unwrap());
    let many = kills * LINES_PER_KILL;
    let lines: Vec<String> = (0..many).map(|n| format!("line {n}, gr\u{fc}n")).collect();
    let path = world.path("input");
    std::fs::write(&path, lines.join("\n")).unwrap();
    let mut sending = world.command("simpctl");
    sending.args(["-d", &world.address(1), "send"]).stdin(File::open(&path).unwrap());
    let mut sending = sending.spawn().unwrap();
    for _ in 0..kills {
        let heard = daemons[1].client().status().last_id + random.below(2 * LINES_PER_KILL);
        daemons[1].client().status_when(|status| status.last_id >= heard.min(many));
        let host = random.below(2) as u8 + 1;
        let daemon = &mut daemons[usize::from(host) - 1];
        daemon.signal(Signal::SIGKILL);
        daemon.wait();
        *daemon = start(host);
    }
    let ended = within(move || sending.wait().unwrap());
    assert_eq!(ended.code(), Some(0));
    assert_eq!(told(&world), lines);
}

/// What simpctl does with these lines, and asks a simpd that says this to each text.
fn with_simpd(world: &World, args: &[&str], input: &str, answers: Vec<Vec<Answer>>) -> (Ran, Vec<String>) {
    let path = world.path("scripted.sock");
    let _ = std::fs::remove_file(&path);
    let first = vec![hello_with(&["takes"]), vec![Answer::Reply(Reply::Following { after: 1 })]];
    let script = scripted(&path, vec![[first, answers].concat()]);
    let ran = pipe(world, &path, args, input.as_bytes());
    let text = |request: Request| match request {
        Request::Send { text, .. } => text,
        other => panic!("{other:?}"),
    };
    (ran, asked(&script).remove(0).drain(2..).map(text).collect())
}

#[test]
fn a_line_that_is_found_too_long_too_late_is_a_bad_line_too() {
    let world = World::new();
    let queued = |message| vec![Answer::Reply(Reply::Queued { message, chat: 1 }), outcome(message, None)];
    let too_long = "not delivered: too long (its peer accepts only shorter messages; send it in parts)";
    let lines = said(&[&format!("standard input line 1: {too_long}"), "1 of 2 lines was not sent"]);
    let (ran, texts) = with_simpd(&world, &["send"], "12345678\nb\n", vec![too_late(7), queued(9)]);
    assert_eq!(
        (ran.status, ran.stderr, texts),
        (Some(1), lines, vec!["12345678".to_owned(), "b".to_owned()])
    );

    let (ran, _) = with_simpd(&world, &["send", "--on-error", "stop"], "12345678\nb\n", vec![too_late(7)]);
    ran.fails(8, &format!("simpctl: standard input line 1: {too_long}"));

    // By then it is known how long it may be.
    let refused = Failure::of_text(Takes { bytes: 5, ascii: true }, "too long");
    let answers = vec![too_late(7), vec![Answer::Failure(refused)], queued(9), queued(11), queued(13)];
    let (ran, texts) = with_simpd(&world, &["send", "--on-error", "replace"], "1234567\u{f6}\nb\n", answers);
    ran.ok();
    assert_eq!(texts, ["1234567\u{f6}", "1234567\u{f6}", "12345", "67o", "b"]);
    // What does not become better is not tried for ever.
    let (ran, texts) =
        with_simpd(&world, &["send", "--on-error", "replace"], "12345678\n", vec![too_late(7), too_late(9)]);
    let lines = said(&[&format!("standard input line 1: {too_long}"), "1 of 1 lines was not sent"]);
    assert_eq!((ran.status, ran.stderr, texts.len()), (Some(1), lines, 2));
}

#[test]
fn a_simpd_that_does_not_say_what_a_peer_takes_is_understood() {
    let world = World::new();
    let ascii = "a text must be ASCII; '\u{f6}' (U+00F6) at position 1 is not";
    let refused = || vec![Answer::Failure(Failure::new(FailureKind::Usage, ascii))];
    let (ran, _) = with_simpd(&world, &["send"], "\u{f6}\n", vec![refused()]);
    let lines = said(&[&format!("standard input line 1: {ascii}"), "1 of 1 lines was not sent"]);
    assert_eq!((ran.status, ran.stderr), (Some(1), lines));
}

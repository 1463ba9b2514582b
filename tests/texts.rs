//! Texts as simpctl sends and shows them: what a plain peer takes, and what a secure chat does.

use serde_json::Value;
use simp_control::{Answer, Request, Takes, What};

use crate::harness::{Daemon, World};

const GREETING: &str = "gr\u{fc}\u{df}e\nund K\u{fc}sse \u{1f600}";

/// Alice and Bob, in a chat like this.
fn chat(world: &World, how: &str) -> (Daemon, Daemon) {
    let daemons = world.alice_and_bob();
    world.ctl(1, &["connect", how, &world.address(2)]).ok();
    daemons
}

fn values(lines: &str, name: &str) -> Vec<String> {
    let value = |line: &str| serde_json::from_str::<Value>(line).unwrap()[name].as_str().unwrap().to_owned();
    lines.lines().map(value).collect()
}

#[test]
fn what_a_plain_peer_does_not_take_is_refused_with_the_reason() {
    let world = World::new();
    let _daemons = chat(&world, "--plain");
    let long = "x".repeat(986);
    let ascii = "a text must be ASCII; '\u{fc}' (U+00FC) at position 3 is not";
    let too_long = "a text has at most 985 characters, this one has 986 (send it in parts)";
    for (text, line) in [("gr\u{fc}n", ascii), (&long, too_long)] {
        let at = format!("{}:7777", world.address(2));
        world.ctl(1, &["send", text]).fails(2, &format!("simpctl: {line}"));
        world.ctl(1, &["send", "--queue", "-t", &at, text]).fails(2, &format!("simpctl: {line}"));
        world.ctl_with(1, &["send", "-"], text).fails(2, &format!("simpctl: {line}"));
        let line = format!("simpctl: standard input line 2: {line}");
        world.ctl_with(1, &["send", "--on-error", "stop"], &format!("\n{text}\n")).fails(2, &line);
    }
    // Several lines are nothing special.
    world.ctl_with(1, &["send", "-"], "one\ntwo\n").ok();
    assert_eq!(world.ctl(2, &["listen", "-n", "1", "--text"]).ok(), "one\\ntwo\n");
}

#[test]
fn whoever_asks_is_told_what_a_peer_takes_that_does_not_take_a_text() {
    for (how, takes) in [
        ("--plain", Takes { bytes: 985, ascii: true }),
        ("--secure", Takes { bytes: 256 << 10, ascii: false }),
    ] {
        let world = World::new();
        let (alice, _bob) = chat(&world, how);
        for text in ["a\0b", &"\u{fc}".repeat(200_000)] {
            match alice.client().ask(&Request::send(None, text)) {
                Answer::Failure(failure) => assert_eq!(failure.takes, Some(takes), "{how}"),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_secure_chat_carries_any_text_and_it_is_shown_on_one_line() {
    let world = World::new();
    let _daemons = chat(&world, "--secure");
    world.ctl(1, &["send", GREETING]).ok();
    world.ctl_with(1, &["send", "-"], &format!("{GREETING}\n")).ok();
    world.ctl_with(1, &["send"], GREETING).ok();
    let shown = GREETING.replace('\n', "\\n");
    let lines = [shown.as_str(), &shown, "gr\u{fc}\u{df}e", "und K\u{fc}sse \u{1f600}"];
    let expected = |before: &str| lines.map(|line| format!("{before}{line}\n")).concat();
    assert_eq!(world.ctl(2, &["listen", "-n", "4", "--since", "0"]).ok(), expected("alice: "));
    assert_eq!(world.ctl(2, &["listen", "-n", "4", "--since", "0", "--text"]).ok(), expected(""));
    let told = world.ctl(2, &["listen", "-n", "4", "--since", "0", "--json"]).ok();
    assert_eq!(values(&told, "text"), [GREETING, GREETING, "gr\u{fc}\u{df}e", "und K\u{fc}sse \u{1f600}"]);
    let (copy, said) = (world.path("copy"), world.path("said"));
    let command = format!("cat >{}; printf %s \"$SIMP_TEXT\" >{}", copy.display(), said.display());
    world.ctl(2, &["listen", "--last", "4", "-n", "1", "--exec", &command]).ok();
    assert_eq!(std::fs::read_to_string(copy).unwrap(), format!("{GREETING}\n"));
    assert_eq!(std::fs::read_to_string(said).unwrap(), GREETING);
}

#[test]
fn what_no_secure_chat_carries_is_refused_with_the_reason() {
    let world = World::new();
    let _daemons = chat(&world, "--secure");
    let bob = format!("bob@{}:7777", world.address(2));
    let long = "x".repeat((256 << 10) + 1);
    let too_long =
        format!("{bob} receives at most 262144 bytes of a message, this one has 262145 (send it in parts)");
    let nul = "a text cannot contain the character U+0000";
    let from_stdin = format!("standard input: {nul}");
    for (text, line, whole) in
        [(long.as_str(), too_long.as_str(), too_long.as_str()), ("a\0b", nul, &from_stdin)]
    {
        world.ctl_with(1, &["send", "-"], text).fails(2, &format!("simpctl: {whole}"));
        let line = format!("simpctl: standard input line 1: {line}");
        world.ctl_with(1, &["send", "--on-error", "stop"], text).fails(2, &line);
    }
}

#[test]
fn texts_as_long_as_they_can_be_are_read_from_the_log_piece_by_piece() {
    let world = World::new();
    let config = world.path("simpd.toml");
    std::fs::write(&config, "text_max = 1000000\naccept = 'all'").unwrap();
    let args = ["--config", config.to_str().unwrap()];
    let _alice = world.start(1, &args);
    let bob = world.start(2, &args);
    let at = format!("{}:7777", world.address(2));
    world.ctl(1, &["connect", "--secure", &at]).ok();
    let longest: Vec<_> = ["x", "y", "z"].map(|letter| letter.repeat(1_000_000)).to_vec();
    for text in &longest {
        world.ctl(1, &["send", "a short one"]).ok();
        world.ctl_with(1, &["send", "-"], text).ok();
    }
    let of_long = |lines: &str| {
        let mut texts = values(lines, "text");
        assert_eq!(texts.len(), 6);
        texts.retain(|text| text.len() > 20);
        texts
    };
    assert!(of_long(&world.ctl(1, &["history", "--json"]).ok()) == longest);
    assert!(of_long(&world.ctl(2, &["listen", "-n", "6", "--since", "0", "--json"]).ok()) == longest);
    // The next are kept until Bob is back, whose key is known.
    world.ctl(1, &["quit"]).ok();
    drop(bob);
    for text in &longest {
        world.ctl_with(1, &["send", "--queue", "-t", &at, "-"], text).ok();
    }
    assert!(values(&world.ctl(1, &["outbox", "--json"]).ok(), "text") == longest);
    for row in world.ctl(1, &["outbox"]).ok().lines() {
        assert!(row.len() < 1_200 && row.ends_with("[999015 more bytes]"), "{} bytes", row.len());
    }
    let _bob = world.start(2, &args);
    let told = world.ctl(2, &["listen", "-n", "9", "--since", "0", "--json"]).ok();
    assert!(values(&told, "text")[6..] == longest);
}

#[test]
fn the_outbox_takes_for_a_peer_with_a_known_key_what_a_secure_chat_takes() {
    let world = World::new();
    let (alice, bob) = chat(&world, "--secure");
    let at = format!("{}:7777", world.address(2));
    drop(bob);
    let queued = world.ctl(1, &["send", "--no-wait", "--json", GREETING]).ok();
    assert_eq!(values(&queued, "text"), [GREETING]);
    let mut client = alice.client();
    client.reply(&Request::Quit { who: None, chat: None, now: true });
    let undelivered = client.log().into_iter().find_map(|event| match event.what {
        What::Undelivered { message, .. } => Some(message.to_string()),
        _ => None,
    });
    world.ctl(1, &["send", "--queue", "-t", &at, GREETING]).ok();
    world.ctl(1, &["resend", &undelivered.unwrap()]).ok();
    assert_eq!(values(&world.ctl(1, &["outbox", "--json"]).ok(), "text"), [GREETING, GREETING]);
}

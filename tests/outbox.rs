//! Messages that are kept until their peer is there, the consumers whose places are kept, and what is looked up
//! of the log: by simpctl, as a user does it.

use nix::sys::signal::Signal;
use simp_proto::Operation;

use crate::harness::World;

/// Lines of JSON, parsed.
fn json(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_message_for_somebody_who_is_off_is_delivered_once_he_is_there() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let two = world.address(2);
    assert_eq!(world.ctl(1, &["send", "--queue", "-t", &two, "backup", "done"]).ok(), "");
    let queued = json(&world.ctl(1, &["--json", "send", "--queue", "-t", &two, "bye"]).ok());
    assert_eq!(queued, [serde_json::json!({"id": 2, "event": "queued", "chat": 0, "text": "bye"})]);
    let kept = world.ctl(1, &["outbox"]).ok();
    assert!(kept.starts_with(&format!("1  {two}:7777  ")) && kept.ends_with("  bye\n"), "{kept}");
    let _bob = world.start(2, &["--user", "bob", "--accept", "all"]);
    let got = world.ctl(2, &["listen", "--text", "-n", "2", "--timeout", "30"]).ok();
    assert_eq!(got, "backup done\nbye\n");
    world.ctl(1, &["listen", "--all", "--since", "0", "-n", "5", "--timeout", "30"]).ok();
    assert_eq!(world.ctl(1, &["outbox"]).ok(), "");
}

#[test]
fn a_queued_message_that_is_waited_for_is_status_0_6_or_8() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let two = world.address(2);
    let queue = |more: &[&str]| world.ctl(1, &[&["send", "--queue", "-t", &two], more, &["hi"]].concat());
    queue(&["--timeout", "0.2"])
        .fails(6, "simpctl: message 1 is queued and will be delivered when the peer is back");
    queue(&["--timeout", "30", "--expire", "1s"])
        .fails(8, "simpctl: not delivered: expired (send it again with: simpctl resend 2)");
    let _bob = world.start(2, &["--user", "bob", "--accept", "all"]);
    let delivered = json(&world.ctl(1, &["resend", "2", "--json"]).ok());
    let id = delivered[0]["id"].as_u64().unwrap();
    assert_eq!((&delivered[0]["event"], &delivered[0]["text"]), (&"queued".into(), &"hi".into()));
    world.ctl(2, &["listen", "-n", "2", "--timeout", "30"]).ok();
    let all = json(&world.ctl(1, &["history", "--since", &(id - 1).to_string(), "--json"]).ok());
    assert_eq!((&all[0]["id"], &all[0]["again"]), (&id.into(), &2.into()));
    assert_eq!(queue(&["--timeout", "30"]).ok(), "");
}

#[test]
fn the_outbox_is_listed_with_what_is_going_on() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let (silent, nobody) = (world.peer(3, "eve"), world.address(9));
    world.ctl(1, &["send", "--queue", "--expire", "7d", "-t", &world.address(3), "for", "eve"]).ok();
    silent.expect(Operation::Syn, 0, b"");
    let inviting = world.ctl(1, &["outbox"]).ok();
    let columns: Vec<&str> = inviting.trim_end().split("  ").collect();
    let eve = format!("{}:7777", world.address(3));
    assert_eq!((&columns[..2], &columns[3..]), (&["1", eve.as_str()][..], &["inviting", "for eve"][..]));
    world.ctl(1, &["send", "--queue", "-t", &nobody, "for nobody"]).ok();
    let deadline = std::time::Instant::now() + crate::harness::DEADLINE;
    let nobody_there = loop {
        let kept = json(&world.ctl(1, &["outbox", "--json"]).ok());
        if kept[1]["tries"].as_u64() >= Some(1) {
            break kept;
        }
        assert!(std::time::Instant::now() < deadline, "{kept:?}");
    };
    assert_eq!(nobody_there[0]["to"], format!("{}:7777", world.address(3)));
    assert!(nobody_there[0]["expires"].is_string() && nobody_there[1]["expires"].is_null());
    assert_eq!((&nobody_there[1]["id"], &nobody_there[1]["reason"]), (&2.into(), &"nobody there".into()));
    assert!(nobody_there[1]["next"].is_string() && nobody_there[1]["at"].is_string());
    let plain = world.ctl(1, &["outbox"]).ok();
    assert!(
        plain.contains("next try in ")
            && plain.contains(" (nobody there, ")
            && plain.ends_with("  for nobody\n"),
        "{plain}"
    );
}

#[test]
fn what_a_peer_that_vanished_did_not_get_is_sent_again_on_demand() {
    let world = World::new();
    let config = world.path("simpd.toml");
    std::fs::write(&config, "attempts = 1\naccept = 'all'").unwrap();
    let _alice = world.start(1, &["--config", &config.display().to_string()]);
    let (address, bob) = (world.address(1), world.peer(2, "bob"));
    bob.open(&address);
    // He takes the message and is never heard of again.
    world
        .ctl(1, &["send", "hi"])
        .fails(8, "simpctl: not delivered: peer gone (send it again with: simpctl resend 3)");
    assert_eq!(world.ctl(1, &["chats"]).ok(), "");
    let log = json(&world.ctl(1, &["history", "--all", "--json"]).ok());
    let kinds: Vec<_> =
        log.iter().map(|event| (event["event"].as_str().unwrap(), &event["reason"])).collect();
    let (none, gone) = (serde_json::Value::Null, serde_json::json!("peer gone"));
    assert_eq!(kinds[2..], [("queued", &none), ("undelivered", &gone), ("closed", &gone)]);
    bob.expect(Operation::Chat, 0, b"hi");
    bob.expect(Operation::Fin, 1, b"");

    assert_eq!(world.ctl(1, &["resend", "3"]).ok(), "");
    bob.expect(Operation::Syn, 0, b"");
    bob.accept(&address);
    bob.hear(&address, 0, "hi");
    world.ctl(1, &["listen", "--all", "--since", "6", "-n", "2", "--timeout", "30"]).ok();
    assert_eq!(world.ctl(1, &["outbox"]).ok(), "");
}

#[test]
fn cancel_and_resend_say_what_cannot_be_done() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let nobody = world.address(9);
    world.ctl(1, &["send", "--queue", "-t", &nobody, "hi"]).ok();
    world.ctl(1, &["resend", "1"]).fails(1, "simpctl: message 1: is still waiting to be delivered");
    assert_eq!(world.ctl(1, &["outbox", "cancel", "1", "--json"]).ok(), "{\"cancelled\":1}\n");
    world.ctl(1, &["outbox", "cancel", "1"]).fails(1, "simpctl: message 1: was already given up");
    world
        .ctl(1, &["outbox", "cancel", "77"])
        .fails(7, "simpctl: message 77: no such message (see: simpctl outbox)");
    world
        .ctl(1, &["resend", "77"])
        .fails(7, "simpctl: message 77: no such message (see: simpctl history --all)");
    assert_eq!(world.ctl(1, &["resend", "1", "--expire", "2h"]).ok(), "");
    assert!(json(&world.ctl(1, &["outbox", "--json"]).ok())[0]["expires"].is_string());
    world.ctl(1, &["resend", "1"]).fails(1, "simpctl: message 1: was already resent as message 3");
    assert_eq!(world.ctl(1, &["outbox", "cancel", "3"]).ok(), "");
    assert_eq!(world.ctl(1, &["outbox"]).ok(), "");
    let log = world.ctl(1, &["history", "--all"]).ok();
    assert!(log.contains(&format!("* message 3 is not delivered to {nobody}:7777: cancelled\n")), "{log}");
}

#[test]
fn whom_a_kept_message_is_for_is_an_address_a_host_or_somebody_with_a_chat() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let peer = world.peer(3, "eve");
    for (args, line) in [
        (
            &["send", "--queue", "hi"][..],
            "no receiver given (the outbox needs an address: send --queue -t ADDR)",
        ),
        (&["send", "--queue", "-t", "no-such-host.invalid", "hi"], "no-such-host.invalid: unknown host"),
        (
            &["send", "--queue", "-t", "Ann Lee", "hi"],
            "Ann Lee: no chat with a user of this name (give the address: send --queue -t ADDR)",
        ),
    ] {
        world.ctl(1, args).fails(7, &format!("simpctl: {line}"));
    }
    peer.open(&world.address(1));
    world.ctl(1, &["send", "--queue", "-t", "eve", "by name"]).ok();
    peer.expect(Operation::Chat, 0, b"by name");
    world.ctl(1, &["send", "--queue", "-t", "localhost:9", "by host"]).ok();
    let kept = json(&world.ctl(1, &["outbox", "--json"]).ok());
    let to: Vec<_> = kept.iter().map(|kept| kept["to"].as_str().unwrap().to_owned()).collect();
    assert_eq!(to, [format!("eve@{}:7777", world.address(3)), "127.0.0.1:9".to_owned()]);
}

#[test]
fn a_time_that_makes_no_sense_is_status_2_and_one_line() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let forms = "a time is one of: 5 or 0.5 (seconds), 90s, 30m, 2h, 7d, 1w, 2026-11-21, 2026-11-21T10:00 or RFC 3339";
    for (command, value, expire) in [
        ("send", "0s", "a time is more than 0"),
        ("send", "soon", forms),
        ("send", "-2h", forms),
        ("resend", "2020-01-01", "this time has passed"),
        ("resend", "101000d", "a time is at most 100 years"),
    ] {
        world
            .ctl(1, &[command, "--expire", value, "1"])
            .fails(2, &format!("simpctl: --expire '{value}': {expire} (see simpctl {command} --help)"));
    }
    world
        .ctl(1, &["send", "--expire", "2h", "hi"])
        .fails(2, "simpctl: --expire needs --queue: only messages in the outbox expire");
    for option in ["--since", "--until"] {
        world.ctl(1, &["history", option, "yesterday"]).fails(
            2,
            &format!(
                "simpctl: {option} 'yesterday': neither an id nor a time: {forms} (see simpctl history --help)"
            ),
        );
    }
    for args in [&["outbox", "cancel"][..], &["outbox", "nonsense"], &["resend"], &["consumers", "remove"]] {
        let outcome = world.ctl(1, args);
        assert_eq!((outcome.status, outcome.stderr.lines().count()), (Some(2), 1), "{args:?}: {outcome:?}");
    }
}

#[test]
fn a_piece_of_the_history_is_chosen_by_ids_and_by_times() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let peer = world.peer(3, "eve");
    peer.open(&world.address(1));
    let lines: String = (0..30).map(|n| format!("{n}\n")).collect();
    world.ctl_with(1, &["send", "--no-wait"], &lines).ok();
    let ids = |args: &[&str]| {
        let shown = world.ctl(1, &[&["history", "--json"], args].concat()).ok();
        json(&shown).iter().map(|event| event["id"].as_u64().unwrap()).collect::<Vec<u64>>()
    };
    // request and opened are 1 and 2, the messages 3 to 32.
    assert_eq!(ids(&[]), (13..=32).collect::<Vec<_>>());
    assert_eq!(ids(&["--since", "5"]), (6..=32).collect::<Vec<_>>());
    assert_eq!(ids(&["--since", "5", "--until", "8"]), [6, 7, 8]);
    assert_eq!(ids(&["--since", "5", "-n", "2"]), [31, 32]);
    assert_eq!(ids(&["--until", "4", "--all"]), [1, 2, 3, 4]);
    assert_eq!(ids(&["--since", "9", "--until", "8"]), [0; 0]);
    assert_eq!(ids(&["--since", "1h", "--from", "eve"]), (3..=32).collect::<Vec<_>>());
    assert_eq!(ids(&["--until", "1h"]), [0; 0]);
    assert_eq!(ids(&["--since", "2000-01-01", "--until", "2000-01-02T10:00"]), [0; 0]);
    let at = |id: &str| {
        let entry = json(&world.ctl(1, &["history", "--json", "--since", id, "--until", "3"]).ok());
        entry[0]["at"].as_str().unwrap().to_owned()
    };
    let first = at("2");
    assert_eq!(ids(&["--since", &first]), (3..=32).collect::<Vec<_>>(), "{first} itself too");
    assert_eq!(ids(&["--until", &first]), [0; 0], "not {first} itself");
    assert_eq!(ids(&["--since", "2000-01-01 00:00:05", "--from", "nobody"]), [0; 0]);
}

#[test]
fn consumers_are_listed_with_how_far_each_is_and_removed() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let peer = world.peer(3, "eve");
    peer.open(&world.address(1));
    for (seq, text) in [(0, "one"), (1, "two")] {
        peer.say(&world.address(1), seq, text);
    }
    assert_eq!(world.ctl(1, &["consumers"]).ok(), "");
    world.ctl(1, &["listen", "-n", "2"]).ok();
    world.ctl(1, &["listen", "-n", "1", "--consumer", "mail \u{202e}"]).ok();
    assert_eq!(world.ctl(1, &["consumers"]).ok(), "default        4  0\nmail \\u{202e}  3  1\n");
    let listed = json(&world.ctl(1, &["consumers", "--json"]).ok());
    assert_eq!(listed[1], serde_json::json!({"name": "mail \u{202e}", "seen": 3, "behind": 1}));
    let removed = world.ctl(1, &["--json", "consumers", "remove", "default"]).ok();
    assert_eq!(removed, "{\"removed\":\"default\"}\n");
    world
        .ctl(1, &["consumers", "remove", "default"])
        .fails(7, "simpctl: default: no such consumer (list them: simpctl consumers)");
    assert_eq!(world.ctl(1, &["listen", "-n", "1", "--text"]).ok(), "one\n", "it begins anew");
}

#[test]
fn the_status_shows_the_outbox_and_how_far_the_log_reaches() {
    let world = World::new();
    let alice = world.start(1, &["--user", "alice"]);
    world.ctl(1, &["send", "--queue", "-t", &world.address(9), "hi"]).ok();
    let status = world.ctl(1, &["status"]).ok();
    for line in [["outbox", "1"], ["first_id", "1"], ["last_id", "1"]] {
        assert!(status.lines().any(|shown| shown.split_whitespace().eq(line)), "{line:?} in {status}");
    }
    assert!(!status.contains("trouble"), "{status}");
    let status = &json(&world.ctl(1, &["status", "--json"]).ok())[0];
    assert_eq!((&status["outbox"], &status["first_id"]), (&1.into(), &1.into()));
    assert!(status.get("trouble").is_none(), "{status}");
    alice.signal(Signal::SIGKILL);
    alice.wait();
    let _alice = world.start(1, &["--user", "alice"]);
    assert_eq!(json(&world.ctl(1, &["status", "--json"]).ok())[0]["outbox"], 1);
}

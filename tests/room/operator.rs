//! The operator's commands for a room that runs.

use serde_json::{Value, json};

use super::guest::Guest;
use super::{ALONE, Lobby};

/// Ann is in the room, and bob at its door.
fn one_inside() -> (Lobby, [Guest; 2]) {
    let lobby = Lobby::start(&["--max-members", "40"]);
    lobby.does_with(&["users", "add", "ann"], "secret").ok();
    let mut ann = Guest::comes(&lobby, 2, "ann");
    ann.hears(&["Welcome to lobby, ann. Your password?"]);
    ann.asks("secret", ALONE);
    let mut bob = Guest::comes_from(&lobby, 3, 7_779, "bob");
    bob.hears(&["Welcome to lobby, bob. You are new here: choose a password."]);
    (lobby, [ann, bob])
}

#[test]
fn status_says_how_the_room_is_doing() {
    let (lobby, _here) = one_inside();
    lobby.does(&["ban", "carl"]).ok();
    lobby.does(&["topic", "tea"]).ok();

    let told = lobby.does(&["status"]).ok();
    let figures: Vec<(&str, &str)> =
        told.lines().map(|line| (line[..12].trim_end(), line[12..].trim_start())).collect();
    let daemon = format!("{}:7777", lobby.to());
    let expected = [
        ("room", "lobby"),
        ("simpd", &daemon),
        ("inside", "1"),
        ("at the door", "1"),
        ("at most", "40"),
        ("passwords", "yes"),
        ("accounts", "1"),
        ("bans", "1"),
        ("topic", "tea"),
    ];
    assert_eq!(figures[..expected.len()], expected);
    let json: Value = serde_json::from_str(&lobby.does(&["status", "--json"]).ok()).unwrap();
    let Value::Object(mut json) = json else { panic!("{json}") };
    assert!(json.remove("uptime_ms").is_some() && json.remove("lines").is_some());
    assert_eq!(
        Value::Object(json),
        json!({
            "room": "lobby", "simpd": daemon, "inside": 1, "at_the_door": 1, "max_members": 40, "open": false,
            "accounts": 1, "bans": 1, "topic": "tea",
        })
    );
}

#[test]
fn who_lists_those_who_are_here() {
    let (lobby, _here) = one_inside();
    let told = lobby.does(&["who"]).ok();
    let (at, from) = (format!("{}:7777", lobby.world.address(2)), format!("{}:7779", lobby.world.address(3)));
    let expected = [
        format!("{:32} {at:21} inside      since 2", "ann"),
        format!("{:32} {from:21} at the door since 2", "bob"),
    ];
    assert_eq!(told.lines().count(), 2, "{told}");
    for (line, begin) in told.lines().zip(expected) {
        assert!(line.starts_with(&begin), "{line}");
    }
    let told = lobby.does(&["who", "--json"]).ok();
    let seen: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(seen[0]["name"], "ann");
    assert_eq!((&seen[0]["address"], &seen[0]["state"]), (&json!(at), &json!("inside")));
    assert_eq!(seen[1]["state"], "at the door");
    assert!(seen[1]["since"].as_str().unwrap().starts_with("20"), "{told}");
}

#[test]
fn the_operator_says_something_and_sets_the_topic() {
    let lobby = Lobby::start(&["--open"]);
    assert_eq!(lobby.does(&["say", "nobody"]).ok(), "sent to 0\n");
    let mut ann = Guest::comes(&lobby, 2, "ann");
    ann.hears(&["[lobby] nobody", ALONE]);
    // Nothing is new.
    assert_eq!(lobby.does(&["topic", ""]).ok(), "no topic\n");
    assert_eq!(lobby.does(&["say", "hello", "all\x1b[2J"]).ok(), "sent to 1\n");
    ann.hears(&["[lobby] hello all\\x1b[2J"]);
    assert_eq!(lobby.does(&["topic", "tea", "\x07"]).ok(), "topic: tea \\x07\n");
    assert_eq!(ann.next_news(), "* topic: tea \\x07");
    assert_eq!(lobby.does(&["topic"]).ok(), "no topic\n");
    while ann.next_news() != "* there is no topic any more" {}
    Guest::comes(&lobby, 3, "bob").hears(&[
        "[lobby] nobody",
        "[lobby] hello all\\x1b[2J",
        "You are in lobby. Here: ann. (HELP lists the commands.)",
    ]);
}

#[test]
fn what_looks_like_an_option_in_a_text_is_text() {
    let lobby = Lobby::start(&["--open"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    assert_eq!(lobby.does(&["say", "please", "read", "--help", "--name", "x"]).ok(), "sent to 1\n");
    ann.hears(&["[lobby] please read --help --name x"]);
    assert_eq!(lobby.does(&["say", "--", "-5 degrees"]).ok(), "sent to 1\n");
    ann.hears(&["[lobby] -5 degrees"]);
    assert_eq!(lobby.does(&["topic", "use", "-h"]).ok(), "topic: use -h\n");
    while ann.next_news() != "* topic: use -h" {}
    // Who is meant is no text, so an option may follow.
    lobby.does(&["kick", "ann", "--name", "lobby", "no", "--json"]).ok();
    ann.is_left_with("you were sent away: no --json");
    // Nor is a question for help the whole of it, if more of the text follows.
    lobby.does(&["kick", "bob", "--help", "me"]).fails(7, "simp-room: bob: not here (see: simp-room who)");
    assert!(lobby.does(&["kick", "bob", "--help"]).ok().starts_with("Usage: simp-room kick "));
    lobby.does(&["ban", "bob", "sent", "-d", "spam"]).ok();
    assert!(lobby.does(&["bans"]).ok().trim_end().ends_with(" sent -d spam"));
    for (command, what) in [("say", "a text"), ("topic", "a text"), ("kick", "a WHO"), ("ban", "a WHO")] {
        let help = lobby.does(&[command, "--help"]).ok().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains(&format!(
            "Put -- before {what} that begins with a dash, and in a script before every "
        )));
    }
    assert!(lobby.does(&["help"]).ok().starts_with("Usage: simp-room "));
    assert!(lobby.does(&["help", "users", "add"]).ok().starts_with("Usage: simp-room users add "));
}

#[test]
fn who_is_sent_away_may_come_again_and_who_is_banned_may_not() {
    let lobby = Lobby::start(&["--open"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    let mut bob = Guest::enters(&lobby, 3, "bob");
    assert_eq!(lobby.does(&["kick", "BOB", "too", "loud"]).ok(), "1 sent away\n");
    bob.is_left_with("you were sent away: too loud");
    ann.learns("bob", "left");
    drop(bob);

    let mut bob = Guest::enters(&lobby, 3, "bob");
    assert_eq!(lobby.does(&["ban", "bob", "still", "too", "loud"]).ok(), "bob is banned, 1 sent away\n");
    bob.is_left_with("you are banned: still too loud");
    Guest::comes(&lobby, 4, "Bob").is_left_with("you are banned from lobby: still too loud");
    assert_eq!(lobby.does(&["unban", "bob"]).ok(), "bob is no longer banned\n");
    Guest::enters(&lobby, 4, "bob");
}

#[test]
fn a_host_is_sent_away_and_banned_whatever_the_names() {
    let lobby = Lobby::start(&["--open"]);
    let host = lobby.world.address(3);
    let mut bobs = [(7_777, "bob"), (7_778, "rob")].map(|(port, name)| {
        let mut guest = Guest::comes_from(&lobby, 3, port, name);
        while !guest.next_line().starts_with("You are in ") {}
        guest
    });
    assert_eq!(lobby.does(&["ban", &host]).ok(), format!("{host} is banned, 2 sent away\n"));
    for bob in &mut bobs {
        bob.is_left_with("you are banned");
    }
    Guest::comes_from(&lobby, 3, 7_779, "zed").is_left_with("you are banned from lobby");
    Guest::enters(&lobby, 2, "bob");
    assert_eq!(lobby.does(&["unban", &host]).ok(), format!("{host} is no longer banned\n"));
    Guest::enters(&lobby, 4, "rob");
}

#[test]
fn a_host_is_banned_with_all_its_ports_when_it_is_named_with_one() {
    let lobby = Lobby::start(&["--open"]);
    let host = lobby.world.address(3);
    let mut bob = Guest::enters(&lobby, 3, "bob");
    let banned = lobby.does(&["ban", &format!("{host}:7777")]).ok();
    assert_eq!(banned, format!("{host} is banned, 1 sent away\n"));
    bob.is_left_with("you are banned");
    Guest::comes_from(&lobby, 3, 7_778, "rob").is_left_with("you are banned from lobby");
}

#[test]
fn a_ban_outlives_the_room() {
    let mut lobby = Lobby::start(&["--open"]);
    assert_eq!(lobby.does(&["ban", "bob", "\x1b[2J"]).ok(), "bob is banned, 0 sent away\n");
    lobby.does(&["ban", "[::1]:7777"]).ok();
    let bans = lobby.does(&["bans"]).ok();
    let bans: Vec<&str> = bans.lines().collect();
    assert_eq!(bans, ["::1".to_owned(), format!("{:32} \\x1b[2J", "bob")]);
    let lo = ["fe80::1%lo", "[fe80::1%lo]:7777"].map(|lo| lobby.does(&["ban", lo]).ok());
    assert_eq!(lo, ["fe80::1%lo is banned, 0 sent away\n"; 2].map(str::to_owned));
    assert_eq!(lobby.does(&["unban", "fe80::1%lo"]).ok(), "fe80::1%lo is no longer banned\n");
    let json: Value =
        serde_json::from_str(lobby.does(&["bans", "--json"]).ok().lines().last().unwrap()).unwrap();
    assert_eq!(json, json!({ "who": "bob", "why": "\\x1b[2J" }));
    lobby.end_room(nix::sys::signal::Signal::SIGKILL);
    lobby.start_room(&["--open"]);
    Guest::comes(&lobby, 3, "bob").is_left_with("you are banned from lobby: \\x1b[2J");
}

#[test]
fn what_cannot_be_done_is_said_with_a_status() {
    let lobby = Lobby::start(&["--open"]);
    for (args, status, line) in [
        (&["kick", "bbo"][..], 7, "simp-room: bbo: not here (see: simp-room who)"),
        (&["kick", "\x1b[2J"], 7, "simp-room: \\x1b[2J: not here (see: simp-room who)"),
        (&["kick", "127.0.0.1:9"], 7, "simp-room: 127.0.0.1:9: not here (see: simp-room who)"),
        (&["ban", "nobody"], 2, "simp-room: nobody: a word of the room, that no user is called"),
        (&["unban", "bbo"], 7, "simp-room: bbo: not banned (see: simp-room bans)"),
        (&["say", " "], 2, "simp-room: nothing to say (give a text: simp-room say TEXT)"),
        (&["say"], 2, "simp-room: nothing to say (give a text: simp-room say TEXT)"),
        (&["users", "remove", "bbo"], 7, "simp-room: bbo: no such account (see: simp-room users list)"),
        (&["users", "passwd", "bbo"], 7, "simp-room: bbo: no such account (see: simp-room users list)"),
        (&[], 2, "simp-room: no command given (see simp-room --help)"),
        (&["whoo"], 2, "simp-room: no command whoo (did you mean who? see simp-room --help)"),
    ] {
        lobby.does(args).fails(status, line);
    }
    let dash = "no option -5 (put -- before a text that begins with a dash; see simp-room";
    for command in ["say", "topic"] {
        lobby.does(&[command, "-5", "degrees"]).fails(2, &format!("simp-room: {dash} {command} --help)"));
    }
    for (args, command) in [
        (&["kick"][..], " kick"),
        (&["ban"], " ban"),
        (&["unban"], " unban"),
        (&["status", "now"], " status"),
        (&["users", "add"], " users add"),
        (&["status", "--name"], " status"),
        (&["nonsense"], ""),
    ] {
        let failed = lobby.does(args);
        assert_eq!((failed.status, failed.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert_eq!(failed.stderr.lines().count(), 1, "{}", failed.stderr);
        let end = format!(" (see simp-room{command} --help)\n");
        assert!(failed.stderr.ends_with(&end), "{}", failed.stderr);
    }
}

#[test]
fn a_room_that_does_not_run_cannot_be_told_anything() {
    let mut lobby = Lobby::closed("");
    let socket = lobby.world.path("run/simp-room/lobby.sock");
    let named = format!(
        "simp-room: {}: the room lobby is not running (start it: simp-room run --name lobby)",
        socket.display()
    );
    let commands = [&["status"][..], &["who"], &["say", "x"], &["kick", "x"], &["ban", "x"], &["topic"]];
    let fails = |lobby: &Lobby| {
        for command in commands {
            lobby.does(command).fails(3, "simp-room: no room runs (start one with: simp-room run)");
            lobby.does(&[&command[..1], &["--name", "lobby"], &command[1..]].concat()).fails(3, &named);
        }
    };
    fails(&lobby);
    // One that was killed leaves its socket behind.
    lobby.start_room(&["--open"]);
    lobby.does(&["status"]).ok();
    lobby.end_room(nix::sys::signal::Signal::SIGKILL);
    assert!(socket.exists());
    fails(&lobby);
}

#[test]
fn where_several_rooms_run_one_must_be_named() {
    let lobby = Lobby::start(&["--open"]);
    let _other = lobby.world.start(2, &["--accept", "all", "--max-chats", "9"]);
    let mut attic = lobby.spawn(&["run", "--open", "--name", "attic", "-d", &lobby.world.address(2)]);
    assert!(attic.read_line().starts_with("simp-room: the room attic is open on simpd "));
    lobby.does(&["say", "--name", "attic", "x"]).ok();
    let line = "simp-room: several rooms run: attic, lobby (choose one with --name)";
    lobby.does(&["status"]).fails(3, line);
    lobby.does(&["say", "hello"]).fails(3, line);
    assert!(lobby.does(&["status", "--name", "lobby"]).ok().starts_with("room         lobby\n"));
    assert_eq!(lobby.does(&["say", "--name", "attic", "hello"]).ok(), "sent to 0\n");
}

#[test]
fn a_text_that_cannot_be_sent_as_it_is_is_refused_by_every_command_that_takes_one() {
    let lobby = Lobby::start(&["--open"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    let polish = "za\u{17c}\u{f3}\u{142}\u{107}";
    let odd = "simp-room: a text must be ASCII; '\u{17c}' (U+017C) at position 3 is not";
    let long = "x".repeat(986);
    let too_long = "simp-room: a text has at most 985 characters, this one has 986 (send it in parts)";
    for args in [&["say"][..], &["topic"], &["kick", "ann"], &["ban", "ann"]] {
        lobby.does(&[args, &[polish]].concat()).fails(2, odd);
        lobby.does(&[args, &[long.as_str()]].concat()).fails(2, too_long);
    }
    lobby
        .does(&["ban", "j\u{f6}rg"])
        .fails(2, "simp-room: j\u{f6}rg: neither a name nor the address of a host");
    assert_eq!(lobby.does(&["bans"]).ok(), "");
    assert_eq!(lobby.does(&["say", "that is all"]).ok(), "sent to 1\n");
    ann.hears(&["[lobby] that is all"]);
}

//! Names and passwords at the door.

use std::time::Instant;

use nix::sys::signal::Signal;

use super::guest::Guest;
use super::member::Member;
use super::{ALONE, Lobby};
use crate::harness::DEADLINE;

const NEW_BOB: &str = "Welcome to lobby, bob. You are new here: choose a password.";
const KNOWN_BOB: &str = "Welcome to lobby, bob. Your password?";

/// Makes an account.
fn add(lobby: &Lobby, name: &str, password: &str) {
    assert_eq!(lobby.does_with(&["users", "add", name], password).ok(), format!("{name} added\n"));
}

/// The seconds in `BEFOREn s`.
#[track_caller]
fn seconds(line: &str, before: &str) -> u64 {
    let seconds = line.strip_prefix(before).and_then(|rest| rest.strip_suffix(" s"));
    seconds.unwrap_or_else(|| panic!("{line}")).parse().unwrap()
}

#[test]
fn a_new_account_is_given_a_password_twice_and_asked_for_it_from_then_on() {
    let lobby = Lobby::start(&[]);
    let mut bob = Guest::comes(&lobby, 2, "bob");
    bob.hears(&[NEW_BOB]);
    bob.asks("abc", "too short: choose a password of 4 characters or more");
    for command in ["PM secret", "DM", "WHO", "HELP"] {
        bob.asks(command, "first choose a password, please (EX leaves)");
    }
    bob.asks("secret", "Please enter it once more.");
    bob.asks("WHO", "first the same password once more, please (EX leaves)");
    bob.asks("Secret", "The passwords differ: choose a password.");
    bob.asks("secret", "Please enter it once more.");
    bob.asks("secret", ALONE);
    bob.says("EX");
    bob.is_left_with("goodbye");

    drop(bob);
    let mut bob = Guest::comes(&lobby, 2, "bob");
    bob.hears(&[KNOWN_BOB]);
    bob.asks("PM hi", "first your password, please (EX leaves)");
    bob.asks("Secret", "Wrong. Your password?");
    bob.asks("secret", ALONE);
    assert!(lobby.does(&["users", "list"]).ok().starts_with("bob "));
}

#[test]
fn whoever_changes_their_mind_at_the_door_leaves_no_account() {
    let lobby = Lobby::start(&[]);
    let mut bob = Guest::comes(&lobby, 2, "bob");
    bob.hears(&[NEW_BOB]);
    bob.asks("secret", "Please enter it once more.");
    bob.says("q");
    bob.is_left_with("goodbye");
    assert_eq!(lobby.does(&["users", "list"]).ok(), "");
}

#[test]
fn three_wrong_passwords_end_the_chat_and_account_and_host_have_to_wait() {
    let mut lobby = Lobby::start(&[]);
    add(&lobby, "bob", "secret");
    add(&lobby, "carl", "letmein");
    let mut carl = Guest::comes_from(&lobby, 2, 7_778, "carl");
    carl.hears(&["Welcome to lobby, carl. Your password?"]);
    let mut bob = Guest::comes(&lobby, 2, "bob");
    bob.hears(&[KNOWN_BOB]);
    bob.asks("one", "Wrong. Your password?");
    bob.asks("two", "Wrong. Your password?");
    bob.says("three");
    bob.is_left_with("wrong for the third time: goodbye");

    // Whoever stands at the door already, at the same host.
    carl.says("letmein");
    assert!((1..=15).contains(&seconds(&carl.next_line(), "too many wrong passwords: wait ")));
    // The account from elsewhere, another one from there, and both again with a room that was started again.
    for (port, restarts) in [(7_779, true), (7_780, false)] {
        for (host, name) in [(3, "bob"), (2, "dora")] {
            let mut guest = Guest::comes_from(&lobby, host, port, name);
            let line = guest.next_line();
            assert!((1..=15).contains(&seconds(&line, "too many wrong passwords: try again in ")));
        }
        if restarts {
            lobby.end_room(Signal::SIGKILL);
            lobby.start_room(&[]);
        }
    }
    // The operator is told what there was to end.
    let over = "bob was not banned; the pause after wrong passwords is over\n";
    assert_eq!(lobby.does(&["unban", "bob"]).ok(), over);
    lobby.does(&["unban", "bob"]).fails(7, "simp-room: bob: not banned (see: simp-room bans)");
    lobby.does(&["ban", "bob"]).ok();
    assert_eq!(lobby.does(&["unban", "bob"]).ok(), "bob is no longer banned\n");
    // Another account from elsewhere.
    Guest::comes(&lobby, 4, "erik").hears(&["Welcome to lobby, erik. You are new here: choose a password."]);
}

#[test]
fn the_right_password_in_time_is_no_wrong_one() {
    let lobby = Lobby::start(&[]);
    add(&lobby, "bob", "secret");
    for _ in 0..2 {
        let mut bob = Guest::comes(&lobby, 2, "bob");
        bob.hears(&[KNOWN_BOB]);
        bob.asks("one", "Wrong. Your password?");
        bob.asks("two", "Wrong. Your password?");
        bob.asks("secret", ALONE);
        bob.says("EX");
        bob.is_left_with("goodbye");
    }
}

/// What somebody new is told up to the end of the door.
const IN_ANN: [&str; 3] =
    ["Welcome to lobby, ann. You are new here: choose a password.", "Please enter it once more.", ALONE];

#[test]
fn a_script_gives_the_password_twice_and_goes_on_without_waiting() {
    let lobby = Lobby::start(&[]);
    let mut ann = Member::comes(&lobby, 2, "ann");
    let sent = lobby.world.ctl_with(2, &["send", "--no-wait"], "secret\nsecret\nPM hello\n");
    assert_eq!((sent.status, sent.stderr.as_str()), (Some(0), ""));
    ann.hears(&IN_ANN);
    ann.hears(&["sent to 0"]);
    ann.says(&lobby.world, "EX");
    ann.hears(&["goodbye"]);
    ann.is_left();
}

#[test]
fn a_script_that_leaves_at_once_has_said_what_it_said_before() {
    let lobby = Lobby::start(&[]);
    let mut ann = Member::comes(&lobby, 2, "ann");
    lobby.world.ctl_with(2, &["send", "--no-wait"], "secret\nsecret\nPM hello\nEX\n");
    ann.hears(&IN_ANN);
    ann.hears(&["sent to 0", "goodbye"]);
    ann.is_left();
    // The room tells her what it then writes down.
    let began = Instant::now();
    while !lobby.does(&["users", "list"]).ok().starts_with("ann ") {
        assert!(began.elapsed() < DEADLINE, "she has no account");
    }
}

#[test]
fn lines_that_wait_for_the_password_count_once_against_the_rate() {
    let mut lobby = Lobby::start(&[]);
    add(&lobby, "ann", "secret");
    lobby.end_room(Signal::SIGTERM).ok();
    let mut ann = Guest::comes(&lobby, 2, "ann");
    ["secret", "one", "two", "three"].iter().for_each(|text| ann.says(text));
    lobby.start_room(&["--rate", "4"]);
    ann.hears(&["Welcome to lobby, ann. Your password?", ALONE, "sent to 0", "sent to 0", "sent to 0"]);
}

#[test]
fn what_was_said_while_the_room_was_away_is_answered_in_its_order() {
    let mut lobby = Lobby::start(&[]);
    add(&lobby, "ann", "secret");
    assert_eq!(lobby.end_room(Signal::SIGTERM).ok(), "");
    let mut ann = Guest::comes(&lobby, 2, "ann");
    ["wrong", "secret", "PM one", "WHO", "PM two", "DM bbo hi"].iter().for_each(|text| ann.says(text));
    lobby.start_room(&[]);
    ann.hears(&["Welcome to lobby, ann. Your password?", "Wrong. Your password?", ALONE]);
    ann.hears(&["sent to 0", "here: only you", "sent to 0", "no such user: bbo; here: nobody"]);
}

#[test]
fn a_name_is_taken_while_somebody_is_here_with_it_and_free_afterwards() {
    let lobby = Lobby::start(&["--open"]);
    let mut bob = Guest::enters(&lobby, 2, "bob");
    for name in ["bob", "BOB"] {
        let line = format!("that name is in use: choose another, or wait until {name} leaves");
        Guest::comes(&lobby, 3, name).is_left_with(&line);
    }
    bob.asks("WHO", "here: only you");
    bob.says("quit");
    bob.is_left_with("goodbye");
    Guest::comes(&lobby, 3, "BOB").hears(&[ALONE]);
}

#[test]
fn a_name_is_not_taken_by_whoever_stands_at_the_door_with_it() {
    let lobby = Lobby::start(&["--max-members", "1"]);
    // SYN and ACK, and never a word: both may be forged.
    let _silent = [2, 3].map(|host| Guest::comes(&lobby, host, "bob"));
    let mut bob = Guest::comes(&lobby, 4, "bob");
    bob.hears(&[NEW_BOB]);
    bob.asks("secret", "Please enter it once more.");
    bob.asks("secret", ALONE);
    // The chat of one whose daemon is gone: nobody acknowledges in it.
    let mut again = Guest::comes(&lobby, 5, "bob");
    again.hears(&[KNOWN_BOB]);
    again.asks("secret", ALONE);
    bob.is_left_with("you came in from elsewhere: goodbye");
}

#[test]
fn in_an_open_room_a_name_is_not_taken_by_whoever_has_taken_no_line() {
    let lobby = Lobby::start(&["--open"]);
    let _silent = Guest::comes(&lobby, 2, "bob");
    let mut bob = Guest::comes(&lobby, 3, "bob");
    bob.hears(&[ALONE]);
    let line = "that name is in use: choose another, or wait until bob leaves";
    Guest::comes(&lobby, 4, "bob").is_left_with(line);
    bob.asks("hello", "sent to 0");
}

#[test]
fn wrong_passwords_from_elsewhere_keep_nobody_out_where_they_have_come_in_before() {
    let lobby = Lobby::start(&[]);
    add(&lobby, "bob", "secret");
    let comes = |port| {
        let mut bob = Guest::comes_from(&lobby, 2, port, "bob");
        bob.hears(&[KNOWN_BOB]);
        bob.asks("secret", ALONE);
        bob.hangs_up();
    };
    comes(7_777);
    for host in [3, 4] {
        let mut guest = Guest::comes(&lobby, host, "bob");
        if guest.next_line() == KNOWN_BOB {
            ["one", "two", "three"].iter().for_each(|guess| guest.says(guess));
            guest.hears(&["Wrong. Your password?", "Wrong. Your password?"]);
            guest.is_left_with("wrong for the third time: goodbye");
        }
    }
    let line = Guest::comes(&lobby, 5, "bob").next_line();
    assert!((1..=30).contains(&seconds(&line, "too many wrong passwords: try again in ")), "{line}");
    comes(7_778);
}

#[test]
fn a_name_that_could_be_taken_for_more_is_refused() {
    let lobby = Lobby::start(&["--open"]);
    for (name, shown, why) in [
        ("you", "\"you\"", "it is a word of the room, choose another"),
        ("You", "You", "it is a word of the room, choose another"),
        ("nobody", "nobody", "it is a word of the room, choose another"),
        ("lobby", "lobby", "it is that of the room, choose another"),
        ("LOBBY", "LOBBY", "it is that of the room, choose another"),
        ("10.0.0.1", "10.0.0.1", "it is an address, choose another"),
    ] {
        let line = format!("the name {shown} cannot be used here: {why}");
        Guest::comes_as_bytes(&lobby, 2, name.as_bytes()).is_left_with(&line);
    }
    for (name, shown) in [
        ("[bob]", "\"[bob]\""),
        ("a -> you", "\"a -> you\""),
        ("bob\x1b[2J", "\"bob?[2J\""),
        ("a  b", "\"a  b\""),
        ("* ann", "\"* ann\""),
        ("", "\"\""),
    ] {
        let line = format!(
            "the name {shown} cannot be used here: choose another (letters, digits, spaces and _ - . @ + ' ?)"
        );
        Guest::comes_as_bytes(&lobby, 2, name.as_bytes()).is_left_with(&line);
    }
    Guest::comes_as_bytes(&lobby, 2, b"Ann Lee").hears(&[ALONE]);
}

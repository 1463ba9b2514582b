//! What somebody new is shown, and who is told of it.

use super::guest::Guest;
use super::{ALONE, Lobby};

#[test]
fn who_comes_and_who_leaves_is_told_to_the_others() {
    let lobby = Lobby::start(&["--open"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    let mut bob = Guest::enters(&lobby, 3, "bob");
    ann.learns("bob", "joined");
    let carl = Guest::enters(&lobby, 4, "carl");
    for guest in [&mut ann, &mut bob] {
        guest.learns("carl", "joined");
    }
    carl.hangs_up();
    for guest in [&mut ann, &mut bob] {
        guest.learns("carl", "left");
    }
    assert_eq!(lobby.does(&["kick", "bob"]).ok(), "1 sent away\n");
    ann.learns("bob", "left");
}

#[test]
fn whoever_is_only_at_the_door_has_neither_joined_nor_left_nor_hears_anything() {
    let lobby = Lobby::start(&[]);
    lobby.does_with(&["users", "add", "ann"], "secret").ok();
    let mut ann = Guest::comes(&lobby, 2, "ann");
    ann.hears(&["Welcome to lobby, ann. Your password?"]);
    ann.asks("secret", ALONE);
    let mut bob = Guest::comes(&lobby, 3, "bob");
    bob.hears(&["Welcome to lobby, bob. You are new here: choose a password."]);
    ann.asks("hello", "sent to 0");
    ann.asks("WHO", "here: only you");
    ann.asks("DM bob hi", "no such user: bob; here: nobody");
    assert_eq!(lobby.does(&["say", "hello"]).ok(), "sent to 1\n");
    ann.hears(&["[lobby] hello"]);
    bob.says("EX");
    bob.is_left_with("goodbye");
    let mut carl = Guest::comes(&lobby, 4, "carl");
    carl.hears(&["Welcome to lobby, carl. You are new here: choose a password."]);
    carl.asks("secret", "Please enter it once more.");
    carl.says("secret");
    carl.hears(&["[ann] hello", "[lobby] hello", "You are in lobby. Here: ann. (HELP lists the commands.)"]);
    assert_eq!(ann.next_news(), "* carl joined");
}

#[test]
fn somebody_new_is_shown_the_message_of_the_day_the_topic_and_the_last_lines() {
    let mut lobby = Lobby::closed("");
    let motd = lobby.world.path("motd");
    std::fs::write(&motd, "Welcome!\n\n  \nBe \x1b[1mkind.\n").unwrap();
    let args = ["--open", "--history", "2", "--motd", motd.to_str().unwrap()];
    lobby.start_room(&args);
    let day = ["Welcome!", "Be \\x1b[1mkind."];
    let mut ann = Guest::comes(&lobby, 2, "ann");
    ann.hears(&[&day[..], &[ALONE]].concat());
    for text in ["one", "two", "three"] {
        ann.asks(text, "sent to 0");
    }
    ann.asks("DM bob psst", "no such user: bob; here: nobody");
    let here = "You are in lobby. Here: ann. (HELP lists the commands.)";
    let mut bob = Guest::comes(&lobby, 3, "bob");
    bob.hears(&[&day[..], &["[ann] two", "[ann] three", here]].concat());
    bob.asks("four", "sent to 1");
    bob.says("EX");
    bob.is_left_with("goodbye");

    assert_eq!(lobby.does(&["topic", "all", "about", "Rust"]).ok(), "topic: all about Rust\n");
    // What was said is kept when the room is started again; another history may be asked for then.
    lobby.end_room(nix::sys::signal::Signal::SIGTERM).ok();
    lobby.start_room(&["--open", "--history", "3"]);
    let mut carl = Guest::comes(&lobby, 4, "carl");
    carl.hears(&["topic: all about Rust", "[ann] two", "[ann] three", "[bob] four", here]);
}

#[test]
fn a_room_that_is_full_says_so() {
    let lobby = Lobby::start(&["--open", "--max-members", "2"]);
    let _ann = Guest::enters(&lobby, 2, "ann");
    let bob = Guest::enters(&lobby, 3, "bob");
    Guest::comes(&lobby, 4, "carl").is_left_with("lobby is full (2 are here): come again later");
    bob.hangs_up();
    Guest::comes(&lobby, 4, "carl").hears(&["You are in lobby. Here: ann. (HELP lists the commands.)"]);
}

#[test]
fn a_room_takes_so_many_accounts_and_those_who_have_one_come_in_still() {
    let lobby = Lobby::start(&["--max-accounts", "1"]);
    lobby.does_with(&["users", "add", "ann"], "secret").ok();
    Guest::comes(&lobby, 3, "bob").is_left_with("lobby accepts no new accounts (there are 1 accounts)");
    let mut ann = Guest::comes(&lobby, 2, "ann");
    ann.hears(&["Welcome to lobby, ann. Your password?"]);
    ann.asks("secret", ALONE);
}

//! What a room does when it is started goes for all that it may have done already before it was killed: nothing of it is
//! done twice, and nothing is taken for done that only looks the same.

use nix::sys::signal::Signal;

use super::Lobby;
use super::guest::Guest;

#[test]
fn two_lines_that_say_the_same_after_a_password_are_two() {
    let mut lobby = Lobby::start(&[]);
    for name in ["ann", "bob"] {
        lobby.does_with(&["users", "add", name], "secret").ok();
    }
    let mut bob = Guest::comes(&lobby, 3, "bob");
    bob.says("secret");
    while !bob.next_line().starts_with("You are in ") {}
    lobby.end_room(Signal::SIGTERM).ok();
    let mut ann = Guest::comes(&lobby, 2, "ann");
    ["secret", "hi", "hi", "that is all"].iter().for_each(|text| ann.says(text));
    lobby.start_room(&[]);
    bob.hears(&["[ann] hi", "[ann] hi", "[ann] that is all"]);
    let welcome =
        ["Welcome to lobby, ann. Your password?", "You are in lobby. Here: bob. (HELP lists the commands.)"];
    ann.hears(&welcome);
    ann.hears(&["sent to 1", "sent to 1", "sent to 1"]);
}

#[test]
fn parts_of_a_line_that_say_the_same_are_all_sent() {
    let mut lobby = Lobby::start(&["--open"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    let mut bob = Guest::enters(&lobby, 3, "bob");
    lobby.end_room(Signal::SIGTERM).ok();
    ann.says("\x07".repeat(985));
    ann.says("that is all");
    lobby.start_room(&["--open"]);
    let lines = std::iter::repeat_with(|| bob.next_line()).take_while(|line| line != "[ann] that is all");
    let text: String = lines.map(|line| line.strip_prefix("[ann] ").unwrap().to_owned()).collect();
    assert_eq!(text.len(), 4 * 985);
    assert_eq!(text, "\\x07".repeat(985));
}

#[test]
fn last_lines_that_say_the_same_are_all_shown() {
    let mut lobby = Lobby::start(&["--open"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    ann.asks("hi", "sent to 0");
    ann.asks("hi", "sent to 0");
    lobby.end_room(Signal::SIGTERM).ok();
    let mut bob = Guest::comes(&lobby, 3, "bob");
    lobby.start_room(&["--open"]);
    bob.hears(&["[ann] hi", "[ann] hi", "You are in lobby. Here: ann. (HELP lists the commands.)"]);
}

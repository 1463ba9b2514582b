//! Members, the room and its simpd are killed: what was confirmed to its sender came once to everybody else, and all
//! who were in are in.

use nix::sys::signal::Signal;
use simp_control::Status;

use super::guest::Guest;
use super::member::Member;
use super::{ALONE, Lobby, is_news_of};

/// How many public lines are on their way while something is killed.
const LINES: usize = 300;

/// How often.
const KILLS: usize = 3;

/// No member says too much.
const ARGS: [&str; 3] = ["--open", "--rate", "100000"];

/// Three members with simpd, all in the room and told of each other.
fn three(lobby: &Lobby) -> [Member; 3] {
    let mut members =
        [(2, "ann"), (3, "bob"), (4, "carl")].map(|(host, name)| Member::enters(lobby, host, name));
    for member in &mut members[..2] {
        while !is_news_of(&member.next_line(), "carl", "joined") {}
    }
    members
}

/// Public lines, many of which say the same as the one before.
fn texts() -> impl Iterator<Item = String> {
    (0..LINES).map(|n| format!("line {}", n / 3))
}

/// Ann says a lot; `kill` is called in the middle of it, again and again. Then everybody has everything once, and nobody
/// has left.
fn check(lobby: &mut Lobby, kill: impl Fn(&mut Lobby)) {
    let [mut ann, mut bob, mut carl] = three(lobby);
    ann.queues(texts());
    let mut heard = Vec::new();
    for n in 0..LINES {
        if n % (LINES / KILLS) == LINES / KILLS / 2 {
            kill(lobby);
        }
        heard.push(bob.next_said());
    }
    let expected: Vec<String> = texts().map(|text| format!("[ann] {text}")).collect();
    assert_eq!(heard, expected, "bob");
    let heard: Vec<String> = (0..LINES).map(|_| carl.next_said()).collect();
    assert_eq!(heard, expected, "carl");
    let told: Vec<String> = (0..LINES).map(|_| ann.next_line()).collect();
    assert_eq!(told, vec!["sent to 2"; LINES]);
    bob.says(&lobby.world, "WHO");
    bob.hears(&["here: you, ann, carl"]);
    carl.says(&lobby.world, "the end");
    for member in [&mut ann, &mut bob] {
        assert_eq!(member.next_line(), "[carl] the end");
    }
    assert_eq!(carl.next_line(), "sent to 2");
}

#[test]
fn a_room_that_is_killed_goes_on_with_every_line_and_every_member() {
    let mut lobby = Lobby::start(&ARGS);
    check(&mut lobby, |lobby| {
        lobby.end_room(Signal::SIGKILL);
        lobby.start_room(&ARGS);
    });
}

#[test]
fn a_room_that_is_stopped_goes_on_with_every_line_and_every_member() {
    let mut lobby = Lobby::start(&ARGS);
    check(&mut lobby, |lobby| {
        assert_eq!(lobby.end_room(Signal::SIGTERM).ok(), "");
        lobby.start_room(&ARGS);
    });
}

#[test]
fn a_simpd_that_is_killed_under_the_room_costs_no_line_and_no_member() {
    let mut lobby = Lobby::start(&ARGS);
    check(&mut lobby, |lobby| {
        lobby.kill_simpd();
        lobby.start_simpd();
    });
}

#[test]
fn a_simpd_that_is_killed_while_the_room_works_off_what_was_said_costs_nothing_either() {
    let mut lobby = Lobby::start(&ARGS);
    let [mut ann, mut bob, mut carl] = three(&lobby);
    lobby.end_room(Signal::SIGTERM).ok();
    let before = lobby.simpd().client().status().last_id;
    ann.queues(texts());
    let is_all_said = |status: &Status| status.last_id >= before + LINES as u64;
    let said = lobby.simpd().client().status_when(is_all_said).last_id;
    lobby.start_room(&ARGS);
    // Each line is two for the others and one for her: simpd is killed in the middle of asking and answering.
    for n in 1..=12 {
        let entries = n * LINES as u64 / 4;
        lobby.simpd().client().status_when(|status| status.last_id >= said + entries);
        lobby.kill_simpd();
        lobby.start_simpd();
    }
    let expected: Vec<String> = texts().map(|text| format!("[ann] {text}")).collect();
    for member in [&mut bob, &mut carl] {
        let heard: Vec<String> = (0..LINES).map(|_| member.next_said()).collect();
        assert_eq!(heard, expected);
    }
    let told: Vec<String> = (0..LINES).map(|_| ann.next_line()).collect();
    assert_eq!(told, vec!["sent to 2"; LINES]);
}

#[test]
fn a_simpd_and_a_room_that_are_killed_together_cost_nothing_either() {
    let mut lobby = Lobby::start(&ARGS);
    check(&mut lobby, |lobby| {
        lobby.kill_simpd();
        lobby.end_room(Signal::SIGKILL);
        lobby.start_simpd();
        lobby.start_room(&ARGS);
    });
}

#[test]
fn a_member_whose_simpd_is_killed_has_left_once_a_line_does_not_reach_it() {
    let lobby = Lobby::start_with("attempts = 1\n", &["--open"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    let bob = Member::enters(&lobby, 3, "bob");
    ann.learns("bob", "joined");
    bob.dies();
    ann.asks("hello", "sent to 1");
    ann.learns("bob", "left");
    ann.asks("hello", "sent to 0");
    ann.asks("DM bob hi", "no such user: bob; here: nobody");
}

#[test]
fn somebody_who_leaves_while_the_room_is_away_has_left_and_who_comes_has_come() {
    let mut lobby = Lobby::start(&["--open"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    let bob = Guest::enters(&lobby, 3, "bob");
    ann.learns("bob", "joined");
    lobby.end_room(Signal::SIGKILL);
    bob.hangs_up();
    let mut carl = Guest::comes(&lobby, 4, "carl");
    ann.says("hello");
    lobby.start_room(&["--open"]);
    ann.learns("bob", "left");
    ann.learns("carl", "joined");
    carl.hears(&["You are in lobby. Here: ann. (HELP lists the commands.)", "[ann] hello"]);
    ann.hears(&["sent to 1"]);
}

#[test]
fn a_password_that_is_being_checked_when_the_room_is_killed_is_checked_afterwards() {
    let mut lobby = Lobby::start(&[]);
    let mut ann = Guest::comes(&lobby, 2, "ann");
    ann.hears(&["Welcome to lobby, ann. You are new here: choose a password."]);
    for text in ["secret", "secret", "PM hi"] {
        ann.says(text);
        lobby.end_room(Signal::SIGKILL);
        lobby.start_room(&[]);
    }
    ann.hears(&["Please enter it once more.", ALONE, "sent to 0"]);
}

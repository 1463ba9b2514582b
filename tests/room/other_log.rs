//! The room's simpd loses its log, or gets an older copy of it, and has more entries than before by the time that the room looks again: nobody is taken
//! for the member whose chat had the same number. Accounts stay.

use nix::sys::signal::Signal;

use super::guest::Guest;
use super::{ALONE, Lobby};

/// Whoever has the first chat of a log, then others, until the log is longer than that of before.
fn crowd(lobby: &Lobby, first: &str) -> Vec<Guest> {
    let before = lobby.simpd().client().status().last_id;
    let mut guests = vec![Guest::comes(lobby, 20, first)];
    while lobby.simpd().client().status().last_id <= before + 40 {
        let number = guests.len() as u8;
        guests.push(Guest::comes(lobby, 20 + number, &format!("guest{number}")));
    }
    guests
}

/// A room with a member called ann, who has the first chat, and a copy of simpd's log from before that.
fn with_ann() -> Lobby {
    let lobby = Lobby::start(&[]);
    lobby.copy_log();
    lobby.does_with(&["users", "add", "ann"], "secret").ok();
    let mut ann = Guest::comes(&lobby, 2, "ann");
    ann.hears(&["Welcome to lobby, ann. Your password?"]);
    ann.says("secret");
    while !ann.next_line().starts_with("You are in ") {}
    lobby
}

/// Nobody is in, everybody is greeted anew, and ann with her old password.
fn all_are_at_the_door(lobby: &Lobby, mut guests: Vec<Guest>) {
    let welcome = "You are new here: choose a password.";
    guests[0].hears(&[&format!("Welcome to lobby, mallory. {welcome}")]);
    guests[0].asks("PM trust me", "first choose a password, please (EX leaves)");
    for (number, guest) in guests.iter_mut().enumerate().skip(1) {
        guest.hears(&[&format!("Welcome to lobby, guest{number}. {welcome}")]);
    }
    let who = lobby.does(&["who"]).ok();
    assert!(who.lines().all(|line| line.contains("at the door")) && !who.contains("ann "), "{who}");
    assert_eq!(who.lines().count(), guests.len());
    let mut ann = Guest::comes(lobby, 2, "ann");
    ann.hears(&["Welcome to lobby, ann. Your password?"]);
    ann.says("secret");
    ann.hears(&["You are in lobby. Here: nobody. (HELP lists the commands.)"]);
}

#[test]
fn a_room_that_runs_takes_nobody_of_another_log_for_a_member() {
    goes_on_with_another_log(Lobby::lose_log);
}

#[test]
fn a_room_that_runs_takes_nobody_of_an_older_copy_that_has_grown_for_a_member() {
    goes_on_with_another_log(Lobby::put_log_back);
}

fn goes_on_with_another_log(replace: fn(&mut Lobby)) {
    let mut lobby = with_ann();
    // It looks again only when the new log is longer than the old one.
    lobby.signal_room(Signal::SIGSTOP);
    replace(&mut lobby);
    let guests = crowd(&lobby, "mallory");
    lobby.signal_room(Signal::SIGCONT);
    let gone = format!("simp-room: simpd on {} went away, waiting for it", lobby.to());
    let mut said = lobby.says();
    while said == gone {
        said = lobby.says();
    }
    assert_eq!(said, "simp-room: simpd has a different log than before: all chats are over");
    all_are_at_the_door(&lobby, guests);
}

#[test]
fn a_room_goes_on_with_a_log_that_was_restored_and_greets_everybody_anew() {
    let mut lobby = with_ann();
    lobby.back_up();
    Guest::comes(&lobby, 3, "bob").hears(&["Welcome to lobby, bob. You are new here: choose a password."]);
    lobby.restore();
    let gone = format!("simp-room: simpd on {} went away, waiting for it", lobby.to());
    let mut said = lobby.says();
    while said == gone {
        said = lobby.says();
    }
    assert_eq!(said, "simp-room: simpd has a different log than before: all chats are over");
    all_are_at_the_door(&lobby, vec![Guest::comes(&lobby, 20, "mallory")]);
}

#[test]
fn a_room_that_is_started_takes_nobody_of_another_log_for_a_member() {
    starts_with_another_log(Lobby::lose_log);
}

#[test]
fn a_room_that_is_started_takes_nobody_of_an_older_copy_that_has_grown_for_a_member() {
    starts_with_another_log(Lobby::put_log_back);
}

fn starts_with_another_log(replace: fn(&mut Lobby)) {
    let mut lobby = with_ann();
    lobby.end_room(Signal::SIGTERM).ok();
    replace(&mut lobby);
    let guests = crowd(&lobby, "mallory");
    lobby.start_room(&[]);
    all_are_at_the_door(&lobby, guests);
}

#[test]
fn whoever_has_a_members_chat_name_and_address_in_another_log_gives_a_password_all_the_same() {
    asks_ann_of_another_log(Lobby::lose_log);
}

#[test]
fn whoever_has_a_members_chat_name_and_address_in_an_older_copy_gives_a_password_all_the_same() {
    asks_ann_of_another_log(Lobby::put_log_back);
}

fn asks_ann_of_another_log(replace: fn(&mut Lobby)) {
    let mut lobby = with_ann();
    lobby.end_room(Signal::SIGTERM).ok();
    replace(&mut lobby);
    let mut ann = Guest::comes(&lobby, 2, "ann");
    let _guests = crowd(&lobby, "bob");
    lobby.start_room(&[]);
    ann.hears(&["Welcome to lobby, ann. Your password?"]);
    let who = lobby.does(&["who"]).ok();
    assert!(who.lines().all(|line| line.contains("at the door")), "{who}");
}

#[test]
fn what_a_member_says_before_it_knows_that_it_is_asked_is_no_password() {
    let mut lobby = Lobby::start(&[]);
    lobby.does_with(&["users", "add", "ann"], "secret").ok();
    let mut ann = Guest::comes(&lobby, 2, "ann");
    ann.hears(&["Welcome to lobby, ann. Your password?"]);
    ann.asks("secret", ALONE);
    lobby.copy_log();
    // The room has seen more than there is in the copy.
    Guest::comes(&lobby, 3, "bob").hears(&["Welcome to lobby, bob. You are new here: choose a password."]);
    lobby.end_room(Signal::SIGTERM).ok();
    lobby.put_log_back();
    lobby.start_room(&[]);
    // It is on its way before she has the question, whenever the room reads it.
    ann.says("is nobody here?");
    lobby.end_room(Signal::SIGKILL);
    lobby.start_room(&[]);
    let early = "not sent, as lobby asks again who you are: first your password, please (EX leaves)";
    // What she was told last comes again, if the copy is from before she had it.
    while ann.next_line() != "Welcome to lobby, ann. Your password?" {}
    ann.hears(&[early]);
    ann.asks("wrong", "Wrong. Your password?");
    ann.asks("secret", ALONE);
}

#[test]
fn whoever_does_not_know_that_it_is_asked_may_leave() {
    let mut lobby = Lobby::closed("");
    let mut ann = Guest::comes(&lobby, 2, "ann");
    lobby.start_room(&[]);
    ["hello", "EX"].iter().for_each(|text| ann.says(text));
    let early = "not sent, as lobby asks again who you are: first choose a password, please (EX leaves)";
    ann.hears(&["Welcome to lobby, ann. You are new here: choose a password.", early]);
    ann.is_left_with("goodbye");
}

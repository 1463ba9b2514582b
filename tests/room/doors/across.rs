//! Members who come in at different doors are in one room, and operators are at any of its doors.

use serde_json::Value;

use super::super::ALONE;
use super::super::guest::Guest;
use super::{Doors, OPEN};
use crate::harness::{Servers, Setup, World};

/// Ann in the north, bob in the east and carl in the south, and all doors know of all of them.
fn three(doors: &Doors) -> [Guest; 3] {
    [("ann", 2), ("bob", 3), ("carl", 4)].map(|(name, host)| {
        let door = usize::from(host) - 2;
        let guest = Guest::enters(&doors.at(door), host, name);
        (0..3).for_each(|other| doors.knows_of(other, door + 1));
        guest
    })
}

#[test]
fn members_at_three_doors_talk_as_if_there_were_one() {
    let Some(doors) = Doors::open("members_at_three_doors_talk_as_if_there_were_one", 3, &OPEN) else {
        return;
    };
    let mut ann = Guest::comes(&doors.at(0), 2, "ann");
    ann.hears(&[ALONE]);
    doors.knows_of(1, 1);
    let mut bob = Guest::comes(&doors.at(1), 3, "bob");
    bob.hears(&["You are in lobby. Here: ann. (HELP lists the commands.)"]);
    ann.learns("bob", "joined");
    doors.knows_of(2, 2);
    let mut carl = Guest::comes(&doors.at(2), 4, "carl");
    carl.hears(&["You are in lobby. Here: ann, bob. (HELP lists the commands.)"]);
    for guest in [&mut ann, &mut bob] {
        guest.learns("carl", "joined");
    }

    ann.asks("hello", "sent to 2");
    bob.hears(&["[ann] hello"]);
    carl.hears(&["[ann] hello"]);
    carl.asks("hello yourself", "sent to 2");
    for guest in [&mut ann, &mut bob] {
        guest.hears(&["[carl] hello yourself"]);
    }
    bob.asks("DM CARL psst", "sent to carl");
    carl.hears(&["[bob -> you] psst"]);
    bob.asks("DM dora psst", "no such user: dora; here: ann, carl");
    ann.asks("WHO", "here: you, bob, carl");
    carl.asks("WHO", "here: you, ann, bob");
    Guest::comes(&doors.at(1), 5, "ANN")
        .is_left_with("that name is in use: choose another, or wait until ANN leaves");

    carl.says("EX");
    carl.is_left_with("goodbye");
    for guest in [&mut ann, &mut bob] {
        guest.learns("carl", "left");
    }
    ann.asks("alone with bob", "sent to 1");
    bob.hears(&["[ann] alone with bob"]);
}

#[test]
fn an_operator_at_any_door_speaks_for_the_whole_room() {
    let Some(mut doors) = Doors::open("an_operator_at_any_door_speaks_for_the_whole_room", 3, &OPEN) else {
        return;
    };
    let [mut ann, mut bob, mut carl] = three(&doors);
    assert_eq!(doors.does(2, &["say", "hello"]).ok(), "sent to 3\n");
    assert_eq!(doors.does(1, &["topic", "tea"]).ok(), "topic: tea\n");
    for guest in [&mut ann, &mut bob, &mut carl] {
        guest.hears(&["[lobby] hello"]);
        guest.learns_that("* topic: tea");
    }
    assert_eq!(doors.does(0, &["kick", "bob", "too", "loud"]).ok(), "1 sent away\n");
    bob.is_left_with("you were sent away: too loud");
    ann.learns("bob", "left");
    doors.does(1, &["kick", "bob"]).fails(7, "simp-room: bob: not here (see: simp-room who)");

    assert_eq!(doors.does(0, &["ban", "carl", "spam"]).ok(), "carl is banned, 1 sent away\n");
    carl.is_left_with("you are banned: spam");
    ann.learns("carl", "left");
    for door in 1..3 {
        doors.does_until(door, &["bans"], |bans| bans.contains("carl"));
        Guest::comes(&doors.at(door), 5, "carl").is_left_with("you are banned from lobby: spam");
    }
    assert_eq!(doors.does(2, &["unban", "carl"]).ok(), "carl is no longer banned\n");
    doors.does_until(0, &["bans"], str::is_empty);
    Guest::enters(&doors.at(0), 5, "carl");
    // A door that is new knows what the others know.
    let door = doors.add();
    let mut dora = Guest::comes(&doors.at(door), 6, "dora");
    dora.hears(&["topic: tea"]);
}

#[test]
fn an_operator_sees_all_doors_from_each_of_them() {
    let Some(doors) = Doors::open("an_operator_sees_all_doors_from_each_of_them", 3, &OPEN) else { return };
    let _here = three(&doors);
    let line =
        |door: usize, name: &str| format!("{name:32} {:21} here     inside 1 lag 0", doors.simpd_name(door));
    let expected = format!("{}\n{}\n{}\n", line(1, "east"), line(0, "north"), line(2, "south"));
    for door in 0..3 {
        doors.does_until(door, &["doors"], |told| told == expected);
    }
    let told = doors.does(1, &["who"]).ok();
    let places: Vec<&str> = told.lines().map(|line| line.rsplit_once("  at ").unwrap().1).collect();
    assert_eq!((told.lines().count(), places.contains(&"south")), (3, true), "{told}");

    let told = doors.does(0, &["status", "--all"]).ok();
    assert!(told.contains("\ndoor         north\n") && told.contains("\nstream       "), "{told}");
    assert_eq!(told.lines().filter(|line| line.ends_with(" here     inside 1 lag 0")).count(), 3, "{told}");
    let json: Value = serde_json::from_str(&doors.does(2, &["status", "--all", "--json"]).ok()).unwrap();
    let names: Vec<&Value> = json["all"]["doors"].as_array().unwrap().iter().map(|it| &it["door"]).collect();
    assert_eq!(names, ["east", "north", "south"]);
    assert!(doors.does(2, &["status"]).ok().lines().all(|line| !line.starts_with("stream")));
}

#[test]
fn an_account_is_known_at_all_doors_once_it_is_made_at_one() {
    let Some(doors) = Doors::open("an_account_is_known_at_all_doors_once_it_is_made_at_one", 2, &[]) else {
        return;
    };
    let mut ann = Guest::comes(&doors.at(0), 2, "ann");
    ann.hears(&["Welcome to lobby, ann. You are new here: choose a password."]);
    ann.asks("secret", "Please enter it once more.");
    ann.asks("secret", ALONE);
    ann.says("EX");
    ann.is_left_with("goodbye");
    doors.does_until(1, &["users", "list"], |told| told.starts_with("ann "));
    let mut ann = Guest::comes(&doors.at(1), 3, "ann");
    ann.hears(&["Welcome to lobby, ann. Your password?"]);
    ann.asks("another", "Wrong. Your password?");
    ann.asks("secret", ALONE);
    // An operator's accounts too, and what is changed of them.
    assert_eq!(doors.does_with(0, &["users", "add", "bob"], "letmein\n").ok(), "bob added\n");
    doors.does_until(1, &["users", "list"], |told| told.contains("\nbob "));
    let mut bob = Guest::comes(&doors.at(1), 4, "bob");
    bob.hears(&["Welcome to lobby, bob. Your password?"]);
    bob.asks("letmein", "You are in lobby. Here: ann. (HELP lists the commands.)");
    assert_eq!(doors.does(1, &["users", "remove", "bob"]).ok(), "bob removed\n");
    doors.does_until(0, &["users", "list"], |told| !told.contains("bob"));
}

#[test]
fn one_of_two_who_want_the_same_name_at_two_doors_at_the_same_moment_has_it() {
    let test = "one_of_two_who_want_the_same_name_at_two_doors_at_the_same_moment_has_it";
    let Some(doors) = Doors::open(test, 2, &[]) else { return };
    for round in 0..3 {
        let name = format!("bob{round}");
        let mut bobs = [0, 1].map(|door| Guest::comes(&doors.at(door), 2 + 2 * round + door as u8, &name));
        for bob in &mut bobs {
            bob.hears(&[&format!("Welcome to lobby, {name}. You are new here: choose a password.")]);
            bob.asks("secret", "Please enter it once more.");
        }
        bobs.iter_mut().for_each(|bob| bob.says("secret"));
        let mut in_or_out = bobs.map(|mut bob| {
            let line = bob.next_line();
            let is_in = line.starts_with("You are in lobby. ");
            match is_in {
                true => bob.hangs_up(),
                false => assert_eq!(line, "that name has been taken in the meantime: goodbye"),
            }
            is_in
        });
        in_or_out.sort_unstable();
        assert_eq!(in_or_out, [false, true]);
    }
}

#[test]
fn who_knows_the_password_takes_the_place_of_a_ghost_at_any_door() {
    let test = "who_knows_the_password_takes_the_place_of_a_ghost_at_any_door";
    let Some(doors) = Doors::open(test, 2, &[]) else { return };
    doors.does_with(0, &["users", "add", "bob"], "secret\n").ok();
    doors.does_until(1, &["users", "list"], |told| told.starts_with("bob "));
    let comes = |door: usize, host: u8, here: &str| {
        let mut bob = Guest::comes(&doors.at(door), host, "bob");
        bob.hears(&["Welcome to lobby, bob. Your password?"]);
        bob.asks("secret", here);
        bob
    };
    let mut ghost = comes(0, 2, ALONE);
    doors.knows_of(1, 1);
    let mut second = comes(1, 3, ALONE);
    ghost.is_left_with("you came in from elsewhere: goodbye");
    doors.knows_of(0, 1);
    let mut third = comes(1, 4, ALONE);
    second.is_left_with("you came in from elsewhere: goodbye");
    third.asks("hello", "sent to 0");
    doors.does_until(0, &["who"], |told| told.lines().count() == 1 && told.contains(&doors.world.address(4)));
}

#[test]
fn who_comes_in_at_a_new_door_is_shown_what_was_said_at_the_others() {
    let test = "who_comes_in_at_a_new_door_is_shown_what_was_said_at_the_others";
    let Some(mut doors) = Doors::open(test, 2, &["--open", "--history", "3"]) else { return };
    let mut ann = Guest::enters(&doors.at(0), 2, "ann");
    doors.knows_of(1, 1);
    let mut bob = Guest::enters(&doors.at(1), 3, "bob");
    ann.learns("bob", "joined");
    for text in ["one", "two"] {
        ann.asks(text, "sent to 1");
    }
    ann.asks("DM bob psst", "sent to bob");
    bob.hears(&["[ann] one", "[ann] two", "[ann -> you] psst"]);
    bob.asks("three", "sent to 1");
    bob.asks("four", "sent to 1");
    let door = doors.add();
    doors.knows_of(door, 2);
    let mut carl = Guest::comes(&doors.at(door), 4, "carl");
    let here = "You are in lobby. Here: ann, bob. (HELP lists the commands.)";
    carl.hears(&["[ann] two", "[bob] three", "[bob] four", here]);
}

#[test]
fn a_room_is_full_although_its_members_are_at_different_doors() {
    let test = "a_room_is_full_although_its_members_are_at_different_doors";
    let Some(doors) = Doors::open(test, 2, &["--open", "--max-members", "2"]) else { return };
    let _ann = Guest::enters(&doors.at(0), 2, "ann");
    doors.knows_of(1, 1);
    let bob = Guest::enters(&doors.at(1), 3, "bob");
    doors.knows_of(0, 2);
    Guest::comes(&doors.at(0), 4, "carl").is_left_with("lobby is full (2 are here): come again later");
    bob.hangs_up();
    doors.knows_of(0, 1);
    Guest::comes(&doors.at(0), 4, "carl").hears(&["You are in lobby. Here: ann. (HELP lists the commands.)"]);
}

#[test]
fn the_permissions_that_the_documentation_has_are_all_that_a_door_needs() {
    let test = "the_permissions_that_the_documentation_has_are_all_that_a_door_needs";
    let documentation = std::fs::read_to_string("docs/cluster.md").unwrap();
    let blocks = documentation.split("```\n");
    let permissions = blocks.into_iter().find(|block| block.starts_with("authorization {")).unwrap();
    let world = World::new();
    let setup = Setup { more: permissions, ..Setup::default() };
    let Some(servers) = Servers::with(test, &world, 1, &setup) else { return };
    let creds = world.path("creds");
    std::fs::write(&creds, "doors:CHANGE-ME\n").unwrap();
    let mut doors = Doors::between(world, servers, 2, &["--nats-creds", creds.to_str().unwrap()]);
    doors.does_with(0, &["users", "add", "ann"], "secret\n").ok();
    doors.does_until(1, &["users", "list"], |told| told.starts_with("ann "));
    let mut ann = Guest::comes(&doors.at(0), 2, "ann");
    ann.hears(&["Welcome to lobby, ann. Your password?"]);
    ann.asks("secret", ALONE);
    let mut bob = Guest::comes(&doors.at(1), 3, "bob");
    bob.hears(&["Welcome to lobby, bob. You are new here: choose a password."]);
    bob.asks("secret", "Please enter it once more.");
    bob.asks("secret", "You are in lobby. Here: ann. (HELP lists the commands.)");
    bob.asks("hello", "sent to 1");
    ann.hears(&["[bob] hello"]);
    doors.kill_room(1);
    ann.asks("hello yourself", "sent to 1");
    doors.start_room(1);
    bob.hears(&["[ann] hello yourself"]);
    assert_eq!(doors.does(1, &["topic", "tea"]).ok(), "topic: tea\n");
    assert_eq!(doors.does(0, &["kick", "bob"]).ok(), "1 sent away\n");
    bob.is_left_with("you were sent away");
    doors.does(1, &["users", "remove", "bob"]).ok();
    assert_eq!(doors.does(0, &["status"]).ok().matches("trouble").count(), 0);
}

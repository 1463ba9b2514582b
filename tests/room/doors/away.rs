//! A door, a server or the way between them is away for a while: nothing that was confirmed is lost, nothing comes twice, and
//! members and operators are told.

use nix::sys::signal::Signal;

use super::super::guest::Guest;
use super::super::member::Member;
use super::{Doors, OPEN, REACHED, STREAM, UNREACHED, two};
use crate::harness::{Servers, Way, World};

/// Says these lines, and hears nothing of them.
fn says_and_waits(guest: &mut Guest, texts: &[&str], here: &str) {
    texts.iter().for_each(|text| guest.says(text));
    // What was said before would be answered before.
    guest.asks("WHO", here);
}

fn hears_all(guest: &mut Guest, from: &str, texts: &[&str]) {
    texts.iter().for_each(|text| guest.hears(&[&format!("[{from}] {text}")]));
}

#[test]
fn what_is_said_while_the_server_is_away_waits_and_is_confirmed_when_it_is_back() {
    let test = "what_is_said_while_the_server_is_away_waits_and_is_confirmed_when_it_is_back";
    let Some(mut doors) = Doors::open(test, 2, &OPEN) else { return };
    let [mut ann, mut bob] = two(&doors);
    for _ in 0..2 {
        doors.servers.kill(0);
        ann.learns_that(UNREACHED);
        bob.learns_that(UNREACHED);
        says_and_waits(&mut ann, &["one", "two", "DM bob psst", "three"], "here: you, bob");
        says_and_waits(&mut bob, &["four"], "here: you, ann");
        let told = doors.does(0, &["status"]).ok();
        assert!(told.contains("\ntrouble      "), "{told}");
        doors.servers.start(0);
        // Once: the next news is that it is back.
        assert_eq!(ann.next_news(), REACHED);
        assert_eq!(bob.next_news(), REACHED);
        let mut heard = [ann.next_line(), ann.next_line(), ann.next_line(), ann.next_line(), ann.next_line()];
        heard.sort_unstable();
        assert_eq!(heard, ["[bob] four", "sent to 1", "sent to 1", "sent to 1", "sent to bob"]);
        let mut heard: Vec<String> = (0..5).map(|_| bob.next_line()).collect();
        heard.retain(|line| line != "sent to 1");
        assert_eq!(heard, ["[ann] one", "[ann] two", "[ann -> you] psst", "[ann] three"]);
        ann.asks("again", "sent to 1");
        hears_all(&mut bob, "ann", &["again"]);
        doors.does_until(0, &["status"], |told| !told.contains("trouble"));
    }
}

#[test]
fn a_thousand_lines_that_waited_come_out_in_order() {
    let Some(mut doors) = Doors::open("a_thousand_lines_that_waited_come_out_in_order", 2, &OPEN) else {
        return;
    };
    let mut ann = Member::enters(&doors.at(0), 2, "ann");
    doors.knows_of(1, 1);
    let mut bob = Member::enters(&doors.at(1), 3, "bob");
    doors.knows_of(0, 2);
    doors.servers.kill(0);
    while ann.next_line() != UNREACHED {}
    ann.queues((0..1_000).map(|n| format!("line {n}")));
    ann.says(&doors.world, "WHO");
    ann.hears(&["here: you, bob"]);
    doors.servers.start(0);
    bob.hears_on(0..1_000);
    ann.hears(&["sent to 1"; 1_000]);
}

#[test]
fn a_door_that_is_killed_and_comes_back_misses_nothing() {
    let Some(mut doors) = Doors::open("a_door_that_is_killed_and_comes_back_misses_nothing", 2, &OPEN) else {
        return;
    };
    let [mut ann, mut bob] = two(&doors);
    for round in 0..3 {
        doors.kill_room(1);
        let (one, two) = (format!("one {round}"), format!("two {round}"));
        ann.asks(&one, "sent to 1");
        ann.asks("DM bob psst", "sent to bob");
        bob.says("meanwhile");
        doors.start_room(1);
        hears_all(&mut bob, "ann", &[&one]);
        bob.hears(&["[ann -> you] psst", "sent to 1"]);
        hears_all(&mut ann, "bob", &["meanwhile"]);
        ann.asks(&two, "sent to 1");
        hears_all(&mut bob, "ann", &[&two]);
    }
    let ended = doors.end_room(1, Signal::SIGTERM);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    ann.asks("three", "sent to 1");
    doors.start_room(1);
    hears_all(&mut bob, "ann", &["three"]);
}

#[test]
fn the_members_of_a_door_that_is_away_for_long_have_left_until_it_is_back() {
    let test = "the_members_of_a_door_that_is_away_for_long_have_left_until_it_is_back";
    let Some(mut doors) = Doors::open(test, 3, &OPEN) else { return };
    let [mut ann, mut bob] = two(&doors);
    doors.knows_of(2, 2);
    let mut carl = Guest::enters(&doors.at(2), 4, "carl");
    ann.learns("carl", "joined");
    bob.learns("carl", "joined");
    doors.kill_room(1);
    for guest in [&mut ann, &mut carl] {
        guest.learns("bob", "left");
    }
    ann.asks("without bob", "sent to 1");
    ann.asks("DM bob psst", "no such user: bob; here: carl");
    ann.asks("WHO", "here: you, carl");
    carl.hears(&["[ann] without bob"]);
    let is_gone = |line: &str| line.starts_with("east ") && line.contains(" gone ");
    doors.does_until(2, &["doors"], |told| told.lines().any(is_gone));
    doors
        .does(0, &["doors", "remove", "south"])
        .fails(1, "simp-room: south: this door is here (stop it first, there: simp-room stop)");
    doors.start_room(1);
    for guest in [&mut ann, &mut carl] {
        guest.learns("bob", "joined");
    }
    // He was in it all the time, as far as he knows.
    hears_all(&mut bob, "ann", &["without bob"]);
    bob.asks("WHO", "here: you, ann, carl");
    ann.asks("with bob", "sent to 2");
    hears_all(&mut bob, "ann", &["with bob"]);
    hears_all(&mut carl, "ann", &["with bob"]);
}

#[test]
fn a_name_of_a_door_that_is_gone_is_free_and_whoever_has_it_then_keeps_it() {
    let test = "a_name_of_a_door_that_is_gone_is_free_and_whoever_has_it_then_keeps_it";
    let Some(mut doors) = Doors::open(test, 2, &OPEN) else { return };
    let [mut ann, mut bob] = two(&doors);
    doors.kill_room(1);
    ann.learns("bob", "left");
    let mut other = Guest::enters(&doors.at(0), 4, "bob");
    ann.learns("bob", "joined");
    doors.start_room(1);
    bob.is_left_with("somebody came in with your name elsewhere: goodbye");
    ann.asks("DM bob psst", "sent to bob");
    other.hears(&["[ann -> you] psst"]);
}

/// Ann and bob at two doors, with three servers between these.
fn two_with_three_servers(test: &str) -> Option<(Doors, [Member; 2])> {
    let world = World::new();
    let servers = Servers::three(test, &world)?;
    let doors = Doors::between(world, servers, 2, &OPEN);
    let here = [("ann", 0), ("bob", 1)].map(|(name, door)| {
        let member = Member::enters(&doors.at(door), 2 + door as u8, name);
        (0..2).for_each(|other| doors.knows_of(other, door + 1));
        member
    });
    Some((doors, here))
}

/// One says something, and the other hears it. To choose a leader takes so long that one may be taken for gone.
fn gets_through(doors: &Doors, (name, from): (&str, &mut Member), to: &mut Member, text: &str) {
    from.says(&doors.world, text);
    to.hears(&[&format!("[{name}] {text}")]);
    let told = from.next_said();
    assert!(told.starts_with("sent to "), "{told}");
}

#[test]
fn three_servers_go_on_without_their_leader_and_lose_nothing() {
    let test = "three_servers_go_on_without_their_leader_and_lose_nothing";
    let Some((mut doors, [mut ann, mut bob])) = two_with_three_servers(test) else { return };
    gets_through(&doors, ("ann", &mut ann), &mut bob, "one");
    let leader = doors.servers.leader(STREAM);
    doors.servers.kill(leader);
    gets_through(&doors, ("ann", &mut ann), &mut bob, "two");
    gets_through(&doors, ("bob", &mut bob), &mut ann, "three");
    doors.servers.launch(leader);
    assert!(doors.servers.leader(STREAM) < doors.servers.count());
    gets_through(&doors, ("ann", &mut ann), &mut bob, "four");
}

#[test]
fn three_servers_go_on_if_their_leader_answers_nothing_for_a_while() {
    let test = "three_servers_go_on_if_their_leader_answers_nothing_for_a_while";
    let Some((doors, [mut ann, mut bob])) = two_with_three_servers(test) else { return };
    gets_through(&doors, ("ann", &mut ann), &mut bob, "one");
    let leader = doors.servers.leader(STREAM);
    doors.servers.signal(leader, Signal::SIGSTOP);
    gets_through(&doors, ("ann", &mut ann), &mut bob, "two");
    doors.servers.signal(leader, Signal::SIGCONT);
    gets_through(&doors, ("ann", &mut ann), &mut bob, "three");
}

#[test]
fn a_door_that_is_cut_off_goes_on_by_itself_and_is_put_together_again() {
    let test = "a_door_that_is_cut_off_goes_on_by_itself_and_is_put_together_again";
    let world = World::new();
    let Some(servers) = Servers::one(test, &world) else { return };
    let way = Way::open(&format!("{}:4222", world.address(111)), &servers.address(0));
    let urls = [servers.urls()[0].clone(), way.url()];
    let doors = Doors::at_urls(world, servers, &urls, &OPEN);
    let [mut ann, mut bob] = two(&doors);
    way.block();
    ann.asks("one", "sent to 1");
    bob.says("two");
    bob.learns_that(UNREACHED);
    bob.asks("WHO", "here: you, ann");
    let told = doors.does(1, &["doors"]).ok();
    assert!(told.starts_with("east ") && told.contains(" cut off ") && told.contains(" unknown "), "{told}");
    ann.learns("bob", "left");
    ann.asks("three", "sent to 0");
    way.unblock();
    bob.learns_that(REACHED);
    ann.learns("bob", "joined");
    hears_all(&mut ann, "bob", &["two"]);
    let mut heard = [bob.next_line(), bob.next_line(), bob.next_line()];
    heard.sort_unstable();
    assert_eq!(heard, ["[ann] one", "[ann] three", "sent to 1"]);
    ann.asks("four", "sent to 1");
    hears_all(&mut bob, "ann", &["four"]);
}

#[test]
fn a_door_whose_simpd_answers_nothing_holds_nobody_up_and_catches_up() {
    let test = "a_door_whose_simpd_answers_nothing_holds_nobody_up_and_catches_up";
    let Some(doors) = Doors::open(test, 2, &OPEN) else { return };
    let mut ann = Member::enters(&doors.at(0), 2, "ann");
    doors.knows_of(1, 1);
    let mut bob = Member::enters(&doors.at(1), 3, "bob");
    doors.knows_of(0, 2);
    doors.simpd(1).signal(Signal::SIGSTOP);
    ann.queues((0..500).map(|n| format!("line {n}")));
    ann.hears(&["sent to 1"; 500]);
    doors.simpd(1).signal(Signal::SIGCONT);
    bob.hears_on(0..500);
    bob.says(&doors.world, "the end");
    bob.hears(&["sent to 1"]);
    ann.hears(&["[bob] the end"]);
}

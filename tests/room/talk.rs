//! What members say to all and to one, and what they are told of it.

use super::Lobby;
use super::guest::Guest;
use super::member::Member;
use crate::harness::Running;

/// Ann, bob and carl, in a room that is open to all.
fn three(lobby: &Lobby) -> [Guest; 3] {
    [(2, "ann"), (3, "bob"), (4, "carl")].map(|(host, name)| Guest::enters(lobby, host, name))
}

#[test]
fn a_public_line_goes_to_everybody_else_and_its_sender_is_told_how_many() {
    let lobby = Lobby::start(&["--open"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    ann.asks("is anybody here?", "sent to 0");
    let [mut bob, mut carl] = [(3, "bob"), (4, "carl")].map(|(host, name)| Guest::enters(&lobby, host, name));
    for (said, heard) in [
        ("PM hello all", "[ann] hello all"),
        ("pm  hello ", "[ann] hello"),
        ("plain text", "[ann] plain text"),
        ("WHO is it", "[ann] WHO is it"),
        ("PMhello", "[ann] PMhello"),
        ("PM [bob] hi", "[ann] [bob] hi"),
        ("PM * bob left", "[ann] * bob left"),
    ] {
        ann.asks(said, "sent to 2");
        bob.hears(&[heard]);
        carl.hears(&[heard]);
    }
}

#[test]
fn a_direct_line_goes_to_one_and_nobody_else() {
    let lobby = Lobby::start(&["--open"]);
    let [mut ann, mut bob, mut carl] = three(&lobby);
    ann.asks("DM bob psst", "sent to bob");
    ann.asks("dm BOB again", "sent to bob");
    ann.asks("DM bbo hi", "no such user: bbo; here: bob, carl");
    ann.asks("DM bobby hi", "no such user: bobby; here: bob, carl");
    ann.asks("DM ann hi", "you cannot message yourself");
    ann.asks("DM \x1b[2J hi", "no such user: \\x1b[2J; here: bob, carl");
    ann.asks("to all", "sent to 2");
    bob.hears(&["[ann -> you] psst", "[ann -> you] again", "[ann] to all"]);
    carl.hears(&["[ann] to all"]);
}

#[test]
fn a_command_alone_asks_for_what_is_missing_one_question_at_a_time() {
    let lobby = Lobby::start(&["--open"]);
    let [mut ann, mut bob, mut carl] = three(&lobby);
    ann.asks("PM", "what do you want to say to everybody?");
    ann.asks("hello", "sent to 2");
    ann.asks("DM", "to whom? here: bob, carl");
    ann.asks("bob", "what do you want to say to bob?");
    ann.asks("one", "sent to bob");
    ann.asks("DM bob", "what do you want to say to bob?");
    // What is asked does not end the question; another line to somebody does.
    ann.asks("WHO", "here: you, bob, carl");
    ann.asks("two", "sent to bob");
    ann.asks("DM", "to whom? here: bob, carl");
    ann.asks("bob three", "sent to bob");
    ann.asks("DM", "to whom? here: bob, carl");
    ann.asks("bbo", "no such user: bbo; here: bob, carl");
    ann.asks("to all", "sent to 2");
    ann.asks("DM bob", "what do you want to say to bob?");
    ann.asks("PM to all too", "sent to 2");
    ann.asks("and this", "sent to 2");
    bob.hears(&["[ann] hello", "[ann -> you] one", "[ann -> you] two", "[ann -> you] three"]);
    for guest in [&mut bob, &mut carl] {
        if guest.next_line() == "[ann] hello" {
            guest.hears(&["[ann] to all"]);
        }
        guest.hears(&["[ann] to all too", "[ann] and this"]);
    }
}

#[test]
fn an_empty_answer_to_a_question_sends_nothing() {
    let lobby = Lobby::start(&["--open"]);
    let [mut ann, mut bob, _carl] = three(&lobby);
    for (command, question) in [
        ("PM", "what do you want to say to everybody?"),
        ("DM bob", "what do you want to say to bob?"),
        ("DM", "to whom? here: bob, carl"),
    ] {
        for empty in ["", "  "] {
            ann.asks(command, question);
            ann.asks(empty, "nothing to send (HELP lists the commands)");
        }
    }
    ann.asks("PM hello", "sent to 2");
    bob.hears(&["[ann] hello"]);
}

#[test]
fn somebody_who_has_left_is_told_apart_from_somebody_who_was_never_here() {
    let lobby = Lobby::start(&["--open"]);
    let [mut ann, bob, mut carl] = three(&lobby);
    ann.asks("DM bob", "what do you want to say to bob?");
    bob.hangs_up();
    carl.learns("bob", "left");
    ann.asks("hi", "no such user: bob; here: carl");
    ann.asks("WHO", "here: you, carl");
}

#[test]
fn who_and_help_are_answered_and_ex_ends_the_chat() {
    let lobby = Lobby::start(&["--open"]);
    let [mut ann, mut bob, mut carl] = three(&lobby);
    ann.asks("who", "here: you, bob, carl");
    ann.says("Help");
    ann.hears(&[
        "PM TEXT, or just TEXT, goes to everybody here. DM NAME TEXT goes to NAME only.",
        "WHO lists who is here, EX (or q, quit) leaves, HELP shows this.",
        "Lines of others begin with [their name], those for you alone with [their name -> you], news with *.",
    ]);
    for (guest, name, word) in [(&mut bob, "bob", "EX"), (&mut carl, "carl", "quit")] {
        guest.says(word);
        guest.is_left_with("goodbye");
        ann.learns(name, "left");
    }
    ann.asks("who", "here: only you");
    ann.says("q");
    ann.is_left_with("goodbye");
}

#[test]
fn members_with_simpctl_talk_to_members_with_anything_else() {
    let lobby = Lobby::start(&["--open"]);
    let world = &lobby.world;
    let mut bob = Guest::enters(&lobby, 3, "bob");
    let mut ann = Member::enters(&lobby, 2, "ann");
    let mut listening = world.spawn_ctl(2, &["listen", "--text"]);
    // Whether she hears of her own coming depends on who came within the same second.
    let read = |listening: &mut Running| loop {
        let line = listening.read_line();
        if !line.starts_with("* ") {
            return line;
        }
    };
    assert_eq!(read(&mut listening), "You are in lobby. Here: bob. (HELP lists the commands.)");
    ann.says(world, "PM hello");
    assert_eq!(read(&mut listening), "sent to 1");
    bob.hears(&["[ann] hello"]);
    bob.asks("DM ann hello yourself", "sent to ann");
    assert_eq!(read(&mut listening), "[bob -> you] hello yourself");
    ann.says(world, "EX");
    assert_eq!(read(&mut listening), "goodbye");
    ann.hears(&["sent to 1", "[bob -> you] hello yourself", "goodbye"]);
    ann.is_left();
    bob.learns("ann", "left");
}

//! Somebody says too much.

use std::time::Instant;

use nix::sys::signal::Signal;

use super::Lobby;
use super::guest::Guest;
use super::member::Member;

#[test]
fn who_says_too_much_is_refused_then_sent_away_and_the_others_get_what_the_rate_allows() {
    let rate = 5;
    let lobby = Lobby::start(&["--open", "--rate", "5"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    let mut bob = Guest::enters(&lobby, 3, "bob");
    let started = Instant::now();
    let mut sent = 0;
    let mut refused = 0;
    loop {
        ann.says("buy this");
        match ann.next_line().as_str() {
            "sent to 1" => sent += 1,
            "too fast, not sent: at most 5 messages in 10 s" => refused += 1,
            last => break assert_eq!(last, "too many messages: goodbye"),
        }
        assert!(refused < 1_000, "nobody stops her");
    }
    // As many as in 10 s at once, and then as the rate allows; a second more, for a clock that counts otherwise.
    let most = rate + rate * (started.elapsed().as_secs() + 1) / 10 + 1;
    assert!((rate..=most).contains(&sent), "{sent} of at most {most}");
    bob.learns("ann", "left");
    lobby.does(&["say", "that is all"]).ok();
    for _ in 0..sent {
        bob.hears(&["[ann] buy this"]);
    }
    bob.hears(&["[lobby] that is all"]);
}

#[test]
fn a_flood_is_ended_although_some_of_it_is_allowed_all_the_time() {
    // Every 200 ms another one is allowed: a machine that needs less for a message can flood.
    let lobby = Lobby::start(&["--open", "--rate", "50"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    for said in 0.. {
        assert!(said < 5_000, "nobody stops her");
        ann.says("buy this");
        match ann.next_line().as_str() {
            "sent to 0" | "too fast, not sent: at most 50 messages in 10 s" => {}
            "too many messages: goodbye" => break,
            line => panic!("{line}"),
        }
    }
}

#[test]
fn who_is_refused_may_still_leave() {
    let lobby = Lobby::start(&["--open", "--rate", "1"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    ann.asks("one", "sent to 0");
    ann.asks("WHO", "too fast, not sent: at most 1 messages in 10 s");
    ann.says("EX");
    ann.is_left_with("goodbye");
}

#[test]
fn a_flood_at_the_door_ends_there() {
    let lobby = Lobby::start(&["--rate", "2"]);
    let mut ann = Guest::comes(&lobby, 2, "ann");
    ann.hears(&["Welcome to lobby, ann. You are new here: choose a password."]);
    let expected = "first choose a password, please (EX leaves)";
    ann.asks("WHO", expected);
    ann.asks("WHO", expected);
    ann.asks("WHO", "too fast: wait a little");
    for n in 0.. {
        assert!(n < 200, "nobody stops her");
        ann.says("WHO");
        match ann.next_line().as_str() {
            "too many messages: goodbye" => break,
            line => assert!(["too fast: wait a little", expected].contains(&line), "{line}"),
        }
    }
}

#[test]
fn a_room_with_a_lot_to_do_stops_when_it_is_told_to() {
    let args = ["--open", "--rate", "100000"];
    let mut lobby = Lobby::start(&args);
    let ann = Member::enters(&lobby, 2, "ann");
    let mut bob = Member::enters(&lobby, 3, "bob");
    lobby.end_room(Signal::SIGTERM).ok();
    let said = 3_000;
    ann.queues((0..said).map(|n| format!("line {n}")));
    lobby.simpd().client().status_when(|status| status.last_id >= said);
    lobby.start_room(&args);
    // It is in the middle of it, and has read ahead.
    bob.hears_on(0..said / 10);
    assert_eq!(lobby.end_room(Signal::SIGTERM).ok(), "");
    // The rest is done when it is started again.
    lobby.start_room(&args);
    bob.hears_on(said / 10..said);
}

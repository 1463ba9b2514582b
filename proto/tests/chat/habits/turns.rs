//! Peers whose users read only after writing: ours wait for their turn, and leave together.

use simp_proto::{ChatEvent, Form, Known, MessageId, Operation, State};

use super::*;
use crate::chat::driver::{Driver, SETTINGS, message};

/// A chat with a peer that takes turns, which has invited Bob.
fn invited_by(habits: &str) -> Driver {
    let known = Known { is_pinned: true, ..known(habits) };
    let (mut bob, _) = accepting(known, &ANN.syn());
    bob.hears(at(0), &ANN.ack(0));
    bob.drain();
    bob.events();
    bob
}

/// Ann says this.
fn ann_says(bob: &mut Driver, ms: u64, seq: u8, text: &str) {
    bob.hears(at(ms), &ANN.chat(seq, text));
    assert_eq!(bob.drain(), [BOB.ack(seq)]);
    assert_eq!(bob.events(), [message(seq, text)]);
}

#[test]
fn what_waits_for_a_peer_that_takes_turns_leaves_in_one_message_once_it_has_written() {
    let mut bob = invited_by("takes-turns");
    bob.send(at(600), 1, "welcome").unwrap();
    assert_eq!((bob.transmits(at(59_000)), bob.chat.poll_timeout()), (vec![], Some(at(60_000))));
    ann_says(&mut bob, 59_000, 0, "hi");
    bob.send(at(59_100), 2, "hello").unwrap();
    bob.send(at(59_200), 3, "how are you?").unwrap();
    assert_eq!((bob.drain(), bob.chat.poll_timeout()), (vec![], Some(at(59_500))));
    assert_eq!(bob.transmits(at(59_500)), [BOB.chat(0, "welcome\nhello\nhow are you?")]);
    bob.send(at(59_600), 4, "next").unwrap();
    assert_eq!(bob.chat.unacknowledged(), 4);
    bob.hears(at(59_700), &ANN.ack(0));
    assert_eq!((bob.drain(), bob.events()), (vec![], [1, 2, 3].map(delivered).to_vec()));
    // It is its turn.
    ann_says(&mut bob, 300_000, 1, "well");
    assert_eq!(bob.schedule(at(300_500)), [(300_500, BOB.chat(1, "next"))]);
}

#[test]
fn what_does_not_fit_waits_for_the_next_turn_and_nothing_is_joined_for_a_peer_that_takes_none() {
    let mut bob = invited_by("takes-turns,cuts-at=20");
    for (id, text) in [(1, "twelve bytes"), (2, "seven b"), (3, "and so on")] {
        bob.send(at(600), id, text).unwrap();
    }
    ann_says(&mut bob, 1_000, 0, "hi");
    assert_eq!(bob.schedule(at(1_500)), [(1_500, BOB.chat(0, "twelve bytes\nseven b"))]);
    let mut bob = open("plain");
    bob.send(at(0), 1, "one").unwrap();
    bob.send(at(0), 2, "two").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "one")]);
}

#[test]
fn whoever_accepted_our_invitation_waits_for_our_message() {
    let mut bob = open_in(Known { is_pinned: true, ..known("takes-turns") }, Deviations::default());
    bob.send(at(0), 1, "hi").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "hi")]);
}

#[test]
fn a_message_that_crosses_one_of_a_peer_that_takes_turns_leaves_again_after_our_ack() {
    let mut bob = open_in(Known { is_pinned: true, ..known("takes-turns") }, Deviations::default());
    bob.send(at(0), 1, "hi").unwrap();
    bob.drain();
    ann_says(&mut bob, 20, 0, "you there?");
    assert_eq!(bob.schedule(at(5_000)), [(120, BOB.chat(0, "hi"))]);
}

#[test]
fn a_peer_that_has_not_written_for_ten_minutes_is_asked_whether_it_is_there() {
    let mut bob = open_in(Known { is_pinned: true, ..known("takes-turns") }, Deviations::default());
    bob.send(at(0), 1, "one").unwrap();
    bob.drain();
    bob.hears(at(100), &ANN.ack(0));
    bob.send(at(200), 2, "two").unwrap();
    let leaves = bob.schedule(at(700_000));
    assert_eq!(leaves[0], (600_100, BOB.chat(1, "two")));
    let copies = leaves.iter().filter(|(_, datagram)| datagram.operation == Operation::Chat).count();
    assert_eq!((copies as u32, bob.state()), (SETTINGS.attempts, State::Closed));
}

#[test]
fn leaving_waits_for_no_turn_but_for_our_ack_to_arrive() {
    let mut bob = invited_by("takes-turns");
    bob.send(at(600), 1, "hi").unwrap();
    bob.chat.close(at(600), false).unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "hi")]);
    let mut bob = invited_by("takes-turns");
    ann_says(&mut bob, 600, 0, "EX");
    bob.send(at(610), 1, "goodbye").unwrap();
    bob.chat.close(at(610), false).unwrap();
    assert_eq!(bob.schedule(at(2_000)), [(1_100, BOB.chat(0, "goodbye"))]);
    bob.hears(at(1_200), &ANN.ack(0));
    assert_eq!(bob.drain().first().map(|fin| fin.operation), Some(Operation::Fin));
}

#[test]
fn messages_that_are_given_up_together_are_told_one_by_one() {
    let mut bob = open_in(Known { is_pinned: true, ..known("takes-turns") }, Deviations::default());
    bob.send(at(0), 1, "one").unwrap();
    bob.drain();
    bob.hears(at(100), &ANN.ack(0));
    bob.drain();
    assert_eq!(bob.events(), [delivered(1)]);
    bob.send(at(200), 2, "two").unwrap();
    bob.send(at(200), 3, "three").unwrap();
    ann_says(&mut bob, 300, 0, "hi");
    bob.transmits(at(800));
    bob.hears(at(900), &ANN.fin(1));
    bob.drain();
    let given_up = bob.events().into_iter().filter_map(|event| match event {
        ChatEvent::Undelivered(MessageId(id), _) => Some(id),
        _ => None,
    });
    assert_eq!(given_up.collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn the_form_of_2021_is_that_of_programs_whose_users_take_turns() {
    let syn = ANN.syn().in_form(Form::Of2021);
    let (mut bob, _) = accepting(known("plain"), &syn);
    bob.hears(at(0), &ANN.ack(1).in_form(Form::Of2021));
    bob.drain();
    bob.send(at(0), 1, "welcome").unwrap();
    assert_eq!(bob.transmits(at(30_000)), []);
    bob.hears(at(30_000), &ANN.chat(0, "hi").in_form(Form::Of2021));
    bob.drain();
    bob.send(at(30_100), 2, "hello").unwrap();
    let leaves = bob.schedule(at(30_500));
    assert_eq!(leaves[0].1.payload, b"welcome\nhello");
}

#[test]
fn after_the_message_that_accepts_the_next_one_waits_until_that_was_looked_at() {
    let (mut bob, leaves) = accepting(known("plain"), &Says("Daemon").syn());
    assert_eq!(leaves, [BOB.syn_ack()]);
    bob.send(at(10), 1, "welcome").unwrap();
    assert_eq!(bob.schedule(at(800)), [(800, BOB.chat(0, "bob accepted."))]);
    bob.hears(at(810), &ANN.ack(0));
    bob.drain();
    assert_eq!(bob.schedule(at(2_000)), [(1_610, BOB.chat(1, "welcome"))]);
}

#[test]
fn a_password_twice_is_two_messages_though_a_peer_numbers_them_alike() {
    let messages =
        |bob: &mut Driver| bob.events().iter().filter(|it| matches!(it, ChatEvent::Message { .. })).count();
    // One counter for both directions: after its 0 and our 1 it is at 0 again.
    let (mut bob, _) = accepting(known("plain"), &Says("Daemon").syn());
    bob.schedule(at(800));
    bob.hears(at(810), &ANN.ack(0));
    bob.send(at(820), 1, "choose").unwrap();
    assert_eq!(bob.schedule(at(1_700)), [(1_610, BOB.chat(1, "choose"))]);
    bob.hears(at(1_710), &ANN.ack(1));
    bob.hears(at(2_000), &ANN.chat(0, "secret"));
    bob.send(at(2_100), 2, "once more").unwrap();
    assert_eq!(bob.drain(), [BOB.ack(0), BOB.chat(1, "once more")]);
    bob.hears(at(2_110), &ANN.ack(1));
    bob.hears(at(5_000), &ANN.chat(0, "secret"));
    bob.drain();
    assert_eq!(messages(&mut bob), 2);
    // One number for all, from a peer that acknowledges nothing.
    let mut bob = open_with_foreign("never-acks");
    for ms in [1_000, 4_000] {
        bob.hears(at(ms), &oddly(ANN.chat(1, "secret")));
        bob.drain();
    }
    assert_eq!(messages(&mut bob), 2);
}

#[test]
fn what_waits_for_a_turn_leaves_when_a_datagram_shows_that_nobody_takes_turns() {
    let (mut bob, _) = accepting(known("plain"), &read(&ANN.syn().in_form(Form::Of2021)));
    bob.hears(at(10), &read(&ANN.ack(1).in_form(Form::Of2021)));
    bob.send(at(1_000), 1, "hi").unwrap();
    assert_eq!(bob.drain(), []);
    bob.hears(at(2_000), &ANN.err("no"));
    assert_eq!(bob.drain().iter().map(|datagram| datagram.operation).collect::<Vec<_>>(), [Operation::Chat]);
}

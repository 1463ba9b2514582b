//! Leaving, being left, and forgetting (SIMP 5).

use simp_proto::{Handled, MessageId, StateError};
use simp_proto::{Reason, State};

use crate::chat::driver::{Driver, closed, delivered, message, undelivered};
use crate::common::{ANN, BOB, at};

#[test]
fn leaving_tells_the_peer_and_is_over_with_its_ack() {
    let mut bob = Driver::open();
    bob.chat.close(at(0), false).unwrap();
    assert_eq!(bob.drain(), [BOB.fin(0)]);
    assert_eq!((bob.state(), bob.events()), (State::Closing, vec![]));
    assert_eq!(bob.hears(at(30), &ANN.ack(0)), Handled::Expected);
    assert_eq!(bob.drain(), []);
    assert_eq!((bob.state(), bob.events()), (State::Closed, vec![closed(Reason::Quit)]));
}

#[test]
fn leaving_delivers_first_what_is_queued() {
    let mut bob = Driver::open();
    bob.send(at(0), 1, "one").unwrap();
    bob.send(at(0), 2, "two").unwrap();
    bob.chat.close(at(1), false).unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "one")]);
    assert_eq!(bob.transmits(at(5_000)), [BOB.chat(0, "one")]);
    bob.hears(at(5_100), &ANN.ack(0));
    assert_eq!(bob.drain(), [BOB.chat(1, "two")]);
    bob.hears(at(5_200), &ANN.ack(1));
    assert_eq!(bob.drain(), [BOB.fin(0)]);
    assert_eq!(bob.events(), [delivered(1), delivered(2)]);
}

#[test]
fn one_who_leaves_can_send_no_more() {
    for mut bob in [Driver::draining(), Driver::leaving()] {
        assert_eq!(bob.send(at(1), 2, "one more"), Err(StateError(State::Closing)));
        assert_eq!(bob.chat.close(at(1), false), Err(StateError(State::Closing)));
    }
    assert_eq!(Driver::leaving().chat.close(at(1), true), Err(StateError(State::Closing)));
    assert_eq!(Driver::closed().chat.close(at(1), true), Err(StateError(State::Closed)));
    assert_eq!(Driver::closed().send(at(1), 2, "one more"), Err(StateError(State::Closed)));
}

#[test]
fn leaving_at_once_gives_up_what_is_queued() {
    let mut bob = Driver::open();
    bob.send(at(0), 1, "one").unwrap();
    bob.send(at(0), 2, "two").unwrap();
    bob.drain();
    bob.chat.close(at(1), true).unwrap();
    assert_eq!(bob.drain(), [BOB.fin(1)]);
    assert_eq!(bob.events(), [undelivered(1, Reason::Quit), undelivered(2, Reason::Quit)]);
}

#[test]
fn one_who_leaves_can_still_leave_at_once() {
    let mut bob = Driver::draining();
    bob.chat.close(at(1), true).unwrap();
    assert_eq!(bob.drain(), [BOB.fin(1)]);
    assert_eq!(bob.events(), [undelivered(1, Reason::Quit)]);
}

#[test]
fn the_ack_of_a_message_that_was_given_up_does_not_confirm_the_fin() {
    let mut bob = Driver::draining();
    bob.chat.close(at(1), true).unwrap();
    bob.drain();
    assert_eq!(bob.hears(at(40), &ANN.ack(0)), Handled::Ignored);
    assert_eq!(bob.schedule(at(5_001)), [(5_001, BOB.fin(1))]);
}

#[test]
fn leaving_while_accepting_tells_the_peer() {
    let mut bob = Driver::accepting();
    bob.send(at(0), 1, "one").unwrap();
    bob.chat.close(at(1), false).unwrap();
    assert_eq!(bob.drain(), [BOB.fin(0)]);
    assert_eq!(bob.events(), [undelivered(1, Reason::Quit)]);
}

#[test]
fn a_fin_is_repeated_every_five_seconds_and_given_up_after_six() {
    let mut bob = Driver::leaving();
    let fins = bob.schedule(at(29_999));
    // Which number she wants has not shown: from the third copy on it is each in turn.
    let expected = [(5_000, 0), (10_000, 1), (15_000, 0), (20_000, 1), (25_000, 0)];
    assert_eq!(fins, expected.map(|(ms, seq)| (ms, BOB.fin(seq))));
    assert_eq!(bob.transmits(at(30_000)), []);
    assert_eq!(bob.events(), [closed(Reason::Quit)]);
}

#[test]
fn a_late_ack_of_the_last_message_does_not_confirm_the_fins_first_copy() {
    let mut bob = Driver::draining();
    bob.hears(at(10), &ANN.ack(0));
    assert_eq!(bob.drain(), [BOB.fin(1)]);
    assert_eq!(bob.hears(at(20), &ANN.ack(0)), Handled::Ignored);
    assert_eq!(bob.state(), State::Closing);
    assert_eq!(bob.hears(at(30), &ANN.ack(1)), Handled::Expected);
    assert_eq!(bob.state(), State::Closed);
}

#[test]
fn once_the_fin_was_repeated_any_ack_confirms_it() {
    let mut bob = Driver::draining();
    bob.hears(at(10), &ANN.ack(0));
    bob.drain();
    assert_eq!(bob.transmits(at(5_010)), [BOB.fin(1)]);
    assert_eq!(bob.hears(at(5_020), &ANN.ack(0)), Handled::Expected);
    assert_eq!(bob.state(), State::Closed);
}

#[test]
fn a_fin_is_acknowledged_with_its_bit_and_ends_the_chat() {
    for seq in [0, 1] {
        let mut bob = Driver::open();
        assert_eq!(bob.hears(at(10), &ANN.fin(seq)), Handled::Expected);
        assert_eq!(bob.drain(), [BOB.ack(seq)]);
        assert_eq!((bob.state(), bob.events()), (State::Closed, vec![closed(Reason::PeerQuit)]));
    }
}

#[test]
fn the_peers_fin_makes_what_is_queued_undelivered() {
    let mut bob = Driver::open();
    bob.send(at(0), 1, "one").unwrap();
    bob.send(at(0), 2, "two").unwrap();
    bob.drain();
    bob.hears(at(10), &ANN.fin(0));
    assert_eq!(bob.drain(), [BOB.ack(0)]);
    assert_eq!(
        bob.events(),
        [undelivered(1, Reason::PeerQuit), undelivered(2, Reason::PeerQuit), closed(Reason::PeerQuit)]
    );
}

#[test]
fn the_peers_fin_ends_the_delivery_before_leaving() {
    let mut bob = Driver::draining();
    bob.hears(at(10), &ANN.fin(0));
    assert_eq!(bob.drain(), [BOB.ack(0)]);
    assert_eq!(bob.events(), [undelivered(1, Reason::PeerQuit), closed(Reason::PeerQuit)]);
}

#[test]
fn fins_that_cross_end_the_chat() {
    let mut bob = Driver::leaving();
    assert_eq!(bob.hears(at(10), &ANN.fin(1)), Handled::Expected);
    assert_eq!(bob.drain(), [BOB.ack(1)]);
    assert_eq!(bob.events(), [closed(Reason::Quit)]);
    assert_eq!(bob.hears(at(20), &ANN.ack(0)), Handled::Ignored);
    assert_eq!(bob.drain(), []);
}

#[test]
fn a_peer_that_is_gone_while_the_rest_is_delivered_ends_the_chat() {
    let mut bob = Driver::draining();
    bob.schedule(at(30_000));
    assert_eq!(bob.events(), [undelivered(1, Reason::PeerGone), closed(Reason::PeerGone)]);
}

#[test]
fn texts_that_come_while_leaving_still_count() {
    for mut bob in [Driver::draining(), Driver::leaving()] {
        assert_eq!(bob.hears(at(10), &ANN.chat(0, "wait")), Handled::Expected);
        assert_eq!(bob.hears(at(11), &ANN.chat(0, "wait")), Handled::Duplicate);
        assert_eq!(bob.drain(), [BOB.ack(0), BOB.ack(0)]);
        assert_eq!(bob.events(), [message(0, "wait")]);
    }
}

#[test]
fn an_ack_that_may_be_of_something_earlier_leaves_that_of_the_fin_to_come() {
    for (ack, acks_until) in [(900, Some(at(5_000))), (1_000, Some(at(1_000)))] {
        let mut bob = Driver::inviting();
        bob.chat.hold_until(at(1_000));
        bob.chat.close(at(0), false).unwrap();
        bob.hears(at(ack), &ANN.ack(0));
        bob.drain();
        assert_eq!((bob.state(), bob.chat.acks_until()), (State::Closed, acks_until), "ACK at {ack}");
    }
}

#[test]
fn a_chat_is_left_once_the_last_message_that_it_waits_for_is_taken_back() {
    let mut bob = Driver::open();
    bob.chat.hold_until(at(5_000));
    bob.send(at(0), 1, "one").unwrap();
    bob.send(at(0), 2, "two").unwrap();
    bob.chat.close(at(0), false).unwrap();
    assert!(bob.chat.take_back(at(10), MessageId(2)));
    assert!(!bob.chat.take_back(at(10), MessageId(2)));
    assert_eq!(bob.drain(), []);
    assert!(bob.chat.take_back(at(20), MessageId(1)));
    assert_eq!(bob.drain(), [BOB.fin(0)]);
    bob.hears(at(30), &ANN.ack(0));
    bob.drain();
    assert_eq!(bob.events(), [closed(Reason::Quit)]);
}

#[test]
fn a_message_that_has_left_is_not_taken_back() {
    let mut bob = Driver::draining();
    assert!(!bob.chat.take_back(at(10), MessageId(1)));
    assert_eq!(bob.drain(), []);
}

#[test]
fn a_port_without_a_listener_ends_a_leaving() {
    let mut bob = Driver::leaving();
    bob.chat.handle_unreachable();
    assert_eq!(bob.drain(), []);
    assert_eq!(bob.events(), [closed(Reason::Quit)]);
    let mut bob = Driver::taking_back();
    bob.chat.handle_unreachable();
    assert_eq!(bob.drain(), []);
    assert_eq!((bob.state(), bob.events()), (State::Closed, vec![]));
}

#[test]
fn a_closed_chat_ignores_a_port_without_a_listener() {
    let mut bob = Driver::closed();
    bob.chat.handle_unreachable();
    assert_eq!(bob.drain(), []);
    assert_eq!(bob.events(), []);
}

#[test]
fn a_chat_that_is_being_left_can_be_forgotten() {
    for (mut bob, events) in [
        (Driver::leaving(), vec![closed(Reason::Quit)]),
        (Driver::draining(), vec![undelivered(1, Reason::Quit), closed(Reason::Quit)]),
        (Driver::taking_back(), vec![]),
        (Driver::closed(), vec![]),
    ] {
        bob.chat.abandon();
        assert_eq!(bob.drain(), []);
        assert_eq!((bob.state(), bob.events()), (State::Closed, events));
        assert_eq!(bob.schedule(at(100_000)), []);
    }
}

#[test]
fn after_a_chat_it_is_known_until_when_an_ack_of_what_was_sent_in_it_may_come() {
    // The FIN was acknowledged: nothing is under way.
    let mut bob = Driver::open();
    bob.chat.close(at(1_000), false).unwrap();
    bob.hears(at(1_100), &ANN.ack(0));
    assert_eq!((bob.state(), bob.chat.acks_until()), (State::Closed, None));
    // A message was not.
    let mut bob = Driver::open();
    bob.send(at(1_000), 1, "hi").unwrap();
    bob.hears(at(1_100), &ANN.fin(0));
    assert_eq!((bob.state(), bob.chat.acks_until()), (State::Closed, Some(at(6_000))));
    // An invitation was taken back, and that was said again to its acceptance.
    let mut bob = Driver::taking_back();
    bob.hears(at(3_000), &ANN.syn_ack());
    assert_eq!(bob.hears(at(3_100), &ANN.syn()), Handled::InvitesAnew);
    assert_eq!(bob.chat.acks_until(), Some(at(8_000)));
    // The peer took its invitation back, and our acceptance is under way.
    let mut bob = Driver::accepting();
    bob.hears(at(1_000), &ANN.fin(0));
    assert_eq!(bob.chat.acks_until(), Some(at(5_000)));
}

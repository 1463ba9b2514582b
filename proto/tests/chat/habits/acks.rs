//! What a peer acknowledges, and when: when a message of ours is delivered, unconfirmed or undelivered.

use simp_proto::{ChatEvent, Datagram, Deviations, Handled, MessageId, Operation};
use simp_proto::{Reason, State, UserName};

use super::{dialect, inviting, known, oddly, open, open_with_foreign, read, saying_hi};
use crate::chat::driver::{Driver, closed, delivered, message, undelivered};
use crate::common::{ANN, BOB, at};

fn unconfirmed(id: u64) -> ChatEvent {
    ChatEvent::Unconfirmed(MessageId(id))
}

/// A foreign peer has acknowledged message 1; message 2 leaves at 0 ms.
fn acknowledged_once() -> Driver {
    let mut bob = open_with_foreign("plain");
    bob.send(at(0), 1, "one").unwrap();
    bob.hears(at(0), &oddly(ANN.ack(0)));
    bob.send(at(0), 2, "two").unwrap();
    bob.drain();
    bob.events();
    bob
}

#[test]
fn a_syn_ack_with_1_says_that_any_number_confirms_until_two_acks_in_a_row_fit() {
    let mut bob = super::Driver::inviting();
    bob.hears(at(0), &ANN.says(Operation::SynAck, 1, b""));
    assert_eq!((dialect(&bob), bob.drain()), ("unnumbered-acks".to_owned(), vec![BOB.ack(1)]));
    bob.events();
    for (id, seq) in [(1, 1), (2, 1), (3, 1), (4, 1)] {
        bob.send(at(id), id, "hi").unwrap();
        assert_eq!(bob.drain(), [BOB.chat((id as u8 + 1) % 2, "hi")]);
        bob.hears(at(id), &ANN.ack(seq));
        bob.drain();
        assert_eq!((dialect(&bob), bob.events()), ("unnumbered-acks".to_owned(), vec![delivered(id)]));
    }
    // That of message 4 fitted too.
    bob.send(at(5), 5, "hi").unwrap();
    bob.hears(at(5), &ANN.ack(0));
    assert_eq!(dialect(&bob), "plain");
}

#[test]
fn an_ack_with_another_number_counts_half_a_second_later_and_from_then_on_any() {
    let mut bob = saying_hi(open("plain"));
    assert_eq!(bob.hears(at(10), &ANN.ack(1)), Handled::Ignored);
    bob.transmits(at(509));
    assert_eq!((dialect(&bob), bob.events()), ("plain".to_owned(), vec![]));
    assert_eq!(bob.schedule(at(5_000)), []);
    assert_eq!((dialect(&bob), bob.events()), ("unnumbered-acks".to_owned(), vec![delivered(1)]));
    bob.send(at(5_000), 2, "you").unwrap();
    bob.hears(at(5_010), &read(&ANN.ack(7)));
    bob.drain();
    assert_eq!(bob.events(), [delivered(2)]);
}

#[test]
fn what_shows_only_when_our_user_sends_the_next_message_is_told_at_once() {
    let mut bob = open("plain");
    bob.send(at(0), 1, "hi").unwrap();
    bob.hears(at(10), &ANN.ack(1));
    bob.drain();
    // The machine was not called when the half second was over.
    bob.send(at(600), 2, "hello").unwrap();
    bob.drain();
    assert_eq!(bob.learned.len(), 1);
    assert_eq!(bob.snapshot.map(|kept| kept.dialect.to_string()).as_deref(), Some("unnumbered-acks"));
}

#[test]
fn what_shows_only_when_a_chat_is_let_go_is_told_at_once() {
    let mut bob = open("plain");
    bob.send(at(0), 1, "hi").unwrap();
    bob.drain();
    bob.hears(at(10), &ANN.ack(1));
    bob.chat.hold_back(at(20));
    bob.chat.release(at(20));
    assert_eq!(bob.drain(), []);
    bob.chat.hold_back(at(510));
    bob.chat.release(at(510));
    bob.drain();
    assert_eq!((dialect(&bob), bob.learned.len()), ("unnumbered-acks".to_owned(), 1));
}

#[test]
fn the_right_ack_within_the_half_second_takes_the_doubtful_one_back() {
    let mut bob = saying_hi(open("plain"));
    bob.hears(at(10), &ANN.ack(1));
    bob.hears(at(509), &ANN.ack(0));
    bob.drain();
    assert_eq!((dialect(&bob), bob.events()), ("plain".to_owned(), vec![delivered(1)]));
    assert_eq!(bob.schedule(at(60_000)), []);
}

#[test]
fn an_ack_that_may_be_of_an_earlier_message_counts_only_when_that_is_dead() {
    for (now, is_counted) in [(5_499, false), (5_500, true)] {
        let mut bob = open("plain");
        bob.send(at(0), 1, "hi").unwrap();
        bob.hears(at(0), &ANN.ack(0));
        bob.send(at(10), 2, "you").unwrap();
        bob.drain();
        bob.events();
        bob.transmits(at(now));
        bob.hears(at(now), &ANN.ack(0));
        bob.schedule(at(now + 500));
        let told = if is_counted { vec![delivered(2)] } else { vec![] };
        assert_eq!(bob.events(), told, "at {now}");
    }
    // One with a number that no message of ours had is of none of them.
    let mut bob = open("plain");
    bob.send(at(0), 1, "hi").unwrap();
    bob.hears(at(0), &ANN.ack(0));
    bob.send(at(10), 2, "you").unwrap();
    bob.hears(at(20), &read(&ANN.ack(9)));
    bob.schedule(at(520));
    assert_eq!(bob.events()[1..], [delivered(2)]);
}

#[test]
fn a_message_of_another_operation_says_that_its_sender_never_acknowledges() {
    let zero = |seq, text: &str| Datagram { deviations: Deviations::OPERATION, ..ANN.chat(seq, text) };
    let mut bob = open("plain");
    bob.send(at(0), 1, "one").unwrap();
    bob.send(at(0), 2, "two").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "one")]);
    bob.hears(at(10), &zero(0, "hi"));
    assert_eq!(bob.drain(), [BOB.ack(0), BOB.chat(1, "two")]);
    assert_eq!(bob.schedule(at(60_000)), []);
    assert_eq!(dialect(&bob), "odd,never-acks");
    assert_eq!(bob.events(), [message(0, "hi"), unconfirmed(1), unconfirmed(2)]);
}

#[test]
fn a_foreign_peer_that_writes_a_second_behind_our_first_message_and_has_not_acknowledged_it_never_does() {
    // Ours may have crossed hers, or be answered: that takes a second at most.
    for (hers, next) in [(100, 1_000), (999, 1_000), (3_000, 3_000)] {
        let mut bob = open_with_foreign("plain");
        bob.send(at(0), 1, "one").unwrap();
        bob.send(at(0), 2, "two").unwrap();
        bob.drain();
        assert_eq!(bob.schedule(at(hers)), []);
        bob.hears(at(hers), &oddly(ANN.chat(0, "hers")));
        let mut leaves: Vec<_> = bob.drain().into_iter().map(|leaves| (hers, leaves)).collect();
        leaves.extend(bob.schedule(at(60_000)));
        assert_eq!(leaves, [(hers, BOB.ack(0)), (next, BOB.chat(1, "two"))], "hers at {hers}");
        assert_eq!(dialect(&bob), "odd,never-acks");
        assert_eq!(bob.events(), [message(0, "hers"), unconfirmed(1), unconfirmed(2)]);
    }
    // One that acknowledges does so in time, and one that holds to the specification may just be hard to hear.
    let mut bob = saying_hi(open_with_foreign("plain"));
    bob.hears(at(100), &oddly(ANN.chat(0, "hers")));
    bob.hears(at(990), &oddly(ANN.ack(0)));
    bob.drain();
    assert_eq!((dialect(&bob), bob.events()), ("odd".to_owned(), vec![message(0, "hers"), delivered(1)]));
    let mut bob = saying_hi(open("plain"));
    bob.hears(at(3_000), &ANN.chat(0, "hers"));
    bob.drain();
    assert_eq!(bob.schedule(at(5_000)), [(5_000, BOB.chat(0, "hi"))]);
}

#[test]
fn if_one_acknowledges_after_all_what_followed_an_unconfirmed_message_is_not_confirmed_by_that() {
    // The first was lost, so that it takes the second for a copy, acknowledges it, and shows neither.
    let mut bob = open_with_foreign("plain");
    (1..=3).for_each(|id| bob.send(at(0), id, "hi").unwrap());
    bob.hears(at(3_000), &oddly(ANN.chat(0, "hers")));
    assert_eq!(bob.drain()[1..], [BOB.ack(0), BOB.chat(1, "hi")]);
    bob.hears(at(3_010), &oddly(ANN.ack(1)));
    assert_eq!(
        (dialect(&bob), bob.drain()),
        ("odd".to_owned(), vec![BOB.chat(0, "hi")]),
        "it does acknowledge"
    );
    bob.hears(at(3_020), &oddly(ANN.ack(0)));
    bob.drain();
    assert_eq!(bob.events(), [message(0, "hers"), unconfirmed(1), unconfirmed(2), delivered(3)]);
}

#[test]
fn a_syn_ack_from_daemon_in_another_form_says_that_nothing_is_acknowledged_until_something_is() {
    for (form, habits, copies) in
        [(Deviations::PADDING, "odd,never-acks", 0), (Deviations::default(), "plain", 1)]
    {
        let mut bob = inviting(known("plain"));
        let user = UserName::new("daemon").unwrap();
        bob.hears(at(0), &Datagram { user, deviations: form, ..ANN.syn_ack() });
        bob.drain();
        let mut bob = saying_hi(bob);
        assert_eq!((dialect(&bob).as_str(), bob.schedule(at(5_000)).len()), (habits, copies));
    }
}

#[test]
fn a_plain_peer_that_hears_us_and_acknowledges_nothing_never_acknowledges() {
    let mut bob = open("plain");
    bob.send(at(0), 1, "hi").unwrap();
    bob.hears(at(100), &ANN.chat(0, "one"));
    bob.hears(at(200), &ANN.chat(1, "two"));
    bob.drain();
    bob.events();
    let again = [5_000, 10_000, 15_000, 20_000, 25_000];
    assert_eq!(bob.schedule(at(30_000)), again.map(|ms| (ms, BOB.chat(0, "hi"))));
    assert_eq!((dialect(&bob), bob.events()), ("never-acks".to_owned(), vec![unconfirmed(1)]));
    assert_eq!(bob.state(), State::Open);
}

#[test]
fn to_a_foreign_peer_that_never_acknowledges_each_message_leaves_once() {
    let mut bob = open_with_foreign("never-acks");
    for id in 1..=3 {
        bob.send(at(0), id, "hi").unwrap();
    }
    assert_eq!(bob.drain(), [BOB.chat(0, "hi")]);
    assert_eq!(bob.schedule(at(60_000)), [(300, BOB.chat(1, "hi")), (600, BOB.chat(0, "hi"))]);
    assert_eq!(bob.events(), [unconfirmed(1), unconfirmed(2), unconfirmed(3)]);
}

#[test]
fn a_message_that_leaves_once_is_under_way_as_long_as_any_other() {
    let mut bob = open_with_foreign("never-acks");
    bob.send(at(0), 1, "hi").unwrap();
    assert_eq!(bob.chat.poll_timeout(), Some(at(300)));
    assert_eq!(bob.chat.copies_live_until(), Some(at(2_500)));
    bob.chat.close(at(100), true).unwrap();
    assert_eq!(bob.chat.acks_until(), Some(at(5_000)));
}

/// A peer that shows nothing but that it never acknowledges: the first message of a chat is repeated as to anybody, the
/// second leaves at 30 s.
fn silent() -> Driver {
    let mut bob = open("never-acks");
    for id in 1..=3 {
        bob.send(at(0), id, "hi").unwrap();
    }
    assert_eq!(bob.drain(), [BOB.chat(0, "hi")]);
    let again = [5_000, 10_000, 15_000, 20_000, 25_000];
    assert_eq!(bob.schedule(at(29_999)), again.map(|ms| (ms, BOB.chat(0, "hi"))));
    assert_eq!(bob.schedule(at(30_000)), [(30_000, BOB.chat(1, "hi"))]);
    assert_eq!(bob.events(), [unconfirmed(1)]);
    bob
}

#[test]
fn to_a_plain_peer_that_never_acknowledges_a_message_leaves_when_no_copy_of_the_last_can_come_after_it() {
    let mut bob = silent();
    assert_eq!(bob.schedule(at(60_000)), [(32_500, BOB.chat(0, "hi"))]);
    assert_eq!(bob.events(), [unconfirmed(2), unconfirmed(3)]);
}

#[test]
fn an_ack_takes_never_acks_back_and_confirms_nothing_within_five_seconds_of_an_unconfirmed_message() {
    let mut bob = silent();
    for seq in [0, 1] {
        assert_eq!(bob.hears(at(29_999), &ANN.ack(seq)), Handled::Ignored);
        assert_eq!(dialect(&bob), "plain");
    }
    assert_eq!(bob.schedule(at(34_999)), [(34_999, BOB.chat(1, "hi"))], "repeated as to anybody else");
    assert_eq!(bob.hears(at(35_010), &ANN.ack(1)), Handled::Expected);
    assert_eq!(bob.drain(), [BOB.chat(0, "hi")]);
    assert_eq!(bob.events(), [unconfirmed(2)], "it may have taken it for a copy of the first");
}

#[test]
fn an_ack_of_the_opening_does_not_take_never_acks_back() {
    let (mut bob, _) = super::accepting(super::known("never-acks"), &ANN.syn());
    bob.hears(at(10), &ANN.ack(0));
    bob.hears(at(20), &ANN.ack(0));
    assert_eq!(dialect(&bob), "never-acks");
}

#[test]
fn a_foreign_peer_that_repeats_what_was_acknowledged_has_its_acks_later() {
    let mut bob = open_with_foreign("plain");
    bob.hears(at(0), &oddly(ANN.chat(0, "one")));
    assert_eq!(bob.drain(), [BOB.ack(0)]);
    bob.hears(at(5_000), &oddly(ANN.chat(0, "one")));
    assert_eq!((dialect(&bob), bob.drain()), ("odd,misses-fast-acks".to_owned(), vec![]));
    assert_eq!(bob.schedule(at(6_000)), [(5_030, BOB.ack(0))]);
    bob.hears(at(6_000), &oddly(ANN.chat(1, "two")));
    assert_eq!(bob.schedule(at(9_000)), [(6_030, BOB.ack(1))]);
    assert_eq!(bob.events(), [message(0, "one"), message(1, "two")]);
}

#[test]
fn later_acks_are_taken_back_where_three_messages_in_a_row_are_repeated_all_the_same() {
    let mut bob = open_with_foreign("misses-fast-acks");
    for number in 0..3 {
        let (now, chat) = (number * 10_000, oddly(ANN.chat(number as u8 % 2, &format!("text {number}"))));
        bob.hears(at(now), &chat);
        assert_eq!(dialect(&bob), "odd,misses-fast-acks");
        assert_eq!(bob.schedule(at(now + 4_000)).len(), 1);
        bob.hears(at(now + 5_000), &chat);
        if number < 2 {
            assert_eq!(bob.schedule(at(now + 6_000)).len(), 1);
        }
    }
    assert_eq!(dialect(&bob), "odd");
    assert_eq!(bob.drain(), [BOB.ack(0)]);
}

#[test]
fn a_plain_peer_has_its_acks_at_once_however_often_it_repeats() {
    let mut bob = open("plain");
    for second in [0, 5, 10, 15] {
        bob.hears(at(second * 1_000), &ANN.chat(0, "one"));
        assert_eq!((dialect(&bob), bob.drain()), ("plain".to_owned(), vec![BOB.ack(0)]));
    }
}

#[test]
fn a_message_that_a_foreign_peer_ignores_after_acknowledging_others_is_unconfirmed_and_the_chat_goes_on() {
    let mut bob = acknowledged_once();
    let again = [5_000, 10_000, 15_000, 20_000, 25_000];
    assert_eq!(bob.schedule(at(30_000)), again.map(|ms| (ms, BOB.chat(1, "two"))));
    assert_eq!(dialect(&bob), "odd,ignores-repeats");
    assert_eq!((bob.state(), bob.events()), (State::Open, vec![unconfirmed(2)]));
    bob.send(at(31_000), 3, "three").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "three")]);
    bob.hears(at(31_010), &oddly(ANN.ack(0)));
    bob.drain();
    assert_eq!(bob.events(), [delivered(3)]);
    assert_eq!(dialect(&bob), "odd,ignores-repeats");
    bob.send(at(32_000), 4, "four").unwrap();
    bob.drain();
    assert_eq!(bob.schedule(at(47_000)).len(), 2, "three attempts are enough");
    assert_eq!(bob.events(), [unconfirmed(4)]);
}

#[test]
fn a_peer_that_ignores_a_second_message_in_a_row_is_gone() {
    let mut bob = acknowledged_once();
    bob.send(at(0), 3, "three").unwrap();
    let leaves = bob.schedule(at(60_000));
    assert_eq!(leaves.last(), Some(&(45_000, BOB.fin(1))));
    assert_eq!(bob.events(), [unconfirmed(2), undelivered(3, Reason::PeerGone), closed(Reason::PeerGone)]);
}

#[test]
fn the_ack_of_a_repeat_takes_ignores_repeats_back() {
    let mut bob = saying_hi(open_with_foreign("ignores-repeats"));
    bob.schedule(at(5_000));
    bob.hears(at(5_010), &oddly(ANN.ack(0)));
    assert_eq!(dialect(&bob), "odd");
}

#[test]
fn a_message_to_a_plain_peer_that_is_silent_is_undelivered_and_the_peer_gone() {
    let mut bob = open("plain");
    bob.send(at(0), 1, "one").unwrap();
    bob.hears(at(0), &ANN.ack(0));
    bob.send(at(0), 2, "two").unwrap();
    bob.drain();
    assert_eq!(bob.schedule(at(60_000)).last(), Some(&(30_000, BOB.fin(0))));
    assert_eq!(bob.events(), [delivered(1), undelivered(2, Reason::PeerGone), closed(Reason::PeerGone)]);
    assert_eq!(dialect(&bob), "plain");
}

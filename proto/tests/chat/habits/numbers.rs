//! How a peer numbers messages: which numbers ours have, and when the other one is tried.

use simp_proto::Chat;

use super::{dialect, oddly, open, open_with_foreign, read};
use crate::chat::driver::{Driver, SETTINGS, delivered, message};
use crate::common::{ANN, BOB, at};

/// Ann has one counter for both directions, and it begins at 1: her message, Bob's, hers.
fn counting_together() -> Driver {
    let mut bob = open("plain");
    bob.hears(at(0), &ANN.chat(1, "one"));
    bob.send(at(10), 1, "two").unwrap();
    assert_eq!(bob.drain(), [BOB.ack(1), BOB.chat(0, "two")]);
    bob.hears(at(20), &ANN.ack(0));
    assert!(!dialect(&bob).contains("one-counter"));
    bob.hears(at(30), &ANN.chat(1, "three"));
    assert_eq!(bob.drain(), [BOB.ack(1)]);
    assert_eq!(dialect(&bob), "one-counter,starts-at-one");
    bob.events();
    bob
}

/// Bob's next message leaves at once with this number, and its ACK comes 10 ms later.
#[track_caller]
fn says(bob: &mut Driver, now: u64, id: u64, seq: u8) {
    bob.send(at(now), id, "ours").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(seq, "ours")]);
    bob.hears(at(now + 10), &ANN.ack(seq));
}

#[test]
fn whoever_goes_on_behind_our_number_has_one_counter_and_ours_go_on_behind_its_numbers() {
    let mut bob = counting_together();
    for (now, id) in [(100, 2), (200, 3)] {
        says(&mut bob, now, id, 0);
        bob.hears(at(now + 20), &ANN.chat(1, &format!("behind {id}")));
        assert_eq!(bob.drain(), [BOB.ack(1)]);
        assert_eq!(bob.events(), [delivered(id), message(1, &format!("behind {id}"))]);
    }
    says(&mut bob, 300, 4, 0);
    says(&mut bob, 400, 5, 1);
    assert_eq!(dialect(&bob), "one-counter,starts-at-one");
}

#[test]
fn the_number_that_both_ways_to_count_give_takes_one_counter_not_back() {
    let mut bob = counting_together();
    says(&mut bob, 100, 2, 0);
    says(&mut bob, 200, 3, 1);
    bob.hears(at(300), &ANN.chat(0, "hers"));
    bob.send(at(310), 4, "ours").unwrap();
    assert_eq!(bob.drain(), [BOB.ack(0), BOB.chat(1, "ours")]);
    assert_eq!(dialect(&bob), "one-counter,starts-at-one");
}

#[test]
fn the_next_number_of_its_own_behind_one_of_ours_takes_one_counter_back() {
    let mut bob = counting_together();
    says(&mut bob, 100, 2, 0);
    bob.hears(at(120), &ANN.chat(0, "hers"));
    assert_eq!(dialect(&bob), "plain");
    bob.send(at(130), 3, "ours").unwrap();
    assert_eq!(bob.drain(), [BOB.ack(0), BOB.chat(1, "ours")]);
    bob.hears(at(140), &ANN.ack(1));
    bob.hears(at(150), &ANN.chat(1, "hers"));
    bob.send(at(160), 4, "ours").unwrap();
    assert_eq!(bob.drain(), [BOB.ack(1), BOB.chat(0, "ours")]);
}

#[test]
fn the_next_number_of_a_peer_with_one_counter_confirms_ours_whose_ack_was_lost() {
    let mut bob = counting_together();
    bob.send(at(100), 2, "ours").unwrap();
    bob.send(at(100), 3, "more").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "ours")]);
    bob.hears(at(200), &ANN.chat(1, "hers"));
    assert_eq!(bob.drain(), [BOB.ack(1)]);
    assert_eq!(bob.events(), [delivered(2), message(1, "hers")]);
    bob.hears(at(300), &ANN.ack(0));
    assert_eq!(bob.schedule(at(9_000))[..1], [(800, BOB.chat(0, "more"))], "its ACK may yet come");
    assert_eq!(bob.events(), []);
}

#[test]
fn a_copy_of_the_message_that_confirms_ours_is_not_shown() {
    let mut bob = counting_together();
    bob.send(at(100), 2, "ours").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "ours")]);
    bob.hears(at(200), &ANN.chat(1, "four"));
    bob.hears(at(200), &ANN.chat(1, "four"));
    assert_eq!(bob.drain(), [BOB.ack(1), BOB.ack(1)]);
    assert_eq!(bob.events(), [delivered(2), message(1, "four")]);
}

#[test]
fn whoever_had_one_number_twice_against_one_counter_has_none_and_confirms_nothing_by_its_numbers() {
    let mut bob = open("plain");
    bob.hears(at(0), &ANN.chat(1, "one"));
    for (id, ours) in [(1, 0), (2, 1), (3, 0), (4, 1), (5, 0)] {
        let now = id * 1_000;
        bob.send(at(now), id, "ours").unwrap();
        bob.hears(at(now + 100), &ANN.ack(ours));
        if id > 1 {
            bob.hears(at(now + 200), &ANN.chat(1, &format!("behind {id}")));
        }
        bob.drain();
    }
    assert!(!dialect(&bob).contains("one-counter"), "{}", dialect(&bob));
    bob.events();
    bob.send(at(6_000), 6, "ours").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(1, "ours")]);
    bob.hears(at(6_100), &ANN.chat(1, "hers"));
    assert_eq!(bob.drain(), [BOB.ack(1)]);
    assert_eq!(bob.events(), [message(1, "hers")], "it was on its way");
}

#[test]
fn ours_that_crossed_one_of_a_peer_with_one_counter_leaves_at_once_with_the_next_number() {
    let mut bob = counting_together();
    bob.send(at(100), 2, "ours").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "ours")]);
    bob.hears(at(110), &ANN.chat(0, "hers"));
    assert_eq!(bob.drain(), [BOB.ack(0), BOB.chat(1, "ours")]);
    assert_eq!(bob.events(), [message(0, "hers")]);
}

#[test]
fn a_chat_with_a_peer_of_one_counter_counts_on_together_after_a_restart() {
    let snapshot = counting_together().chat.snapshot().unwrap();
    let chat = Chat::resume(at(0), BOB.us(), snapshot, false, SETTINGS.request_expiry);
    let mut bob = Driver::new(chat.unwrap());
    for (id, hers, ours) in [(1, 0, 1), (2, 0, 1), (3, 0, 1)] {
        let now = id * 10_000;
        bob.hears(at(now), &ANN.chat(hers, &format!("hers {id}")));
        bob.send(at(now), id, "ours").unwrap();
        assert_eq!(bob.transmits(at(now)), [BOB.ack(hers), BOB.chat(ours, "ours")]);
        bob.hears(at(now + 10), &ANN.ack(ours));
        bob.drain();
        assert_eq!(bob.events(), [message(hers, &format!("hers {id}")), delivered(id)]);
    }
    assert!(dialect(&bob).contains("one-counter"));
}

#[test]
fn a_foreign_peer_that_answers_only_to_1_starts_at_one_and_our_next_chat_begins_so() {
    let mut bob = open_with_foreign("plain");
    bob.send(at(0), 1, "hi").unwrap();
    bob.send(at(0), 2, "you").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "hi")]);
    let copies = bob.schedule(at(10_000));
    assert_eq!(copies, [(5_000, BOB.chat(0, "hi")), (10_000, BOB.chat(1, "hi"))]);
    bob.hears(at(10_010), &oddly(ANN.ack(1)));
    assert_eq!(dialect(&bob), "odd,one-counter,starts-at-one");
    let next = bob.schedule(at(15_000));
    assert_eq!(next, [(15_000, BOB.chat(0, "you"))], "ACKs of the copies are dead by then");
    let learned = dialect(&bob);
    let mut bob = open_with_foreign(&learned);
    bob.send(at(0), 1, "hi").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(1, "hi")]);
}

#[test]
fn a_peer_that_answers_to_0_after_all_takes_starts_at_one_back() {
    let mut bob = open_with_foreign("starts-at-one");
    bob.send(at(0), 1, "hi").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(1, "hi")]);
    assert_eq!(bob.schedule(at(10_000))[1..], [(10_000, BOB.chat(0, "hi"))]);
    bob.hears(at(10_010), &oddly(ANN.ack(0)));
    assert_eq!(dialect(&bob), "odd");
    bob.send(at(10_020), 2, "you").unwrap();
    assert_eq!(bob.schedule(at(15_000)), [(15_000, BOB.chat(1, "you"))]);
}

#[test]
fn the_other_number_is_tried_with_a_peer_that_differs_and_never_with_one_that_shows_nothing_odd() {
    let copies = |mut bob: Driver| {
        bob.send(at(0), 1, "hi").unwrap();
        bob.drain();
        bob.schedule(at(25_000)).iter().map(|(_, copy)| copy.seq).collect::<Vec<_>>()
    };
    assert_eq!(copies(open_with_foreign("plain")), [0, 1, 0, 1, 0]);
    assert_eq!(copies(open("plain")), [0; 5]);
    let mut bob = open("plain");
    bob.hears(at(0), &ANN.chat(0, "hers"));
    assert_eq!(copies(bob), [0; 5]);
}

#[test]
fn a_first_number_1_soon_after_the_opening_has_the_other_number_tried_and_the_right_one_is_learned() {
    for (now, seqs) in [(19_499, vec![0, 1]), (19_500, vec![0, 0])] {
        let mut bob = open("plain");
        bob.hears(at(now), &ANN.chat(1, "hers"));
        bob.send(at(now), 1, "hi").unwrap();
        bob.drain();
        let copies = bob.schedule(at(now + 10_000));
        assert_eq!(copies.iter().map(|(_, copy)| copy.seq).collect::<Vec<_>>(), seqs, "hers at {now}");
        bob.hears(at(now + 10_010), &ANN.ack(1));
        bob.schedule(at(now + 10_510));
        let habits = if seqs[1] == 1 { "starts-at-one" } else { "unnumbered-acks" };
        assert_eq!(dialect(&bob), habits);
    }
}

#[test]
fn the_other_number_is_not_tried_once_a_message_was_acknowledged() {
    let mut bob = open_with_foreign("plain");
    bob.send(at(0), 1, "hi").unwrap();
    bob.hears(at(10), &oddly(ANN.ack(0)));
    bob.send(at(20), 2, "you").unwrap();
    bob.drain();
    assert!(bob.schedule(at(25_020)).iter().all(|(_, copy)| copy.seq == 1));
}

#[test]
fn whoever_counts_up_is_known_by_it_until_it_turns_one_bit_over() {
    let mut bob = open("plain");
    for (seq, habits) in [(1, "plain"), (2, "odd,counts-up")] {
        bob.hears(at(0), &read(&ANN.chat(seq, &format!("text {seq}"))));
        assert_eq!((dialect(&bob), bob.drain()), (habits.to_owned(), vec![BOB.ack(seq)]));
    }
    for seq in 3..=255 {
        bob.hears(at(0), &read(&ANN.chat(seq, &format!("text {seq}"))));
    }
    bob.hears(at(0), &ANN.chat(0, "text 0"));
    assert_eq!(dialect(&bob), "counts-up");
    bob.hears(at(0), &ANN.chat(1, "text 1"));
    assert_eq!(dialect(&bob), "counts-up");
    bob.hears(at(0), &ANN.chat(0, "text 2"));
    assert_eq!(dialect(&bob), "plain");
}

#[test]
fn a_first_message_2_of_one_that_counts_up_has_its_ack() {
    let mut bob = open("counts-up");
    bob.hears(at(0), &read(&ANN.chat(2, "two")));
    assert_eq!((dialect(&bob), bob.drain()), ("odd,counts-up".to_owned(), vec![BOB.ack(2)]));
}

#[test]
fn whoever_counts_up_from_1_does_not_want_ours_to_begin_there() {
    let mut bob = open("counts-up");
    bob.hears(at(10), &ANN.chat(1, "hi"));
    assert_eq!(dialect(&bob), "counts-up");
}

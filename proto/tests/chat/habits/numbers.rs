//! How a peer numbers messages: which numbers ours have, and when the other one is tried.

use simp_proto::{Chat, Known};

use super::{accepting, dialect, known, open, open_with_foreign, read, saying_hi, summed};
use crate::common::{ANN, BOB, at};
use crate::driver::{Driver, SETTINGS, delivered, message};

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
    assert_eq!(dialect(&bob), "one-counter,numbers-known,begins-at-one");
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
    assert_eq!(dialect(&bob), "one-counter,numbers-known,begins-at-one");
}

#[test]
fn the_number_that_both_ways_to_count_give_takes_one_counter_not_back() {
    let mut bob = counting_together();
    says(&mut bob, 100, 2, 0);
    says(&mut bob, 200, 3, 1);
    bob.hears(at(300), &ANN.chat(0, "hers"));
    bob.send(at(310), 4, "ours").unwrap();
    assert_eq!(bob.drain(), [BOB.ack(0), BOB.chat(1, "ours")]);
    assert_eq!(dialect(&bob), "one-counter,numbers-known,begins-at-one");
}

#[test]
fn the_next_number_of_its_own_behind_one_of_ours_takes_one_counter_back() {
    let mut bob = counting_together();
    says(&mut bob, 100, 2, 0);
    bob.hears(at(120), &ANN.chat(0, "hers"));
    assert_eq!(dialect(&bob), "numbers-known,begins-at-one");
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
    assert_eq!(bob.events(), [message(1, "hers"), delivered(2)]);
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
    assert_eq!(bob.events(), [message(1, "four"), delivered(2)]);
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
    let chat = Chat::resume(at(0), BOB.name(), SETTINGS, snapshot, false, SETTINGS.request_expiry);
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
    assert_eq!(bob.drain(), [summed(BOB.chat(0, "hi"))]);
    let copies = bob.schedule(at(10_000));
    assert_eq!(copies, [(5_000, summed(BOB.chat(0, "hi"))), (10_000, summed(BOB.chat(1, "hi")))]);
    bob.hears(at(10_010), &summed(ANN.ack(1)));
    assert_eq!(dialect(&bob), "checksum,starts-at-one,numbers-known");
    let next = bob.schedule(at(15_000));
    assert_eq!(next, [(15_000, summed(BOB.chat(0, "you")))], "ACKs of the copies are dead by then");
    let learned = dialect(&bob);
    let mut bob = open_with_foreign(&learned);
    bob.send(at(0), 1, "hi").unwrap();
    assert_eq!(bob.drain(), [summed(BOB.chat(1, "hi"))]);
}

#[test]
fn a_peer_that_answers_to_0_after_all_takes_starts_at_one_back() {
    let mut bob = open_with_foreign("starts-at-one");
    bob.send(at(0), 1, "hi").unwrap();
    assert_eq!(bob.drain(), [summed(BOB.chat(1, "hi"))]);
    assert_eq!(bob.schedule(at(10_000))[1..], [(10_000, summed(BOB.chat(0, "hi")))]);
    bob.hears(at(10_010), &summed(ANN.ack(0)));
    assert_eq!(dialect(&bob), "checksum,numbers-known");
    bob.send(at(10_020), 2, "you").unwrap();
    assert_eq!(bob.schedule(at(15_000)), [(15_000, summed(BOB.chat(1, "you")))]);
}

#[test]
fn a_plain_peer_that_missed_four_copies_and_acknowledges_the_fifth_is_plain_and_the_chat_goes_on() {
    let mut bob = open("plain");
    bob.send(at(0), 1, "hi").unwrap();
    bob.send(at(0), 2, "you").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "hi")]);
    let copies = [(5_000, 0), (10_000, 0), (15_000, 0), (20_000, 1)];
    assert_eq!(bob.schedule(at(20_000)), copies.map(|(ms, seq)| (ms, BOB.chat(seq, "hi"))));
    bob.hears(at(20_010), &ANN.ack(1));
    assert_eq!(dialect(&bob), "numbers-known");
    assert_eq!(bob.schedule(at(25_000)), [(25_000, BOB.chat(0, "you"))]);
    bob.hears(at(25_010), &ANN.ack(0));
    for (id, seq) in [(3, 1), (4, 0)] {
        bob.hears(at(26_000), &ANN.chat(seq ^ 1, &format!("hers {id}")));
        bob.send(at(26_000), id, "more").unwrap();
        assert_eq!(bob.drain(), [BOB.ack(seq ^ 1), BOB.chat(seq, "more")]);
        bob.hears(at(26_010), &ANN.ack(seq));
    }
    bob.drain();
    assert_eq!(bob.chat.unacknowledged(), 0);
    assert_eq!(dialect(&bob), "numbers-known");
}

#[test]
fn a_peer_that_wanted_1_of_our_first_and_goes_on_behind_it_has_the_other_number_tried_again() {
    let mut bob = saying_hi(open("plain"));
    bob.schedule(at(20_000));
    bob.hears(at(20_010), &ANN.ack(1));
    bob.hears(at(21_000), &ANN.chat(0, "hers"));
    bob.drain();
    bob.schedule(at(27_000));
    bob.send(at(30_000), 2, "you").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "you")]);
    let copies = [(35_000, 0), (40_000, 0), (45_000, 0), (50_000, 1)];
    assert_eq!(bob.schedule(at(50_000)), copies.map(|(ms, seq)| (ms, BOB.chat(seq, "you"))));
    bob.hears(at(50_010), &ANN.ack(1));
    assert_eq!(bob.chat.unacknowledged(), 0);
}

#[test]
fn whose_numbers_are_known_has_the_other_one_only_from_the_fifth_copy_until_it_is_gone() {
    let copies = |habits: &str| {
        let mut bob = saying_hi(open_with_foreign(habits));
        let seqs: Vec<_> = bob.schedule(at(25_000)).iter().map(|(_, copy)| copy.seq).collect();
        bob.schedule(at(30_000));
        (seqs, dialect(&bob))
    };
    assert_eq!(copies("plain"), (vec![0, 1, 0, 1, 0], "checksum".to_owned()));
    assert_eq!(copies("numbers-known"), (vec![0, 0, 0, 1, 0], "checksum".to_owned()));
    let mut bob = open("plain");
    bob.send(at(0), 1, "hi").unwrap();
    bob.hears(at(10), &ANN.ack(0));
    assert_eq!(dialect(&bob), "numbers-known");
}

#[test]
fn the_other_number_is_not_tried_once_a_message_was_acknowledged() {
    let mut bob = open_with_foreign("plain");
    bob.send(at(0), 1, "hi").unwrap();
    bob.hears(at(10), &summed(ANN.ack(0)));
    bob.send(at(20), 2, "you").unwrap();
    bob.drain();
    assert!(bob.schedule(at(25_020)).iter().all(|(_, copy)| copy.seq == 1));
}

#[test]
fn whoever_counts_up_is_known_by_it_until_it_turns_one_bit_over() {
    let mut bob = open("plain");
    for (seq, habits) in [(1, "begins-at-one"), (2, "odd,counts-up,begins-at-one")] {
        bob.hears(at(0), &read(&ANN.chat(seq, &format!("text {seq}"))));
        assert_eq!((dialect(&bob), bob.drain()), (habits.to_owned(), vec![BOB.ack(seq)]));
    }
    for seq in 3..=255 {
        bob.hears(at(0), &read(&ANN.chat(seq, &format!("text {seq}"))));
    }
    bob.hears(at(0), &ANN.chat(0, "text 0"));
    assert_eq!(dialect(&bob), "counts-up,begins-at-one");
    bob.hears(at(0), &ANN.chat(1, "text 1"));
    assert_eq!(dialect(&bob), "begins-at-one");
}

#[test]
fn a_first_message_2_of_one_that_counts_up_has_its_ack() {
    let mut bob = open("counts-up");
    bob.hears(at(0), &read(&ANN.chat(2, "two")));
    assert_eq!((dialect(&bob), bob.drain()), ("odd,counts-up".to_owned(), vec![BOB.ack(2)]));
}

#[test]
fn whoever_begins_at_one_in_two_chats_has_ours_begin_at_1() {
    let mut learned = known("plain");
    for (habits, ours) in [("begins-at-one", 0), ("starts-at-one,begins-at-one", 0), ("", 1)] {
        let (mut bob, _) = accepting(learned, &ANN.syn());
        bob.hears(at(10), &ANN.ack(0));
        bob.send(at(10), 1, "hi").unwrap();
        assert_eq!(bob.schedule(at(510)), [(510, BOB.chat(ours, "hi"))]);
        bob.hears(at(520), &ANN.chat(1, "hers"));
        bob.drain();
        assert!(habits.is_empty() || dialect(&bob) == habits, "{}", dialect(&bob));
        learned = Known::from(bob.chat.dialect());
    }
}

#[test]
fn a_first_message_with_0_takes_begins_at_one_back_and_a_late_1_does_not_show_it() {
    let mut bob = open("begins-at-one");
    bob.hears(at(10), &ANN.chat(0, "hi"));
    assert_eq!(dialect(&bob), "plain");
    for (now, habits) in [(19_499, "begins-at-one"), (19_500, "plain")] {
        let mut bob = open("plain");
        bob.hears(at(now), &ANN.chat(1, "hi"));
        assert_eq!(dialect(&bob), habits, "the first may have been lost");
    }
}

#[test]
fn whoever_counts_up_from_1_does_not_want_ours_to_begin_there() {
    let mut bob = open("counts-up,begins-at-one");
    bob.hears(at(10), &ANN.chat(1, "hi"));
    assert_eq!(dialect(&bob), "counts-up,begins-at-one");
}

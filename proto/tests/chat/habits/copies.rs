//! Which messages of a peer are copies, and which are shown.

use simp_proto::{Handled, Known};

use super::{dialect, known, open, open_in, read};
use crate::chat::driver::{Driver, message};
use crate::common::{ANN, BOB, at};

/// Ann has given six messages the same number, the last at 0 ms: the specification's rule is refuted.
fn same_number() -> Driver {
    let mut bob = open("plain");
    for (number, text) in ["zero", "one", "two", "three", "last but one", "four"].into_iter().enumerate() {
        assert_eq!(dialect(&bob), "plain", "before message {number}");
        assert_eq!(bob.hears(at(0), &ANN.chat(0, text)), Handled::Expected);
    }
    assert_eq!(dialect(&bob), "same-number");
    assert_eq!(bob.drain(), vec![BOB.ack(0); 6]);
    bob.events();
    bob
}

#[test]
fn of_one_that_gives_different_texts_one_number_a_repeat_is_known_by_its_time() {
    for (now, is_copy) in
        [(0, true), (249, true), (250, false), (4_499, false), (4_500, true), (6_499, true), (6_500, false)]
    {
        let mut bob = same_number();
        bob.hears(at(now), &ANN.chat(0, "four"));
        let shown = if is_copy { vec![] } else { vec![message(0, "four")] };
        assert_eq!((bob.drain(), bob.events()), (vec![BOB.ack(0)], shown), "at {now}");
    }
    let mut bob = open("plain");
    bob.hears(at(0), &ANN.chat(0, "four"));
    assert_eq!(bob.hears(at(6_500), &ANN.chat(0, "four")), Handled::Duplicate, "by its number");
}

#[test]
fn one_that_turns_its_number_over_does_not_give_all_the_same() {
    let mut bob = same_number();
    bob.hears(at(10), &ANN.chat(1, "five"));
    assert_eq!(dialect(&bob), "plain");
}

#[test]
fn of_one_whose_acks_have_no_numbers_a_repeat_is_known_by_its_time_until_it_turns_its_number_over() {
    let mut bob = open("unnumbered-acks");
    assert_eq!(bob.hears(at(0), &ANN.chat(0, "hi")), Handled::Expected);
    assert_eq!(bob.hears(at(1_000), &ANN.chat(0, "hi")), Handled::Expected);
    assert_eq!(bob.hears(at(6_000), &ANN.chat(0, "hi")), Handled::Duplicate);
    assert_eq!(bob.hears(at(7_000), &ANN.chat(1, "hi")), Handled::Expected);
    assert_eq!(bob.hears(at(8_000), &ANN.chat(1, "hi")), Handled::Duplicate);
}

#[test]
fn what_a_peer_with_one_counter_says_again_behind_one_of_ours_is_new() {
    let mut bob = open("plain");
    bob.hears(at(0), &ANN.chat(1, "one"));
    for id in 1..=3 {
        bob.send(at(10), id, "ours").unwrap();
        bob.hears(at(20), &ANN.ack(0));
        let text = if id == 1 { "two" } else { "yes" };
        assert_eq!(bob.hears(at(30), &ANN.chat(1, text)), Handled::Expected, "behind {id}");
        assert_eq!(bob.hears(at(40), &ANN.chat(1, text)), Handled::Duplicate, "behind {id}");
        bob.drain();
    }
}

#[test]
fn the_same_text_with_the_other_number_is_shown_at_once_however_late_it_comes() {
    for (first, second) in [(10, 20), (10, 3_000), (20_000, 25_000), (20_000, 40_000)] {
        let mut bob = open("plain");
        bob.hears(at(first), &ANN.chat(0, "hi"));
        assert_eq!(bob.hears(at(second), &ANN.chat(1, "hi")), Handled::Expected);
        assert_eq!(
            (bob.drain(), bob.events()),
            (vec![BOB.ack(0), BOB.ack(1)], vec![message(0, "hi"), message(1, "hi")])
        );
    }
}

#[test]
fn one_that_repeats_with_1_and_begins_with_2_has_no_acks_and_its_repeats_are_not_shown() {
    let mut bob = open("plain");
    assert_eq!(bob.hears(at(0), &read(&ANN.chat(2, "hi"))), Handled::Expected);
    assert_eq!(dialect(&bob), "odd,never-acks,wants-no-acks");
    assert_eq!(bob.hears(at(9_000), &ANN.chat(1, "hi")), Handled::Duplicate);
    assert_eq!(bob.hears(at(10_000), &read(&ANN.chat(2, "hi"))), Handled::Expected);
    assert_eq!(bob.hears(at(10_249), &read(&ANN.chat(2, "hi"))), Handled::Duplicate);
    assert_eq!((bob.drain(), bob.events()), (vec![], vec![message(2, "hi"), message(2, "hi")]));
}

#[test]
fn two_messages_in_a_row_numbered_2_are_first_copies_too() {
    let mut bob = open("counts-up");
    bob.hears(at(0), &read(&ANN.chat(2, "one")));
    assert_eq!(bob.drain(), [BOB.ack(2)]);
    bob.hears(at(10), &read(&ANN.chat(2, "two")));
    assert_eq!((dialect(&bob), bob.drain()), ("odd,never-acks,wants-no-acks".to_owned(), vec![]));
}

#[test]
fn a_2_of_which_a_3_follows_was_one_that_counts_up_and_has_its_acks_again() {
    let mut bob = open("plain");
    bob.hears(at(0), &read(&ANN.chat(2, "two")));
    bob.hears(at(10), &read(&ANN.chat(3, "three")));
    assert_eq!((dialect(&bob), bob.drain()), ("odd,counts-up".to_owned(), vec![BOB.ack(3)]));
}

#[test]
fn a_number_turned_over_takes_the_want_of_no_acks_back() {
    let mut bob = open_in(Known::from(known("wants-no-acks").dialect), simp_proto::Deviations::default());
    bob.hears(at(0), &read(&ANN.chat(2, "two")));
    bob.hears(at(10), &ANN.chat(1, "repeated, its first lost"));
    bob.hears(at(20), &ANN.chat(0, "zero"));
    assert_eq!((dialect(&bob), bob.drain()), ("plain".to_owned(), vec![BOB.ack(0)]));
}

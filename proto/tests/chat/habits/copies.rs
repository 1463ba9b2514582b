//! Which messages of a peer are copies, and which are shown.

use simp_proto::Reason;
use simp_proto::{Handled, Known};

use super::{dialect, known, open, open_in, open_with_foreign, read, summed};
use crate::common::{ANN, BOB, at};
use crate::driver::{Driver, closed, message};

/// Ann has given four messages the same number, the last at 0 ms.
fn same_number() -> Driver {
    let mut bob = open("plain");
    for (number, text) in ["one", "two", "three", "four"].into_iter().enumerate() {
        assert_eq!(dialect(&bob), "plain", "before message {number}");
        assert_eq!(bob.hears(at(0), &ANN.chat(0, text)), Handled::Accepted);
    }
    assert_eq!(dialect(&bob), "same-number");
    assert_eq!(bob.drain(), [BOB.ack(0), BOB.ack(0), BOB.ack(0), BOB.ack(0)]);
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
    assert_eq!(bob.hears(at(0), &ANN.chat(0, "hi")), Handled::Accepted);
    assert_eq!(bob.hears(at(1_000), &ANN.chat(0, "hi")), Handled::Accepted);
    assert_eq!(bob.hears(at(6_000), &ANN.chat(0, "hi")), Handled::Duplicate);
    assert_eq!(bob.hears(at(7_000), &ANN.chat(1, "hi")), Handled::Accepted);
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
        assert_eq!(bob.hears(at(30), &ANN.chat(1, text)), Handled::Accepted, "behind {id}");
        assert_eq!(bob.hears(at(40), &ANN.chat(1, text)), Handled::Duplicate, "behind {id}");
        bob.drain();
    }
}

/// The same text with the numbers 1 and 0, at 20 s and 25 s: the second may be of one that tries which number we want.
fn in_doubt() -> Driver {
    let mut bob = open("plain");
    assert_eq!(bob.hears(at(20_000), &ANN.chat(1, "hi")), Handled::Accepted);
    assert_eq!(bob.drain(), [BOB.ack(1)]);
    assert_eq!(bob.events(), [message(1, "hi")]);
    assert_eq!(bob.hears(at(25_000), &ANN.chat(0, "hi")), Handled::Ignored);
    assert_eq!((bob.drain(), bob.events()), (vec![], vec![]));
    bob
}

#[test]
fn the_same_text_with_the_other_number_is_shown_once_it_is_repeated_after_five_seconds() {
    let mut bob = in_doubt();
    assert_eq!(bob.hears(at(30_000), &ANN.chat(0, "hi")), Handled::Accepted);
    assert_eq!((bob.drain(), bob.events()), (vec![BOB.ack(0)], vec![message(0, "hi")]));
    assert_eq!(bob.schedule(at(60_000)), []);
    assert_eq!(bob.events(), []);
}

#[test]
fn the_same_text_with_the_other_number_is_shown_when_no_other_copy_has_come_for_twelve_and_a_half_seconds() {
    let mut bob = in_doubt();
    assert_eq!(bob.transmits(at(37_499)), []);
    assert_eq!(bob.schedule(at(60_000)), [(37_500, BOB.ack(0))]);
    assert_eq!(bob.events(), [message(0, "hi")]);
}

#[test]
fn the_same_text_with_the_other_number_is_not_shown_where_its_sender_comes_back_to_the_first() {
    let mut bob = in_doubt();
    assert_eq!(bob.hears(at(30_000), &ANN.chat(1, "hi")), Handled::Duplicate);
    assert_eq!(bob.schedule(at(60_000)), []);
    assert_eq!((bob.drain(), bob.events()), (vec![BOB.ack(1)], vec![]));
}

#[test]
fn the_same_text_with_the_other_number_of_one_that_repeats_waits_for_another_copy() {
    let mut bob = open("plain");
    for now in [20_000, 25_000] {
        bob.hears(at(now), &ANN.chat(1, "hi"));
    }
    assert_eq!(bob.drain(), [BOB.ack(1), BOB.ack(1)]);
    assert_eq!(bob.hears(at(30_000), &ANN.chat(0, "hi")), Handled::Ignored);
    assert_eq!(bob.schedule(at(50_000)), []);
    assert_eq!(bob.hears(at(50_000), &ANN.chat(0, "hi")), Handled::Ignored, "no repeat has this distance");
    assert_eq!(bob.hears(at(55_000), &ANN.chat(0, "hi")), Handled::Accepted);
    assert_eq!((bob.drain(), bob.events()), (vec![BOB.ack(0)], vec![message(1, "hi"), message(0, "hi")]));
}

#[test]
fn the_same_text_with_the_other_number_is_shown_before_the_message_behind_it() {
    let mut bob = in_doubt();
    assert_eq!(bob.hears(at(30_000), &ANN.chat(1, "more")), Handled::Accepted);
    assert_eq!((bob.drain(), bob.events()), (vec![BOB.ack(1)], vec![message(0, "hi"), message(1, "more")]));
}

#[test]
fn the_same_text_with_the_other_number_is_shown_before_the_end_of_the_chat() {
    let mut bob = in_doubt();
    bob.hears(at(30_000), &ANN.fin(1));
    assert_eq!(bob.drain(), [BOB.ack(1)]);
    assert_eq!(bob.events(), [message(0, "hi"), closed(Reason::PeerQuit)]);
}

#[test]
fn the_second_of_two_equal_texts_soon_after_the_opening_is_shown_at_once() {
    for (now, handled) in
        [(3_000, Handled::Accepted), (19_499, Handled::Accepted), (19_500, Handled::Ignored)]
    {
        let mut bob = open("plain");
        bob.hears(at(10), &ANN.chat(0, "hi"));
        assert_eq!(bob.hears(at(now), &ANN.chat(1, "hi")), handled, "at {now}");
        let shown: &[_] =
            if handled == Handled::Accepted { &[BOB.ack(0), BOB.ack(1)] } else { &[BOB.ack(0)] };
        assert_eq!(bob.drain(), shown);
    }
}

#[test]
fn the_same_text_of_a_foreign_peer_is_never_in_doubt() {
    let mut bob = open_with_foreign("plain");
    bob.hears(at(20_000), &summed(ANN.chat(1, "hi")));
    assert_eq!(bob.hears(at(25_000), &summed(ANN.chat(0, "hi"))), Handled::Accepted);
}

#[test]
fn one_that_repeats_with_1_and_begins_with_2_has_no_acks_and_its_repeats_are_not_shown() {
    let mut bob = open("plain");
    assert_eq!(bob.hears(at(0), &read(&ANN.chat(2, "hi"))), Handled::Accepted);
    assert_eq!(dialect(&bob), "odd,never-acks,wants-no-acks");
    assert_eq!(bob.hears(at(9_000), &ANN.chat(1, "hi")), Handled::Duplicate);
    assert_eq!(bob.hears(at(10_000), &read(&ANN.chat(2, "hi"))), Handled::Accepted);
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
    assert_eq!((dialect(&bob), bob.drain()), ("never-acks".to_owned(), vec![BOB.ack(0)]));
}

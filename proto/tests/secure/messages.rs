//! Messages both ways.

use simp_proto::secure::{Broken, Frame, Leaving, Stands};
use simp_proto::{ChatEvent, MessageId, Reason, State};

use crate::common::at;
use crate::secure::driver::{
    C1, C2, Driver, ack, bob_hello, bye, closed, delivered, ends, hello, hello_with, letter, message, says,
    text, undelivered,
};

#[test]
fn messages_leave_at_once_and_many_at_a_time_and_one_ack_is_for_all() {
    let mut bob = Driver::open();
    assert_eq!(bob.sends(at(1), 4, "four"), [says(C1, text(4, "four"))]);
    let leaves = bob.does(|chat| {
        chat.send(at(2), letter(6, "six")).unwrap();
        chat.send(at(2), letter(9, "nine")).unwrap();
    });
    assert_eq!(leaves, [says(C1, text(6, "six")), says(C1, text(9, "nine"))]);
    assert_eq!(bob.chat.unacknowledged(), 3);
    assert_eq!(bob.hears(at(3), C1, ack(6)), []);
    assert_eq!(bob.events(), [delivered(4), delivered(6)]);
    assert_eq!(bob.hears(at(4), C1, ack(9)), []);
    assert_eq!((bob.events(), bob.chat.poll_timeout()), (vec![delivered(9)], None));
}

#[test]
fn a_message_is_acknowledged_only_after_it_is_drained() {
    let mut bob = Driver::open();
    bob.chat.handle_frame(at(1), C1, text(3, "hi"), |_| Vec::new());
    assert_eq!(bob.chat.poll_event(), Some(message(3, "hi")));
    assert_eq!(bob.chat.poll_event(), None);
    assert_eq!(bob.chat.poll_snapshot(), None, "the event says it all");
    // Here is the commit.
    assert_eq!(bob.chat.poll_leaving(), Some(says(C1, ack(3))));
    assert_eq!(bob.chat.poll_leaving(), None);
}

#[test]
fn one_ack_is_for_all_messages_of_a_turn() {
    let mut bob = Driver::open();
    for number in 1..=100 {
        bob.chat.handle_frame(at(1), C1, text(number, "hi"), |_| Vec::new());
    }
    assert_eq!(bob.drain(), [says(C1, ack(100))]);
    assert_eq!(bob.events().len(), 100);
}

#[test]
fn a_number_that_has_come_is_acknowledged_and_not_shown_again() {
    let mut bob = Driver::open();
    assert_eq!(bob.hears(at(1), C1, text(3, "hi")), [says(C1, ack(3))]);
    assert_eq!(bob.hears(at(2), C1, text(3, "hi")), [says(C1, ack(3))]);
    assert_eq!(bob.hears(at(3), C1, text(2, "ho")), [says(C1, ack(3))]);
    assert_eq!(bob.events(), [message(3, "hi")]);
}

#[test]
fn a_number_is_never_0_and_fits_the_log() {
    for number in [0, i64::MAX as u64 + 1, u64::MAX] {
        let mut bob = Driver::open();
        assert_eq!(bob.hears(at(1), C1, text(number, "hi")), [ends(C1)], "{number}");
        assert_eq!((bob.events(), bob.state()), (vec![], State::Open));
    }
    let mut bob = Driver::open();
    let last = i64::MAX as u64;
    assert_eq!(bob.hears(at(1), C1, text(last, "hi")), [says(C1, ack(last))]);
}

#[test]
fn a_text_is_no_longer_than_we_said() {
    let mut bob = Driver::open();
    assert_eq!(bob.hears(at(1), C1, text(1, "twelve bytes")), [says(C1, ack(1))]);
    assert_eq!(bob.hears(at(2), C1, text(2, "13 bytes long")), [ends(C1)]);
    assert_eq!(bob.events(), [message(1, "twelve bytes")]);
}

#[test]
fn what_is_not_acknowledged_leaves_again_on_the_next_channel_in_order() {
    let mut bob = Driver::open();
    for number in 1..=3 {
        bob.sends(at(1), number, "hi");
    }
    bob.hears(at(2), C1, ack(1));
    assert_eq!(bob.breaks(at(300), C1, Broken::Lost), []);
    bob.connects(at(300), C2);
    let again = [says(C2, text(2, "hi")), says(C2, text(3, "hi"))];
    assert_eq!(bob.hears(at(350), C2, hello_with(Stands::Open, 1)), again);
    assert_eq!(bob.events(), [delivered(1)]);
}

#[test]
fn what_a_hello_says_is_there_does_not_leave_again() {
    let mut bob = Driver::open();
    for number in 1..=3 {
        bob.sends(at(1), number, "hi");
    }
    bob.breaks(at(300), C1, Broken::Lost);
    assert_eq!(
        bob.meets(at(350), C2, hello_with(Stands::Open, 2)),
        [says(C2, bob_hello(Stands::Open, 0)), says(C2, text(3, "hi"))]
    );
    assert_eq!(bob.events(), [delivered(1), delivered(2)]);
}

#[test]
fn nobody_acknowledges_what_has_not_left() {
    let mut bob = Driver::away();
    bob.sends(at(1), 1, "hi");
    bob.connects(at(250), C2);
    // It has left on no channel: this is of no chat of ours.
    assert_eq!(bob.hears(at(300), C2, hello_with(Stands::Open, u64::MAX)), [says(C2, text(1, "hi"))]);
    assert_eq!(bob.events(), []);
    bob.hears(at(301), C2, ack(u64::MAX));
    assert_eq!(bob.events(), [delivered(1)]);
}

#[test]
fn an_ack_that_was_lost_is_said_by_the_next_hello() {
    let mut bob = Driver::open();
    bob.chat.handle_frame(at(1), C1, text(3, "hi"), |_| Vec::new());
    // It breaks between the commit and the ack.
    bob.chat.handle_broken(at(1), C1, Broken::Lost);
    bob.breaks(at(1), C1, Broken::Lost);
    assert_eq!(bob.events(), [message(3, "hi")]);
    assert_eq!(bob.meets(at(300), C2, hello(Stands::Open)), [says(C2, bob_hello(Stands::Open, 3))]);
}

#[test]
fn a_message_of_an_earlier_chat_is_acknowledged_and_not_shown_again() {
    let mut bob = Driver::away();
    bob.already = vec![2, 4];
    bob.meets(at(1), C2, hello(Stands::Open));
    let kept = |number| Frame::Text { number, text: "hi".to_owned(), kept: true, answers: None };
    let shown = |number| ChatEvent::Message { number, is_kept: true, text: "hi".to_owned(), answers: None };
    assert_eq!(bob.hears(at(2), C2, kept(2)), [says(C2, ack(2))]);
    assert_eq!((bob.events(), bob.snapshot.as_ref().unwrap().received), (vec![], 2));
    assert_eq!(bob.hears(at(3), C2, kept(3)), [says(C2, ack(3))]);
    assert_eq!(bob.hears(at(4), C2, kept(4)), [says(C2, ack(4))]);
    assert_eq!(bob.hears(at(5), C2, kept(5)), [says(C2, ack(5))]);
    assert_eq!(bob.events(), [shown(3), shown(5)]);
}

#[test]
fn an_answer_says_what_it_answers_to_whoever_reads_that() {
    let mut bob = Driver::open();
    let body = simp_proto::secure::Body::Answer { text: "hi".to_owned(), to: 7 };
    let letter = simp_proto::secure::Letter { body, ..letter(5, "") };
    let leaves = bob.does(|chat| chat.send(at(1), letter).unwrap());
    let answers = |number, answers| Frame::Text { number, text: "hi".to_owned(), kept: false, answers };
    assert_eq!(leaves, [says(C1, answers(5, Some(7)))]);
    bob.hears(at(2), C1, answers(1, Some(5)));
    bob.hears(at(3), C1, answers(2, Some(u64::MAX)));
    let shown =
        |number, answers| ChatEvent::Message { number, is_kept: false, text: "hi".to_owned(), answers };
    assert_eq!(bob.events(), [shown(1, Some(MessageId(5))), shown(2, None)], "no number can be so high");
}

#[test]
fn a_kept_message_is_marked_so() {
    let mut bob = Driver::open();
    let letter = simp_proto::secure::Letter { is_kept: true, ..letter(5, "hi") };
    let leaves = bob.does(|chat| chat.send(at(1), letter).unwrap());
    assert_eq!(
        leaves,
        [says(C1, Frame::Text { number: 5, text: "hi".to_owned(), kept: true, answers: None })]
    );
}

#[test]
fn a_message_is_taken_back_as_long_as_it_has_not_left() {
    let mut bob = Driver::open();
    bob.sends(at(1), 1, "one");
    bob.breaks(at(1), C1, Broken::Lost);
    bob.sends(at(1), 2, "two");
    bob.sends(at(1), 3, "three");
    assert!(!bob.chat.take_back(at(2), MessageId(1)), "it may be there");
    assert!(bob.chat.take_back(at(2), MessageId(2)));
    assert!(!bob.chat.take_back(at(2), MessageId(2)), "it is gone");
    bob.connects(at(300), C2);
    assert_eq!(
        bob.hears(at(301), C2, hello(Stands::Open)),
        [says(C2, text(1, "one")), says(C2, text(3, "three"))]
    );
    bob.hears(at(302), C2, ack(3));
    assert_eq!(bob.events(), [delivered(1), delivered(3)]);
}

#[test]
fn whoever_takes_all_back_needs_no_channel_and_no_sign() {
    let mut bob = Driver::away();
    bob.sends(at(1), 1, "one");
    assert!(bob.chat.poll_timeout().is_some());
    assert!(bob.chat.take_back(at(2), MessageId(1)));
    assert_eq!((bob.chat.poll_timeout(), bob.chat.wants_channel(at(9_999))), (None, false));
}

#[test]
fn a_message_longer_than_what_the_peer_takes_is_undelivered_at_once() {
    let mut bob = Driver::open();
    assert_eq!(bob.chat.text_max(), Some(20));
    assert_eq!(bob.sends(at(1), 1, "this has 21 bytes - -"), []);
    assert_eq!(bob.events(), [undelivered(1, Reason::TooLong)]);
    assert_eq!((bob.chat.unacknowledged(), bob.chat.poll_timeout()), (0, None));
    assert_eq!(bob.does(|chat| chat.requeue(at(1), letter(2, "this has 21 bytes - -"), false)), []);
    assert_eq!(bob.events(), [undelivered(2, Reason::TooLong)]);
}

#[test]
fn a_peer_that_takes_less_than_before_does_not_get_what_it_would_refuse_for_ever() {
    let mut bob = Driver::open();
    bob.sends(at(1), 1, "short");
    bob.sends(at(1), 2, "longer than ten");
    bob.sends(at(1), 3, "short");
    bob.breaks(at(300), C1, Broken::Lost);
    bob.connects(at(300), C2);
    let Frame::Hello(ann) = hello(Stands::Open) else { unreachable!() };
    let less = Frame::Hello(simp_proto::secure::Hello { text_max: 10, ..ann });
    assert_eq!(bob.hears(at(301), C2, less), [says(C2, text(1, "short"))]);
    assert_eq!(bob.events(), [], "each has its outcome before those after it");
    assert_eq!(bob.hears(at(302), C2, ack(1)), [says(C2, text(3, "short"))]);
    assert_eq!(bob.events(), [ChatEvent::Delivered(MessageId(1)), undelivered(2, Reason::TooLong)]);
}

#[test]
fn a_peer_that_acknowledges_nothing_for_30_s_is_gone() {
    let mut bob = Driver::open();
    bob.sends(at(1_000), 1, "one");
    bob.sends(at(20_000), 2, "two");
    // Perhaps only what it says does not reach us.
    assert_eq!(bob.waits(at(31_000)), [says(C1, bye()), ends(C1)]);
    let gone = [undelivered(1, Reason::PeerGone), undelivered(2, Reason::PeerGone), closed(Reason::PeerGone)];
    assert_eq!(bob.events(), gone);
}

#[test]
fn a_channel_that_brings_no_sign_for_a_third_of_that_is_given_up_for_another() {
    let mut bob = Driver::open();
    bob.sends(at(1_000), 1, "one");
    assert_eq!(bob.chat.poll_timeout(), Some(at(11_000)));
    assert_eq!(bob.waits(at(10_999)), []);
    assert_eq!(bob.waits(at(11_000)), [ends(C1)]);
    bob.connects(at(11_000), C2);
    assert_eq!(bob.hears(at(11_001), C2, hello(Stands::Open)), [says(C2, text(1, "one"))]);
    bob.hears(at(11_002), C2, ack(1));
    assert_eq!((bob.events(), bob.chat.poll_timeout()), (vec![ChatEvent::Delivered(MessageId(1))], None));
}

#[test]
fn a_peer_behind_a_slow_link_has_time_for_long_texts() {
    let mut bob = Driver::open();
    let Frame::Hello(ann) = hello(Stands::Open) else { unreachable!() };
    bob.breaks(at(300), C1, Broken::Lost);
    bob.sends(at(1_000), 1, "short");
    bob.connects(at(1_000), C2);
    let more = Frame::Hello(simp_proto::secure::Hello { text_max: 1 << 18, ..ann });
    bob.hears(at(1_000), C2, more);
    assert_eq!(bob.chat.poll_timeout(), Some(at(11_000)));
    bob.sends(at(1_000), 2, &"x".repeat(192 << 10));
    assert_eq!(bob.chat.poll_timeout(), Some(at(1_000 + (30_000 + 3 * 16_000) / 3)));
}

#[test]
fn each_sign_of_the_peer_gives_it_time() {
    let mut bob = Driver::open();
    bob.sends(at(1_000), 1, "one");
    bob.sends(at(1_000), 2, "two");
    bob.hears(at(9_000), C1, ack(0));
    assert_eq!(bob.chat.poll_timeout(), Some(at(11_000)), "that is no sign");
    bob.hears(at(9_000), C1, ack(1));
    assert_eq!(bob.chat.poll_timeout(), Some(at(19_000)));
    bob.hears(at(20_000), C1, text(1, "hi"));
    assert_eq!(bob.chat.poll_timeout(), Some(at(30_000)));
    bob.breaks(at(40_000), C1, Broken::Lost);
    bob.connects(at(40_000), C2);
    bob.hears(at(41_000), C2, hello_with(Stands::Open, 1));
    assert_eq!(bob.chat.poll_timeout(), Some(at(51_000)));
}

#[test]
fn a_peer_that_cannot_be_reached_is_gone_after_30_s() {
    let mut bob = Driver::away();
    bob.sends(at(1_000), 1, "one");
    let mut dials = Vec::new();
    let mut channel = 10;
    let mut now = 1_000;
    while bob.state() == State::Open {
        if bob.chat.wants_channel(at(now)) {
            dials.push(now);
            channel += 1;
            let channel = simp_proto::secure::ChannelId(channel);
            bob.dials(at(now), channel);
            bob.breaks(at(now), channel, Broken::Unreachable);
        }
        now = crate::common::ms(bob.chat.poll_timeout().unwrap());
        bob.waits(at(now));
    }
    assert_eq!(dials, [1_000, 1_500, 2_500, 4_500, 8_500, 13_500, 18_500, 23_500, 28_500]);
    assert_eq!(now, 31_000);
    assert_eq!(bob.events(), [undelivered(1, Reason::PeerGone), closed(Reason::PeerGone)]);
}

#[test]
fn a_peer_in_whose_place_another_answers_has_another_key() {
    let other = simp_proto::secure::KeyId::new([3; 32]);
    let mut bob = Driver::away();
    bob.sends(at(1_000), 1, "one");
    bob.dials(at(1_000), C2);
    bob.breaks(at(1_100), C2, Broken::OtherKey(other));
    assert_eq!(bob.events(), []);
    bob.waits(at(31_000));
    let text = Some(other.to_string());
    let over = ChatEvent::Closed { reason: Reason::OtherKey, text };
    assert_eq!(bob.events(), [undelivered(1, Reason::OtherKey), over]);
}

#[test]
fn a_chat_with_nothing_to_say_looks_for_no_channel() {
    let bob = Driver::away();
    assert_eq!((bob.chat.poll_timeout(), bob.chat.channel()), (None, None));
    assert!(!bob.chat.wants_channel(at(1_000_000)));
}

#[test]
fn what_leaves_before_a_bye_is_the_ack() {
    let mut bob = Driver::open();
    bob.chat.handle_frame(at(1), C1, text(3, "hi"), |_| Vec::new());
    let leaves: Vec<Leaving> = bob.does(|chat| chat.close(at(1), false).unwrap());
    assert_eq!(leaves, [says(C1, ack(3))]);
    assert_eq!(bob.waits(at(1)), [says(C1, bye())]);
}

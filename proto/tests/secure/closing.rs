//! Leaving, and being left.

use simp_proto::secure::{Broken, Carries, Frame, Stands};
use simp_proto::{ChatEvent, Reason, State, StateError};

use crate::common::at;
use crate::secure::driver::{
    C1, C2, C3, Driver, ack, bye, closed, delivered, ends, hello, hello_with, letter, message, says, text,
    undelivered,
};

#[test]
fn whoever_leaves_says_bye_and_is_told_when_the_peer_knows() {
    let mut bob = Driver::leaving();
    assert_eq!((bob.state(), bob.events(), bob.chat.is_leaving()), (State::Closing, vec![], true));
    assert_eq!(bob.hears(at(40), C1, bye()), [ends(C1)]);
    assert_eq!(bob.events(), [closed(Reason::Quit)]);
}

#[test]
fn whoever_leaves_does_not_wait_for_a_peer_that_is_not_there() {
    let mut bob = Driver::leaving();
    bob.breaks(at(10), C1, Broken::Lost);
    bob.connects(at(300), C2);
    bob.breaks(at(301), C2, Broken::NoAnswer);
    assert_eq!((bob.state(), bob.events()), (State::Closing, vec![]));
    bob.connects(at(1_000), C3);
    bob.breaks(at(1_001), C3, Broken::Unreachable);
    assert_eq!((bob.state(), bob.events()), (State::Closed, vec![closed(Reason::Quit)]));
}

#[test]
fn whoever_is_left_answers_bye() {
    let mut bob = Driver::open();
    bob.sends(at(1), 1, "one");
    assert_eq!(bob.hears(at(2), C1, bye()), [says(C1, bye()), ends(C1)]);
    assert_eq!(bob.events(), [undelivered(1, Reason::PeerQuit), closed(Reason::PeerQuit)]);
}

#[test]
fn what_came_before_the_bye_is_acknowledged_with_it() {
    let mut bob = Driver::open();
    bob.chat.handle_frame(at(1), C1, text(3, "hi"), |_| Vec::new());
    assert_eq!(bob.hears(at(1), C1, bye()), [says(C1, ack(3)), says(C1, bye()), ends(C1)]);
    assert_eq!(bob.events(), [message(3, "hi"), closed(Reason::PeerQuit)]);
}

#[test]
fn what_is_queued_is_delivered_before_we_leave() {
    let mut bob = Driver::draining();
    assert_eq!((bob.state(), bob.chat.is_leaving()), (State::Closing, false));
    assert_eq!(bob.chat.send(at(1), letter(2, "two")), Err(StateError(State::Closing)));
    assert_eq!(bob.chat.close(at(1), false), Err(StateError(State::Closing)));
    // What the peer says is shown until then.
    assert_eq!(bob.hears(at(1), C1, text(8, "wait")), [says(C1, ack(8))]);
    assert_eq!(bob.hears(at(2), C1, ack(1)), []);
    assert!(bob.chat.poll_timeout().is_some_and(|due| due <= at(2)));
    assert_eq!(bob.waits(at(2)), [says(C1, bye())]);
    assert_eq!(bob.events(), [message(8, "wait"), delivered(1)]);
    assert_eq!(bob.chat.ends_at(), Some(at(30_002)));
}

#[test]
fn what_is_queued_is_delivered_on_a_new_channel_before_we_leave() {
    let mut bob = Driver::draining();
    bob.breaks(at(300), C1, Broken::Lost);
    bob.connects(at(300), C2);
    assert_eq!(bob.hears(at(301), C2, hello(Stands::Open)), [says(C2, text(1, "last"))]);
    // Or it was there already.
    let mut bob = Driver::draining();
    bob.breaks(at(300), C1, Broken::Lost);
    bob.connects(at(300), C2);
    assert_eq!(bob.hears(at(301), C2, hello_with(Stands::Open, 1)), []);
    assert_eq!(bob.waits(at(301)), [says(C2, bye())]);
    assert_eq!(bob.events(), [delivered(1)]);
}

#[test]
fn what_the_caller_has_kept_is_delivered_before_we_leave_though_all_that_left_is_acknowledged() {
    let give = |bob: &mut Driver| bob.does(|chat| chat.requeue(at(2), letter(2, "two"), false));
    let mut bob = Driver::draining();
    bob.chat.handle_frame(at(2), C1, ack(1), |_| Vec::new());
    assert_eq!(give(&mut bob), [says(C1, text(2, "two"))]);
    // Or it is acknowledged before we leave.
    let mut bob = Driver::open();
    bob.sends(at(1), 1, "one");
    bob.chat.handle_frame(at(2), C1, ack(1), |_| Vec::new());
    bob.chat.close(at(2), false).unwrap();
    assert_eq!(give(&mut bob), [says(C1, text(2, "two"))]);
    assert_eq!(bob.waits(at(3)), []);
    assert_eq!(bob.hears(at(4), C1, ack(2)), []);
    assert_eq!(bob.waits(at(4)), [says(C1, bye())]);
    assert_eq!(bob.events(), [delivered(1), delivered(2)]);
}

/// The last message is acknowledged, and files are under way.
fn carrying() -> Driver {
    let mut bob = Driver::draining();
    bob.does(|chat| chat.carry(at(0), Carries::Files));
    assert_eq!(bob.hears(at(1), C1, ack(1)), []);
    assert_eq!((bob.waits(at(1)), bob.events()), (vec![], vec![delivered(1)]));
    bob
}

#[test]
fn files_that_are_under_way_are_waited_for_before_we_leave() {
    let mut bob = carrying();
    for second in 1..60 {
        let now = at(second * 1_000);
        assert_eq!(bob.waits(now), [], "the channel is in order, and the peer gives signs");
        bob.chat.handle_sign_of_files(now);
    }
    // What the peer says is shown until then.
    assert_eq!(bob.hears(at(60_000), C1, text(8, "wait")), [says(C1, ack(8))]);
    assert_eq!(bob.does(|chat| chat.carry(at(60_001), Carries::Nothing)), []);
    assert!(bob.chat.poll_timeout().is_some_and(|due| due <= at(60_001)));
    assert_eq!(bob.waits(at(60_001)), [says(C1, bye())]);
    assert_eq!(bob.events(), [message(8, "wait")]);
}

#[test]
fn a_peer_that_is_gone_while_files_are_under_way_is_gone() {
    let mut bob = carrying();
    bob.chat.handle_sign_of_files(at(5_000));
    bob.breaks(at(5_001), C1, Broken::Lost);
    assert_eq!(bob.waits(at(34_999)), []);
    assert_eq!(bob.state(), State::Closing);
    bob.waits(at(35_000));
    assert_eq!(bob.events(), [closed(Reason::PeerGone)]);
    // A sign on another channel says nothing of what waits for an answer on this one.
    let mut bob = Driver::draining();
    bob.does(|chat| chat.carry(at(0), Carries::Files));
    bob.chat.handle_sign_of_files(at(5_000));
    bob.waits(at(30_000));
    assert_eq!(bob.events(), [undelivered(1, Reason::PeerGone), closed(Reason::PeerGone)]);
}

#[test]
fn whoever_leaves_now_waits_for_no_file_and_files_keep_no_chat_that_is_not_left() {
    let mut bob = carrying();
    assert_eq!(bob.does(|chat| chat.close(at(2), true).unwrap()), [says(C1, bye())]);
    assert_eq!(bob.does(|chat| chat.carry(at(3), Carries::Files)), []);
    assert!(bob.chat.is_leaving());
    let mut bob = Driver::open();
    assert_eq!(bob.does(|chat| chat.carry(at(0), Carries::Files)), []);
    assert_eq!((bob.state(), bob.chat.poll_timeout()), (State::Open, None));
}

#[test]
fn whoever_takes_the_last_message_back_leaves() {
    let mut bob = Driver::away();
    bob.sends(at(1), 1, "one");
    bob.does(|chat| chat.close(at(2), false).unwrap());
    bob.does(|chat| assert!(chat.take_back(at(3), simp_proto::MessageId(1))));
    bob.waits(at(3));
    assert!(bob.chat.is_leaving());
}

#[test]
fn a_peer_that_is_gone_while_we_drain_is_gone() {
    let mut bob = Driver::draining();
    assert_eq!(bob.waits(at(30_000)), [says(C1, bye()), ends(C1)]);
    assert_eq!(bob.events(), [undelivered(1, Reason::PeerGone), closed(Reason::PeerGone)]);
}

#[test]
fn whoever_leaves_now_gives_up_what_is_queued() {
    for mut bob in [Driver::draining(), Driver::open()] {
        if bob.state() == State::Open {
            bob.sends(at(0), 1, "last");
        }
        assert_eq!(bob.does(|chat| chat.close(at(1), true).unwrap()), [says(C1, bye())]);
        assert_eq!(bob.events(), [undelivered(1, Reason::Quit)]);
        assert_eq!(bob.chat.close(at(2), true), Err(StateError(State::Closing)));
    }
}

#[test]
fn whoever_has_left_is_shown_nothing_and_acknowledges_nothing() {
    let mut bob = Driver::leaving();
    for frame in [text(3, "hi"), ack(9), Frame::Accept, Frame::Busy] {
        assert_eq!(bob.hears(at(1), C1, frame), []);
    }
    assert_eq!(bob.events(), []);
}

#[test]
fn a_bye_that_was_lost_is_said_again_on_a_new_channel() {
    let mut bob = Driver::leaving();
    bob.breaks(at(300), C1, Broken::Lost);
    bob.connects(at(300), C2);
    assert_eq!(bob.hears(at(301), C2, hello(Stands::Open)), [says(C2, bye())]);
    assert_eq!(bob.hears(at(302), C2, bye()), [ends(C2)]);
    assert_eq!(bob.events(), [closed(Reason::Quit)]);
}

#[test]
fn a_peer_that_knows_the_chat_no_more_says_bye_without_a_hello() {
    let mut bob = Driver::leaving();
    bob.breaks(at(300), C1, Broken::Lost);
    bob.connects(at(300), C2);
    assert_eq!(bob.hears(at(301), C2, bye()), [ends(C2)]);
    assert_eq!(bob.events(), [closed(Reason::Quit)]);
    let mut bob = Driver::away();
    bob.sends(at(1), 1, "one");
    bob.connects(at(250), C2);
    assert_eq!(bob.hears(at(251), C2, bye()), [says(C2, bye()), ends(C2)]);
    assert_eq!(bob.events(), [undelivered(1, Reason::PeerQuit), closed(Reason::PeerQuit)]);
}

#[test]
fn a_chat_that_was_left_is_closed_after_30_s_whatever_the_peer_does() {
    let mut bob = Driver::leaving();
    assert_eq!(bob.chat.poll_timeout(), Some(at(30_000)));
    assert_eq!(bob.waits(at(29_999)), []);
    assert_eq!(bob.waits(at(30_000)), [ends(C1)]);
    assert_eq!(bob.events(), [closed(Reason::Quit)]);
}

#[test]
fn both_leave_at_once() {
    let mut bob = Driver::leaving();
    // Ann's was not an answer, but says the same.
    assert_eq!(bob.hears(at(1), C1, bye()), [ends(C1)]);
    assert_eq!(bob.events(), [closed(Reason::Quit)]);
}

#[test]
fn a_peer_that_has_left_and_opens_a_channel_to_say_so_is_answered() {
    let mut bob = Driver::away();
    let leaves = bob.meets(at(1), C2, hello(Stands::Over));
    assert_eq!(leaves.len(), 1, "a hello and nothing more: {leaves:?}");
    assert_eq!(bob.hears(at(2), C2, bye()), [says(C2, bye()), ends(C2)]);
    assert_eq!(bob.events(), [closed(Reason::PeerQuit)]);
}

#[test]
fn a_peer_that_opens_a_channel_for_a_chat_that_is_over_is_told_so() {
    // Bob's own channel would be the one that counts: it is over before that is there.
    let mut bob = Driver::open_of_smaller_key();
    bob.breaks(at(0), C1, Broken::Lost);
    bob.sends(at(1), 1, "one");
    bob.dials(at(250), C2);
    bob.chat.handle_timeout(at(30_001));
    let leaves = bob.meets(at(30_001), C3, hello(Stands::Open));
    let Some((end, [_hello, rest @ ..])) = leaves.split_first() else { panic!("{leaves:?}") };
    assert_eq!((end, rest), (&ends(C2), &[says(C3, bye()), ends(C3)][..]));
}

#[test]
fn a_peer_with_an_older_log_for_which_we_are_only_invited_is_left() {
    let mut bob = Driver::away();
    bob.sends(at(1), 1, "one");
    bob.connects(at(250), C2);
    assert_eq!(bob.hears(at(251), C2, hello(Stands::Invited)), [says(C2, bye())]);
    assert_eq!(bob.events(), [undelivered(1, Reason::PeerRestarted), closed(Reason::PeerRestarted)]);
    assert!(bob.snapshot.is_none());
    assert_eq!(bob.hears(at(252), C2, bye()), [ends(C2)]);
    assert_eq!((bob.state(), bob.events()), (State::Closed, Vec::<ChatEvent>::new()));
}

//! Going on with a chat of an earlier run.

use simp_proto::secure::{Broken, Frame, SecureChat, SecureSnapshot, Stands};
use simp_proto::{ChatEvent, Reason, State};

use crate::common::at;
use crate::secure::driver::{
    C1, C2, Driver, SETTINGS, ack, bob, bob_hello, bye, closed, delivered, ends, hello, hello_with, letter,
    message, says, text, undelivered,
};

fn resume(before: &Driver, messages: &[(u64, &str)]) -> Driver {
    let snapshot = before.snapshot.clone().unwrap();
    let mut bob = Driver::new(resumed(snapshot, !messages.is_empty()).unwrap());
    for (number, what) in messages {
        bob.does(|chat| chat.requeue(at(0), letter(*number, what), true));
    }
    bob
}

fn resumed(snapshot: SecureSnapshot, has_messages: bool) -> Option<SecureChat> {
    let expires_after = SETTINGS.request_expiry;
    SecureChat::resume(at(0), bob(9), snapshot, has_messages, expires_after)
}

#[test]
fn nothing_is_kept_anew_by_a_restart_alone() {
    for before in
        [Driver::inviting(), Driver::invited(), Driver::accepted(), Driver::open(), Driver::leaving()]
    {
        let mut chat = resumed(before.snapshot.unwrap(), false).unwrap();
        assert_eq!((chat.poll_event(), chat.poll_snapshot(), chat.poll_leaving()), (None, None, None));
    }
}

#[test]
fn an_invitation_is_made_at_once_again() {
    let mut bob = resume(&Driver::fresh(), &[]);
    assert_eq!(bob.chat.poll_timeout(), Some(at(0)));
    bob.connects(at(0), C1);
    bob.hears(at(1), C1, hello(Stands::Invited));
    bob.hears(at(2), C1, Frame::Accept);
    assert_eq!(bob.events(), [ChatEvent::Opened]);
}

#[test]
fn an_invitation_of_an_earlier_run_may_be_there_and_is_taken_back_from_the_peer() {
    for before in [Driver::fresh(), Driver::greeting(), Driver::inviting()] {
        let mut bob = resume(&before, &[]);
        assert!(!bob.chat.is_untold());
        bob.does(|chat| chat.close(at(1), false).unwrap());
        assert_eq!((bob.state(), bob.events()), (State::Closing, vec![closed(Reason::Quit)]));
        bob.connects(at(1), C1);
        assert_eq!(bob.hears(at(2), C1, hello(Stands::Invited)), [says(C1, bye())]);
    }
}

#[test]
fn an_invitation_that_was_there_is_not_over_because_nothing_listens_now() {
    let mut bob = resume(&Driver::inviting(), &[]);
    bob.dials(at(0), C1);
    bob.breaks(at(1), C1, Broken::Unreachable);
    assert_eq!(bob.state(), State::Inviting);
}

#[test]
fn a_request_waits_its_whole_time_again_and_is_not_told_again() {
    let mut bob = resume(&Driver::invited(), &[]);
    assert_eq!((bob.state(), bob.chat.poll_timeout()), (State::Invited, Some(at(600_000))));
    assert!(!bob.chat.wants_channel(at(1)));
    bob.does(|chat| chat.accept(at(5)).unwrap());
    bob.connects(at(5), C1);
    assert_eq!(bob.hears(at(6), C1, hello(Stands::Inviting)), []);
    assert_eq!(bob.hears(at(7), C1, ack(0)), []);
    assert_eq!((bob.events(), bob.chat.poll_timeout()), (vec![ChatEvent::Opened], None));
}

#[test]
fn an_acceptance_that_the_peer_may_not_know_is_said_again() {
    let mut bob = resume(&Driver::accepted(), &[]);
    assert_eq!((bob.state(), bob.chat.poll_timeout()), (State::Open, Some(at(0))));
    bob.connects(at(0), C1);
    assert_eq!(bob.hears(at(1), C1, hello(Stands::Inviting)), []);
    assert_eq!(bob.snapshot.as_ref().unwrap().state, State::Accepting);
    assert_eq!(bob.hears(at(2), C1, ack(0)), []);
    assert_eq!((bob.snapshot.as_ref().unwrap().state, bob.chat.poll_timeout()), (State::Open, None));
}

#[test]
fn a_chat_with_nothing_to_say_does_not_look_for_a_peer_that_may_be_asleep() {
    let bob = resume(&Driver::open(), &[]);
    assert_eq!((bob.state(), bob.chat.poll_timeout()), (State::Open, None));
}

#[test]
fn messages_without_an_ack_leave_again_unless_the_peer_has_them() {
    let mut bob = resume(&Driver::open(), &[(1, "one"), (2, "two")]);
    assert_eq!(bob.chat.poll_timeout(), Some(at(0)));
    bob.connects(at(0), C1);
    assert_eq!(bob.hears(at(1), C1, hello_with(Stands::Open, 1)), [says(C1, text(2, "two"))]);
    assert_eq!(bob.events(), [delivered(1)]);
    assert!(!bob.chat.take_back(at(2), simp_proto::MessageId(2)));
}

#[test]
fn what_was_received_before_is_not_shown_again() {
    let mut before = Driver::open();
    before.hears(at(1), C1, text(4, "four"));
    let mut bob = resume(&before, &[]);
    assert_eq!(bob.meets(at(2), C2, hello(Stands::Open)), [says(C2, bob_hello(Stands::Open, 4))]);
    assert_eq!(bob.hears(at(3), C2, text(4, "four")), [says(C2, ack(4))]);
    assert_eq!(bob.hears(at(4), C2, text(5, "five")), [says(C2, ack(5))]);
    assert_eq!(bob.events(), [message(5, "five")]);
}

#[test]
fn whoever_was_leaving_delivers_what_is_left_first() {
    let mut bob = resume(&Driver::draining(), &[(1, "last")]);
    assert_eq!(bob.state(), State::Closing);
    bob.connects(at(0), C1);
    assert_eq!(bob.hears(at(1), C1, hello(Stands::Open)), [says(C1, text(1, "last"))]);
    assert_eq!(bob.hears(at(2), C1, ack(1)), []);
    assert_eq!(bob.waits(at(2)), [says(C1, bye())]);
    assert_eq!(bob.hears(at(3), C1, bye()), [ends(C1)]);
    assert_eq!(bob.events(), [delivered(1), closed(Reason::Quit)]);
}

#[test]
fn whoever_had_left_says_so_again() {
    for before in [Driver::leaving(), Driver::draining()] {
        let mut bob = resume(&before, &[]);
        assert_eq!((bob.state(), bob.chat.is_leaving()), (State::Closing, true));
        assert_eq!(bob.chat.ends_at(), Some(at(30_000)));
        bob.connects(at(0), C1);
        assert_eq!(bob.hears(at(1), C1, hello(Stands::Open)), [says(C1, bye())]);
        assert_eq!(bob.hears(at(2), C1, bye()), [ends(C1)]);
        assert_eq!(bob.events(), [closed(Reason::Quit)]);
    }
}

#[test]
fn whoever_was_leaving_and_is_given_no_message_leaves() {
    let mut bob = Driver::new(resumed(Driver::draining().snapshot.unwrap(), true).unwrap());
    bob.dials(at(0), C1);
    assert_eq!(bob.chat.poll_timeout(), Some(at(0)));
    bob.waits(at(0));
    assert!(bob.chat.is_leaving());
}

#[test]
fn a_peer_that_does_not_come_back_is_gone() {
    let mut bob = resume(&Driver::open(), &[(1, "one")]);
    bob.waits(at(30_000));
    assert_eq!(bob.events(), [undelivered(1, Reason::PeerGone), closed(Reason::PeerGone)]);
}

#[test]
fn a_chat_that_is_over_for_its_user_does_not_go_on() {
    let snapshot = SecureSnapshot { state: State::Closed, ..Driver::open().snapshot.unwrap() };
    assert!(resumed(snapshot, false).is_none());
    let mut bob = Driver::invited();
    bob.does(|chat| chat.decline(at(1)).unwrap());
    assert_eq!(bob.snapshot, None);
}

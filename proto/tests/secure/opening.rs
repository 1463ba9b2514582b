//! Inviting, requests, and both at once.

use std::time::Duration;

use simp_proto::secure::{Broken, ChannelId, Frame, KeyId, SecureChat, Stands};
use simp_proto::{ChatEvent, Reason, State, StateError};

use crate::common::at;
use crate::secure::driver::{
    C1, C2, CHAT, Driver, ack, ann_key, bob, bob_hello, bye, closed, ends, hello, letter, message, says, text,
};

#[test]
fn an_invitation_is_a_hello_and_opens_with_accept() {
    let mut bob = Driver::fresh();
    bob.dials(at(0), C1);
    assert_eq!(
        bob.does(|chat| chat.handle_connected(at(0), C1, ann_key())),
        [says(C1, bob_hello(Stands::Inviting, 0))]
    );
    assert_eq!(bob.hears(at(50), C1, hello(Stands::Invited)), []);
    assert_eq!((bob.state(), bob.events()), (State::Inviting, vec![]));
    assert_eq!(bob.hears(at(900), C1, Frame::Accept), [says(C1, ack(0))]);
    assert_eq!((bob.state(), bob.events()), (State::Open, vec![ChatEvent::Opened]));
    assert_eq!(bob.chat.poll_timeout(), None);
}

#[test]
fn the_peers_key_name_and_log_are_learned_and_kept() {
    let bob = Driver::inviting();
    let them = bob.chat.them();
    assert_eq!((them.key, &*them.user, &*them.log), (Some(ann_key()), "ann", "anns log"));
    assert_eq!(bob.snapshot.unwrap().them, *them);
    assert_eq!(Driver::invited().chat.them(), them);
}

#[test]
fn a_request_is_told_and_waits_for_the_user() {
    let mut bob = Driver::invited();
    assert_eq!((bob.state(), bob.chat.poll_timeout()), (State::Invited, Some(at(600_000))));
    assert_eq!(bob.does(|chat| chat.accept(at(5_000)).unwrap()), [says(C1, Frame::Accept)]);
    assert_eq!((bob.state(), bob.events()), (State::Open, vec![ChatEvent::Opened]));
    // Ann is to show that she knows.
    assert_eq!(bob.chat.poll_timeout(), Some(at(15_000)));
    assert_eq!(bob.hears(at(5_100), C1, ack(0)), []);
    assert_eq!((bob.chat.poll_timeout(), bob.snapshot.unwrap().state), (None, State::Open));
}

#[test]
fn a_text_shows_too_that_the_peer_knows_of_the_acceptance() {
    let mut bob = Driver::accepted();
    assert_eq!(bob.snapshot.as_ref().unwrap().state, State::Accepting);
    assert_eq!(bob.hears(at(1), C1, text(3, "hi")), [says(C1, ack(3))]);
    assert_eq!(bob.events(), [message(3, "hi")]);
    assert_eq!((bob.chat.poll_timeout(), bob.snapshot.unwrap().state), (None, State::Open));
}

#[test]
fn a_peer_that_never_shows_that_it_knows_of_the_acceptance_is_gone() {
    let mut bob = Driver::accepted();
    assert_eq!(bob.waits(at(30_000)), [says(C1, bye()), ends(C1)]);
    assert_eq!(bob.events(), [closed(Reason::PeerGone)]);
}

#[test]
fn nothing_can_be_sent_before_an_invitation_is_answered() {
    for (mut bob, state) in [(Driver::inviting(), State::Inviting), (Driver::invited(), State::Invited)] {
        assert_eq!(bob.chat.send(at(1), letter(1, "hi")), Err(StateError(state)));
    }
    assert_eq!(Driver::inviting().chat.accept(at(1)), Err(StateError(State::Inviting)));
    assert_eq!(Driver::open().chat.decline(at(1)), Err(StateError(State::Open)));
}

#[test]
fn a_declined_request_is_closed_at_once_and_the_peer_is_told() {
    let mut bob = Driver::invited();
    assert_eq!(bob.does(|chat| chat.decline(at(1)).unwrap()), [says(C1, bye())]);
    assert_eq!(bob.events(), [closed(Reason::WeDeclined)]);
    assert!(bob.chat.is_over_for_us() && bob.snapshot.is_none());
    assert_eq!(bob.hears(at(2), C1, bye()), [ends(C1)]);
    assert_eq!(bob.state(), State::Closed);
}

#[test]
fn an_invitation_that_is_declined_says_why() {
    let mut bob = Driver::inviting();
    let reason = Some("not today".to_owned());
    assert_eq!(bob.hears(at(1), C1, Frame::Bye { reason: reason.clone() }), [says(C1, bye()), ends(C1)]);
    assert_eq!(bob.events(), [ChatEvent::Closed { reason: Reason::PeerDeclined, text: reason }]);
}

#[test]
fn of_a_peers_words_so_much_is_kept_as_anybody_reads() {
    let mut bob = Driver::inviting();
    bob.hears(at(1), C1, Frame::Bye { reason: Some("a".repeat(1_000)) });
    let text = Some(format!("{} [744 more bytes]", "a".repeat(256)));
    assert_eq!(bob.events(), [ChatEvent::Closed { reason: Reason::PeerDeclined, text }]);
}

#[test]
fn a_peer_without_room_is_busy_before_its_hello_and_after() {
    for mut bob in [Driver::greeting(), Driver::inviting()] {
        assert_eq!(bob.hears(at(1), C1, Frame::Busy), [ends(C1)]);
        assert_eq!(bob.events(), [closed(Reason::PeerBusy)]);
    }
}

#[test]
fn an_invitation_that_nobody_heard_is_taken_back_without_a_word() {
    let mut bob = Driver::fresh();
    bob.dials(at(0), C1);
    assert!(bob.chat.is_untold());
    assert_eq!(bob.does(|chat| chat.close(at(1), false).unwrap()), [ends(C1)]);
    assert_eq!((bob.state(), bob.events()), (State::Closed, vec![closed(Reason::Quit)]));
}

#[test]
fn an_invitation_that_may_be_there_is_taken_back_until_the_peer_knows() {
    let mut bob = Driver::greeting();
    assert!(!bob.chat.is_untold());
    assert_eq!(bob.does(|chat| chat.close(at(1), false).unwrap()), []);
    assert_eq!(bob.events(), [closed(Reason::Quit)]);
    assert_eq!((bob.chat.is_over_for_us(), bob.chat.ends_at()), (true, Some(at(30_001))));
    assert_eq!(bob.hears(at(40), C1, hello(Stands::Invited)), [says(C1, bye())]);
    assert_eq!(bob.hears(at(80), C1, bye()), [ends(C1)]);
    assert_eq!((bob.state(), bob.events()), (State::Closed, vec![]));
}

#[test]
fn an_invitation_that_is_there_is_taken_back_on_a_new_channel_if_that_is_gone() {
    let mut bob = Driver::inviting();
    bob.breaks(at(1_000), C1, Broken::Lost);
    bob.does(|chat| chat.close(at(2_000), false).unwrap());
    // It would have been made anew after 20 s only.
    assert_eq!(bob.chat.poll_timeout(), Some(at(2_000)));
    bob.connects(at(2_000), C2);
    assert_eq!(bob.hears(at(2_040), C2, hello(Stands::Invited)), [says(C2, bye())]);
}

#[test]
fn a_peer_that_does_not_come_is_told_nothing_after_its_time() {
    let mut bob = Driver::inviting();
    bob.breaks(at(0), C1, Broken::Lost);
    bob.does(|chat| chat.close(at(1_000), false).unwrap());
    bob.waits(at(31_000));
    assert_eq!((bob.state(), bob.events()), (State::Closed, vec![closed(Reason::Quit)]));
}

#[test]
fn an_invitation_that_is_taken_back_is_withdrawn() {
    let mut bob = Driver::invited();
    assert_eq!(bob.hears(at(1), C1, bye()), [says(C1, bye()), ends(C1)]);
    assert_eq!(bob.events(), [closed(Reason::Withdrawn)]);
}

#[test]
fn an_invitation_without_an_answer_ends_in_its_time() {
    let mut bob = Driver::inviting();
    assert_eq!(bob.chat.poll_timeout(), Some(at(600_000)));
    assert!(bob.chat.is_expired(at(600_000)) && !bob.chat.is_expired(at(599_999)));
    assert_eq!(bob.waits(at(599_999)), []);
    assert_eq!(bob.waits(at(600_000)), [says(C1, bye())]);
    assert_eq!(bob.events(), [closed(Reason::NoAnswer)]);
}

#[test]
fn the_end_of_an_invitation_can_be_set_anew() {
    let mut bob = Driver::inviting();
    bob.does(|chat| chat.expire_at(at(5_000)));
    assert_eq!(bob.chat.poll_timeout(), Some(at(5_000)));
    let mut bob = Driver::open();
    bob.does(|chat| chat.expire_at(at(5_000)));
    assert_eq!(bob.chat.poll_timeout(), None);
}

#[test]
fn a_request_without_an_answer_ends_in_its_time_and_the_peer_is_told() {
    let mut bob = Driver::invited();
    assert_eq!(bob.waits(at(600_000)), [says(C1, bye())]);
    assert_eq!(bob.events(), [closed(Reason::RequestExpired)]);
}

#[test]
fn a_request_that_gives_way_is_declined() {
    let mut bob = Driver::invited();
    assert_eq!(bob.does(SecureChat::give_way), [says(C1, bye()), ends(C1)]);
    assert_eq!(bob.events(), [closed(Reason::RequestExpired)]);
    let mut bob = Driver::open();
    assert_eq!(bob.does(SecureChat::give_way), []);
    assert_eq!(bob.state(), State::Open);
}

#[test]
fn nobody_is_there_if_nothing_listens_for_an_invitation_that_nobody_has() {
    let mut bob = Driver::fresh();
    bob.dials(at(0), C1);
    bob.breaks(at(1), C1, Broken::Unreachable);
    let why = "nobody listens for secure chats there (is simpd running on that host, and not with secure = \"off\"?)";
    assert_eq!(bob.events(), [ChatEvent::Closed { reason: Reason::NobodyThere, text: Some(why.to_owned()) }]);
    // A peer that has it may be about to start again.
    let mut bob = Driver::inviting();
    bob.breaks(at(1), C1, Broken::Lost);
    bob.dials(at(20_001), C2);
    bob.breaks(at(20_002), C2, Broken::Unreachable);
    assert_eq!((bob.state(), bob.events()), (State::Inviting, vec![]));
}

#[test]
fn an_invitation_is_not_for_whoever_has_another_key() {
    let other = KeyId::new([3; 32]);
    let mut bob = Driver::fresh();
    bob.dials(at(0), C1);
    bob.breaks(at(1), C1, Broken::OtherKey(other));
    let text = Some(other.to_string());
    assert_eq!(bob.events(), [ChatEvent::Closed { reason: Reason::OtherKey, text }]);
}

#[test]
fn an_acceptance_that_was_lost_is_said_by_the_next_hello() {
    let mut bob = Driver::inviting();
    bob.breaks(at(1), C1, Broken::Lost);
    // Ann opens a channel, for she has to say that it is open.
    assert_eq!(
        bob.meets(at(9), C2, hello(Stands::Open)),
        [says(C2, bob_hello(Stands::Open, 0)), says(C2, ack(0))]
    );
    assert_eq!(bob.events(), [ChatEvent::Opened]);
}

#[test]
fn a_request_is_accepted_on_a_new_channel_if_the_old_one_is_gone() {
    let mut bob = Driver::invited();
    bob.breaks(at(1), C1, Broken::Lost);
    assert!(!bob.chat.wants_channel(at(100_000)), "the user has not answered");
    assert_eq!(bob.does(|chat| chat.accept(at(100_000)).unwrap()), []);
    bob.connects(at(100_000), C2);
    assert_eq!(bob.hears(at(100_050), C2, hello(Stands::Open)), []);
    assert_eq!((bob.chat.poll_timeout(), bob.state()), (None, State::Open));
}

#[test]
fn an_invitation_that_comes_again_changes_nothing() {
    let mut bob = Driver::invited();
    assert_eq!(
        bob.meets(at(20_000), C2, hello(Stands::Inviting)),
        [ends(C1), says(C2, bob_hello(Stands::Invited, 0))]
    );
    assert_eq!((bob.state(), bob.events()), (State::Invited, vec![]));
}

#[test]
fn if_both_invite_the_chat_is_open_at_once() {
    let Frame::Hello(hello) = hello(Stands::Inviting) else { unreachable!() };
    let whose = (C1, ann_key());
    let mut bob = Driver::new(SecureChat::met(at(0), bob(9), whose, &hello, Vec::new()));
    assert_eq!(bob.drain(), [says(C1, bob_hello(Stands::Open, 0))]);
    assert_eq!((bob.state(), bob.events()), (State::Open, vec![ChatEvent::Opened]));
    assert_eq!(bob.hears(at(1), C1, ack(0)), []);
    assert_eq!(bob.chat.poll_timeout(), None);
}

#[test]
fn an_invitation_may_be_older_than_a_chat_that_has_just_opened() {
    let bob = Driver::open();
    assert!(bob.chat.is_newly_open(at(4_999)) && !bob.chat.is_newly_open(at(5_000)));
    assert!(!Driver::inviting().chat.is_newly_open(at(0)));
}

#[test]
fn a_peer_that_has_forgotten_the_chat_ends_it_with_its_invitation() {
    let mut bob = Driver::away();
    bob.sends(at(1), 1, "one");
    bob.does(SecureChat::end_forgotten);
    let lost = ChatEvent::Undelivered(simp_proto::MessageId(1), Reason::PeerRestarted);
    assert_eq!(bob.events(), [lost, closed(Reason::PeerRestarted)]);
    let mut bob = Driver::invited();
    assert_eq!(bob.does(SecureChat::end_forgotten), [ends(C1)]);
    assert_eq!(bob.events(), [closed(Reason::Withdrawn)]);
    let mut bob = Driver::leaving();
    assert_eq!(bob.does(SecureChat::end_forgotten), [ends(C1)]);
    assert_eq!(bob.events(), [closed(Reason::Quit)]);
}

#[test]
fn a_user_who_invites_again_ends_what_was_closing() {
    let mut bob = Driver::draining();
    assert_eq!(bob.does(SecureChat::abandon), [ends(C1)]);
    let lost = ChatEvent::Undelivered(simp_proto::MessageId(1), Reason::Quit);
    assert_eq!(bob.events(), [lost, closed(Reason::Quit)]);
}

#[test]
fn an_invitation_for_a_time_without_end_has_no_deadline_that_overflows() {
    let after = Duration::from_millis(u64::MAX);
    let chat = SecureChat::invite(at(0), bob(9), (CHAT, Some(ann_key())), after);
    let mut bob = Driver::new(chat);
    bob.connects(at(0), ChannelId(u64::MAX));
    assert!(bob.chat.poll_timeout().is_some());
}

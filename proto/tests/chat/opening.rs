//! Inviting, requests, and both at once (SIMP 2, 4, 5).

use std::time::Duration;

use simp_proto::{
    Chat, ChatEvent, Datagram, Deviations, Dialect, Handled, Known, Operation, Settings, StateError,
};
use simp_proto::{Reason, State};

use crate::chat::driver::{Driver, SETTINGS, closed, closed_with, delivered, message, undelivered};
use crate::common::{ANN, BOB, Says, at};

#[test]
fn an_invitation_is_a_syn_and_opens_with_the_peers_syn_ack() {
    let mut bob = Driver::new(Chat::invite(at(0), BOB.us(), Dialect::default(), SETTINGS.request_expiry));
    assert_eq!(bob.transmits(at(0)), [BOB.syn()]);
    assert_eq!(bob.state(), State::Inviting);
    assert_eq!(bob.hears(at(900), &ANN.syn_ack()), Handled::Expected);
    assert_eq!(bob.transmits(at(900)), [BOB.ack(0)]);
    assert_eq!(bob.events(), [ChatEvent::Opened]);
    assert_eq!(bob.state(), State::Open);
    assert_eq!(bob.chat.poll_timeout(), None);
}

#[test]
fn the_peers_name_is_learned_from_its_syn_ack() {
    let mut bob = Driver::inviting();
    assert_eq!(bob.chat.user(), "");
    bob.hears(at(10), &Says("Ann Lee").syn_ack());
    assert_eq!(bob.chat.user(), "Ann Lee");
}

#[test]
fn the_peers_name_is_learned_from_its_syn() {
    assert_eq!(Driver::invited().chat.user(), "ann");
    let mut bob = Driver::inviting();
    bob.hears(at(10), &ANN.syn());
    assert_eq!(bob.chat.user(), "ann");
}

#[test]
fn the_handshake_is_acknowledged_with_the_sequence_of_the_syn_ack() {
    let mut bob = Driver::inviting();
    bob.hears(at(10), &ANN.says(Operation::SynAck, 1, b""));
    assert_eq!(bob.transmits(at(10)), [BOB.ack(1)]);
}

#[test]
fn nothing_can_be_sent_before_an_invitation_is_answered() {
    assert_eq!(Driver::inviting().send(at(1), 1, "hi"), Err(StateError(State::Inviting)));
    assert_eq!(Driver::invited().send(at(1), 1, "hi"), Err(StateError(State::Invited)));
    assert_eq!(StateError(State::Invited).to_string(), "the chat is invited");
}

#[test]
fn a_request_is_told_and_answered_by_nothing_until_the_user_answers() {
    let mut bob = Driver::new(Chat::invited(at(0), BOB.us(), Dialect::default(), &ANN.syn()));
    assert_eq!(bob.transmits(at(0)), []);
    assert_eq!(bob.events(), [ChatEvent::Request]);
    assert_eq!(bob.schedule(at(599_999)), []);
    assert_eq!(bob.state(), State::Invited);
}

#[test]
fn further_syns_of_a_waiting_request_change_nothing() {
    let mut bob = Driver::invited();
    for second in [20, 60, 180] {
        assert_eq!(bob.hears(at(second * 1000), &ANN.syn()), Handled::Ignored);
        assert_eq!(bob.transmits(at(second * 1000)), []);
    }
    assert_eq!(bob.events(), []);
}

#[test]
fn an_accepted_request_opens_with_the_ack() {
    let mut bob = Driver::invited();
    bob.chat.accept(at(3_000)).unwrap();
    assert_eq!(bob.transmits(at(3_000)), [BOB.syn_ack()]);
    assert_eq!((bob.state(), bob.events()), (State::Accepting, vec![]));
    assert_eq!(bob.hears(at(3_100), &ANN.ack(0)), Handled::Expected);
    assert_eq!(bob.transmits(at(3_100)), []);
    assert_eq!((bob.state(), bob.events()), (State::Open, vec![ChatEvent::Opened]));
}

#[test]
fn a_syn_ack_without_an_ack_is_repeated_every_five_seconds() {
    let mut bob = Driver::accepting();
    let again = |ms| (ms, BOB.syn_ack());
    assert_eq!(bob.transmits(at(4_999)), []);
    assert_eq!(
        bob.schedule(at(100_000)),
        [again(5_000), again(10_000), again(15_000), again(20_000), again(25_000), (30_000, BOB.fin(0))]
    );
    assert_eq!(bob.events(), [closed(Reason::PeerGone)]);
}

#[test]
fn messages_queued_while_accepting_are_undelivered_when_the_peer_is_gone() {
    let mut bob = Driver::accepting();
    bob.send(at(1), 1, "one").unwrap();
    bob.send(at(2), 2, "two").unwrap();
    bob.schedule(at(29_999));
    assert_eq!(bob.events(), []);
    assert_eq!(bob.transmits(at(30_000)), [BOB.fin(0)]);
    assert_eq!(
        bob.events(),
        [undelivered(1, Reason::PeerGone), undelivered(2, Reason::PeerGone), closed(Reason::PeerGone)]
    );
}

#[test]
fn messages_queued_while_accepting_are_undelivered_when_the_peer_takes_back() {
    for end in [ANN.fin(0), ANN.err("no")] {
        let mut bob = Driver::accepting();
        bob.send(at(1), 1, "one").unwrap();
        bob.hears(at(2), &end);
        bob.transmits(at(2));
        let events = bob.events();
        assert_eq!(events[0], undelivered(1, Reason::Withdrawn));
        assert!(matches!(events[1], ChatEvent::Closed { reason: Reason::Withdrawn, .. }));
    }
}

#[test]
fn a_chat_stands_for_the_lost_ack_of_the_handshake() {
    let mut bob = Driver::accepting();
    assert_eq!(bob.hears(at(1_000), &ANN.chat(0, "hi")), Handled::Expected);
    assert_eq!(bob.transmits(at(1_000)), [BOB.ack(0)]);
    assert_eq!(bob.events(), [ChatEvent::Opened, message(0, "hi")]);
    assert_eq!(bob.schedule(at(60_000)), []);
}

#[test]
fn each_repeated_syn_ack_is_acknowledged_again() {
    let mut bob = Driver::open();
    for second in [5, 10, 15] {
        assert_eq!(bob.hears(at(second * 1000), &ANN.syn_ack()), Handled::Expected);
        assert_eq!(bob.transmits(at(second * 1000)), [BOB.ack(0)]);
    }
    assert_eq!(bob.events(), []);
}

#[test]
fn a_syn_to_one_who_has_accepted_gets_the_syn_ack_again() {
    let mut bob = Driver::accepting();
    assert_eq!(bob.hears(at(2_000), &ANN.syn()), Handled::Expected);
    assert_eq!(bob.transmits(at(2_000)), [BOB.syn_ack()]);
    assert_eq!(bob.schedule(at(7_000)), [(7_000, BOB.syn_ack())]);
}

#[test]
fn copies_of_one_syn_get_one_syn_ack() {
    let mut bob = Driver::accepting();
    for ms in [0, 200, 999] {
        assert_eq!(bob.hears(at(ms), &ANN.syn()), Handled::Ignored);
        assert_eq!(bob.transmits(at(ms)), []);
    }
}

#[test]
fn a_declined_request_is_over_at_once_and_the_fin_repeated_until_its_ack() {
    let mut bob = Driver::invited();
    bob.chat.decline(at(1_000)).unwrap();
    assert_eq!(bob.transmits(at(1_000)), [BOB.fin(0)]);
    assert_eq!(bob.events(), [closed(Reason::WeDeclined)]);
    assert!(bob.chat.is_over_for_us());
    assert_eq!(bob.schedule(at(11_000)), [(6_000, BOB.fin(0)), (11_000, BOB.fin(1))]);
    bob.hears(at(11_100), &ANN.ack(0));
    assert_eq!(bob.schedule(at(100_000)), []);
    assert_eq!((bob.state(), bob.events()), (State::Closed, vec![]));
}

#[test]
fn a_request_is_answered_only_once() {
    let mut bob = Driver::accepting();
    assert_eq!(bob.chat.accept(at(1)), Err(StateError(State::Accepting)));
    assert_eq!(bob.chat.decline(at(1)), Err(StateError(State::Accepting)));
    assert_eq!(Driver::open().chat.decline(at(1)), Err(StateError(State::Open)));
    assert_eq!(Driver::inviting().chat.accept(at(1)), Err(StateError(State::Inviting)));
}

#[test]
fn a_request_expires_and_the_peer_is_told() {
    let mut bob = Driver::invited();
    assert_eq!(bob.chat.poll_timeout(), Some(at(600_000)));
    assert_eq!(bob.transmits(at(600_000)), [BOB.fin(0)]);
    assert_eq!(bob.events(), [closed(Reason::RequestExpired)]);
}

#[test]
fn a_declined_invitation_is_acknowledged_and_closed() {
    let mut bob = Driver::inviting();
    bob.hears(at(500), &ANN.fin(1));
    assert_eq!(bob.transmits(at(500)), [BOB.ack(1)]);
    assert_eq!(bob.events(), [closed(Reason::PeerDeclined)]);
}

#[test]
fn a_decline_with_words_tells_them() {
    let mut bob = Driver::inviting();
    bob.hears(at(500), &ANN.says(Operation::Fin, 1, b"not today"));
    bob.transmits(at(500));
    assert_eq!(bob.events(), [closed_with(Reason::PeerDeclined, "not today")]);
}

#[test]
fn a_busy_peer_is_recognised_by_its_words() {
    for words in [
        "User already in another chat",
        "User is busy in another chat",
        "BUSY",
        "I am Already In a chat",
        "in another chat, sorry",
    ] {
        let mut bob = Driver::inviting();
        bob.hears(at(500), &ANN.err(words));
        assert_eq!(bob.transmits(at(500)), []);
        assert_eq!(bob.events(), [closed_with(Reason::PeerBusy, words)]);
        // The FIN that follows finds no chat any more: the caller answers it.
        assert_eq!(bob.hears(at(501), &ANN.fin(0)), Handled::Ignored);
    }
}

#[test]
fn another_err_declines_the_invitation_with_its_text() {
    let mut bob = Driver::inviting();
    bob.hears(at(500), &ANN.err("Connection rejected"));
    bob.transmits(at(500));
    assert_eq!(bob.events(), [closed_with(Reason::PeerDeclined, "Connection rejected")]);
    let mut bob = Driver::inviting();
    bob.hears(at(500), &ANN.err(""));
    bob.transmits(at(500));
    assert_eq!(bob.events(), [closed(Reason::PeerDeclined)]);
}

#[test]
fn an_err_withdraws_the_peers_own_request() {
    let mut bob = Driver::invited();
    bob.hears(at(500), &ANN.err("changed my mind"));
    assert_eq!(bob.transmits(at(500)), []);
    assert_eq!(bob.events(), [closed_with(Reason::Withdrawn, "changed my mind")]);
}

#[test]
fn a_fin_withdraws_the_peers_request() {
    for mut bob in [Driver::invited(), Driver::accepting()] {
        bob.hears(at(500), &ANN.fin(0));
        assert_eq!(bob.transmits(at(500)), [BOB.ack(0)]);
        assert_eq!(bob.events(), [closed(Reason::Withdrawn)]);
    }
}

#[test]
fn a_syn_is_repeated_after_20_s_and_60_s_and_then_every_two_minutes() {
    let mut bob = Driver::inviting();
    let syns = bob.schedule(at(599_999));
    assert_eq!(syns, [20, 60, 180, 300, 420, 540].map(|second| (second * 1000, BOB.syn())));
}

#[test]
fn an_invitation_expires_and_the_peer_is_told() {
    let mut bob = Driver::new(Chat::invite(at(0), BOB.us(), Dialect::default(), Duration::from_secs(30)));
    assert_eq!(bob.transmits(at(0)), [BOB.syn()]);
    assert_eq!(bob.schedule(at(30_000)), [(20_000, BOB.syn()), (30_000, BOB.fin(0))]);
    assert_eq!(bob.events(), [closed(Reason::NoAnswer)]);
    assert_eq!(bob.schedule(at(35_000)), [(35_000, BOB.fin(0))]);
    bob.hears(at(35_100), &ANN.ack(0));
    assert_eq!(bob.schedule(at(100_000)), []);
    assert_eq!((bob.state(), bob.events()), (State::Closed, vec![]));
}

#[test]
fn an_acceptance_that_comes_after_the_invitation_was_taken_back_gets_the_fin_again() {
    let mut bob = Driver::taking_back();
    assert_eq!(bob.hears(at(100), &ANN.syn_ack()), Handled::Expected);
    assert_eq!(bob.transmits(at(100)), [BOB.fin(0)]);
    assert_eq!((bob.state(), bob.events()), (State::Closing, vec![]));
}

#[test]
fn taking_an_invitation_back_is_over_at_once_for_the_user() {
    let mut bob = Driver::inviting();
    bob.chat.close(at(100), false).unwrap();
    assert_eq!(bob.transmits(at(100)), [BOB.fin(0)]);
    assert_eq!(bob.events(), [closed(Reason::Quit)]);
    assert!(bob.chat.is_over_for_us());
}

#[test]
fn closing_a_request_declines_it() {
    let mut bob = Driver::invited();
    bob.chat.close(at(100), true).unwrap();
    assert_eq!(bob.transmits(at(100)), [BOB.fin(0)]);
    assert_eq!(bob.events(), [closed(Reason::WeDeclined)]);
}

#[test]
fn two_who_invite_each_other_accept_each_other() {
    let mut bob = Driver::inviting();
    assert_eq!(bob.hears(at(50), &ANN.syn()), Handled::Expected);
    assert_eq!(bob.transmits(at(50)), [BOB.syn_ack()]);
    assert_eq!((bob.state(), bob.events()), (State::Accepting, vec![]));
    assert_eq!(bob.hears(at(100), &ANN.syn_ack()), Handled::Expected);
    assert_eq!(bob.transmits(at(100)), [BOB.ack(0)]);
    assert_eq!(bob.events(), [ChatEvent::Opened]);
    assert_eq!(bob.hears(at(150), &ANN.ack(0)), Handled::Ignored);
    assert_eq!(bob.transmits(at(150)), []);
    assert_eq!(bob.state(), State::Open);
}

#[test]
fn a_syn_within_ten_seconds_of_the_opening_is_late_and_gets_the_syn_ack_again() {
    let mut bob = Driver::open_as_invited();
    assert_eq!(bob.hears(at(9_999), &ANN.syn()), Handled::Expected);
    assert_eq!(bob.transmits(at(9_999)), [BOB.syn_ack()]);
    assert_eq!((bob.state(), bob.events()), (State::Open, vec![]));
}

#[test]
fn a_syn_ten_seconds_after_the_opening_says_that_the_peer_has_restarted() {
    for mut bob in [Driver::open(), Driver::open_as_invited()] {
        bob.send(at(5_000), 1, "one").unwrap();
        bob.send(at(5_000), 2, "two").unwrap();
        assert_eq!(bob.hears(at(10_000), &ANN.syn()), Handled::InvitesAnew);
        assert_eq!(bob.drain(), []);
        assert_eq!(
            bob.events(),
            [
                undelivered(1, Reason::PeerRestarted),
                undelivered(2, Reason::PeerRestarted),
                closed(Reason::PeerRestarted)
            ]
        );
    }
}

#[test]
fn a_late_syn_of_a_chat_that_is_being_left_does_not_end_it() {
    let mut bob = Driver::draining();
    bob.hears(at(3_000), &ANN.syn());
    assert_eq!(bob.drain(), []);
    assert_eq!((bob.state(), bob.events()), (State::Closing, vec![]));
    bob.hears(at(3_100), &ANN.ack(0));
    assert_eq!(bob.transmits(at(3_100)), [BOB.fin(1)]);
    assert_eq!(bob.events(), [delivered(1)]);
}

#[test]
fn a_syn_to_one_who_has_left_is_a_new_invitation() {
    for (mut bob, events) in
        [(Driver::leaving(), vec![closed(Reason::Quit)]), (Driver::taking_back(), vec![])]
    {
        assert_eq!(bob.hears(at(100), &ANN.syn()), Handled::InvitesAnew);
        assert_eq!(bob.transmits(at(100)), []);
        assert_eq!((bob.state(), bob.events()), (State::Closed, events));
    }
}

#[test]
fn a_port_without_a_listener_ends_an_opening_at_once() {
    for mut bob in [Driver::inviting(), Driver::accepting()] {
        bob.chat.handle_unreachable();
        assert_eq!(bob.transmits(at(10)), []);
        assert_eq!(bob.events(), [closed(Reason::NobodyThere)]);
    }
}

#[test]
fn a_port_without_a_listener_does_not_end_a_waiting_request() {
    let mut bob = Driver::invited();
    bob.chat.handle_unreachable();
    assert_eq!(bob.transmits(at(10)), []);
    assert_eq!((bob.state(), bob.events()), (State::Invited, vec![]));
}

#[test]
fn the_default_settings_are_six_attempts_and_ten_minutes() {
    assert_eq!(Settings::default(), SETTINGS);
}

#[test]
fn whoever_invites_anew_is_answered_once_no_copy_of_the_old_chat_is_under_way() {
    let mut old = Driver::open();
    old.send(at(20_000), 1, "hi").unwrap();
    assert_eq!(old.chat.copies_live_until(), Some(at(22_500)));
    let mut bob = Driver::new(Chat::invited(at(21_000), BOB.us(), Dialect::default(), &ANN.syn()));
    bob.chat.answer_from(at(22_500));
    bob.chat.accept(at(21_100)).unwrap();
    assert_eq!(bob.hears(at(21_200), &ANN.syn()), Handled::Ignored);
    assert_eq!(bob.transmits(at(22_499)), []);
    assert_eq!(bob.transmits(at(22_500)), [BOB.syn_ack()]);
    assert_eq!(bob.transmits(at(27_499)), []);
    assert_eq!(bob.transmits(at(27_500)), [BOB.syn_ack()]);
}

#[test]
fn no_message_leaves_while_an_ack_may_come_of_what_was_sent_before_the_chat() {
    let mut bob = Driver::inviting();
    bob.chat.hold_until(at(3_000));
    bob.hears(at(100), &ANN.syn_ack());
    bob.send(at(100), 1, "hi").unwrap();
    assert_eq!(bob.drain(), [BOB.ack(0)]);
    assert_eq!(bob.schedule(at(3_000)), [(3_000, BOB.chat(0, "hi"))]);
}

#[test]
fn an_ack_that_may_be_of_something_sent_before_the_chat_is_not_taken_for_the_last_of_the_opening() {
    for (ack, first) in [(900, 5_000), (1_000, 1_500)] {
        let mut bob = Driver::accepting();
        bob.chat.hold_until(at(1_000));
        bob.hears(at(ack), &ANN.ack(0));
        bob.send(at(ack), 1, "hi").unwrap();
        assert_eq!(bob.schedule(at(9_000))[..1], [(first, BOB.chat(0, "hi"))], "ACK at {ack}");
    }
}

#[test]
fn of_a_peer_whose_ways_our_user_has_said_nothing_is_learned() {
    let known =
        |habits: &str| Known { dialect: habits.parse().unwrap(), is_pinned: true, is_stranger: false };
    let rings = Datagram { deviations: Deviations::PADDING, ..Says("Daemon").syn() };
    let mut bob = Driver::new(Chat::invited(at(0), BOB.us(), known("plain"), &rings));
    assert_eq!(bob.transmits(at(0)), []);
    bob.chat.accept(at(1)).unwrap();
    assert_eq!(bob.transmits(at(1)), [BOB.syn_ack()]);
    assert_eq!(bob.chat.dialect().to_string(), "plain");
    let expiry = SETTINGS.request_expiry;
    for (habits, state) in [("plain", State::Open), ("rings", State::Inviting)] {
        let mut bob = Driver::new(Chat::invite(at(0), BOB.us(), known(habits), expiry));
        bob.hears(at(1), &Says("Daemon").syn_ack());
        assert_eq!((bob.chat.state(), bob.chat.dialect().to_string()), (state, habits.to_owned()));
    }
    // One that rings all the same, and is accepted.
    let mut bob = Driver::new(Chat::invited(at(0), BOB.us(), known("rings"), &ANN.syn()));
    bob.chat.accept(at(1)).unwrap();
    assert_eq!(bob.chat.dialect().to_string(), "rings");
}

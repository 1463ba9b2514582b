//! Messages both ways: one in flight, resent, duplicates, the first message after a handshake (SIMP 3, 4, 6).

use std::time::Duration;

use simp_proto::{Chat, ChatEvent, Dialect, Handled, Operation, Settings, Us};
use simp_proto::{Reason, State};

use crate::chat::driver::{Driver, SETTINGS, closed, delivered, message, undelivered};
use crate::common::{ANN, BOB, at};

#[test]
fn a_message_leaves_at_once_and_its_ack_delivers_it() {
    let mut bob = Driver::open();
    bob.send(at(0), 7, "hi").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "hi")]);
    assert_eq!(bob.hears(at(40), &ANN.ack(0)), Handled::Expected);
    assert_eq!(bob.transmits(at(40)), []);
    assert_eq!(bob.events(), [delivered(7)]);
    assert_eq!(bob.chat.poll_timeout(), None);
}

#[test]
fn the_next_message_waits_for_the_ack_and_has_the_other_bit() {
    let mut bob = Driver::open();
    for (id, text) in [(1, "one"), (2, "two"), (3, "three")] {
        bob.send(at(0), id, text).unwrap();
    }
    assert_eq!(bob.drain(), [BOB.chat(0, "one")]);
    assert_eq!(bob.chat.unacknowledged(), 3);
    for (ack, next) in [(0, Some(BOB.chat(1, "two"))), (1, Some(BOB.chat(0, "three"))), (0, None)] {
        bob.hears(at(10), &ANN.ack(ack));
        assert_eq!(bob.drain().first(), next.as_ref());
    }
    assert_eq!(bob.events(), [delivered(1), delivered(2), delivered(3)]);
}

#[test]
fn a_message_without_an_ack_is_sent_again_after_five_seconds() {
    let mut bob = Driver::open();
    bob.send(at(0), 1, "hi").unwrap();
    assert_eq!(bob.transmits(at(0)), [BOB.chat(0, "hi")]);
    assert_eq!(bob.chat.poll_timeout(), Some(at(5_000)));
    assert_eq!(bob.transmits(at(4_999)), []);
    assert_eq!(bob.transmits(at(5_000)), [BOB.chat(0, "hi")]);
    assert_eq!(bob.transmits(at(9_999)), []);
}

#[test]
fn handle_timeout_says_whether_something_leaves_once_more() {
    let mut bob = Driver::open();
    bob.send(at(0), 1, "hi").unwrap();
    assert!(!bob.chat.handle_timeout(at(0)));
    assert!(bob.chat.handle_timeout(at(5_000)));
    assert!(Driver::inviting().chat.handle_timeout(at(20_000)));
    assert!(Driver::accepting().chat.handle_timeout(at(5_000)));
    assert!(Driver::leaving().chat.handle_timeout(at(5_000)));
    assert!(!Driver::invited().chat.handle_timeout(at(600_000)));
}

#[test]
fn a_late_call_waits_five_seconds_from_when_the_copy_left() {
    let mut bob = Driver::open();
    bob.send(at(0), 1, "hi").unwrap();
    bob.drain();
    assert_eq!(bob.transmits(at(8_000)), [BOB.chat(0, "hi")]);
    assert_eq!(bob.chat.poll_timeout(), Some(at(13_000)));
}

#[test]
fn after_six_attempts_all_that_is_queued_is_undelivered_in_order_and_the_peer_gone() {
    let mut bob = Driver::open();
    for id in 1..=3 {
        bob.send(at(0), id, "hi").unwrap();
    }
    bob.drain();
    let copies = bob.schedule(at(29_999));
    let again = [5_000, 10_000, 15_000, 20_000, 25_000];
    assert_eq!(copies, again.map(|ms| (ms, BOB.chat(0, "hi"))));
    assert_eq!((bob.state(), bob.events()), (State::Open, vec![]));
    assert_eq!(bob.transmits(at(30_000)), [BOB.fin(1)], "once, in case only its answers are lost");
    assert_eq!(
        bob.events(),
        [
            undelivered(1, Reason::PeerGone),
            undelivered(2, Reason::PeerGone),
            undelivered(3, Reason::PeerGone),
            closed(Reason::PeerGone)
        ]
    );
}

#[test]
fn the_number_of_attempts_is_a_setting() {
    let us = Us { settings: Settings { attempts: 1, ..SETTINGS }, ..BOB.us() };
    let mut bob = Driver::new(Chat::invite(at(0), us, Dialect::default(), Duration::from_secs(60)));
    bob.hears(at(0), &ANN.syn_ack());
    bob.send(at(0), 1, "hi").unwrap();
    bob.transmits(at(0));
    assert_eq!(bob.schedule(at(60_000)), [(5_000, BOB.fin(1))]);
    assert_eq!(bob.events(), [ChatEvent::Opened, undelivered(1, Reason::PeerGone), closed(Reason::PeerGone)]);
}

#[test]
fn the_attempts_of_one_message_do_not_count_for_the_next() {
    let mut bob = Driver::open();
    bob.send(at(0), 1, "one").unwrap();
    bob.send(at(0), 2, "two").unwrap();
    bob.schedule(at(25_000));
    bob.hears(at(26_000), &ANN.ack(0));
    bob.drain();
    assert_eq!(bob.schedule(at(51_000)).len(), 5);
    assert_eq!(bob.events(), [delivered(1)]);
}

#[test]
fn early_and_spurious_timeouts_do_nothing() {
    for mut bob in [
        Driver::inviting(),
        Driver::invited(),
        Driver::accepting(),
        Driver::open(),
        Driver::draining(),
        Driver::leaving(),
        Driver::taking_back(),
        Driver::closed(),
    ] {
        let (state, deadline) = (bob.state(), bob.chat.poll_timeout());
        for ms in [0, 1, 4_999, 4_999] {
            assert!(!bob.chat.handle_timeout(at(ms)));
            assert_eq!(bob.drain(), []);
        }
        assert_eq!((bob.state(), bob.events()), (state, vec![]));
        assert_eq!(bob.chat.poll_timeout(), deadline);
    }
}

#[test]
fn an_ack_with_the_wrong_bit_that_may_be_of_an_earlier_message_is_ignored() {
    let mut bob = Driver::open();
    bob.send(at(0), 1, "hi").unwrap();
    bob.hears(at(0), &ANN.ack(0));
    bob.send(at(0), 2, "you").unwrap();
    bob.drain();
    bob.events();
    for ms in [0, 100, 4_999] {
        assert_eq!(bob.hears(at(ms), &ANN.ack(0)), Handled::Ignored);
    }
    assert_eq!(bob.transmits(at(5_000)), [BOB.chat(1, "you")]);
    assert_eq!(bob.events(), []);
}

#[test]
fn the_ack_of_an_earlier_message_does_not_deliver_the_next() {
    let mut bob = Driver::open();
    bob.send(at(0), 1, "one").unwrap();
    bob.send(at(0), 2, "two").unwrap();
    bob.hears(at(10), &ANN.ack(0));
    assert_eq!(bob.hears(at(11), &ANN.ack(0)), Handled::Ignored);
    bob.drain();
    assert_eq!(bob.events(), [delivered(1)]);
}

#[test]
fn an_ack_for_nothing_is_ignored() {
    let mut bob = Driver::open();
    assert_eq!(bob.hears(at(10), &ANN.ack(0)), Handled::Ignored);
    bob.send(at(20), 1, "hi").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "hi")]);
}

#[test]
fn an_ack_just_before_its_timeout_stops_the_copy() {
    let mut bob = Driver::open();
    bob.send(at(0), 1, "hi").unwrap();
    bob.drain();
    bob.chat.handle_timeout(at(5_000));
    bob.hears(at(5_000), &ANN.ack(0));
    assert_eq!(bob.drain(), []);
    assert_eq!(bob.events(), [delivered(1)]);
}

#[test]
fn a_text_is_told_and_acknowledged_with_its_bit() {
    let mut bob = Driver::open();
    for (seq, text) in [(0, "one"), (1, "two"), (0, "three")] {
        assert_eq!(bob.hears(at(10), &ANN.chat(seq, text)), Handled::Expected);
        assert_eq!(bob.drain(), [BOB.ack(seq)]);
        assert_eq!(bob.events(), [message(seq, text)]);
    }
}

#[test]
fn a_duplicate_is_acknowledged_again_and_not_told() {
    let mut bob = Driver::open();
    bob.hears(at(0), &ANN.chat(0, "hi"));
    bob.drain();
    for second in [0, 5, 10] {
        assert_eq!(bob.hears(at(second * 1000), &ANN.chat(0, "hi")), Handled::Duplicate);
        assert_eq!(bob.drain(), [BOB.ack(0)]);
    }
    assert_eq!(bob.events(), [message(0, "hi")]);
}

#[test]
fn the_same_text_with_the_other_bit_is_a_new_message() {
    let mut bob = Driver::open();
    bob.hears(at(0), &ANN.chat(0, "hi"));
    assert_eq!(bob.hears(at(1), &ANN.chat(1, "hi")), Handled::Expected);
    bob.drain();
    assert_eq!(bob.events(), [message(0, "hi"), message(1, "hi")]);
}

#[test]
fn another_text_with_the_same_bit_is_told_because_a_line_twice_is_better_than_a_line_lost() {
    let mut bob = Driver::open();
    bob.hears(at(0), &ANN.chat(0, "one"));
    assert_eq!(bob.hears(at(1), &ANN.chat(0, "two")), Handled::Expected);
    assert_eq!(bob.drain(), [BOB.ack(0), BOB.ack(0)]);
    assert_eq!(bob.events(), [message(0, "one"), message(0, "two")]);
}

#[test]
fn a_sequence_beyond_the_bit_is_echoed() {
    let mut bob = Driver::open();
    bob.hears(at(0), &ANN.chat(200, "hi"));
    assert_eq!(bob.drain(), [BOB.ack(200)]);
}

#[test]
fn the_directions_are_independent() {
    let mut bob = Driver::open();
    bob.hears(at(0), &ANN.chat(0, "hers"));
    bob.hears(at(1), &ANN.chat(1, "hers too"));
    bob.drain();
    bob.send(at(2), 1, "his").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "his")]);
    bob.hears(at(3), &ANN.chat(0, "more"));
    assert_eq!(bob.drain(), [BOB.ack(0)]);
    assert_eq!(bob.chat.unacknowledged(), 1);
}

#[test]
fn a_text_is_told_before_its_ack_leaves() {
    let mut bob = Driver::open();
    bob.hears(at(0), &ANN.chat(0, "hi"));
    assert_eq!(bob.chat.poll_event(), Some(message(0, "hi")));
    assert_eq!(bob.chat.poll_transmit(), Some(BOB.ack(0)));
}

#[test]
fn a_text_that_is_not_utf8_keeps_every_byte() {
    let mut bob = Driver::open();
    bob.hears(at(0), &ANN.says(Operation::Chat, 0, b"gr\xfcn \xff"));
    bob.hears(at(0), &ANN.says(Operation::Chat, 1, "gr\u{fc}n".as_bytes()));
    bob.hears(at(0), &ANN.says(Operation::Err, 0, b"\xe4h"));
    bob.drain();
    assert_eq!(
        bob.events(),
        [
            message(0, "gr\u{fc}n \u{ff}"),
            message(1, "gr\u{fc}n"),
            ChatEvent::Error { text: "\u{e4}h".to_owned() }
        ]
    );
}

#[test]
fn an_err_in_an_open_chat_is_told_and_changes_nothing() {
    let mut bob = Driver::open();
    bob.send(at(0), 1, "hi").unwrap();
    bob.drain();
    bob.hears(at(100), &ANN.err("User already in another chat"));
    assert_eq!(bob.drain(), []);
    assert_eq!(bob.events(), [ChatEvent::Error { text: "User already in another chat".to_owned() }]);
    assert_eq!(bob.state(), State::Open);
    assert_eq!(bob.transmits(at(5_000)), [BOB.chat(0, "hi")]);
}

#[test]
fn a_port_without_a_listener_does_not_end_an_open_chat() {
    for mut bob in [Driver::open(), Driver::draining()] {
        let state = bob.state();
        bob.chat.handle_unreachable();
        assert_eq!(bob.drain(), []);
        assert_eq!((bob.state(), bob.events()), (state, vec![]));
    }
}

/// The ACK of our SYN+ACK and that of our first message are the same datagram, so these do not overlap.
mod first_message {
    use super::*;

    #[test]
    fn it_waits_half_a_second_for_copies_of_the_handshakes_ack() {
        let mut bob = Driver::open_as_invited();
        bob.send(at(0), 1, "hi").unwrap();
        assert_eq!(bob.drain(), []);
        assert_eq!(bob.schedule(at(500)), [(500, BOB.chat(0, "hi"))]);
    }

    #[test]
    fn a_copy_of_the_handshakes_ack_does_not_deliver_it() {
        let mut bob = Driver::open_as_invited();
        bob.send(at(0), 1, "hi").unwrap();
        assert_eq!(bob.hears(at(200), &ANN.ack(0)), Handled::Ignored);
        assert_eq!(bob.schedule(at(700)), [(700, BOB.chat(0, "hi"))]);
        assert_eq!(bob.events(), []);
    }

    #[test]
    fn it_does_not_wait_where_the_peer_sent_the_syn_ack() {
        let mut bob = Driver::open();
        bob.send(at(0), 1, "hi").unwrap();
        assert_eq!(bob.drain(), [BOB.chat(0, "hi")]);
    }

    #[test]
    fn it_waits_as_long_as_the_missing_ack_lives_where_a_chat_stood_for_it() {
        let mut bob = Driver::accepting();
        bob.send(at(1), 1, "hi").unwrap();
        bob.hears(at(1_000), &ANN.chat(0, "hers"));
        bob.drain();
        assert_eq!(bob.schedule(at(5_000)), [(5_000, BOB.chat(0, "hi"))]);
    }

    #[test]
    fn it_waits_as_long_where_both_invited_and_less_once_the_ack_has_come() {
        let mut bob = Driver::inviting();
        bob.hears(at(50), &ANN.syn());
        bob.hears(at(100), &ANN.syn_ack());
        bob.send(at(100), 1, "hi").unwrap();
        assert_eq!(bob.drain(), [BOB.syn_ack(), BOB.ack(0)]);
        assert_eq!(bob.transmits(at(150)), []);
        assert_eq!(bob.hears(at(150), &ANN.ack(0)), Handled::Ignored);
        assert_eq!(bob.schedule(at(650)), [(650, BOB.chat(0, "hi"))]);
    }

    #[test]
    fn what_waited_leaves_in_order_with_what_came_later() {
        let mut bob = Driver::accepting();
        bob.send(at(1), 1, "one").unwrap();
        bob.hears(at(10), &ANN.ack(0));
        bob.send(at(11), 2, "two").unwrap();
        assert_eq!(bob.schedule(at(510)), [(510, BOB.chat(0, "one"))]);
        bob.hears(at(600), &ANN.ack(0));
        assert_eq!(bob.drain(), [BOB.chat(1, "two")]);
    }

    #[test]
    fn a_late_syn_is_not_answered_while_it_is_in_flight() {
        let mut bob = Driver::open_as_invited();
        bob.send(at(0), 1, "hi").unwrap();
        bob.schedule(at(500));
        assert_eq!(bob.hears(at(1_000), &ANN.syn()), Handled::Ignored);
        assert_eq!(bob.transmits(at(1_000)), []);
    }

    #[test]
    fn it_waits_until_a_late_syn_ack_and_its_ack_are_dead() {
        let mut bob = Driver::open_as_invited();
        bob.hears(at(1_000), &ANN.syn());
        bob.send(at(1_001), 1, "hi").unwrap();
        assert_eq!(bob.transmits(at(1_001)), [BOB.syn_ack()]);
        assert_eq!(bob.hears(at(1_100), &ANN.ack(0)), Handled::Ignored);
        assert_eq!(bob.schedule(at(6_000)), [(6_000, BOB.chat(0, "hi"))]);
        assert_eq!(bob.events(), []);
    }

    #[test]
    fn it_waits_until_all_is_dead_where_the_syn_ack_was_repeated() {
        let mut bob = Driver::accepting();
        bob.send(at(1), 1, "hi").unwrap();
        bob.schedule(at(5_000));
        bob.hears(at(5_100), &ANN.ack(0));
        for ms in [5_200, 9_900] {
            assert_eq!(bob.hears(at(ms), &ANN.ack(0)), Handled::Ignored);
        }
        assert_eq!(bob.schedule(at(10_400)), [(10_400, BOB.chat(0, "hi"))]);
    }

    #[test]
    fn a_syn_ack_that_a_syn_asked_for_counts_as_repeated() {
        let mut bob = Driver::accepting();
        bob.send(at(1), 1, "hi").unwrap();
        bob.hears(at(2_000), &ANN.syn());
        bob.hears(at(2_100), &ANN.ack(0));
        assert_eq!(bob.drain(), [BOB.syn_ack()]);
        assert_eq!(bob.hears(at(2_200), &ANN.ack(0)), Handled::Ignored);
        assert_eq!(bob.schedule(at(7_000)), [(7_000, BOB.chat(0, "hi"))]);
    }
}

#[test]
fn an_ack_that_may_be_of_an_earlier_chat_opens_and_that_of_the_syn_ack_is_still_waited_for() {
    let mut bob = Driver::new(Chat::invited(at(0), BOB.us(), Dialect::default(), &ANN.syn()));
    bob.chat.hold_until(at(2_000));
    bob.chat.accept(at(100)).unwrap();
    assert_eq!(bob.drain(), [BOB.syn_ack()]);
    bob.hears(at(200), &ANN.ack(0));
    bob.send(at(300), 1, "hi").unwrap();
    bob.hears(at(2_100), &ANN.ack(0));
    assert_eq!(bob.schedule(at(5_100)), [(5_100, BOB.chat(0, "hi"))]);
}

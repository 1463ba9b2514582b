//! Channels that break, are made anew, and of which there are two at once.

use simp_proto::secure::{Broken, ChannelId, ChatId, Frame, Hello, SecureChat, Stands};
use simp_proto::{ChatEvent, Reason, State};

use crate::common::{at, ms};
use crate::secure::driver::{
    C1, C2, C3, Driver, SETTINGS, ack, ann_key, bob, bob_hello, bye, closed, delivered, ends, hello,
    hello_with, message, says, text,
};

/// When it wants a channel, if that of this moment breaks as soon as this is done with it.
fn dials(bob: &mut Driver, count: u64, each: impl Fn(&mut Driver, u64, ChannelId)) -> Vec<u64> {
    let mut dials = Vec::new();
    for channel in 10..10 + count {
        let now = ms(bob.chat.poll_timeout().unwrap());
        bob.waits(at(now));
        dials.push(now);
        each(bob, now, ChannelId(channel));
    }
    dials
}

#[test]
fn dials_in_vain_become_rarer_up_to_5_s() {
    let mut bob = Driver::fresh();
    let all = dials(&mut bob, 8, |bob, now, channel| {
        bob.dials(at(now), channel);
        bob.breaks(at(now), channel, Broken::NoAnswer);
    });
    assert_eq!(all, [0, 250, 750, 1_750, 3_750, 7_750, 12_750, 17_750]);
}

#[test]
fn a_channel_that_breaks_before_the_hello_was_in_vain_too() {
    let mut bob = Driver::fresh();
    let all = dials(&mut bob, 4, |bob, now, channel| {
        bob.connects(at(now), channel);
        bob.breaks(at(now + 100), channel, Broken::Lost);
    });
    assert_eq!(all, [0, 350, 950, 2_050]);
}

#[test]
fn a_channel_that_was_up_for_a_while_is_made_anew_at_once() {
    let mut bob = Driver::open();
    bob.sends(at(5_000), 1, "one");
    bob.breaks(at(5_000), C1, Broken::Lost);
    let all = dials(&mut bob, 4, |bob, now, channel| {
        bob.connects(at(now), channel);
        bob.hears(at(now), channel, hello(Stands::Open));
        bob.breaks(at(now + 400), channel, Broken::Lost);
    });
    assert_eq!(all, [5_000, 5_400, 5_800, 6_200]);
}

#[test]
fn a_peer_that_breaks_each_channel_is_not_dialled_as_fast_as_the_network_can() {
    let mut bob = Driver::open();
    bob.sends(at(1_000), 1, "one");
    bob.breaks(at(1_000), C1, Broken::Lost);
    let all = dials(&mut bob, 8, |bob, now, channel| {
        bob.connects(at(now), channel);
        bob.hears(at(now), channel, hello(Stands::Open));
        assert_eq!(bob.hears(at(now), channel, Frame::Hello(ann_hello())), [ends(channel)]);
    });
    assert_eq!(all, [1_000, 1_250, 1_750, 2_750, 4_750, 8_750, 13_750, 18_750]);
}

fn ann_hello() -> Hello {
    let Frame::Hello(hello) = hello(Stands::Open) else { unreachable!() };
    hello
}

#[test]
fn an_invitation_that_waits_for_the_peers_user_is_made_anew_after_20_s() {
    let mut bob = Driver::inviting();
    bob.breaks(at(1_000), C1, Broken::Lost);
    assert_eq!(bob.chat.poll_timeout(), Some(at(21_000)));
    assert!(!bob.chat.wants_channel(at(20_999)) && bob.chat.wants_channel(at(21_000)));
}

#[test]
fn a_channel_that_breaks_between_the_hello_and_the_acceptance_costs_nothing() {
    let mut bob = Driver::inviting();
    bob.breaks(at(1_000), C1, Broken::Lost);
    bob.connects(at(21_000), C2);
    assert_eq!(bob.hears(at(21_001), C2, hello(Stands::Open)), [says(C2, ack(0))]);
    assert_eq!(bob.events(), [ChatEvent::Opened]);
}

#[test]
fn what_comes_over_a_channel_that_is_not_in_use_is_ignored() {
    let mut bob = Driver::away();
    for channel in [C1, C3] {
        for frame in [text(1, "hi"), ack(1), bye(), hello(Stands::Over)] {
            assert_eq!(bob.hears(at(1), channel, frame), []);
        }
        assert_eq!(bob.breaks(at(1), channel, Broken::Unreachable), []);
        assert_eq!(bob.does(|chat| chat.handle_connected(at(0), channel, ann_key())), []);
    }
    assert_eq!((bob.events(), bob.state()), (vec![], State::Open));
}

#[test]
fn a_channel_that_the_peer_opens_takes_the_place_of_one_that_is_up() {
    let mut bob = Driver::open();
    bob.sends(at(1), 1, "one");
    let leaves = [ends(C1), says(C2, bob_hello(Stands::Open, 0)), says(C2, text(1, "one"))];
    assert_eq!(bob.meets(at(2), C2, hello(Stands::Open)), leaves);
    assert_eq!(bob.hears(at(3), C1, ack(1)), []);
    assert_eq!(bob.hears(at(3), C2, ack(1)), []);
    assert_eq!(bob.events(), [delivered(1)]);
}

#[test]
fn if_both_dial_that_of_the_smaller_key_stays() {
    // Ann's key is smaller: hers.
    let mut bob = Driver::away();
    bob.sends(at(1), 1, "one");
    bob.connects(at(250), C2);
    let leaves = [ends(C2), says(C3, bob_hello(Stands::Open, 0)), says(C3, text(1, "one"))];
    assert_eq!(bob.meets(at(251), C3, hello(Stands::Open)), leaves);
    // Bob's key is smaller: his.
    let mut bob = Driver::open_of_smaller_key();
    bob.breaks(at(0), C1, Broken::Lost);
    bob.sends(at(1), 1, "one");
    bob.connects(at(250), C2);
    assert_eq!(bob.meets(at(251), C3, hello(Stands::Open)), []);
    assert_eq!(bob.chat.channel(), Some(C2));
    assert_eq!(bob.hears(at(252), C2, hello(Stands::Open)), [ends(C3), says(C2, text(1, "one"))]);
}

#[test]
fn if_both_dial_and_ours_comes_to_nothing_theirs_is_used() {
    let mut bob = Driver::open_of_smaller_key();
    bob.breaks(at(0), C1, Broken::Lost);
    bob.sends(at(1), 1, "one");
    bob.dials(at(250), C2);
    bob.meets(at(251), C3, hello_with(Stands::Open, 0));
    // It is a sign of the peer all the same.
    assert_eq!(bob.chat.poll_timeout(), Some(at(30_251)));
    let leaves = [says(C3, bob_hello(Stands::Open, 0)), says(C3, text(1, "one"))];
    assert_eq!(bob.breaks(at(3_000), C2, Broken::NoAnswer), leaves);
}

#[test]
fn a_channel_that_brings_no_hello_is_given_up_for_that_of_the_peer_or_another() {
    let mut bob = Driver::open_of_smaller_key();
    bob.breaks(at(0), C1, Broken::Lost);
    bob.sends(at(1), 1, "one");
    bob.connects(at(250), C2);
    bob.meets(at(251), C3, hello(Stands::Open));
    assert_eq!(bob.chat.poll_timeout(), Some(at(5_250)));
    assert_eq!(bob.waits(at(5_249)), []);
    let leaves = [ends(C2), says(C3, bob_hello(Stands::Open, 0)), says(C3, text(1, "one"))];
    assert_eq!(bob.waits(at(5_250)), leaves);
    // The peer has opened none.
    let mut bob = Driver::greeting();
    assert_eq!(bob.waits(at(5_000)), [ends(C1)]);
    assert!(bob.chat.channel().is_none());
}

#[test]
fn of_two_that_the_peer_has_opened_the_newer_one_is_kept() {
    let mut bob = Driver::open_of_smaller_key();
    bob.breaks(at(0), C1, Broken::Lost);
    bob.sends(at(1), 1, "one");
    bob.dials(at(250), C2);
    assert_eq!(bob.meets(at(251), C3, hello(Stands::Open)), []);
    assert_eq!(bob.meets(at(252), ChannelId(4), hello(Stands::Open)), [ends(C3)]);
    // And that breaks too.
    assert_eq!(bob.breaks(at(253), ChannelId(4), Broken::Lost), []);
    assert_eq!(bob.breaks(at(254), C2, Broken::NoAnswer), []);
    assert!(bob.chat.channel().is_none());
}

#[test]
fn an_invitation_goes_on_with_the_peers_channel_where_ours_reaches_nobody() {
    let resumed = Driver::open_of_smaller_key();
    let snapshot = simp_proto::secure::SecureSnapshot {
        state: State::Inviting,
        them: simp_proto::secure::Them { log: "".into(), ..resumed.snapshot.unwrap().them },
        id: crate::secure::driver::CHAT,
        received: 0,
    };
    let expires_after = SETTINGS.request_expiry;
    let chat = SecureChat::resume(at(0), bob(1), snapshot, false, expires_after).unwrap();
    let mut bob = Driver::new(chat);
    bob.dials(at(0), C1);
    assert_eq!(bob.meets(at(1), C2, hello(Stands::Open)), []);
    let leaves = [says(C2, bob_hello(Stands::Open, 0)), says(C2, ack(0))];
    assert_eq!(bob.breaks(at(2), C1, Broken::Unreachable), leaves);
    assert_eq!(bob.events(), [ChatEvent::Opened]);
}

#[test]
fn a_channel_in_reserve_ends_with_the_chat() {
    let ways: [fn(&mut Driver) -> Vec<simp_proto::secure::Leaving>; 3] = [
        |bob| bob.hears(at(300), C2, bye()),
        |bob| bob.waits(at(60_000)),
        |bob| bob.does(SecureChat::end_forgotten),
    ];
    for way in ways {
        let mut bob = Driver::open_of_smaller_key();
        bob.breaks(at(0), C1, Broken::Lost);
        bob.sends(at(1), 1, "one");
        bob.connects(at(250), C2);
        bob.meets(at(251), C3, hello(Stands::Open));
        let leaves = way(&mut bob);
        assert!(leaves.contains(&ends(C2)) && leaves.contains(&ends(C3)), "{leaves:?}");
        assert_eq!(bob.state(), State::Closed);
    }
}

#[test]
fn frames_out_of_place_end_the_channel_and_not_the_chat() {
    type Begun = fn() -> Driver;
    let away_and_greeting: Begun = || {
        let mut bob = Driver::away();
        bob.sends(at(0), 1, "one");
        bob.connects(at(250), C1);
        bob
    };
    let cases: [(Begun, Vec<Frame>); 5] = [
        (away_and_greeting, vec![text(1, "hi"), ack(1), Frame::Accept, Frame::Busy]),
        (Driver::greeting, vec![text(1, "hi"), ack(0), Frame::Accept, hello_of_another_chat()]),
        (Driver::inviting, vec![text(1, "hi"), ack(0), hello(Stands::Invited)]),
        (Driver::invited, vec![text(1, "hi"), ack(0), Frame::Accept, Frame::Busy, hello(Stands::Inviting)]),
        (Driver::open, vec![hello(Stands::Open), hello_of_another_chat()]),
    ];
    for (state, frames) in cases {
        for frame in frames {
            let mut bob = state();
            let before = bob.state();
            assert_eq!(bob.hears(at(300), C1, frame.clone()), [ends(C1)], "{frame:?}");
            assert_eq!((bob.state(), bob.events()), (before, vec![]), "{frame:?}");
        }
    }
}

fn hello_of_another_chat() -> Frame {
    Frame::Hello(Hello { chat: ChatId(8), ..ann_hello() })
}

#[test]
fn an_acceptance_or_a_busy_that_comes_late_changes_nothing() {
    let mut bob = Driver::open();
    assert_eq!(bob.hears(at(1), C1, Frame::Accept), []);
    assert_eq!(bob.hears(at(1), C1, Frame::Busy), []);
    assert_eq!((bob.state(), bob.events()), (State::Open, vec![]));
}

#[test]
fn a_channel_that_breaks_before_the_bye_is_made_anew_for_it() {
    let mut bob = Driver::away();
    bob.does(|chat| chat.close(at(400), false).unwrap());
    bob.waits(at(400));
    bob.connects(at(400), C2);
    assert_eq!(bob.hears(at(401), C2, hello(Stands::Open)), [says(C2, bye())]);
    bob.breaks(at(1_000), C2, Broken::Lost);
    bob.connects(at(1_000), C3);
    assert_eq!(bob.hears(at(1_001), C3, bye()), [ends(C3)]);
    assert_eq!(bob.events(), [closed(Reason::Quit)]);
}

#[test]
fn a_text_on_a_channel_of_the_peer_that_broke_before_our_hello_left_comes_once() {
    let mut bob = Driver::away();
    bob.meets(at(1), C2, hello(Stands::Open));
    bob.hears(at(2), C2, text(1, "hi"));
    bob.breaks(at(3), C2, Broken::Lost);
    assert_eq!(bob.meets(at(4), C3, hello(Stands::Open)), [says(C3, bob_hello(Stands::Open, 1))]);
    assert_eq!(bob.hears(at(5), C3, text(1, "hi")), [says(C3, ack(1))]);
    assert_eq!(bob.events(), [message(1, "hi")]);
}

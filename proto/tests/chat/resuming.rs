//! Going on with a chat of an earlier run.

use simp_proto::{Chat, ChatEvent, Dialect, Handled, Known, MessageId, Outgoing, Seq, Snapshot};
use simp_proto::{Reason, State};

use crate::chat::driver::{Driver, SETTINGS, closed, delivered, message, undelivered};
use crate::common::{ANN, BOB, at, text};

/// What is kept of this chat.
fn snapshot(bob: &Driver) -> Snapshot {
    bob.chat.snapshot().unwrap()
}

fn resume(snapshot: Snapshot, messages: &[(u64, &str)]) -> Driver {
    let chat = Chat::resume(at(0), BOB.us(), snapshot, !messages.is_empty(), SETTINGS.request_expiry);
    let mut bob = Driver::new(chat.unwrap());
    for (id, what) in messages {
        bob.chat.requeue(Outgoing { id: MessageId(*id), text: text(what) }, true);
    }
    bob
}

#[test]
fn an_invitation_is_repeated_at_once_and_then_as_rarely_as_ever() {
    let mut bob = resume(snapshot(&Driver::inviting()), &[]);
    assert_eq!(bob.schedule(at(180_000)), [0, 20_000, 60_000, 180_000].map(|ms| (ms, BOB.syn())));
    bob.hears(at(180_100), &ANN.syn_ack());
    bob.drain();
    assert_eq!(bob.events(), [ChatEvent::Opened]);
}

#[test]
fn a_request_waits_its_whole_time_again_and_is_not_told_again() {
    let mut bob = resume(snapshot(&Driver::invited()), &[]);
    assert_eq!(bob.transmits(at(0)), []);
    assert_eq!((bob.state(), bob.events()), (State::Invited, vec![]));
    assert_eq!(bob.chat.user(), "ann");
    assert_eq!(bob.chat.poll_timeout(), Some(at(600_000)));
}

#[test]
fn an_acceptance_is_repeated_at_once() {
    let mut bob = resume(snapshot(&Driver::accepting()), &[]);
    assert_eq!(bob.schedule(at(5_000)), [(0, BOB.syn_ack()), (5_000, BOB.syn_ack())]);
    bob.hears(at(5_100), &ANN.ack(0));
    bob.drain();
    assert_eq!(bob.events(), [ChatEvent::Opened]);
}

#[test]
fn an_acceptance_that_left_before_and_again_may_be_acknowledged_twice() {
    let mut bob = resume(snapshot(&Driver::accepting()), &[]);
    assert_eq!(bob.transmits(at(0)), [BOB.syn_ack()]);
    bob.hears(at(10), &ANN.ack(0));
    bob.send(at(10), 1, "hi").unwrap();
    assert_eq!(bob.transmits(at(2_000)), []);
    assert_eq!(bob.hears(at(2_000), &ANN.ack(0)), Handled::Ignored);
    bob.drain();
    assert_eq!(bob.events(), [ChatEvent::Opened]);
}

#[test]
fn an_open_chat_is_quiet() {
    let mut bob = resume(snapshot(&Driver::open()), &[]);
    assert_eq!(bob.schedule(at(600_000)), []);
    assert_eq!((bob.state(), bob.events()), (State::Open, vec![]));
    bob.send(at(600_000), 1, "still here").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "still here")]);
}

#[test]
fn an_open_chat_goes_on_with_its_bit_and_knows_a_duplicate() {
    let mut before = Driver::open();
    before.send(at(0), 1, "one").unwrap();
    before.hears(at(0), &ANN.ack(0));
    before.hears(at(0), &ANN.chat(0, "hers"));
    before.drain();
    let mut bob = resume(snapshot(&before), &[]);
    assert_eq!(bob.hears(at(1), &ANN.chat(0, "hers")), Handled::Duplicate);
    assert_eq!(bob.drain(), [BOB.ack(0)]);
    assert_eq!(bob.hears(at(2), &ANN.chat(1, "more")), Handled::Expected);
    bob.send(at(2), 2, "two").unwrap();
    assert_eq!(bob.drain(), [BOB.ack(1)]);
    assert_eq!(bob.events(), [message(1, "more")]);
    // A late ACK of the earlier run must not pass for its own.
    assert_eq!(bob.schedule(at(5_000)), [(5_000, BOB.chat(1, "two"))]);
}

#[test]
fn the_message_that_was_in_flight_leaves_again_only_after_five_seconds() {
    let mut before = Driver::open();
    before.send(at(0), 1, "one").unwrap();
    before.send(at(0), 2, "two").unwrap();
    before.drain();
    let mut bob = resume(snapshot(&before), &[(1, "one"), (2, "two")]);
    assert_eq!(bob.transmits(at(0)), []);
    assert_eq!(bob.schedule(at(5_000)), [(5_000, BOB.chat(0, "one"))]);
    bob.hears(at(5_100), &ANN.ack(0));
    assert_eq!(bob.drain(), [BOB.chat(1, "two")]);
    assert_eq!(bob.events(), [delivered(1)]);
}

#[test]
fn what_an_earlier_run_may_have_transmitted_is_not_taken_back() {
    let messages = [(1, "one"), (2, "two"), (3, "three")];
    let mut bob = resume(snapshot(&Driver::open()), &messages);
    bob.send(at(1), 4, "four").unwrap();
    let taken = [1, 2, 4].map(|id| bob.chat.take_back(at(2), MessageId(id)));
    assert_eq!(taken, [false, true, true]);
    // Now one of this run has left, and those behind it have not.
    assert_eq!(bob.schedule(at(5_000)), [(5_000, BOB.chat(0, "one"))]);
    assert_eq!([1, 3].map(|id| bob.chat.take_back(at(5_001), MessageId(id))), [false, true]);
    // To a peer that takes turns several may have left together, but not more than fit.
    let kept = Snapshot { dialect: Dialect::from_kept("takes-turns"), ..snapshot(&Driver::open()) };
    let long = "x".repeat(980);
    let mut bob = resume(kept, &[(1, "one"), (2, "two"), (3, &long)]);
    assert_eq!([1, 2, 3].map(|id| bob.chat.take_back(at(1), MessageId(id))), [false, false, true]);
}

#[test]
fn an_ack_from_before_does_not_shorten_the_five_seconds() {
    let mut bob = resume(snapshot(&Driver::open()), &[(1, "one")]);
    for seq in [1, 0] {
        assert_eq!(bob.hears(at(100), &ANN.ack(seq)), Handled::Ignored);
    }
    assert_eq!(bob.transmits(at(4_999)), []);
    assert_eq!(bob.transmits(at(5_000)), [BOB.chat(0, "one")]);
}

#[test]
fn a_new_message_stays_behind_the_one_that_was_in_flight() {
    let mut bob = resume(snapshot(&Driver::open()), &[(1, "one")]);
    bob.send(at(100), 2, "two").unwrap();
    assert_eq!(bob.drain(), []);
    assert_eq!(bob.schedule(at(5_000)), [(5_000, BOB.chat(0, "one"))]);
}

#[test]
fn a_syn_after_a_restart_of_ours_is_never_late() {
    let mut bob = resume(snapshot(&Driver::open()), &[]);
    assert_eq!(bob.hears(at(1), &ANN.syn()), Handled::InvitesAnew);
    bob.drain();
    assert_eq!(bob.events(), [closed(Reason::PeerRestarted)]);
}

#[test]
fn a_chat_that_was_being_left_tells_the_peer_at_once() {
    let mut bob = resume(snapshot(&Driver::leaving()), &[]);
    assert_eq!(bob.schedule(at(5_000)), [(0, BOB.fin(0)), (5_000, BOB.fin(0))]);
    bob.hears(at(5_100), &ANN.ack(0));
    bob.drain();
    assert_eq!(bob.events(), [closed(Reason::Quit)]);
}

#[test]
fn a_chat_that_was_being_left_still_delivers_first_what_is_queued() {
    let mut bob = resume(snapshot(&Driver::draining()), &[(1, "last")]);
    assert_eq!(bob.state(), State::Closing);
    assert_eq!(bob.schedule(at(5_000)), [(5_000, BOB.chat(0, "last"))]);
    bob.hears(at(5_100), &ANN.ack(0));
    assert_eq!(bob.drain(), [BOB.fin(1)]);
    bob.hears(at(5_200), &ANN.ack(1));
    bob.drain();
    assert_eq!(bob.events(), [delivered(1), closed(Reason::Quit)]);
}

#[test]
fn what_is_over_for_our_user_is_not_kept() {
    assert_eq!(Driver::taking_back().chat.snapshot(), None);
    assert_eq!(Driver::closed().chat.snapshot(), None);
    let over = Snapshot { state: State::Closed, ..snapshot(&Driver::open()) };
    assert!(Chat::resume(at(0), BOB.us(), over, false, SETTINGS.request_expiry).is_none());
}

#[test]
fn a_snapshot_comes_with_each_new_state_and_not_without() {
    let mut bob = Driver::inviting();
    assert_eq!(bob.chat.poll_snapshot(), None);
    bob.hears(at(1), &ANN.syn_ack());
    assert_eq!(bob.chat.poll_snapshot().map(|snapshot| snapshot.state), Some(State::Open));
    assert_eq!(bob.chat.poll_snapshot(), None);
    assert_eq!(resume(snapshot(&bob), &[]).chat.poll_snapshot(), None);
}

#[test]
fn a_peer_that_stays_away_after_a_restart_is_gone() {
    let mut bob = resume(snapshot(&Driver::open()), &[(1, "one"), (2, "two")]);
    assert_eq!(bob.schedule(at(34_999)).len(), 6);
    assert_eq!(bob.schedule(at(35_000)), [(35_000, BOB.fin(1))]);
    assert_eq!(
        bob.events(),
        [undelivered(1, Reason::PeerGone), undelivered(2, Reason::PeerGone), closed(Reason::PeerGone)]
    );
}

#[test]
fn the_number_that_messages_leave_which_cross_is_kept_though_their_events_tell_another() {
    let known = Known { dialect: "one-counter".parse().unwrap(), is_pinned: true, is_stranger: false };
    let chat = Chat::invite(at(0), BOB.us(), known, SETTINGS.request_expiry);
    let mut bob = Driver::new(chat);
    bob.hears(at(10), &ANN.syn_ack());
    bob.send(at(10), 1, "hi").unwrap();
    assert_eq!(bob.drain(), [BOB.syn(), BOB.ack(0), BOB.chat(0, "hi")]);
    bob.hears(at(20), &ANN.chat(0, "hello"));
    bob.drain();
    bob.hears(at(30), &ANN.ack(0));
    bob.drain();
    assert_eq!(bob.snapshot.map(|kept| kept.seq), Some(Seq::ONE));
    bob.send(at(40), 2, "how are you").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(1, "how are you")]);
}

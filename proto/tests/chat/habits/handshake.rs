//! How a peer opens and closes a chat, and what it does there beside messages.

use simp_proto::{Chat, ChatEvent, Datagram, Deviations, Handled, Known, Operation};
use simp_proto::{RINGING_USER, Reason, State, UserName};

use super::{accepting, dialect, inviting, known, open, open_in, open_with_foreign, read};
use crate::chat::driver::{Driver, closed, delivered, message};
use crate::common::{ANN, BOB, Says, at};

fn line(text: &str) -> Datagram {
    read(&ANN.says(Operation::Syn, 0, text.as_bytes()))
}

#[test]
fn the_syn_ack_of_one_that_rings_opens_nothing_and_stops_our_syn_and_its_first_message_opens() {
    let mut bob = inviting(known("plain"));
    bob.hears(at(10), &Says("Daemon").syn_ack());
    assert_eq!((bob.drain(), bob.state()), (vec![BOB.ack(0)], State::Inviting));
    assert_eq!(bob.schedule(at(500_000)), []);
    bob.hears(at(500_000), &ANN.chat(0, "ann accepted."));
    assert_eq!((bob.drain(), bob.state()), (vec![BOB.ack(0)], State::Open));
    assert_eq!((dialect(&bob).as_str(), bob.chat.user()), ("rings", "ann"));
    assert_eq!(bob.events(), [ChatEvent::Opened, message(0, "ann accepted.")]);
    bob.send(at(500_010), 1, "hi").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(1, "hi")], "whoever rings has one counter, as far as is known");
}

#[test]
fn another_first_message_than_the_acceptance_takes_rings_back() {
    let mut bob = inviting(known("rings"));
    bob.hears(at(10), &Says("Daemon").syn_ack());
    bob.hears(at(20), &ANN.chat(0, "hello"));
    assert_eq!((dialect(&bob), bob.state()), ("plain".to_owned(), State::Open));
}

#[test]
fn one_that_rings_is_told_that_our_user_is_asked_and_on_acceptance_has_a_message_that_nobody_is_told_of() {
    let user = UserName::new(RINGING_USER).unwrap();
    for (habits, syn) in [("rings", ANN.syn()), ("plain", Datagram { user, ..ANN.syn() })] {
        let mut bob = Driver::new(Chat::invited(at(0), BOB.us(), known(habits), &syn));
        assert_eq!(bob.schedule(at(3_499)), []);
        assert_eq!(bob.schedule(at(8_000)), [(3_500, BOB.syn_ack())]);
        bob.hears(at(8_050), &ANN.ack(0));
        assert_eq!(bob.state(), State::Invited);
        bob.chat.accept(at(9_000)).unwrap();
        assert_eq!(bob.drain(), [BOB.chat(0, "bob accepted.")]);
        assert_eq!(bob.chat.unacknowledged(), 0, "none of our user's");
        bob.hears(at(9_010), &ANN.ack(0));
        assert_eq!(bob.drain(), []);
        let events: Vec<_> =
            bob.events().into_iter().filter(|it| !matches!(it, ChatEvent::Learned(_))).collect();
        assert_eq!(events, [ChatEvent::Request, ChatEvent::Opened]);
        assert_eq!(dialect(&bob), "rings");
    }
}

#[test]
fn who_answers_one_that_rings_at_once_tells_it_both_and_declines_without_either() {
    let (mut bob, leaves) = accepting(known("rings"), &ANN.syn());
    assert_eq!(leaves, [BOB.syn_ack()]);
    assert_eq!(bob.schedule(at(1_000)), [(800, BOB.chat(0, "bob accepted."))]);
    let mut bob = Driver::new(Chat::invited(at(0), BOB.us(), known("rings"), &ANN.syn()));
    bob.chat.decline(at(3_000)).unwrap();
    assert_eq!(bob.drain(), [BOB.fin(0)]);
}

#[test]
fn our_user_may_write_the_words_that_accept_and_they_go_once() {
    let (mut bob, _) = accepting(known("rings"), &ANN.syn());
    bob.send(at(300), 1, "bob accepted.").unwrap();
    assert_eq!(bob.schedule(at(1_000)), [(800, BOB.chat(0, "bob accepted."))]);
    bob.hears(at(1_010), &ANN.ack(0));
    assert_eq!((bob.drain(), bob.events()), (vec![], vec![delivered(1)]));
}

#[test]
fn a_bare_ack_accepts_and_a_syn_ack_takes_that_back_at_once_and_in_the_next_chat() {
    let mut bob = inviting(known("plain"));
    bob.hears(at(10), &ANN.ack(0));
    assert_eq!((bob.drain(), bob.state()), (vec![], State::Open));
    assert_eq!((dialect(&bob), bob.events()), ("accepts-by-ack".to_owned(), vec![ChatEvent::Opened]));
    bob.hears(at(20), &ANN.syn_ack());
    assert_eq!((dialect(&bob), bob.drain()), ("plain".to_owned(), vec![BOB.ack(0)]));
    assert_eq!(dialect(&open("accepts-by-ack")), "plain");
}

#[test]
fn a_line_as_syn_with_its_message_is_shown_once_and_said_again_it_is_shown_again() {
    let mut bob = open("plain");
    for now in [0, 2_000] {
        assert_eq!(bob.hears(at(now), &line("hi")), Handled::Expected);
        assert_eq!(bob.drain(), [BOB.ack(0)]);
        assert_eq!(bob.hears(at(now + 10), &ANN.chat(0, "ann: hi")), Handled::Duplicate);
        assert_eq!(bob.drain(), [BOB.ack(0)]);
        assert_eq!(bob.events(), [message(0, "hi")]);
    }
    assert_eq!(dialect(&bob), "never-acks,line-as-syn", "it has its ACKs for SYNs");
}

#[test]
fn a_line_as_syn_that_comes_again_without_its_message_between_is_a_repeat_for_seven_seconds() {
    for (again, events) in [(6_999, vec![]), (7_000, vec![message(0, "hi")])] {
        let mut bob = open("plain");
        bob.hears(at(0), &line("hi"));
        bob.drain();
        bob.events();
        bob.hears(at(again), &line("hi"));
        assert_eq!((bob.drain(), bob.events()), (vec![BOB.ack(0)], events), "again at {again}");
    }
}

#[test]
fn a_message_of_which_no_line_came_before_takes_line_as_syn_back() {
    let mut bob = open("line-as-syn,never-acks");
    bob.hears(at(10), &ANN.chat(0, "hi"));
    assert_eq!((dialect(&bob), bob.drain()), ("never-acks".to_owned(), vec![BOB.ack(0)]));
    assert_eq!(bob.events(), [message(0, "hi")]);
}

#[test]
fn a_line_of_one_that_has_acknowledged_a_message_does_not_mean_that_it_never_acknowledges() {
    let mut bob = open("plain");
    bob.send(at(0), 1, "ours").unwrap();
    bob.hears(at(10), &ANN.ack(0));
    bob.hears(at(20), &line("hi"));
    assert_eq!(dialect(&bob), "line-as-syn");
}

#[test]
fn only_our_user_can_say_that_a_peer_takes_turns_and_it_changes_nothing_that_we_send() {
    let mut bob = open_in(Known { is_pinned: true, ..known("takes-turns") }, Deviations::default());
    for (seq, text) in [(0, "one"), (1, "two")] {
        bob.hears(at(0), &ANN.chat(seq, text));
        bob.send(at(0), u64::from(seq) + 1, text).unwrap();
        bob.hears(at(0), &ANN.ack(seq));
    }
    assert_eq!(bob.drain(), [BOB.ack(0), BOB.ack(1)]);
    assert_eq!(bob.chat.dialect().notes().collect::<Vec<_>>(), ["takes turns"]);
}

#[test]
fn a_peer_that_minds_a_second_syn_has_none_when_its_invitation_lasts_longer_either() {
    let until_fin = |habits: &str| {
        let mut bob = inviting(known(habits));
        bob.chat.expire_at(at(1_200_000));
        let times: Vec<_> =
            bob.schedule(at(1_200_000)).into_iter().map(|(ms, one)| (ms, one.operation)).collect();
        times
    };
    let foreign = [
        "short-control",
        "leading-nul",
        "one-counter",
        "starts-at-one",
        "counts-up",
        "unnumbered-acks",
        "wants-no-acks",
        "rings",
        "line-as-syn",
        "odd,counts-up",
    ];
    for habits in foreign {
        assert_eq!(until_fin(habits), [(1_200_000, Operation::Fin)], "{habits}");
    }
    let plain = [
        "plain",
        "odd",
        "same-number",
        "never-acks",
        "misses-fast-acks",
        "ignores-repeats",
        "accepts-by-ack",
        "takes-turns",
    ];
    for habits in plain {
        let leaves = until_fin(habits);
        assert_eq!(leaves[..2], [(20_000, Operation::Syn), (60_000, Operation::Syn)], "{habits}");
        assert_eq!(leaves.last(), Some(&(1_200_000, Operation::Fin)), "{habits}");
    }
}

#[test]
fn a_fin_to_a_foreign_peer_that_never_acknowledges_leaves_twice_two_seconds_apart() {
    let mut bob = open_with_foreign("never-acks");
    bob.chat.close(at(0), false).unwrap();
    assert_eq!(bob.drain(), [BOB.fin(0)]);
    assert_eq!(bob.schedule(at(3_999)), [(2_000, BOB.fin(1))]);
    assert_eq!((bob.state(), bob.events()), (State::Closing, vec![]));
    assert_eq!(bob.schedule(at(4_000)), []);
    assert_eq!((bob.state(), bob.events()), (State::Closed, vec![closed(Reason::Quit)]));
}

#[test]
fn a_fin_to_a_foreign_peer_leaves_again_after_two_seconds_with_the_other_number() {
    let mut bob = open_with_foreign("plain");
    bob.chat.close(at(0), false).unwrap();
    assert_eq!(bob.drain(), [BOB.fin(0)]);
    assert_eq!(bob.schedule(at(5_999)), [(2_000, BOB.fin(1)), (4_000, BOB.fin(0))]);
    assert_eq!(bob.state(), State::Closing);
    assert_eq!(bob.schedule(at(6_000)), []);
    assert_eq!((bob.state(), bob.events()), (State::Closed, vec![closed(Reason::Quit)]));
}

#[test]
fn a_bare_ack_follows_our_syn_ack_where_the_invitation_had_a_text_and_both_come_with_each_repeat() {
    let (mut bob, leaves) = accepting(known("plain"), &line("let us talk"));
    assert_eq!(leaves, [BOB.syn_ack()]);
    assert_eq!(bob.schedule(at(500)), [(500, BOB.ack(0))]);
    assert_eq!((bob.state(), bob.events()), (State::Open, vec![ChatEvent::Opened]));
    bob.send(at(600), 1, "hi").unwrap();
    let first = [(5_000, BOB.chat(0, "hi"))];
    let repeat = [(10_000, BOB.syn_ack()), (10_000, BOB.ack(0)), (10_000, BOB.chat(0, "hi"))];
    assert_eq!(bob.schedule(at(10_000)), [&first[..], &repeat].concat());
    bob.hears(at(11_000), &ANN.chat(0, "hers"));
    assert_eq!(bob.drain(), [BOB.ack(0)]);
    assert_eq!(bob.schedule(at(15_000)), [(15_000, BOB.chat(0, "hi"))], "it was heard");
}

#[test]
fn no_bare_ack_follows_our_syn_ack_where_the_peer_has_answered_or_the_invitation_had_no_text() {
    let (mut bob, _) = accepting(known("plain"), &line("let us talk"));
    bob.hears(at(499), &ANN.ack(0));
    assert_eq!(bob.schedule(at(60_000)), []);
    let (mut bob, _) = accepting(known("plain"), &ANN.syn());
    assert_eq!(bob.schedule(at(4_999)), []);
}

//! How a peer's datagrams are written, and how ours to it are.

use simp_proto::{Chat, Datagram, Deviations, Dialect, Operation};

use super::{accepting, dialect, known, oddly, open, read};
use crate::common::{ANN, BOB, at};
use crate::driver::{Driver, SETTINGS, message};

fn short(datagram: Datagram) -> Datagram {
    Datagram { deviations: Deviations::SHORT, ..datagram }
}

#[test]
fn odd_is_who_writes_a_datagram_oddly_until_one_is_plain_and_it_changes_nothing() {
    let odd = [
        Deviations::PADDING,
        Deviations::NAME,
        Deviations::LENGTH,
        Deviations::TRAILER,
        Deviations::OPERATION,
        Deviations::SEQUENCE,
    ];
    for deviations in odd {
        let (mut bob, leaves) = accepting(known("plain"), &Datagram { deviations, ..ANN.syn() });
        assert_eq!((dialect(&bob), leaves), ("odd".to_owned(), vec![BOB.syn_ack()]));
        bob.hears(at(10), &ANN.ack(0));
        assert_eq!((dialect(&bob), bob.drain()), ("plain".to_owned(), vec![]));
    }
}

#[test]
fn whoever_sends_control_datagrams_without_length_wants_nul_before_texts_and_fin_and_ack_in_one() {
    let (mut bob, leaves) = accepting(known("plain"), &short(ANN.syn()));
    assert_eq!((dialect(&bob), leaves), ("short-control,leading-nul".to_owned(), vec![BOB.syn_ack()]));
    bob.hears(at(10), &short(ANN.ack(0)));
    bob.send(at(10), 1, "hi").unwrap();
    assert_eq!(bob.schedule(at(510)), [(510, BOB.says(Operation::Chat, 0, b"\0hi"))]);
    bob.hears(at(600), &short(ANN.ack(0)));
    bob.hears(at(700), &short(ANN.fin(1)));
    assert_eq!(bob.drain(), [BOB.says(Operation::FinAck, 1, b"")]);
}

#[test]
fn a_whole_control_datagram_takes_short_control_back_and_the_nul_with_it() {
    let (mut bob, _) = accepting(known("plain"), &short(ANN.syn()));
    bob.hears(at(10), &ANN.ack(0));
    assert_eq!(dialect(&bob), "plain");
    bob.hears(at(20), &ANN.fin(0));
    assert_eq!(bob.drain(), [BOB.ack(0)]);
}

#[test]
fn a_text_without_nul_takes_only_the_nul_back_from_one_of_short_control() {
    let (mut bob, _) = accepting(known("plain"), &short(ANN.syn()));
    bob.hears(at(10), &ANN.chat(0, "hi"));
    assert_eq!(dialect(&bob), "short-control");
    bob.hears(at(20), &short(ANN.ack(0)));
    assert_eq!(dialect(&bob), "short-control", "its text has shown");
}

#[test]
fn a_nul_before_a_text_is_dropped_and_put_before_ours_until_a_text_comes_without() {
    let mut bob = open("plain");
    bob.hears(at(0), &read(&ANN.says(Operation::Chat, 0, b"\0hers")));
    bob.send(at(10), 1, "his").unwrap();
    assert_eq!(dialect(&bob), "leading-nul");
    assert_eq!(bob.chat.dialect().text_max(), 984);
    assert_eq!(bob.drain(), [BOB.ack(0), BOB.says(Operation::Chat, 0, b"\0his")]);
    bob.hears(at(20), &ANN.chat(1, "more"));
    bob.hears(at(30), &ANN.ack(0));
    bob.send(at(40), 2, "two").unwrap();
    assert_eq!(bob.drain(), [BOB.ack(1), BOB.chat(1, "two")]);
    assert_eq!(dialect(&bob), "plain");
    assert_eq!(bob.events()[..2], [message(0, "hers"), message(1, "more")]);
}

#[test]
fn what_a_user_writes_into_a_text_makes_no_peer_foreign() {
    for text in [&b"gr\xfcn"[..], "gr\u{fc}n".as_bytes(), b"a\0b", b"hi\0\0", b"\0", b"\xff"] {
        let datagram = read(&ANN.says(Operation::Chat, 0, text));
        assert!(!datagram.deviations.is_empty(), "{text:?}");
        let mut bob = open("plain");
        bob.hears(at(10), &datagram);
        assert_eq!((dialect(&bob), bob.drain()), ("plain".to_owned(), vec![BOB.ack(0)]));
        assert!(!bob.chat.dialect().is_foreign());
    }
}

#[test]
fn a_peer_of_other_ways_is_recognised_by_its_answer_to_our_invitation_too() {
    for (answer, habits) in [
        (oddly(ANN.syn_ack()), "odd"),
        (short(ANN.syn_ack()), "short-control,leading-nul"),
        (read(&ANN.says(Operation::SynAck, 1, b"")), "unnumbered-acks"),
        (read(&ANN.says(Operation::SynAck, 2, b"")), "odd,unnumbered-acks"),
    ] {
        let mut bob = Driver::new(Chat::invite(
            at(0),
            BOB.name(),
            SETTINGS,
            Dialect::default(),
            SETTINGS.request_expiry,
        ));
        bob.hears(at(10), &answer);
        assert_eq!(dialect(&bob), habits);
    }
}

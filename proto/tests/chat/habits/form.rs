//! How a peer's datagrams are written, and how ours to it are.

use simp_proto::{Chat, Datagram, Deviations, Dialect, Form, Operation, State, UserName};

use super::{accepting, dialect, known, oddly, open, read};
use crate::chat::driver::{Driver, SETTINGS, message};
use crate::common::{ANN, BOB, at};

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
    bob.hears(at(1_200), &short(ANN.fin(1)));
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
        let mut bob = Driver::new(Chat::invite(at(0), BOB.us(), Dialect::default(), SETTINGS.request_expiry));
        bob.hears(at(10), &answer);
        assert_eq!(dialect(&bob), habits);
    }
}

/// The datagrams of Ann in this form, as they are read.
fn in_form(form: Form, datagram: Datagram) -> Datagram {
    read(&datagram.in_form(form))
}

#[test]
fn whoever_writes_a_narrower_length_is_answered_in_it_from_the_first_datagram() {
    for form in [Form::TwoByteLength, Form::OneByteLength] {
        let (mut bob, leaves) = accepting(known("plain"), &in_form(form, ANN.syn()));
        assert_eq!(
            (dialect(&bob).as_str(), leaves),
            (form.name().unwrap(), vec![BOB.syn_ack().in_form(form)])
        );
        bob.hears(at(10), &in_form(form, ANN.ack(0)));
        bob.hears(at(600), &in_form(form, ANN.chat(0, "hello 0 from Ann")));
        assert_eq!(bob.drain(), [BOB.ack(0).in_form(form)]);
        bob.send(at(600), 1, "hi").unwrap();
        assert_eq!(bob.drain(), [BOB.chat(0, "hi").in_form(form)]);
        bob.hears(at(610), &in_form(form, ANN.fin(1)));
        assert_eq!(bob.drain(), [BOB.ack(1).in_form(form)]);
        assert!(bob.events().contains(&message(0, "hello 0 from Ann")));
    }
}

#[test]
fn in_the_form_of_2021_both_count_from_where_their_side_begins_and_an_opening_has_the_next_number() {
    const FORM: Form = Form::Of2021;
    let speaks = |datagram: Datagram| datagram.in_form(FORM);
    // Ann invites.
    let (mut bob, leaves) = accepting(known("plain"), &in_form(FORM, ANN.syn()));
    assert_eq!((dialect(&bob).as_str(), leaves), ("form-2021", vec![speaks(BOB.syn_ack())]));
    bob.hears(at(10), &in_form(FORM, ANN.ack(1)));
    for number in 0..3_u8 {
        let now = 1_000 * (u64::from(number) + 1);
        bob.hears(at(now), &in_form(FORM, ANN.chat(number, "hers")));
        assert_eq!(bob.drain(), [speaks(BOB.ack(number))]);
        bob.send(at(now), u64::from(number) + 1, "ours").unwrap();
        assert_eq!(bob.schedule(at(now + 500)), [(now + 500, speaks(BOB.chat(100 + number, "ours")))]);
        bob.hears(at(now + 510), &in_form(FORM, ANN.ack(100 + number)));
    }
    bob.chat.close(at(9_000), false).unwrap();
    assert_eq!(bob.drain(), [speaks(BOB.fin(103))]);
    assert_eq!(bob.schedule(at(60_000)), [11_000, 13_000].map(|ms| (ms, speaks(BOB.fin(103)))));
    assert_eq!(bob.state(), State::Closed);
    // Bob invites, by a SYN that she understands.
    let mut bob = super::inviting(known("plain"));
    bob.hears(at(0), &in_form(FORM, ANN.syn_ack()));
    assert_eq!(bob.drain(), [speaks(BOB.ack(1))]);
    bob.send(at(10), 1, "ours").unwrap();
    assert_eq!(bob.drain(), [speaks(BOB.chat(0, "ours"))]);
    bob.hears(at(20), &in_form(FORM, ANN.ack(0)));
    bob.hears(at(30), &in_form(FORM, ANN.chat(100, "hers")));
    assert_eq!(bob.drain(), [speaks(BOB.ack(100))]);
    // She declines.
    let mut bob = super::inviting(known("form-2021"));
    bob.hears(at(0), &in_form(FORM, ANN.fin(0)));
    assert_eq!(bob.drain(), [speaks(BOB.ack(1))]);
}

#[test]
fn an_invitation_is_as_specified_unless_our_user_has_said_what_the_peer_writes() {
    for form in [Form::TwoByteLength, Form::OneByteLength, Form::Of2021] {
        let mut known = known(form.name().unwrap());
        let invite = |known| {
            let chat = Chat::invite(at(0), BOB.us(), known, SETTINGS.request_expiry);
            Driver::new(chat).drain()
        };
        // What was learned may be of somebody who is not there any more.
        assert_eq!(invite(known), [BOB.syn()]);
        known.dialect.pin();
        assert_eq!(invite(known), [BOB.syn().in_form(form)]);
    }
}

#[test]
fn a_count_goes_on_after_a_restart() {
    let (mut bob, _) = accepting(known("plain"), &in_form(Form::Of2021, ANN.syn()));
    bob.hears(at(10), &in_form(Form::Of2021, ANN.ack(1)));
    bob.hears(at(600), &in_form(Form::Of2021, ANN.chat(0, "hers")));
    bob.send(at(600), 1, "one").unwrap();
    bob.schedule(at(1_100));
    bob.hears(at(1_110), &in_form(Form::Of2021, ANN.ack(100)));
    bob.drain();
    let kept = bob.snapshot.unwrap();
    let resumed = Chat::resume(at(700), BOB.us(), kept, false, SETTINGS.request_expiry);
    let mut bob = Driver::new(resumed.unwrap());
    bob.send(at(6_500), 2, "two").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(101, "two").in_form(Form::Of2021)]);
}

#[test]
fn a_peer_that_changes_its_form_in_a_chat_is_read_and_answered_in_the_new_one_at_once() {
    let forms = [
        Form::Specified,
        Form::OneByteLength,
        Form::Of2021,
        Form::TwoByteLength,
        Form::Of2021,
        Form::Specified,
    ];
    let (mut bob, _) = accepting(known("plain"), &ANN.syn());
    bob.hears(at(10), &ANN.ack(0));
    for (number, form) in forms.into_iter().enumerate() {
        let now = 10_000 * (number as u64 + 1);
        let hers = ANN.chat(number as u8 % 2, &format!("text {number}"));
        bob.hears(at(now), &in_form(form, hers));
        assert_eq!(bob.drain(), [BOB.ack(number as u8 % 2).in_form(form)], "{form:?}");
        bob.send(at(now), number as u64 + 1, "ours").unwrap();
        let mut leaves = bob.drain();
        leaves.extend(bob.schedule(at(now + 600)).into_iter().map(|(_, leaves)| leaves));
        let [ours] = leaves.try_into().unwrap();
        assert_eq!(ours.form, form);
        bob.hears(at(now + 610), &in_form(form, ANN.ack(ours.seq)));
        bob.drain();
    }
    assert_eq!(dialect(&bob), "plain");
    let shown =
        bob.events().into_iter().filter(|event| matches!(event, simp_proto::ChatEvent::Message { .. }));
    assert_eq!(shown.count(), forms.len());
}

#[test]
fn what_one_damaged_datagram_makes_of_a_plain_peer_the_next_one_takes_back() {
    // Each cut of a SYN, as it may come from a link that damages datagrams, and then one that is whole.
    let mut syn = Vec::new();
    ANN.syn().encode(&mut syn);
    for length in 3..=syn.len() {
        let damaged = Datagram::decode(&syn[..length]).unwrap();
        let (mut bob, _) = accepting(known("plain"), &damaged);
        bob.hears(at(10), &ANN.ack(0));
        assert_eq!(dialect(&bob), "plain", "after {length} bytes");
        bob.send(at(600), 1, "hi").unwrap();
        assert_eq!(bob.drain(), [BOB.chat(0, "hi")], "after {length} bytes");
    }
    // The other way about, SYN+ACK of 2021 and then plain.
    let mut bob = super::inviting(known("plain"));
    bob.hears(at(0), &in_form(Form::Of2021, ANN.syn_ack()));
    bob.hears(at(10), &ANN.chat(0, "hers"));
    assert_eq!((dialect(&bob), bob.drain()[1..].to_vec()), ("plain".to_owned(), vec![BOB.ack(0)]));
    bob.send(at(20), 1, "hi").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "hi")]);
}

#[test]
fn a_name_of_32_zeros_is_one_as_specified_and_none_in_the_form_of_2021() {
    let user = UserName::new(&"0".repeat(32)).unwrap();
    let named = Datagram { user, ..ANN.syn() };
    let (bob, _) = accepting(known("plain"), &in_form(Form::Specified, named.clone()));
    assert_eq!((dialect(&bob).as_str(), bob.chat.user()), ("plain", user.as_str()));
    let (bob, leaves) = accepting(known("plain"), &in_form(Form::Of2021, named));
    assert_eq!((dialect(&bob).as_str(), bob.chat.user()), ("form-2021", ""));
    assert_eq!(leaves, [BOB.syn_ack().in_form(Form::Of2021)]);
}

#[test]
fn what_its_form_has_no_room_for_is_not_cut() {
    let long = "x".repeat(256);
    let (mut bob, _) = accepting(known("plain"), &ANN.syn());
    bob.hears(at(10), &ANN.ack(0));
    bob.send(at(600), 1, &long).unwrap();
    bob.hears(at(610), &in_form(Form::OneByteLength, ANN.err("no")));
    bob.drain();
    assert_eq!(bob.schedule(at(5_600)), [(5_600, BOB.chat(0, &long))]);
}

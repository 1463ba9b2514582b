//! One story for each habit of a peer (SIMP 7): what it sends that shows the habit, what we do then, and what takes the
//! habit back.
//!
//! - `form`: how its datagrams are written. `handshake`: how it opens and closes, and what it does beside messages.
//! - `turns`: its user reads only after writing. `numbers`: how it numbers messages. `copies`: which of its messages are shown. `acks`: what it acknowledges.
//! - here: what they share, and the peer whose ways our user has said.

mod acks;
mod copies;
mod form;
mod handshake;
mod numbers;
mod turns;

use simp_proto::{Chat, Datagram, Deviations, Handled, Known, Operation, State};

use crate::chat::driver::{Driver, SETTINGS, delivered};
use crate::common::{ANN, BOB, Says, at};

/// The peer as an earlier chat has left it.
fn known(habits: &str) -> Known {
    Known { dialect: habits.parse().unwrap(), is_pinned: false, is_stranger: false }
}

/// Bob's SYN to such a peer has left.
fn inviting(known: Known) -> Driver {
    let mut bob = Driver::new(Chat::invite(at(0), BOB.us(), known, SETTINGS.request_expiry));
    bob.drain();
    bob
}

/// Bob has accepted the invitation of this SYN: what has left.
fn accepting(known: Known, syn: &Datagram) -> (Driver, Vec<Datagram>) {
    let mut bob = Driver::new(Chat::invited(at(0), BOB.us(), known, syn));
    bob.chat.accept(at(0)).unwrap();
    let leaves = bob.drain();
    bob.events();
    (bob, leaves)
}

/// Such a peer has accepted Bob's invitation, in the form that `form` gives its datagrams.
fn open_in(known: Known, form: Deviations) -> Driver {
    let mut bob = inviting(known);
    bob.hears(at(0), &Datagram { deviations: form, ..ANN.syn_ack() });
    bob.drain();
    bob.events();
    bob
}

/// The same with a plain form.
fn open(habits: &str) -> Driver {
    open_in(known(habits), Deviations::default())
}

/// Bob's message 1, "hi", is in flight.
fn saying_hi(mut bob: Driver) -> Driver {
    bob.send(at(0), 1, "hi").unwrap();
    bob.drain();
    bob
}

/// What is known of the peer.
fn dialect(bob: &Driver) -> String {
    bob.chat.dialect().to_string()
}

/// As it is read on its way in, with what is odd about it noted.
fn read(datagram: &Datagram) -> Datagram {
    let mut wire = Vec::new();
    datagram.encode(&mut wire);
    Datagram::decode(&wire).unwrap()
}

/// Written oddly: by that a peer is foreign, and nothing that we send is another.
fn oddly(datagram: Datagram) -> Datagram {
    Datagram { deviations: Deviations::PADDING, ..datagram }
}

/// A foreign peer has accepted Bob's invitation, and shows no habit but that.
fn open_with_foreign(habits: &str) -> Driver {
    open_in(known(habits), Deviations::PADDING)
}

#[test]
fn from_our_fin_on_it_is_known_when_a_chat_ends_though_the_peer_never_answers() {
    for (mut bob, ends) in [
        (open("plain"), 30_000),
        (open("never-acks"), 10_000),
        (open_with_foreign("plain"), 6_000),
        (open_with_foreign("never-acks"), 4_000),
    ] {
        assert_eq!(bob.chat.ends_at(), None);
        bob.chat.close(at(0), false).unwrap();
        bob.drain();
        assert_eq!(bob.chat.ends_at(), Some(at(ends)));
        bob.schedule(at(ends - 1));
        assert_eq!((bob.state(), bob.chat.ends_at()), (State::Closing, Some(at(ends))));
        bob.schedule(at(ends));
        assert_eq!((bob.state(), bob.chat.ends_at()), (State::Closed, None));
    }
}

#[test]
fn whatever_a_peer_shows_whose_ways_our_user_has_said_nothing_is_learned() {
    let all = "odd short-control leading-nul one-counter starts-at-one counts-up \
               same-number unnumbered-acks never-acks wants-no-acks misses-fast-acks ignores-repeats rings \
               accepts-by-ack line-as-syn takes-turns plain cuts-at=100";
    let odd = Deviations::PADDING;
    let said = [
        Datagram { deviations: odd, ..ANN.says(Operation::SynAck, 1, b"") },
        ANN.syn_ack(),
        Datagram { deviations: Deviations::SHORT, ..ANN.ack(0) },
        read(&ANN.chat(2, "\0one")),
        read(&ANN.chat(2, "two")),
        read(&ANN.chat(3, "three")),
        ANN.chat(1, "four"),
        ANN.chat(1, "five"),
        ANN.chat(1, "six"),
        ANN.chat(1, "seven"),
        ANN.chat(0, "eight"),
        Datagram { deviations: Deviations::OPERATION, ..ANN.chat(1, "nine") },
        read(&ANN.says(Operation::Syn, 0, b"a line")),
        ANN.ack(1),
        ANN.ack(0),
        read(&ANN.ack(9)),
    ];
    for habits in all.split(' ') {
        let pinned = Known { is_pinned: true, ..known(habits) };
        let before = pinned.dialect.to_string();
        let mut bob = inviting(pinned);
        bob.hears(at(0), &ANN.syn_ack());
        for (number, datagram) in said.iter().cycle().take(3 * said.len()).enumerate() {
            let now = number as u64 * 4_600;
            let _ = bob.send(at(now), number as u64 + 1, "ours");
            bob.schedule(at(now));
            bob.hears(at(now), datagram);
            bob.hears(at(now), &ANN.chat(0, "ours"));
            bob.drain();
            assert_eq!(dialect(&bob), before, "after {datagram:?} at {now}");
        }
    }
}

#[test]
fn each_change_of_what_is_known_is_one_event_with_its_reason() {
    let mut bob = open("plain");
    for (datagram, dialect, because) in [
        (
            Datagram { deviations: Deviations::SHORT, ..ANN.ack(0) },
            "short-control,leading-nul",
            "a datagram without Length",
        ),
        (read(&ANN.chat(0, "hi")), "short-control", "the first byte of its text"),
        (ANN.ack(0), "plain", "a datagram with Length"),
        (read(&ANN.chat(2, "two")), "odd", "a datagram is odd"),
    ] {
        bob.hears(at(10), &datagram);
        bob.drain();
        let learned = std::mem::take(&mut bob.learned);
        let told: Vec<_> = learned.iter().map(|one| (one.dialect.to_string(), one.because)).collect();
        assert_eq!(told, [(dialect.to_owned(), because)], "after {datagram:?}");
    }
    let mut bob = open("plain");
    for text in ["one", "two", "three", "four", "five", "six"] {
        assert_eq!(bob.learned, [], "before {text}");
        bob.hears(at(20), &ANN.chat(0, text));
        bob.drain();
    }
    assert_eq!(bob.learned[0].because, "its messages have the same number");
}

#[test]
fn an_ack_with_another_number_is_not_taken_from_a_peer_whose_ways_our_user_has_said() {
    let mut bob = open_in(Known { is_pinned: true, ..known("plain") }, Deviations::default());
    bob.send(at(0), 1, "hi").unwrap();
    assert_eq!(bob.drain(), [BOB.chat(0, "hi")]);
    assert_eq!(bob.hears(at(10), &ANN.ack(1)), Handled::Ignored);
    assert_eq!(bob.schedule(at(5_000)), [(5_000, BOB.chat(0, "hi"))]);
    bob.hears(at(5_010), &ANN.ack(0));
    bob.drain();
    assert_eq!(bob.events(), [delivered(1)]);
}

#[test]
fn the_other_number_is_not_tried_with_a_peer_whose_ways_our_user_has_said() {
    let pinned = Known { is_pinned: true, ..known("odd") };
    let mut bob = saying_hi(open_in(pinned, Deviations::PADDING));
    let copies = bob.schedule(at(25_000));
    let again = [5_000, 10_000, 15_000, 20_000, 25_000];
    assert_eq!(copies, again.map(|ms| (ms, Says("bob").chat(0, "hi"))));
}

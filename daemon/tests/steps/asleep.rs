//! A machine that sleeps: the next turn is hours late, and what has come is there at once.

use std::net::SocketAddr;

use simp_control::{FailureKind, Kind, Reason, Request, State, What};
use simp_proto::Operation;

use super::{Host, datagram, peer};

const NIGHT: u64 = 8 * 3_600_000;

impl Host {
    /// One turn in which nothing is taken in, and how many messages have been given up by then.
    fn turn_alone(&mut self) -> usize {
        self.driver.turn_alone(self.moment());
        self.driver.check();
        self.given_up().len()
    }
}

#[test]
fn a_message_that_expired_while_the_machine_slept_is_not_delivered_to_whoever_comes_as_it_wakes() {
    let comes = [Operation::Syn, Operation::SynAck, Operation::Ack];
    for operation in comes {
        let mut host = Host::new(1);
        host.keep(peer(2), "lunch?", Some(3_600_000));
        if operation == Operation::Ack {
            // The chat is open already, and this message waits for one that expires never.
            host.hears(peer(2), Operation::SynAck, 0);
            host.hears(peer(2), Operation::Ack, 0);
            host.keep(peer(2), "hi", None);
            host.keep(peer(2), "lunch?", Some(3_600_000));
        }
        host.says();
        host.now = NIGHT;
        host.hears(peer(2), operation, u8::from(operation == Operation::Ack));
        host.waits(10_000);
        assert_eq!(host.given_up().len(), 1, "{operation:?}");
    }
}

#[test]
fn a_request_that_expired_while_the_machine_slept_is_not_accepted_as_it_wakes() {
    let accepts = [Request::Accept { who: None }, Request::Accept { who: Some("bob".to_owned()) }];
    for accept in accepts.into_iter().chain([Request::Decline { who: None }]) {
        let mut host = Host::new(1);
        host.hears(peer(2), Operation::Syn, 0);
        host.says();
        host.now = NIGHT;
        assert_eq!(host.ask(accept).unwrap_err().kind, FailureKind::NoSuch);
        let what = host.log(Kind::Closed).pop().unwrap().what;
        assert_eq!(what, What::Closed { reason: Reason::RequestExpired, text: None });
        assert!(!host.said().contains(&Operation::SynAck));
    }
    // Whoever wants that peer all the same invites it.
    let mut host = Host::new(1);
    host.hears(peer(2), Operation::Syn, 0);
    host.says();
    host.now = NIGHT;
    assert_eq!(host.connect(peer(2)).state, State::Inviting);
    assert_eq!(host.said(), [Operation::Fin, Operation::Syn]);
}

#[test]
fn an_answer_to_an_invitation_that_expired_while_the_machine_slept_comes_too_late() {
    let elsewhere = SocketAddr::from(([127, 0, 0, 2], 40_000));
    for (from, operation) in [
        (peer(2), Operation::SynAck),
        (peer(2), Operation::Ack),
        (peer(2), Operation::Syn),
        (elsewhere, Operation::SynAck),
    ] {
        let mut host = Host::new(1);
        host.connect(peer(2));
        host.says();
        host.now = NIGHT;
        host.hears(from, operation, 0);
        assert_eq!(host.log(Kind::Opened), [], "{operation:?}");
        let what = host.log(Kind::Closed).pop().unwrap().what;
        assert_eq!(what, What::Closed { reason: Reason::NoAnswer, text: None });
    }
}

#[test]
fn very_many_messages_that_expired_meanwhile_are_given_up_a_few_in_each_turn_and_before_anything_comes() {
    let mut host = Host::new(1);
    for _ in 0..1_000 {
        host.keep(peer(2), "lunch?", Some(3_600_000));
    }
    host.says();
    host.now = NIGHT;
    host.driver.arrives(peer(2), datagram(Operation::SynAck, 0, ""));
    let mut given_up = 0;
    while given_up < 1_000 {
        let before = std::mem::replace(&mut given_up, host.turn_alone());
        assert!(given_up > before && given_up - before <= 256, "{before}, then {given_up}");
    }
    host.turn();
    host.waits(10_000);
    assert!(!host.said().contains(&Operation::Chat));
}

#[test]
fn a_night_is_one_attempt_and_no_more() {
    let mut host = Host::new(1);
    host.connect(peer(2));
    host.hears(peer(2), Operation::SynAck, 0);
    host.send(peer(2));
    host.says();
    host.now = NIGHT;
    host.turn();
    let mut said = host.sends();
    said.extend(host.waits(24_999));
    // The first one left before the night.
    assert_eq!(said, [(peer(2), Operation::Chat); 5]);
    host.waits(1);
    let what = host.log(Kind::Closed).pop().unwrap().what;
    assert_eq!(what, What::Closed { reason: Reason::PeerGone, text: None });
}

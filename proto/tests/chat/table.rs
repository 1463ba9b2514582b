//! What every state makes of every operation, one second after the chat came to that state.

use simp_proto::Operation;
use simp_proto::State;

use crate::chat::driver::Driver;
use crate::common::{ANN, at};

const OPERATIONS: [Operation; 8] = [
    Operation::Syn,
    Operation::SynAck,
    Operation::Ack,
    Operation::Chat,
    Operation::Fin,
    Operation::Err,
    Operation::ErrFin,
    Operation::FinAck,
];

/// `handled`, the state after it, and what leaves.
fn row(state: fn() -> Driver) -> Vec<String> {
    OPERATIONS
        .iter()
        .map(|&operation| {
            let mut bob = state();
            let payload: &[u8] = if operation == Operation::Chat { b"hers" } else { b"" };
            let handled = bob.hears(at(1_000), &ANN.says(operation, 0, payload));
            let leaves = bob.drain();
            let leaves: Vec<_> =
                leaves.iter().map(|datagram| format!(" {:?}{}", datagram.operation, datagram.seq)).collect();
            format!("{handled:?} {}{}", bob.state(), leaves.concat())
        })
        .collect()
}

#[test]
#[rustfmt::skip]
fn every_state_has_an_answer_to_every_operation() {
    for (name, state, expected) in [
        ("inviting", Driver::inviting as fn() -> Driver, [
            "Expected accepting SynAck0",
            "Expected open Ack0",
            "Expected open",
            "Ignored inviting",
            "Expected closed Ack0",
            "Expected closed",
            "Expected closed Ack0",
            "Expected closed Ack0",
        ]),
        ("invited", Driver::invited, [
            "Ignored invited",
            "Ignored invited",
            "Ignored invited",
            "Ignored invited",
            "Expected closed Ack0",
            "Expected closed",
            "Expected closed Ack0",
            "Expected closed Ack0",
        ]),
        ("accepting", Driver::accepting, [
            "Expected accepting SynAck0",
            "Expected open Ack0",
            "Expected open",
            "Expected open Ack0",
            "Expected closed Ack0",
            "Expected closed",
            "Expected closed Ack0",
            "Expected closed Ack0",
        ]),
        ("open, we invited", Driver::open, [
            "Ignored open",
            "Expected open Ack0",
            "Ignored open",
            "Expected open Ack0",
            "Expected closed Ack0",
            "Expected open",
            "Expected closed Ack0",
            "Expected closed Ack0",
        ]),
        ("open, we accepted", Driver::open_as_invited, [
            "Expected open SynAck0",
            "Expected open Ack0",
            "Ignored open",
            "Expected open Ack0",
            "Expected closed Ack0",
            "Expected open",
            "Expected closed Ack0",
            "Expected closed Ack0",
        ]),
        ("closing, the last message in flight", Driver::draining, [
            "Ignored closing",
            "Expected closing Ack0",
            "Expected closing Fin1",
            "Expected closing Ack0",
            "Expected closed Ack0",
            "Expected closing",
            "Expected closed Ack0",
            "Expected closed Ack0",
        ]),
        ("closing, the fin in flight", Driver::leaving, [
            "InvitesAnew closed",
            "Ignored closing",
            "Expected closed",
            "Expected closing Ack0",
            "Expected closed Ack0",
            "Ignored closing",
            "Expected closed Ack0",
            "Expected closed",
        ]),
        ("closing, and over for our user", Driver::taking_back, [
            "InvitesAnew closed",
            "Expected closing Fin0",
            "Expected closed",
            "Ignored closing",
            "Expected closed Ack0",
            "Ignored closing",
            "Expected closed Ack0",
            "Expected closed",
        ]),
        ("closed", Driver::closed, ["Ignored closed"; 8]),
    ] {
        for ((operation, expected), actual) in OPERATIONS.iter().zip(expected).zip(row(state)) {
            assert_eq!(actual, expected, "{operation:?} when {name}");
        }
    }
}

#[test]
fn a_closed_chat_is_closed_for_good() {
    let mut bob = Driver::closed();
    for operation in OPERATIONS {
        bob.hears(at(20_000), &ANN.says(operation, 1, b"x"));
        assert_eq!(bob.transmits(at(20_000)), []);
    }
    assert_eq!((bob.state(), bob.events()), (State::Closed, vec![]));
}

//! What every state makes of every operation, one second after the chat came to that state.

use simp_proto::Operation;
use simp_proto::State;

use crate::common::{ANN, at};
use crate::driver::Driver;

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
            "Accepted accepting SynAck0",
            "Accepted open Ack0",
            "Accepted open",
            "Ignored inviting",
            "Accepted closed Ack0",
            "Accepted closed",
            "Accepted closed Ack0",
            "Accepted closed Ack0",
        ]),
        ("invited", Driver::invited, [
            "Ignored invited",
            "Ignored invited",
            "Ignored invited",
            "Ignored invited",
            "Accepted closed Ack0",
            "Accepted closed",
            "Accepted closed Ack0",
            "Accepted closed Ack0",
        ]),
        ("accepting", Driver::accepting, [
            "Accepted accepting SynAck0",
            "Accepted open Ack0",
            "Accepted open",
            "Accepted open Ack0",
            "Accepted closed Ack0",
            "Accepted closed",
            "Accepted closed Ack0",
            "Accepted closed Ack0",
        ]),
        ("open, we invited", Driver::open, [
            "Ignored open",
            "Accepted open Ack0",
            "Ignored open",
            "Accepted open Ack0",
            "Accepted closed Ack0",
            "Accepted open",
            "Accepted closed Ack0",
            "Accepted closed Ack0",
        ]),
        ("open, we accepted", Driver::open_as_invited, [
            "Accepted open SynAck0",
            "Accepted open Ack0",
            "Ignored open",
            "Accepted open Ack0",
            "Accepted closed Ack0",
            "Accepted open",
            "Accepted closed Ack0",
            "Accepted closed Ack0",
        ]),
        ("closing, the last message in flight", Driver::draining, [
            "Ignored closing",
            "Accepted closing Ack0",
            "Accepted closing Fin1",
            "Accepted closing Ack0",
            "Accepted closed Ack0",
            "Accepted closing",
            "Accepted closed Ack0",
            "Accepted closed Ack0",
        ]),
        ("closing, the fin in flight", Driver::leaving, [
            "InvitesAnew closed",
            "Ignored closing",
            "Accepted closed",
            "Accepted closing Ack0",
            "Accepted closed Ack0",
            "Ignored closing",
            "Accepted closed Ack0",
            "Accepted closed",
        ]),
        ("closing, and over for our user", Driver::taking_back, [
            "InvitesAnew closed",
            "Accepted closing Fin0",
            "Accepted closed",
            "Ignored closing",
            "Accepted closed Ack0",
            "Ignored closing",
            "Accepted closed Ack0",
            "Accepted closed",
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

//! ACKs, and openings.

use crate::row::{Allowed, Expect, Row, row};
use crate::traits::{Number, Takes, Traits, Unexpected};

/// One whose ACKs say nothing about what they acknowledge, so that a late one is taken for another.
const ANY_ACK: Expect = {
    let bad = Allowed { falsely_delivered: true, ours_lost: true, ..Allowed::NOTHING };
    Expect::after(Allowed::NOTHING, Allowed::NOTHING, bad)
};

/// Its ACK of our ACK looks like that of our chat.
const ACK_OF_ACK: Expect = Expect::after(Allowed::NOTHING, ANY_ACK.bad, ANY_ACK.bad);

const NOT_ACKED_AGAIN: Expect = {
    let unconfirmed = Allowed { unconfirmed: true, ..Allowed::NOTHING };
    Expect::after(Allowed::NOTHING, unconfirmed, unconfirmed)
};

/// If it says nothing after our first message either, it seems to be gone.
const NEVER_ACKS: Expect = {
    let Expect { good, fault, bad, .. } = Expect::NEVER_CONFIRMS;
    Expect::after(good, Allowed { breaks: true, ..fault }, bad)
};

/// When the handshake is not complete in time, it is over for the one and not for the other.
const GIVES_UP: Expect = {
    let fault = Allowed { breaks: true, ours_lost: true, ..Allowed::NOTHING };
    Expect::after(Allowed::NOTHING, fault, fault)
};

/// What it wants is not what it does.
const WANTS_OTHERWISE: Expect = Expect::after(GIVES_UP.fault, GIVES_UP.fault, GIVES_UP.fault);

pub(super) fn rows() -> Vec<Row> {
    let mut rows = acks();
    rows.extend(openings());
    rows
}

fn acks() -> Vec<Row> {
    let plain = || Traits::PLAIN;
    let acks = |number| Traits { chat_acks: Some(number), ..Traits::PLAIN };
    let never = Traits { chat_acks: None, ..Traits::SIMPLE };
    let err = Traits { unexpected: Unexpected::Error, ..plain() };
    let as_chat = Traits { chat_ack_type: 2, ..plain() };
    vec![
        row("ack-next", "ACK says which number comes next", acks(Number::Next), ANY_ACK),
        row("ack-count", "ACK says how many came", acks(Number::Count), ANY_ACK),
        row("ack-0", "ACK always 0", acks(Number::Always(0)), ANY_ACK),
        row("ack-text", "ACK with a text", Traits { ack_payload: b"OK", ..plain() }, Expect::ALL),
        row("ack-type", "ACK of a chat has the Type of chats", as_chat, Expect::NEVER_CONFIRMS),
        row("ack-ack", "ACK to every ACK", Traits { acks_acks: true, ..plain() }, ACK_OF_ACK),
        row("err-duplicate", "ERR to a duplicate, and no ACK", err, NOT_ACKED_AGAIN),
        row("never-acks", "never acknowledges a chat", never, NEVER_ACKS),
    ]
}

fn openings() -> Vec<Row> {
    let plain = || Traits::PLAIN;
    let syn_ack_1 = Traits { syn_ack_seq: Number::Always(1), ..plain() };
    let hears_ack_1 = Traits { other_acks: Number::Always(1), ..plain() };
    let two_way = Traits { acks_syn_ack: false, ..plain() };
    let syn_text = Traits { syn_payload: b"Let us chat", ..plain() };
    let two_roles = Traits { takes: Takes::Ack, ..plain() };
    let impatient = Traits { gives_up_after: Some(5_000), ..plain() };
    vec![
        row("syn-ack-1", "SYN+ACK with number 1", syn_ack_1, Expect::FOREIGN),
        row("hs-ack-1", "ACK of anything but a chat with number 1", hears_ack_1, Expect::ALL),
        row("syn-5s", "SYN every 5 s", Traits { repeats_syn: Some(5_000), ..plain() }, Expect::ALL),
        row("syn-text", "SYN with a text", syn_text, Expect::ALL),
        row("two-way", "no ACK to a SYN+ACK", two_way, Expect::ALL),
        row("two-roles", "accepts with SYN+ACK, wants a bare ACK itself", two_roles, WANTS_OTHERWISE),
        row(
            "other-port",
            "answers from another port",
            Traits { answers_from_other: true, ..plain() },
            Expect::ALL,
        ),
        row("impatient", "gives up 5 s after its SYN", impatient, GIVES_UP),
    ]
}

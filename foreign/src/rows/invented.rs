//! What nobody has seen, and may well exist: rules that hold for these are general.

use super::{Allowed, Expect, Row, row};
use crate::traits::{
    Busy, Decline, Expects, FinWaits, Form, Length, Number, OnFin, Repeats, Sends, Takes, Then, Traits,
    Unexpected,
};

/// One whose ACKs say nothing about what they acknowledge, so that a late one is taken for another.
const ANY_ACK: Expect =
    Expect { bad: Allowed { falsely_delivered: true, ours_lost: true, ..Expect::ALL.bad }, ..Expect::ALL };

/// One that shows every copy.
const SHOWS_COPIES: Expect = {
    let fault = Allowed { ours_twice: true, ..Allowed::NOTHING };
    Expect { fault, bad: fault, ..Expect::ALL }
};

/// One whose chats cannot be told from their repeats for certain.
const SHOWS_AND_SENDS_COPIES: Expect =
    Expect { bad: Allowed { ours_twice: true, theirs_twice: true, ..Allowed::NOTHING }, ..SHOWS_COPIES };

pub(super) fn rows() -> Vec<Row> {
    let mut rows = bytes();
    rows.extend(numbers());
    rows.extend(answers());
    rows.extend(refusals());
    rows.extend(ends());
    rows
}

fn bytes() -> Vec<Row> {
    let form = |form| Traits { form, ..Traits::PLAIN };
    let length = |length| Traits { length, ..Traits::PLAIN };
    vec![
        row("simple", "each datagram once, nothing resumed", Traits::SIMPLE, Expect::SENDS_ONCE),
        row("length-header", "Length counts the header too", length(Length::WithHeader), Expect::ALL),
        row("length-little", "Length in little endian", length(Length::LittleEndian), Expect::ALL),
        row("nul-end", "texts end with a NUL", form(Form::BeforeNul), Expect::ALL),
        row(
            "nul-filled",
            "texts are filled up with NUL to 985 bytes",
            form(Form::FilledTo(985)),
            Expect::ALL,
        ),
        row("line-feed", "texts end with a line feed", form(Form::Line), Expect::ALL),
    ]
}

fn numbers() -> Vec<Row> {
    let from_1 = Traits {
        sends: Sends::Alternating(1),
        expects: Expects::Alternating(1),
        unexpected: Unexpected::Ignored,
        ..Traits::PLAIN
    };
    let from_1_expect = Expect {
        fault: Allowed { unconfirmed: true, ..Allowed::NOTHING },
        bad: Allowed {
            unconfirmed: true,
            ours_lost: true,
            theirs_lost: true,
            breaks: true,
            ..Allowed::NOTHING
        },
        ..Expect::ALL
    };
    let always = |seq| Traits { sends: Sends::Always(seq), expects: Expects::Anything, ..Traits::PLAIN };
    let counts = Traits {
        sends: Sends::Counting(0),
        expects: Expects::Counting(0),
        unexpected: Unexpected::Ignored,
        ..Traits::PLAIN
    };
    let counts_expect = Expect {
        good: Allowed { unconfirmed: true, ours_lost: true, breaks: true, ..Allowed::NOTHING },
        fault: Allowed { unconfirmed: true, ours_lost: true, breaks: true, ..Allowed::NOTHING },
        bad: Allowed {
            unconfirmed: true,
            ours_lost: true,
            theirs_lost: true,
            breaks: true,
            ..Allowed::NOTHING
        },
        ..Expect::ALL
    };
    let shared =
        Traits { sends: Sends::Shared(0), expects: Expects::Shared, takes_turns: true, ..Traits::PLAIN };
    let shared_expect = Expect {
        fault: Allowed { ours_lost: true, falsely_delivered: true, ..Allowed::NOTHING },
        bad: Allowed {
            unconfirmed: true,
            ours_lost: true,
            theirs_lost: true,
            breaks: true,
            falsely_delivered: true,
            ..Allowed::NOTHING
        },
        ..Expect::ALL
    };
    vec![
        row("from-1", "alternates from 1, and expects that", from_1, from_1_expect),
        row("always-0", "chats always 0, no duplicate filter", always(0), SHOWS_AND_SENDS_COPIES),
        row("always-1", "chats always 1, no duplicate filter", always(1), SHOWS_AND_SENDS_COPIES),
        row("counts", "counts up from 0, and expects that", counts, counts_expect),
        row("shared-0", "one counter for both directions from 0; turns", shared, shared_expect),
        row(
            "fast",
            "repeats chats every second",
            repeats(Repeats { every: 1_000, times: Some(20), then: Then::Leaves, wants_its_number: true }),
            Expect::ALL,
        ),
        row(
            "forever",
            "repeats chats every 3 s for ever, takes any ACK, no duplicate filter",
            Traits {
                expects: Expects::Anything,
                ..repeats(Repeats { every: 3_000, times: None, then: Then::Next, wants_its_number: false })
            },
            Expect { bad: Allowed { theirs_lost: true, ..SHOWS_COPIES.bad }, ..SHOWS_COPIES },
        ),
    ]
}

fn repeats(repeats: Repeats) -> Traits {
    Traits { repeats: Some(repeats), ..Traits::PLAIN }
}

fn answers() -> Vec<Row> {
    let acks = |number| Traits { chat_acks: Some(number), ..Traits::PLAIN };
    vec![
        row("ack-next", "ACK says which number comes next", acks(Number::Next), ANY_ACK),
        row("ack-count", "ACK says how many came", acks(Number::Count), ANY_ACK),
        row("ack-0", "ACK always 0", acks(Number::Always(0)), ANY_ACK),
        row("ack-text", "ACK with a text", Traits { ack_payload: b"OK", ..Traits::PLAIN }, Expect::ALL),
        row("ack-ack", "ACK to every ACK", Traits { acks_acks: true, ..Traits::PLAIN }, ANY_ACK),
        row(
            "err-duplicate",
            "ERR to a duplicate, and no ACK",
            Traits { unexpected: Unexpected::Error, ..Traits::PLAIN },
            Expect {
                fault: Allowed { unconfirmed: true, ..Allowed::NOTHING },
                bad: Allowed { unconfirmed: true, ..Allowed::NOTHING },
                ..Expect::ALL
            },
        ),
        row(
            "never-acks",
            "never acknowledges a chat",
            Traits { chat_acks: None, ..Traits::SIMPLE },
            Expect::NEVER_CONFIRMS,
        ),
        row(
            "syn-ack-1",
            "SYN+ACK with number 1",
            Traits { syn_ack_seq: Number::Always(1), ..Traits::PLAIN },
            Expect::ALL,
        ),
        row("syn-5s", "SYN every 5 s", Traits { repeats_syn: Some(5_000), ..Traits::PLAIN }, Expect::ALL),
        row(
            "other-port",
            "answers from another port",
            Traits { answers_from_other: true, ..Traits::PLAIN },
            Expect::ALL,
        ),
        row(
            "impatient",
            "gives up 5 s after its SYN",
            Traits { gives_up_after: Some(5_000), ..Traits::PLAIN },
            Expect::ALL,
        ),
        row(
            "two-roles",
            "accepts with SYN+ACK, wants a bare ACK itself",
            Traits { takes: Takes::Ack, ..Traits::PLAIN },
            Expect::ALL,
        ),
    ]
}

fn refusals() -> Vec<Row> {
    let refuses = |decline, busy| Traits { decline, busy, ..Traits::PLAIN };
    vec![
        row(
            "fin-text",
            "declines with FIN 1 and a text; busy is ERR",
            refuses(Decline::FinWithText, Busy::Err),
            Expect::ALL,
        ),
        row(
            "err-fin",
            "declines with ERR\\|FIN; busy is ERR\\|FIN",
            refuses(Decline::ErrFin, Busy::ErrFin),
            Expect::ALL,
        ),
        row(
            "ack-refusal",
            "declines with ACK and a text; busy too",
            refuses(Decline::AckWithText, Busy::AckWithText),
            Expect::ALL,
        ),
    ]
}

fn ends() -> Vec<Row> {
    vec![
        row(
            "fin-leaves",
            "FIN, and waits for nothing",
            Traits { fin_waits: FinWaits::Nothing, ..Traits::PLAIN },
            {
                let fault = Allowed { breaks: true, ..Allowed::NOTHING };
                Expect { fault, bad: fault, ..Expect::ALL }
            },
        ),
        row(
            "fin-silent",
            "says nothing to a FIN",
            Traits { on_fin: OnFin::Silent, acks_stray_fin: false, ..Traits::PLAIN },
            Expect::ALL,
        ),
        row(
            "fin-seq",
            "FIN must have the next number",
            Traits { fin_wants_seq: true, fin_has_seq: true, ..Traits::PLAIN },
            Expect::ALL,
        ),
    ]
}

//! Numbers of chats, and repeats.

use crate::row::{Allowed, Expect, Row, row};
use crate::traits::{Expects, Number, Repeats, Sends, Then, Traits, Unexpected};

/// One that shows every copy.
const SHOWS_COPIES: Expect = {
    let fault = Allowed { ours_twice: true, ..Allowed::NOTHING };
    Expect::after(Allowed::NOTHING, fault, fault)
};

/// One whose chats cannot be told from their repeats for certain, by us, nor our ACKs from late ones, by it.
const SHOWS_AND_SENDS_COPIES: Expect = {
    let fault = SHOWS_COPIES.fault;
    Expect::after(Allowed::NOTHING, fault, Allowed { theirs_twice: true, theirs_lost: true, ..fault })
        .but_same_lines_look_like_copies()
};

/// One that says nothing to a number that it does not expect: whether it is that, or the network, nobody knows.
const LOSES: Allowed = Allowed { unconfirmed: true, ours_lost: true, breaks: true, ..Allowed::NOTHING };

const WANTS_ITS_NUMBER: Expect = {
    let fault = Allowed { unconfirmed: true, ours_twice: true, breaks: true, ..Allowed::NOTHING };
    Expect::after(Allowed::NOTHING, fault, Allowed { theirs_lost: true, ours_twice: true, ..LOSES })
};

/// Counting numbers are more than we have.
const COUNTS: Expect = Expect::after(LOSES, LOSES, Allowed { theirs_lost: true, ..LOSES });

/// It acknowledges what it drops, and its own numbers are those of many others.
const SHARED: Expect = {
    let good = Allowed { falsely_delivered: true, ..Allowed::NOTHING };
    let fault = Allowed { ours_lost: true, ours_twice: true, theirs_twice: true, ..good };
    Expect::after(good, fault, Allowed { unconfirmed: true, theirs_lost: true, breaks: true, ..fault })
        .but_same_lines_look_like_copies()
};

const FOREVER: Expect = {
    let fault = SHOWS_COPIES.fault;
    Expect::after(Allowed::NOTHING, fault, Allowed { theirs_lost: true, ..fault })
};

pub(super) fn rows() -> Vec<Row> {
    let numbers = |sends, expects| Traits { sends, expects, ..Traits::PLAIN };
    let strict = |traits| Traits { unexpected: Unexpected::Ignored, ..traits };
    let from_1 = strict(numbers(Sends::Alternating(1), Expects::Alternating(1)));
    let keeps = strict(Traits { keeps_numbers: true, ..Traits::PLAIN });
    let counts = strict(numbers(Sends::Counting(0), Expects::Counting(0)));
    let shared = Traits { takes_turns: true, ..numbers(Sends::Shared(0), Expects::Shared) };
    let always = |seq| numbers(Sends::Always(seq), Expects::Anything);
    let mut rows = vec![
        row("from-1", "alternates from 1, and expects that", from_1, WANTS_ITS_NUMBER),
        row("keeps-numbers", "numbers go on in the next chat", keeps, WANTS_ITS_NUMBER),
        row("always-0", "chats always 0, no duplicate filter", always(0), SHOWS_AND_SENDS_COPIES),
        row("always-1", "chats always 1, no duplicate filter", always(1), SHOWS_AND_SENDS_COPIES),
        row("counts", "counts up from 0, and expects that", counts, COUNTS),
        row("shared-0", "one counter for both directions from 0; turns", shared, SHARED),
    ];
    rows.extend(repeats());
    rows
}

fn repeats() -> Vec<Row> {
    let fast = Repeats { every: 1_000, times: Some(20), then: Then::Leaves, wants: Some(Number::Echo) };
    let forever = Repeats { every: 3_000, times: None, then: Then::Next, wants: None };
    let fast = Traits { repeats: Some(fast), ..Traits::PLAIN };
    let forever = Traits { repeats: Some(forever), expects: Expects::Anything, ..Traits::PLAIN };
    let about_forever = "repeats chats every 3 s for ever, takes any ACK, no duplicate filter";
    vec![
        row("fast", "repeats chats every second", fast, Expect::ALL),
        row("forever", about_forever, forever, FOREVER),
    ]
}

//! What real programs do beside the table of section 7: their form of 2021/22, a Length of one byte, and what
//! a chat with them failed for.

use crate::row::{Allowed, Expect, Row, row};
use crate::traits::{
    Busy, Expects, FinWaits, Length, Named, Number, OnFin, Padding, Repeats, Sends, Then, Traits, Unexpected,
};

pub(super) fn rows() -> Vec<Row> {
    let one_byte = Traits { length: Length::InOneByte, ..Traits::PLAIN };
    vec![
        row("2021", "the form of 2021/22; both count; turns; no ACK to FIN", OF_2021, OF_2021_EXPECT),
        row("one-byte", "Length of one byte", one_byte, Expect::FOREIGN),
        row("one-byte-next", "the same, and its ACKs, and ours, have the next number", NEXT, NEXT_EXPECT),
        row("daemon", "SYN+ACK from daemon, spaces; never ACKs, ignores FIN", SILENT, SILENT_EXPECT),
        row("blind", "all control 0; chats 0, a repeat 1; shows every copy", BLIND, BLIND_EXPECT),
        row("receiver-silent", "the receiver's name in User; ignores FIN", UNNAMED, Expect::SENDS_ONCE),
        row("own-count", "no ACK to SYN+ACK or FIN; ACKs count", COUNT, COUNT_EXPECT),
    ]
}

const OF_2021: Traits = Traits {
    padding: Padding::Zeros,
    swaps_types: true,
    length: Length::InOneByte,
    receives_at_most: 1_024,
    sends: Sends::CountingBySide,
    repeats: Some(Repeats { every: 5_000, times: None, then: Then::Next, wants: Some(Number::Echo) }),
    takes_turns: true,
    expects: Expects::CountingBySide,
    unexpected: Unexpected::Ignored,
    other_acks: Number::Successor,
    busy: Busy::Fin,
    on_fin: OnFin::Silent,
    fin_wants_seq: true,
    fin_has_seq: true,
    fin_waits: FinWaits::Nothing,
    acks_stray_fin: false,
    ..Traits::SIMPLE
};

/// A message of ours that it has acknowledged is never acknowledged again.
const OF_2021_EXPECT: Expect = {
    let fault = Allowed { unconfirmed: true, breaks: true, ..Allowed::NOTHING };
    let bad = Allowed { ours_lost: true, theirs_lost: true, theirs_twice: true, ..fault };
    Expect::after(Allowed::NOTHING, fault, bad)
};

const NEXT: Traits = Traits {
    length: Length::InOneByte,
    chat_acks: Some(Number::Next),
    other_acks: Number::Next,
    repeats: Some(Repeats { every: 5_000, times: Some(5), then: Then::Leaves, wants: Some(Number::Next) }),
    ..Traits::PLAIN
};

/// That ours must have the next number shows with its first: until then it takes ours for none.
const NEXT_EXPECT: Expect = {
    let bad = Allowed { breaks: true, theirs_lost: true, ..Expect::FOREIGN.bad };
    Expect::after(Allowed::NOTHING, Expect::FOREIGN.fault, bad)
};

const SILENT: Traits = Traits {
    padding: Padding::Space,
    syn_ack_name: Some("daemon"),
    expects: Expects::Anything,
    chat_acks: None,
    on_fin: OnFin::Ignored,
    ..Traits::SIMPLE
};

/// If our SYN+ACK was lost, it writes before our first message, and then nothing shows that it never acknowledges.
const SILENT_EXPECT: Expect = {
    let Expect { good, fault, bad, .. } = Expect::NEVER_CONFIRMS;
    Expect::after(good, Allowed { breaks: true, ..fault }, bad)
};

const BLIND: Traits = Traits {
    sends: Sends::Marked { first: 0, repeat: 1 },
    repeats: Some(Repeats { every: 5_000, times: None, then: Then::Next, wants: None }),
    expects: Expects::Anything,
    chat_acks: Some(Number::Always(0)),
    other_acks: Number::Always(0),
    ..Traits::SIMPLE
};

/// A copy is new to it. Its lines may have the same number, and nothing else than their time tells them from repeats.
const BLIND_EXPECT: Expect = {
    let copies = Allowed { ours_twice: true, theirs_twice: true, ..Allowed::NOTHING };
    let bad = Allowed { falsely_delivered: true, theirs_lost: true, ..copies };
    Expect::after(Allowed::NOTHING, copies, bad).but_same_lines_look_like_copies()
};

const UNNAMED: Traits = Traits { named: Named::Receiver, on_fin: OnFin::Ignored, ..Traits::SIMPLE };

const COUNT: Traits = Traits {
    chat_acks: Some(Number::Count),
    acks_syn_ack: false,
    on_fin: OnFin::Ignored,
    acks_stray_fin: false,
    ..Traits::SIMPLE
};

/// Any of its ACKs counts, also one that comes twice.
const COUNT_EXPECT: Expect = {
    let bad = Allowed { falsely_delivered: true, ..Expect::SENDS_ONCE.bad };
    Expect::after(Allowed::NOTHING, Expect::SENDS_ONCE.fault, bad)
};

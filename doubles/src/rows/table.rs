//! The specification itself, and the programs of the table in section 7.

use crate::row::{Allowed, Expect, Row, row};
use crate::traits::{
    Acceptance, Answers, Busy, Decline, Expects, FatalDatagram, FinWaits, Form, Length, Number, OnFin,
    Padding, Repeats, SecondSyn, Sends, SynInChat, Takes, Then, Traits, Unexpected,
};

/// Repeated three times at 5 s.
const THREE_TIMES: Repeats =
    Repeats { every: 5_000, times: Some(3), then: Then::Next, wants: Some(Number::Echo) };

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("plain", "the specification", Traits::PLAIN, Expect::ALL),
        row("A", "spaces; ignores duplicates, never repeats", A, A_EXPECT),
        row("A-alone", "the same with nobody attached", Traits { answers: Answers::Accepts, ..A }, A_EXPECT),
        row("B", "ACK 1, chat 0, no duplicate filter, misses fast ACKs", b(), B_EXPECT),
        row("C", "rings; one counter for both directions; turns", C, C_EXPECT),
        row("D", "one counter from 1; ERR\\|FIN; drops a fifth", D, D_EXPECT),
        row("D-kept", "the same, dropping nothing", Traits { drops: 0, ..D }, D_KEPT_EXPECT),
        row("E", "no Length in control; texts after a NUL; FIN\\|ACK", E, E_EXPECT),
        row("F", "counts up from 1; turns", F, F_EXPECT),
        row("G", "2 first, 1 repeat; a chat answers a chat; turns", G, G_EXPECT),
        row("H", "chats with operation 0; never ACKs; ignores FIN", H, Expect::NEVER_CONFIRMS),
        row("I", "bare ACK accepts; SYN and chat per line; never ACKs", I, Expect::NEVER_CONFIRMS),
        row("K", "a checksum after each datagram", K, Expect::NOTHING),
    ]
}

const A: Traits = Traits { padding: Padding::Space, unexpected: Unexpected::Ignored, ..Traits::SIMPLE };

const A_EXPECT: Expect = {
    let fault = Allowed { theirs_lost: true, ..Expect::FOREIGN.fault };
    Expect::after(Allowed::NOTHING, fault, Allowed { unconfirmed: true, ..Expect::SENDS_ONCE.bad })
};

fn b() -> Traits {
    Traits {
        sends: Sends::Always(0),
        repeats: Some(Repeats { every: 5_000, times: None, then: Then::Next, wants: None }),
        misses_acks_within: Some(1),
        expects: Expects::Anything,
        chat_acks: Some(Number::Always(1)),
        syn_ack_seq: Number::Always(1),
        other_acks: Number::Always(1),
        second_syn: SecondSyn::AsksAgain,
        decline: Decline::FinWithText,
        busy: Busy::Err,
        answers_to_7777: true,
        fatal: FatalDatagram { seq: true, high_byte: true, operation: true },
        ..Traits::SIMPLE
    }
}

const B_EXPECT: Expect = {
    let fault = Allowed { ours_twice: true, ..Expect::FOREIGN.fault };
    let bad = Allowed { theirs_twice: true, breaks: true, falsely_delivered: true, ..fault };
    Expect::after(Allowed::NOTHING, fault, bad)
};

const C: Traits = Traits {
    sends: Sends::Shared(0),
    takes_turns: true,
    expects: Expects::Shared,
    unexpected: Unexpected::Ignored,
    answers: Answers::Rings,
    syn_name: Some("Daemon"),
    syn_ack_name: Some("Daemon"),
    takes: Takes::FirstChat,
    gives_up_after: Some(5_000),
    second_syn: SecondSyn::SynAck,
    ..Traits::SIMPLE
};

/// Behind a line of its own, a repeat of ours has the number that it expects next.
const C_EXPECT: Expect = {
    let lost = Allowed { ours_lost: true, theirs_lost: true, ..Allowed::NOTHING };
    let fault = Allowed { unconfirmed: true, ours_twice: true, breaks: true, ..lost };
    Expect::after(Allowed::NOTHING, fault, fault)
};

const D: Traits = Traits {
    receives_at_most: 1_024,
    sends: Sends::Shared(1),
    repeats: Some(Repeats { then: Then::EndsIt, ..THREE_TIMES }),
    expects: Expects::Shared,
    unexpected: Unexpected::Ignored,
    repeats_syn_ack: true,
    decline: Decline::ErrFin,
    busy: Busy::ErrFin,
    fin_wants_seq: true,
    fin_has_seq: true,
    fin_waits: FinWaits::Ack,
    drops: 20,
    fatal: FatalDatagram { seq: false, high_byte: true, operation: false },
    ..Traits::SIMPLE
};

const D_EXPECT: Expect =
    Expect::after(D_KEPT_EXPECT.bad, D_KEPT_EXPECT.bad, D_KEPT_EXPECT.bad).but_same_lines_look_like_copies();

const D_KEPT_EXPECT: Expect = {
    let fault = Allowed { unconfirmed: true, ours_twice: true, ..Allowed::NOTHING };
    Expect::after(
        Allowed::NOTHING,
        fault,
        Allowed { ours_lost: true, theirs_lost: true, breaks: true, ..fault },
    )
};

const E: Traits = Traits {
    length: Length::OnlyInChats,
    form: Form::BehindNul,
    repeats: Some(THREE_TIMES),
    expects: Expects::Anything,
    busy: Busy::Undecodable,
    on_fin: OnFin::FinAck,
    fin_waits: FinWaits::FinAck,
    waits_for: Some(60_000),
    ..Traits::SIMPLE
};

const E_EXPECT: Expect = {
    let fault = Allowed { ours_twice: true, ..Expect::FOREIGN.fault };
    Expect::after(Allowed::NOTHING, fault, Allowed { theirs_lost: true, breaks: true, ..fault })
};

const F: Traits = Traits {
    receives_at_most: 1_024,
    sends: Sends::Counting(1),
    takes_turns: true,
    expects: Expects::NotTheLast,
    busy: Busy::Fin,
    ..Traits::SIMPLE
};

/// Whoever accepts and waits for its turn says nothing more when that was lost.
const F_EXPECT: Expect = {
    // Its 2 looks like another's first message if its 1 is lost.
    let bad = Allowed { unconfirmed: true, ..Expect::SENDS_ONCE.bad };
    let fault = Allowed { breaks: true, unconfirmed: true, ..Expect::SENDS_ONCE.fault };
    Expect::after(Allowed::NOTHING, fault, bad)
};

const G: Traits = Traits {
    sends: Sends::Marked { first: 2, repeat: 1 },
    repeats: Some(THREE_TIMES),
    takes_turns: true,
    expects: Expects::NotARepeat(1),
    unexpected: Unexpected::Ignored,
    chat_acks: None,
    chats_answer_chats: true,
    ends_with_chat: true,
    ..Traits::SIMPLE
};

/// A message of ours with the number 1 looks like a repeat to it.
const G_EXPECT: Expect = {
    let Expect { good, fault, bad, .. } = Expect::NEVER_CONFIRMS;
    let same = Allowed { ours_lost: true, ..good };
    Expect {
        same,
        ..Expect::after(good, Allowed { breaks: true, ..fault }, Allowed { theirs_twice: true, ..bad })
    }
};

const H: Traits = Traits {
    padding: Padding::Space,
    syn_ack_name: Some("daemon"),
    chat_operation: 0,
    expects: Expects::Anything,
    chat_acks: None,
    decline: Decline::AckWithText,
    busy: Busy::AckWithText,
    on_fin: OnFin::Ignored,
    ..Traits::SIMPLE
};

const I: Traits = Traits {
    form: Form::WithName,
    syn_per_line: true,
    expects: Expects::Anything,
    chat_acks: None,
    acceptance: Acceptance::Ack,
    syn_payload: b"Let us chat",
    takes: Takes::Ack,
    syn_in_chat: SynInChat::IsALine,
    ..Traits::SIMPLE
};

const K: Traits = Traits {
    checksum: true,
    echoes: true,
    is_mute: true,
    answers: Answers::Accepts,
    syn_ack_seq: Number::Successor,
    ..Traits::SIMPLE
};

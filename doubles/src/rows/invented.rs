//! What nobody has seen, and may well exist: rules that hold for these are general. `numbers`: those of chats.
//! `answers`: ACKs and openings.

mod answers;
mod numbers;

use crate::row::{Allowed, Expect, Row, row};
use crate::traits::{Busy, Decline, FinWaits, Form, Length, Named, OnFin, Traits};

pub(super) fn rows() -> Vec<Row> {
    let mut rows = bytes();
    rows.extend(numbers::rows());
    rows.extend(answers::rows());
    rows.extend(refusals());
    rows.extend(ends());
    rows
}

fn bytes() -> Vec<Row> {
    let form = |form| Traits { form, ..Traits::PLAIN };
    let length = |length| Traits { length, ..Traits::PLAIN };
    let nameless = Traits { named: Named::Nobody, ..Traits::PLAIN };
    vec![
        row("simple", "each datagram once, nothing resumed", Traits::SIMPLE, Expect::SENDS_ONCE),
        row("nameless", "User is empty", nameless, Expect::ALL),
        row("length-header", "Length counts the header too", length(Length::WithHeader), Expect::FOREIGN),
        row("length-little", "Length in little endian", length(Length::LittleEndian), Expect::FOREIGN),
        row("two-bytes", "Length of two bytes", length(Length::InTwoBytes), Expect::FOREIGN),
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

fn refusals() -> Vec<Row> {
    let refuses = |decline, busy| Traits { decline, busy, ..Traits::PLAIN };
    let rows = [
        ("fin-text", "declines with FIN 1 and a text; busy is ERR", Decline::FinWithText, Busy::Err),
        ("err-fin", "declines with ERR\\|FIN; busy is ERR\\|FIN", Decline::ErrFin, Busy::ErrFin),
        ("ack-refusal", "declines with ACK and a text; busy too", Decline::AckWithText, Busy::AckWithText),
    ];
    let rows = rows.into_iter();
    rows.map(|(name, about, decline, busy)| row(name, about, refuses(decline, busy), Expect::ALL)).collect()
}

fn ends() -> Vec<Row> {
    let plain = || Traits::PLAIN;
    let leaves = Traits { fin_waits: FinWaits::Nothing, ..plain() };
    let silent = Traits { on_fin: OnFin::Silent, acks_stray_fin: false, ..plain() };
    let fin_seq = Traits { fin_wants_seq: true, fin_has_seq: true, ..plain() };
    let fin_ack = Traits { on_fin: OnFin::FinAck, fin_waits: FinWaits::FinAck, ..plain() };
    // A FIN that is lost is never known of.
    let lost = Allowed { breaks: true, ..Allowed::NOTHING };
    // Nothing that it sends says so. It waits in vain, and then it has left all the same.
    let unanswered = Allowed { fin_unanswered: true, ..Allowed::NOTHING };
    let unseen = Expect::after(unanswered, unanswered, unanswered);
    vec![
        row("fin-leaves", "FIN, and waits for nothing", leaves, Expect::after(Allowed::NOTHING, lost, lost)),
        row("fin-silent", "says nothing to a FIN", silent, Expect::ALL),
        row("fin-seq", "FIN must have the next number", fin_seq, Expect::ALL),
        row("fin-ack", "FIN\\|ACK, with a complete header", fin_ack, unseen),
    ]
}

//! What else was seen: section 7, after the table. Each differs from the specification in one thing.

use crate::row::{Allowed, Expect, Row, row};
use crate::traits::{Decline, Expects, Length, Named, Padding, Sends, SynInChat, Traits};

pub(super) fn rows() -> Vec<Row> {
    let plain = || Traits::PLAIN;
    vec![
        row(
            "leading-nul",
            "NUL before the name",
            Traits { padding: Padding::LeadingNul, ..plain() },
            Expect::FOREIGN,
        ),
        row(
            "receiver",
            "the receiver's name in User",
            Traits { named: Named::Receiver, ..plain() },
            Expect::ALL,
        ),
        row("repeat-mark", "0 is a first copy, 1 a repeat", REPEAT_MARK, REPEAT_MARK_EXPECT),
        row("err-syn-ack", "declines with ERR, then SYN+ACK", declines(Decline::ErrSynAck), Expect::ALL),
        row(
            "ephemeral",
            "invites from another port than 7777",
            Traits { invites_from_other: true, ..plain() },
            Expect::ALL,
        ),
        row(
            "length-0",
            "Length 0 with a payload after it",
            Traits { length: Length::Zero, ..plain() },
            Expect::FOREIGN,
        ),
        row(
            "syn-ack-always",
            "SYN+ACK to every SYN, also in a chat",
            Traits { syn_in_chat: SynInChat::SynAck, ..plain() },
            Expect::ALL,
        ),
        row("err-to-ack", "ERR to every ACK", Traits { errs_to_acks: true, ..plain() }, Expect::ALL),
        row("echo", "sends each text back", Traits { echoes: true, ..plain() }, Expect::ALL),
        row(
            "polls",
            "looks every 5 s, and answers in batches",
            Traits { polls_every: Some(5_000), ..plain() },
            // Its ACKs come later than any copy may live.
            Expect::after(Allowed::NOTHING, Allowed::NOTHING, LATE),
        ),
    ]
}

const LATE: Allowed = Allowed { falsely_delivered: true, ..Allowed::NOTHING };

const REPEAT_MARK: Traits =
    Traits { sends: Sends::Marked { first: 0, repeat: 1 }, expects: Expects::NotARepeat(1), ..Traits::PLAIN };

/// A copy of a first copy is new to it, and a line that was there before, with the number of a repeat, is not.
const REPEAT_MARK_EXPECT: Expect = {
    let copies = Allowed { ours_twice: true, theirs_twice: true, ..Allowed::NOTHING };
    let same = Allowed { falsely_delivered: true, theirs_dropped: true, ..Allowed::NOTHING };
    Expect { same, ..Expect::after(Allowed::NOTHING, copies, Allowed { theirs_lost: true, ..copies }) }
};

fn declines(decline: Decline) -> Traits {
    Traits { decline, ..Traits::PLAIN }
}

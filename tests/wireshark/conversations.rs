//! Conversations of two peers, good and odd ones, each datagram with what the dissector shows of it.

use Side::{Alice, Bob};

use super::deviations::{FIN_ACK, of_2021, one_byte_length};
use crate::datagrams::{ACK, CHAT, FIN, SYN, SYN_ACK, wire};

/// Who sends it, the seconds before it, the datagram, and what is shown of it; the frame that it acknowledges
/// is after an arrow. Frames are counted from 1 in each conversation.
pub type Step = (Side, u64, Vec<u8>, &'static str);

/// The two of a conversation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Side {
    Alice,
    Bob,
}

pub fn conversations() -> Vec<Vec<Step>> {
    [chats(), openings(), forms()].concat()
}

fn alice(operation: [u8; 2], seq: u8, text: &str) -> Vec<u8> {
    wire(operation, seq, "alice", text.as_bytes())
}

fn bob(operation: [u8; 2], seq: u8, text: &str) -> Vec<u8> {
    wire(operation, seq, "bob", text.as_bytes())
}

/// Copies, acknowledgements and the order of sequences.
#[rustfmt::skip]
fn chats() -> Vec<Vec<Step>> {
    vec![
        // A chat as it should be, with a copy, then without numbers.
        vec![
            (Alice, 0, alice(SYN, 0, ""), "SYN seq=0 user=alice"),
            (Alice, 20, alice(SYN, 0, ""),
                "SYN seq=0 user=alice [retransmission] ! retransmission: The same bytes as in frame 1"),
            (Bob, 0, bob(SYN_ACK, 0, ""), "SYN+ACK seq=0 user=bob > 1"),
            (Alice, 0, alice(ACK, 0, ""), "ACK seq=0 user=alice > 3"),
            (Alice, 0, alice(CHAT, 0, "hi"), r#"CHAT seq=0 "hi""#),
            (Alice, 5, alice(CHAT, 0, "hi"),
                r#"CHAT seq=0 "hi" [retransmission] ! retransmission: The same bytes as in frame 5"#),
            (Bob, 0, bob(ACK, 0, ""), "ACK seq=0 user=bob > 5"),
            (Bob, 0, bob(ACK, 0, ""), "ACK seq=0 user=bob > 5"),
            (Bob, 0, bob(ACK, 0, ""),
                "ACK seq=0 user=bob > 5 ! ack.again: Frame 5 was acknowledged in frame 7"),
            (Bob, 0, bob(ACK, 1, ""), "ACK seq=1 user=bob ! ack.nothing: Acknowledges nothing that was seen"),
            (Alice, 0, alice(CHAT, 0, "ho"),
                r#"CHAT seq=0 "ho" ! sequence.order: Sequence 0, the next of this direction is 1"#),
            (Bob, 0, bob(ACK, 1, ""),
                "ACK seq=1 user=bob > 11 ! ack.sequence: ACK with sequence 1, the CHAT of frame 11 has 0"),
            (Bob, 0, bob(CHAT, 1, "ha"),
                r#"CHAT seq=1 "ha" ! sequence.order: Sequence 1, the next of this direction is 0"#),
            (Alice, 0, alice(ACK, 1, ""), "ACK seq=1 user=alice > 13"),
        ],
        // Closing in one datagram, then a new chat: its first sequence is 0 again, its SYN no copy.
        vec![
            (Alice, 0, alice(SYN, 0, ""), "SYN seq=0 user=alice"),
            (Bob, 0, bob(SYN_ACK, 0, ""), "SYN+ACK seq=0 user=bob > 1"),
            (Alice, 0, alice(ACK, 0, ""), "ACK seq=0 user=alice > 2"),
            (Alice, 0, alice(CHAT, 0, "hi"), r#"CHAT seq=0 "hi""#),
            (Bob, 0, bob(ACK, 0, ""), "ACK seq=0 user=bob > 4"),
            (Bob, 0, bob(FIN, 0, ""), "FIN seq=0 user=bob"),
            (Alice, 0, alice(FIN_ACK, 0, ""),
                "FIN|ACK seq=0 user=alice > 6 ! operation.combined: FIN and ACK in one datagram"),
            (Alice, 0, alice(SYN, 0, ""), "SYN seq=0 user=alice"),
            (Bob, 0, bob(SYN_ACK, 0, ""), "SYN+ACK seq=0 user=bob > 8"),
            (Alice, 0, alice(CHAT, 0, "hi"), r#"CHAT seq=0 "hi""#),
        ],
        // A peer that closes with FIN|ACK at once.
        vec![(Bob, 0, bob(FIN_ACK, 0, ""),
            "FIN|ACK seq=0 user=bob ! operation.combined: FIN and ACK in one datagram")],
        // A late copy of the SYN, then one of a peer that was started again.
        vec![
            (Alice, 0, alice(SYN, 0, ""), "SYN seq=0 user=alice"),
            (Bob, 0, bob(SYN_ACK, 0, ""), "SYN+ACK seq=0 user=bob > 1"),
            (Alice, 0, alice(CHAT, 0, "hi"), r#"CHAT seq=0 "hi""#),
            (Alice, 9, alice(SYN, 0, ""),
                "SYN seq=0 user=alice [retransmission] ! retransmission: The same bytes as in frame 1"),
            (Alice, 9, alice(SYN, 0, ""), "SYN seq=0 user=alice"),
            (Bob, 0, bob(SYN_ACK, 0, ""), "SYN+ACK seq=0 user=bob > 5"),
            (Alice, 0, alice(CHAT, 0, "hi"), r#"CHAT seq=0 "hi""#),
        ],
    ]
}

/// Chats in other forms than specified.
#[rustfmt::skip]
fn forms() -> Vec<Vec<Step>> {
    let alice = |fields, seq, text: &str| of_2021(fields, seq, "alice", text.as_bytes());
    let bob = |fields, seq, text: &str| of_2021(fields, seq, "bob", text.as_bytes());
    let narrow = |operation, seq, text: &str| one_byte_length(operation, seq, "bob", text.as_bytes());
    vec![
        // In that of 2021/22 both sides count, and the ACK of a SYN+ACK has the next number.
        vec![
            (Alice, 0, alice([2, 2], 0, ""), "SYN seq=0 user=alice ! form.other: The form of 2021/22"),
            (Bob, 0, bob([2, 6], 0, ""), "SYN+ACK seq=0 user=bob > 1 ! form.other: The form of 2021/22"),
            (Alice, 0, alice([2, 4], 1, ""), "ACK seq=1 user=alice > 2 ! form.other: The form of 2021/22"),
            (Alice, 0, alice([1, 1], 0, "hi"), r#"CHAT seq=0 "hi" ! form.other: The form of 2021/22"#),
            (Bob, 0, bob([2, 4], 0, ""), "ACK seq=0 user=bob > 4 ! form.other: The form of 2021/22"),
            (Bob, 0, bob([1, 1], 100, "hello"), r#"CHAT seq=100 "hello" ! form.other: The form of 2021/22"#),
            (Alice, 0, alice([2, 4], 100, ""), "ACK seq=100 user=alice > 6 ! form.other: The form of 2021/22"),
            (Bob, 0, bob([1, 1], 103, "?"), r#"CHAT seq=103 "?" ! form.other: The form of 2021/22 ! sequence.order: Sequence 103, the next of this direction is 101"#),
            (Alice, 0, alice([2, 8], 1, ""), "FIN seq=1 user=alice ! form.other: The form of 2021/22"),
            (Bob, 0, bob([2, 4], 2, ""), "ACK seq=2 user=bob > 9 ! form.other: The form of 2021/22"),
        ],
        // One whose ACKs have the next number, with one that answers as specified.
        vec![
            (Bob, 0, narrow(SYN, 0, ""),
                "SYN seq=0 user=bob ! form.other: Length has 1 byte, 4 are specified"),
            (Alice, 0, wire(SYN_ACK, 0, "alice", b""), "SYN+ACK seq=0 user=alice > 1"),
            (Bob, 0, narrow(ACK, 1, ""), "ACK seq=1 user=bob > 2 \
                ! ack.sequence: ACK with sequence 1, the SYN+ACK of frame 2 has 0 \
                ! form.other: Length has 1 byte, 4 are specified"),
            (Bob, 0, narrow(CHAT, 0, "hi"),
                r#"CHAT seq=0 "hi" ! form.other: Length has 1 byte, 4 are specified"#),
        ],
    ]
}

/// Odd openings.
#[rustfmt::skip]
fn openings() -> Vec<Vec<Step>> {
    vec![
        // It rings before its user is asked.
        vec![
            (Alice, 0, alice(SYN, 0, ""), "SYN seq=0 user=alice"),
            (Bob, 0, wire(SYN_ACK, 1, "Daemon", b""), "SYN+ACK seq=1 user=Daemon > 1 \
                ! ack.sequence: SYN+ACK with sequence 1, the SYN of frame 1 has 0 \
                ! user.ringing: SYN+ACK of Daemon: it rings, its first chat accepts"),
            (Bob, 0, bob(CHAT, 0, "bob accepted."),
                r#"CHAT seq=0 "bob accepted." ! user.changed: User was "Daemon" before"#),
        ],
        // The receiver's name, and an ACK that accepts.
        vec![
            (Alice, 0, alice(SYN, 0, ""), "SYN seq=0 user=alice"),
            (Bob, 0, alice(ACK, 0, ""), "ACK seq=0 user=alice > 1 \
                ! ack.syn: Accepts the SYN of frame 1 without SYN+ACK \
                ! user.receiver: User is that of the other direction: the receiver's?"),
            (Alice, 0, alice(CHAT, 1, "hi"),
                r#"CHAT seq=1 "hi" ! sequence.order: Sequence 1, the next of this direction is 0"#),
        ],
        // An ACK that refuses.
        vec![
            (Alice, 0, alice(SYN, 0, ""), "SYN seq=0 user=alice"),
            (Bob, 0, bob(ACK, 0, "Connection rejected"), "ACK seq=0 user=bob \"Connection rejected\" > 1 \
                ! ack.syn: Refuses the SYN of frame 1 with a text \
                ! payload.unexpected: ACK with a payload of 19 bytes"),
        ],
        // A FIN that declines, and another invitation.
        vec![
            (Alice, 0, alice(SYN, 0, ""), "SYN seq=0 user=alice"),
            (Bob, 0, bob(FIN, 0, ""), "FIN seq=0 user=bob"),
            (Bob, 5, bob(FIN, 0, ""),
                "FIN seq=0 user=bob [retransmission] ! retransmission: The same bytes as in frame 2"),
            (Alice, 0, alice(ACK, 0, ""), "ACK seq=0 user=alice > 2"),
            (Alice, 0, alice(SYN, 0, ""), "SYN seq=0 user=alice"),
        ],
        // Both invite.
        vec![
            (Alice, 0, alice(SYN, 0, ""), "SYN seq=0 user=alice"),
            (Bob, 0, bob(SYN, 0, ""), "SYN seq=0 user=bob"),
            (Alice, 0, alice(SYN_ACK, 0, ""), "SYN+ACK seq=0 user=alice > 2"),
            (Bob, 0, bob(SYN_ACK, 0, ""), "SYN+ACK seq=0 user=bob > 1"),
            (Alice, 0, alice(ACK, 0, ""), "ACK seq=0 user=alice > 4"),
            (Bob, 0, bob(ACK, 0, ""), "ACK seq=0 user=bob > 3"),
        ],
        // Each line twice, as a SYN with the text and as a chat.
        vec![
            (Alice, 0, alice(SYN, 0, ""), "SYN seq=0 user=alice"),
            (Bob, 0, bob(SYN_ACK, 0, ""), "SYN+ACK seq=0 user=bob > 1"),
            (Bob, 0, bob(SYN, 0, "hi"),
                r#"SYN seq=0 user=bob "hi" ! payload.unexpected: SYN with a payload of 2 bytes"#),
            (Alice, 0, alice(ACK, 0, ""), "ACK seq=0 user=alice > 3"),
            (Bob, 0, bob(CHAT, 0, "bob: hi"), r#"CHAT seq=0 "bob: hi""#),
            (Alice, 0, alice(ACK, 0, ""), "ACK seq=0 user=alice > 5"),
        ],
    ]
}

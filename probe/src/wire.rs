//! A datagram as bytes: how the probe writes its own, how it reads those of the peer, and where they depart from
//! section 1. It does without the decoder of simp-proto: simpd is made of that, and is probed too.

use simp_control::{USER_NAME_MAX, read_payload};

use crate::clauses::Clause;
use crate::peer_form::{LENGTH_AT, PeerForm};

/// How much of a text is shown with a datagram.
const SHOWN_MAX: usize = 60;

/// The six pairs of Type and Operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Err,
    Syn,
    Ack,
    SynAck,
    Fin,
    Chat,
}

const OPERATIONS: [(Op, [u8; 2], &str); 6] = [
    (Op::Err, [0x01, 0x01], "ERR"),
    (Op::Syn, [0x01, 0x02], "SYN"),
    (Op::Ack, [0x01, 0x04], "ACK"),
    (Op::SynAck, [0x01, 0x06], "SYN+ACK"),
    (Op::Fin, [0x01, 0x08], "FIN"),
    (Op::Chat, [0x02, 0x01], "chat"),
];

/// The bytes of a datagram, in this form.
pub(crate) fn encode(form: PeerForm, operation: Op, seq: u8, user: &str, payload: &[u8]) -> Vec<u8> {
    // Every operation is in the table, so the zeros are never sent.
    let fields = OPERATIONS.iter().find(|row| row.0 == operation).map_or([0; 2], |row| row.1);
    form.write(fields, seq, user, payload)
}

/// The same of what need make no sense, in the specified one.
pub(crate) fn raw(fields: [u8; 2], seq: u8, user: &[u8], length: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = fields.to_vec();
    bytes.push(seq);
    bytes.extend(user.iter().copied().chain(std::iter::repeat(0)).take(USER_NAME_MAX));
    bytes.extend(length.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Whether it means this. Combined operations mean each of theirs, and what it departs in from the table is
/// another clause's matter.
pub(crate) fn is(bytes: &[u8], operation: Op) -> bool {
    let Some([kind, code]) = fields(bytes) else { return false };
    match operation {
        // Whatever its operation: some have another than 1.
        Op::Chat => kind == 0x02,
        _ if kind != 0x01 => false,
        Op::Err => code & 0x01 != 0,
        // SYN+ACK is an operation of its own, and neither of the two.
        Op::Syn => code & 0x06 == 0x02,
        Op::Ack => code & 0x06 == 0x04,
        Op::SynAck => code & 0x06 == 0x06,
        Op::Fin => code & 0x08 != 0,
    }
}

/// Type and Operation, as the specification has them.
fn fields(bytes: &[u8]) -> Option<[u8; 2]> {
    let &[kind, code, ..] = bytes else { return None };
    Some([PeerForm::of(bytes).kind(kind), code])
}

/// Its Sequence field.
pub(crate) fn seq(bytes: &[u8]) -> u8 {
    bytes.get(2).copied().unwrap_or(0)
}

/// Its payload: as long as Length says if that fits, otherwise all that is there.
pub(crate) fn payload(bytes: &[u8]) -> &[u8] {
    let form = PeerForm::of(bytes);
    let rest = bytes.get(form.header_len()..).unwrap_or_default();
    let length = form.length(bytes).and_then(|length| usize::try_from(length).ok());
    length.filter(|&length| length > 0).and_then(|length| rest.get(..length)).unwrap_or(rest)
}

fn user(bytes: &[u8]) -> &[u8] {
    // As much of the field as there is: a datagram that was cut off is judged too.
    let field = bytes.get(3..bytes.len().min(LENGTH_AT)).unwrap_or_default();
    PeerForm::of(bytes).user(field)
}

fn name(bytes: &[u8]) -> Option<&'static str> {
    let fields = fields(bytes)?;
    OPERATIONS.iter().find(|row| row.1 == fields).map(|row| row.2)
}

/// The clauses of section 1 that it breaks, and how. `ours` are names that only the probe has.
pub(crate) fn faults(bytes: &[u8], ours: &[&str]) -> Vec<(Clause, String)> {
    let mut faults = Vec::new();
    faults.extend(length_fault(bytes).map(|why| (Clause::Length, why)));
    match name(bytes) {
        None => faults.push((Clause::Operation, kind(bytes))),
        Some(name) if PeerForm::of(bytes) == PeerForm::Of2021 => {
            faults.push((Clause::Operation, format!("{name} has {}", kind(bytes))));
        }
        Some(_) => (),
    }
    if seq(bytes) > 1 {
        faults.push((Clause::Sequence, format!("it is {}", seq(bytes))));
    }
    faults.extend(user_fault(bytes, ours).map(|why| (Clause::User, why)));
    let has_text = is(bytes, Op::Chat) || is(bytes, Op::Err);
    if !has_text && !payload(bytes).is_empty() {
        let what = name(bytes).unwrap_or("it");
        faults.push((Clause::Payload, format!("{what} has {} bytes", payload(bytes).len())));
    }
    if has_text {
        faults.extend(text_fault(bytes).map(|why| (Clause::Ascii, why)));
    }
    faults
}

fn length_fault(bytes: &[u8]) -> Option<String> {
    let form = PeerForm::of(bytes);
    match (form, form.length(bytes), bytes.len().checked_sub(form.header_len())) {
        (PeerForm::OneByteLength | PeerForm::Of2021, ..) => Some("Length has one byte".to_owned()),
        (PeerForm::TwoByteLength, ..) => Some("Length has two bytes".to_owned()),
        (_, Some(length), Some(following)) if length as usize != following => {
            Some(format!("Length is {length}, and {following} bytes follow"))
        }
        (_, Some(_), Some(_)) => None,
        _ => Some(format!("it has {} bytes", bytes.len())),
    }
}

fn user_fault(bytes: &[u8], ours: &[&str]) -> Option<String> {
    let field = user(bytes);
    let name = field.split(|&byte| byte == 0).next().unwrap_or_default();
    let padding = field.get(name.len()..).unwrap_or_default();
    if let Some(byte) = name.iter().find(|byte| !matches!(byte, b' '..=b'~')) {
        return Some(format!("it has the byte 0x{byte:02x}"));
    }
    // Some fill the field with the name of the one that they write to.
    if ours.iter().any(|ours| ours.as_bytes() == name.trim_ascii()) {
        return Some("it is the name of the receiver".to_owned());
    }
    let is_filled = bytes.len() >= LENGTH_AT && field.len() < USER_NAME_MAX;
    match name {
        _ if is_filled => Some("it is filled up with the digit 0 from the left".to_owned()),
        [] if padding.iter().any(|&byte| byte != 0) => Some("it is padded at the beginning".to_owned()),
        [] => Some("it is empty".to_owned()),
        [b' ', ..] | [.., b' '] => Some("it is padded with spaces".to_owned()),
        _ if padding.iter().any(|&byte| byte != 0) => Some("bytes follow the NUL".to_owned()),
        _ => None,
    }
}

fn text_fault(bytes: &[u8]) -> Option<String> {
    let text = payload(bytes);
    match text.iter().find(|&&byte| byte == 0 || !byte.is_ascii()) {
        Some(byte) => Some(format!("it has the byte 0x{byte:02x}")),
        // An ERR may come without words.
        None if text.is_empty() && is(bytes, Op::Chat) => Some("it is empty".to_owned()),
        None => None,
    }
}

fn kind(bytes: &[u8]) -> String {
    let field = |at: usize| bytes.get(at).map_or("missing".to_owned(), |byte| format!("0x{byte:02x}"));
    format!("type {} operation {}", field(0), field(1))
}

/// What it says, on one line: `SYN seq=0 user=bob`. Not safe for a terminal.
pub(crate) fn describe(bytes: &[u8]) -> String {
    let what = name(bytes).map_or_else(|| kind(bytes), str::to_owned);
    let user = user(bytes);
    // Only the padding goes: a NUL inside the name, and what follows it, is a finding and is shown.
    let end = user.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let user = read_payload(user.get(..end).unwrap_or_default());
    let text = read_payload(payload(bytes));
    let text = match text.char_indices().nth(SHOWN_MAX) {
        _ if text.is_empty() => String::new(),
        Some((end, _)) => format!(" text={}...", text.get(..end).unwrap_or_default()),
        None => format!(" text={text}"),
    };
    format!("{what} seq={} user={user}{text}", seq(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_right_has_no_fault_and_what_is_wrong_has_its_own() {
        let chat = encode(PeerForm::Specified, Op::Chat, 1, "bob", b"hi");
        let fin = |user: &[u8], seq| raw([1, 8], seq, user, 0, b"");
        let mut spaces = b"bob".to_vec();
        spaces.resize(32, b' ');
        for (bytes, expected) in [
            (chat.clone(), vec![]),
            (fin(b"Ann Lee", 0), vec![]),
            (chat[..40].to_vec(), vec![(Clause::Length, "Length is 2, and 1 bytes follow")]),
            (fin(b"bob", 0)[..35].to_vec(), vec![(Clause::Length, "it has 35 bytes")]),
            (
                [fin(b"bob", 0), vec![9; 2]].concat(),
                vec![
                    (Clause::Length, "Length is 0, and 2 bytes follow"),
                    (Clause::Payload, "FIN has 2 bytes"),
                ],
            ),
            (raw([1, 9], 0, b"bob", 0, b""), vec![(Clause::Operation, "type 0x01 operation 0x09")]),
            (fin(b"bob", 2), vec![(Clause::Sequence, "it is 2")]),
            (fin(&spaces, 0), vec![(Clause::User, "it is padded with spaces")]),
            (fin(b"\0bob", 0), vec![(Clause::User, "it is padded at the beginning")]),
            (fin(b"bob\0x", 0), vec![(Clause::User, "bytes follow the NUL")]),
            (fin(b"", 0), vec![(Clause::User, "it is empty")]),
            (fin(b"b\xfcb", 0), vec![(Clause::User, "it has the byte 0xfc")]),
            (fin(b"probe", 0), vec![(Clause::User, "it is the name of the receiver")]),
            (raw([2, 1], 0, b"bob", 0, b""), vec![(Clause::Ascii, "it is empty")]),
            (
                encode(PeerForm::TwoByteLength, Op::Chat, 1, "bob", b"hi"),
                vec![(Clause::Length, "Length has two bytes")],
            ),
            (
                encode(PeerForm::OneByteLength, Op::Fin, 0, "bob", b""),
                vec![(Clause::Length, "Length has one byte")],
            ),
            (
                encode(PeerForm::Of2021, Op::Chat, 100, "bob", b"hi"),
                vec![
                    (Clause::Length, "Length has one byte"),
                    (Clause::Operation, "chat has type 0x01 operation 0x01"),
                    (Clause::Sequence, "it is 100"),
                    (Clause::User, "it is filled up with the digit 0 from the left"),
                ],
            ),
            (
                encode(PeerForm::Specified, Op::Err, 0, "bob", b"\xfc"),
                vec![(Clause::Ascii, "it has the byte 0xfc")],
            ),
        ] {
            let expected: Vec<_> =
                expected.into_iter().map(|(clause, why)| (clause, why.to_owned())).collect();
            assert_eq!(faults(&bytes, &["probe"]), expected);
        }
        assert_eq!(faults(b"", &[]).len(), 3);
    }

    #[test]
    fn combined_operations_mean_both() {
        let with = |code| raw([1, code], 0, b"bob", 0, b"");
        assert!(is(&with(9), Op::Err) && is(&with(9), Op::Fin));
        assert!(is(&with(0x0c), Op::Ack) && is(&with(0x0c), Op::Fin));
        assert!(!is(&with(6), Op::Syn) && !is(&with(6), Op::Ack));
        assert!(is(&raw([2, 0], 0, b"bob", 0, b""), Op::Chat));
    }

    #[test]
    fn a_datagram_is_described_on_one_line() {
        let described = |bytes: &[u8]| describe(bytes);
        assert_eq!(
            described(&encode(PeerForm::Specified, Op::SynAck, 1, "bob", b"")),
            "SYN+ACK seq=1 user=bob"
        );
        let of_2021 = encode(PeerForm::Of2021, Op::Chat, 100, "bob", b"hi");
        assert_eq!(described(&of_2021), "chat seq=100 user=bob text=hi");
        let long = encode(PeerForm::Specified, Op::Chat, 0, "bob", "x".repeat(99).as_bytes());
        assert_eq!(described(&long), format!("chat seq=0 user=bob text={}...", "x".repeat(60)));
        assert_eq!(described(&[3]), "type 0x03 operation missing seq=0 user=");
    }
}

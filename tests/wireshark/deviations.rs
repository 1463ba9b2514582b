//! Datagrams that are not what the specification says, each with what the dissector shows of it.

use crate::datagrams::{CHAT, ERR, FIN, SYN, wire};

pub const ERR_FIN: [u8; 2] = [0x01, 0x09];
pub const FIN_ACK: [u8; 2] = [0x01, 0x0c];

/// A name, a datagram, and what is shown of it: the Info column and, after exclamation marks, the expert
/// items.
pub type Odd = (&'static str, Vec<u8>, &'static str);

pub fn deviations() -> Vec<Odd> {
    [odd_headers(), odd_lengths(), odd_payloads(), other_forms()].concat()
}

/// A datagram in the form of 2021/22, the Type as it has it.
pub fn of_2021(fields: [u8; 2], seq: u8, user: &str, text: &[u8]) -> Vec<u8> {
    let zeros = "0".repeat(32 - user.len());
    [&fields, &[seq][..], zeros.as_bytes(), user.as_bytes(), &[text.len() as u8], text].concat()
}

/// A datagram with a Length of one byte.
pub fn one_byte_length(operation: [u8; 2], seq: u8, user: &str, text: &[u8]) -> Vec<u8> {
    odd(operation, seq, user.as_bytes(), &[&[text.len() as u8], text].concat())
}

/// A header without Length, its user padded with NUL, and what is after it.
fn odd(operation: [u8; 2], seq: u8, user: &[u8], after: &[u8]) -> Vec<u8> {
    let mut field = user.to_vec();
    field.resize(32, 0);
    [&operation, &[seq][..], &field, after].concat()
}

/// A datagram with its checksum after it.
fn with_checksum(datagram: Vec<u8>, complement: bool) -> Vec<u8> {
    let word = |pair: &[u8]| u32::from(pair[0]) * 256 + pair.get(1).map_or(0, |&low| u32::from(low));
    let mut sum: u32 = datagram.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let checksum = if complement { !sum as u16 } else { sum as u16 };
    [datagram, checksum.to_be_bytes().to_vec()].concat()
}

/// Odd headers, up to the user.
#[rustfmt::skip]
fn odd_headers() -> Vec<Odd> {
    vec![
        ("nothing", wire(CHAT, 0, "bob", b"hi"), r#"CHAT seq=0 "hi""#),
        ("type 3", odd([3, 1], 0, b"bob", &[0; 4]),
            "type=0x03 operation=0x01 seq=0 user=bob ! type.unknown: Type 0x03, only 0x01 and 0x02 are specified"),
        ("control operation 0x20", odd([1, 0x20], 0, b"bob", &[0; 4]),
            "type=0x01 operation=0x20 seq=0 user=bob ! operation.unknown: Operation 0x20 is not specified"),
        ("SYN and FIN", odd([1, 0x0a], 0, b"bob", &[0; 4]),
            "type=0x01 operation=0x0a seq=0 user=bob ! operation.unknown: Operation 0x0a is not specified"),
        ("chat operation 2", odd([2, 2], 0, b"bob", b"\0\0\0\x02hi"),
            r#"type=0x02 operation=0x02 seq=0 user=bob "hi" ! operation.unknown: Operation 0x02 is not specified"#),
        ("chat operation 0", odd([2, 0], 0, b"bob", b"\0\0\0\x02hi"),
            r#"CHAT seq=0 "hi" ! operation.zero: Chat with operation 0, 1 is specified"#),
        ("ERR|FIN", wire(ERR_FIN, 0, "bob", b"No"),
            r#"ERR|FIN seq=0 user=bob "No" ! operation.combined: ERR and FIN in one datagram"#),
        ("FIN|ACK", odd(FIN_ACK, 0, b"bob", &[0; 4]),
            "FIN|ACK seq=0 user=bob ! operation.combined: FIN and ACK in one datagram"),
        ("sequence 2", wire(CHAT, 2, "bob", b"hi"),
            r#"CHAT seq=2 "hi" ! sequence.range: Sequence 2, only 0 and 1 are specified"#),
        ("spaces after the user", odd(SYN, 0, format!("{:32}", "bob").as_bytes(), &[0; 4]),
            "SYN seq=0 user=bob ! user.spaces: User is padded with spaces"),
        ("NULs before the user", odd(SYN, 0, b"\0\0bob", &[0; 4]),
            "SYN seq=0 user=bob ! user.leading: User is padded at the front"),
        ("a NUL in the user", odd(SYN, 0, b"bob\0old", &[0; 4]),
            "SYN seq=0 user=bob ! user.nul: User goes on after a NUL"),
        ("a user that is no text", odd(SYN, 0, b"\x1bb\\\xff", &[0; 4]),
            r"SYN seq=0 user=\x1bb\\\xff ! user.not_ascii: User has bytes that are not printable ASCII"),
        ("no user", odd(SYN, 0, b"", &[0; 4]), "SYN seq=0 user= ! user.empty: User is empty"),
        ("all at once", odd([2, 0], 9, b" bob \0\x80", b"\0\0\0\0\0h\0\n\xff"),
            "CHAT seq=9 \"h\\x00\\x0a\\xff\" ! length.zero: Length 0, but a payload of 5 bytes \
            ! operation.zero: Chat with operation 0, 1 is specified \
            ! sequence.range: Sequence 9, only 0 and 1 are specified \
            ! text.control: Text has control characters ! text.leading_nul: Text begins with a NUL \
            ! text.not_ascii: Text has bytes over 127 ! text.nul: Text has a NUL \
            ! user.leading: User is padded at the front ! user.nul: User goes on after a NUL"),
    ]
}

/// Odd lengths, and what is after the payload.
#[rustfmt::skip]
fn odd_lengths() -> Vec<Odd> {
    vec![
        ("one byte", vec![1], "1 byte, no SIMP ! short: Ends after 1 byte, the header has 39"),
        ("three bytes", vec![1, 2, 0], "SYN seq=0 user= ! short: Ends after 3 bytes, the header has 39"),
        ("33 bytes", odd(ERR, 0, b"bob", b"")[..33].to_vec(),
            "ERR seq=0 user=bob ! short: Ends after 33 bytes, the header has 39"),
        ("a chat without Length", odd(CHAT, 0, b"bob", b""),
            "CHAT seq=0 ! short: Ends after 35 bytes, the header has 39"),
        ("half a Length", odd(SYN, 0, b"bob", &[0; 3]),
            "SYN seq=0 user=bob ! short: Ends after 38 bytes, the header has 39"),
        ("control without Length", odd(SYN, 0, b"bob", b""),
            "SYN seq=0 user=bob ! length.missing: No Length: a control datagram of 35 bytes"),
        ("Length 0", odd(CHAT, 0, b"bob", b"\0\0\0\0hi"),
            r#"CHAT seq=0 "hi" ! length.zero: Length 0, but a payload of 2 bytes"#),
        ("Length beyond the end", odd(CHAT, 0, b"bob", b"\xff\xff\xff\xffhi"),
            r#"CHAT seq=0 "hi" ! length.beyond: Length 4294967295, but a payload of 2 bytes"#),
        ("a trailer", odd(CHAT, 0, b"bob", b"\0\0\0\x02hi\0"),
            r#"CHAT seq=0 "hi" ! trailer.unknown: 1 byte after the payload"#),
        ("a wrong checksum", odd(CHAT, 0, b"bob", b"\0\0\0\x02hi\0\0"),
            r#"CHAT seq=0 "hi" ! trailer.unknown: 2 bytes after the payload, not the checksum: that is 0xdd2d"#),
        ("a checksum", with_checksum(wire(CHAT, 0, "bob", b"hi"), false),
            r#"CHAT seq=0 "hi" ! trailer.checksum: 2-byte checksum after the payload, it is right"#),
        ("a checksum of an even number of bytes", with_checksum(wire(CHAT, 1, "bob", b"hi!"), false),
            r#"CHAT seq=1 "hi!" ! trailer.checksum: 2-byte checksum after the payload, it is right"#),
        ("a checksum that is the complement, after no payload", with_checksum(wire(SYN, 0, "bob", b""), true),
            "SYN seq=0 user=bob ! trailer.checksum: 2-byte checksum after the payload, it is right"),
    ]
}

/// Other forms than specified, and what is none of them.
#[rustfmt::skip]
fn other_forms() -> Vec<Odd> {
    vec![
        ("a Length of one byte", one_byte_length(SYN, 0, "bob", b""),
            "SYN seq=0 user=bob ! form.other: Length has 1 byte, 4 are specified"),
        ("one byte, with a text", one_byte_length(CHAT, 1, "bob", b"hi"),
            r#"CHAT seq=1 "hi" ! form.other: Length has 1 byte, 4 are specified"#),
        ("a Length of two bytes", odd(CHAT, 0, b"bob", b"\0\x02hi"),
            r#"CHAT seq=0 "hi" ! form.other: Length has 2 bytes, 4 are specified"#),
        ("one of two bytes that is wrong is one of four", odd(CHAT, 0, b"bob", b"\0\x03hi"),
            r#"CHAT seq=0 ! length.beyond: Length 223337, but a payload of 0 bytes ! text.empty: Chat without a text"#),
        ("2021/22", of_2021([2, 2], 0, "bob", b""), "SYN seq=0 user=bob ! form.other: The form of 2021/22"),
        ("2021/22, a chat", of_2021([1, 1], 101, "bob", b"hi"),
            r#"CHAT seq=101 "hi" ! form.other: The form of 2021/22"#),
        ("2021/22, an error", of_2021([2, 1], 0, "bob", b"No"),
            r#"ERR seq=0 user=bob "No" ! form.other: The form of 2021/22"#),
        ("2021/22, a name that fills its field", of_2021([2, 8], 100, &"b".repeat(32), b""),
            "FIN seq=100 user=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb ! form.other: The form of 2021/22"),
        ("2021/22, without a name", of_2021([2, 2], 0, "", b""),
            "SYN seq=0 user= ! form.other: The form of 2021/22 ! user.empty: User is empty"),
        ("a name of zeros", wire(CHAT, 0, &"0".repeat(32), b"hi"), r#"CHAT seq=0 "hi""#),
    ]
}

/// Odd payloads.
#[rustfmt::skip]
fn odd_payloads() -> Vec<Odd> {
    vec![
        ("nothing, in an ERR", wire(ERR, 0, "bob", b"No"), r#"ERR seq=0 user=bob "No""#),
        ("a SYN with a text", wire(SYN, 0, "bob", b"hi"),
            r#"SYN seq=0 user=bob "hi" ! payload.unexpected: SYN with a payload of 2 bytes"#),
        ("a FIN with a text", wire(FIN, 1, "bob", b"x"),
            r#"FIN seq=1 user=bob "x" ! payload.unexpected: FIN with a payload of 1 byte"#),
        ("a NUL before the text", wire(CHAT, 0, "bob", b"\0hi"),
            r#"CHAT seq=0 "hi" ! text.leading_nul: Text begins with a NUL"#),
        ("a NUL in the text", wire(CHAT, 0, "bob", b"h\0i"), r#"CHAT seq=0 "h\x00i" ! text.nul: Text has a NUL"#),
        ("bytes over 127", wire(CHAT, 0, "bob", "h\u{ef}".as_bytes()),
            r#"CHAT seq=0 "h\xc3\xaf" ! text.not_ascii: Text has bytes over 127"#),
        ("control characters", wire(CHAT, 0, "bob", b"a\r\nb\x1b"),
            r#"CHAT seq=0 "a\x0d\x0ab\x1b" ! text.control: Text has control characters"#),
        ("no text", wire(CHAT, 0, "bob", b""), "CHAT seq=0 ! text.empty: Chat without a text"),
        ("a long text", wire(CHAT, 0, "bob", &[b'x'; 986]), concat!(r#"CHAT seq=0 ""#,
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            r#"..." ! text.long: Datagram of 1025 bytes: many receive only 1024"#)),
    ]
}

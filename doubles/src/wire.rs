//! The bytes of a foreign program's datagrams, as its traits have them, and what it makes of ours.

use crate::traits::{Form, Length, Padding, Traits};

/// Type of control datagrams.
pub const CONTROL: u8 = 1;
/// Type of chats.
pub const CHAT: u8 = 2;

/// Operations of control datagrams.
pub mod operation {
    /// Something is wrong.
    pub const ERR: u8 = 0x01;
    /// An invitation.
    pub const SYN: u8 = 0x02;
    /// Of a datagram that came.
    pub const ACK: u8 = 0x04;
    /// The invitation is accepted.
    pub const SYN_ACK: u8 = 0x06;
    /// The end.
    pub const FIN: u8 = 0x08;
    /// Not in the specification: both at once.
    pub const ERR_FIN: u8 = 0x09;
    /// Not in the specification: both at once.
    pub const FIN_ACK: u8 = 0x0c;
}

const USER: usize = 32;
const SHORT_HEADER: usize = 3 + USER;
const HEADER: usize = SHORT_HEADER + 4;

/// Where a payload begins.
fn header(traits: &Traits) -> usize {
    match traits.length {
        Length::InTwoBytes => SHORT_HEADER + 2,
        Length::InOneByte => SHORT_HEADER + 1,
        _ => HEADER,
    }
}

fn kind(traits: &Traits, kind: u8) -> u8 {
    if traits.swaps_types { CONTROL + CHAT - kind } else { kind }
}

/// What is in a datagram, whatever it may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// Type.
    pub kind: u8,
    /// Operation.
    pub operation: u8,
    /// Sequence.
    pub seq: u8,
    /// User, without what fills it up.
    pub user: String,
    /// All that comes after the header.
    pub payload: Vec<u8>,
}

/// What a program with these traits reads in these bytes; `None` if it reads nothing.
pub fn read(traits: &Traits, bytes: &[u8]) -> Option<Fields> {
    let bytes = bytes.get(..traits.receives_at_most).unwrap_or(bytes);
    let bytes = if traits.checksum {
        let (rest, sum) = bytes.split_last_chunk::<2>()?;
        (checksum(rest) == *sum).then_some(rest)?
    } else {
        bytes
    };
    let (head, rest) = bytes.split_at_checked(SHORT_HEADER)?;
    let (&[kind, operation, seq], user) = head.split_first_chunk()?;
    let user = String::from_utf8_lossy(user).trim_matches(['\0', ' ']).to_owned();
    let user = if traits.padding == Padding::Zeros { user.replace('0', "") } else { user };
    let payload = rest.get(header(traits) - SHORT_HEADER..).unwrap_or_default().to_vec();
    let kind = if matches!(kind, CONTROL | CHAT) { self::kind(traits, kind) } else { kind };
    // The programs of 2021/22 look at no Type in the opening, and so understand the SYN of others.
    let kind = if traits.swaps_types && operation == operation::SYN { CONTROL } else { kind };
    Some(Fields { kind, operation, seq, user, payload })
}

/// Whether User and payload are ASCII.
pub fn is_ascii(bytes: &[u8]) -> bool {
    let text = |range: std::ops::Range<usize>| bytes.get(range).is_none_or(<[u8]>::is_ascii);
    text(3..SHORT_HEADER) && bytes.get(HEADER..).is_none_or(<[u8]>::is_ascii)
}

/// The bytes of a datagram.
pub fn write(traits: &Traits, fields: &Fields) -> Vec<u8> {
    let mut bytes = vec![kind(traits, fields.kind), fields.operation, fields.seq];
    bytes.extend(user(traits.padding, &fields.user));
    let payload = fields.payload.len() as u32;
    let length = match traits.length {
        Length::OnlyInChats if fields.kind == CONTROL => None,
        Length::Payload | Length::OnlyInChats => Some(payload.to_be_bytes().to_vec()),
        Length::LittleEndian => Some(payload.to_le_bytes().to_vec()),
        Length::WithHeader => Some((payload + HEADER as u32).to_be_bytes().to_vec()),
        Length::Zero => Some(vec![0; 4]),
        Length::InTwoBytes => Some((payload as u16).to_be_bytes().to_vec()),
        Length::InOneByte => Some(vec![payload as u8]),
    };
    if let Some(length) = length {
        bytes.extend(length);
        bytes.extend(&fields.payload);
    }
    if traits.checksum {
        bytes.extend(checksum(&bytes));
    }
    bytes
}

fn user(padding: Padding, name: &str) -> Vec<u8> {
    let name = name.as_bytes().get(..USER).unwrap_or(name.as_bytes());
    let fill = |byte| std::iter::repeat_n(byte, USER - name.len());
    let name = name.iter().copied();
    match padding {
        Padding::Nul => name.chain(fill(0)).collect(),
        Padding::Space => name.chain(fill(b' ')).collect(),
        Padding::LeadingNul => fill(0).chain(name).collect(),
        Padding::Zeros => fill(b'0').chain(name).collect(),
    }
}

/// The Internet's: the complement of the ones' complement sum of all pairs of bytes.
pub fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

/// The payload that this text has in a chat of `name`.
pub fn payload(form: Form, name: &str, text: &str) -> Vec<u8> {
    let mut payload = match form {
        Form::BehindNul => format!("\0{text}"),
        Form::BeforeNul => format!("{text}\0"),
        Form::Line => format!("{text}\n"),
        Form::WithName => format!("{name}: {text}"),
        Form::Plain | Form::FilledTo(_) => text.to_owned(),
    }
    .into_bytes();
    if let Form::FilledTo(size) = form {
        payload.resize(size.max(payload.len()), 0);
    }
    payload
}

/// The text that it shows for a payload.
pub fn text(form: Form, payload: &[u8]) -> String {
    let payload = match form {
        Form::BehindNul => payload.get(1..).unwrap_or_default(),
        _ => payload,
    };
    let text = String::from_utf8_lossy(payload).into_owned();
    match form {
        Form::BeforeNul | Form::FilledTo(_) => text.trim_end_matches('\0').to_owned(),
        Form::Line => text.trim_end().to_owned(),
        Form::Plain | Form::BehindNul | Form::WithName => text,
    }
}

//! The forms in which datagrams are written (SIMP 1, 7, 8): that of the specification, those whose Length is narrower, and
//! that of 2021/22. Which one it is shows in each datagram; an answer is written in the same.

use simp_values::text::{USER_NAME_MAX, is_padding};

/// Bytes before User: Type, Operation, Sequence.
const BEFORE_USER: usize = 3;

/// Bytes before Length, in each form. Some implementations end control datagrams there (SIMP 7).
pub const SHORT_HEADER_LEN: usize = BEFORE_USER + USER_NAME_MAX;

/// How a datagram is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Form {
    /// As specified: Length has four bytes, big endian.
    #[default]
    Specified,
    /// The same with a Length of two bytes.
    TwoByteLength,
    /// The same with a Length of one byte.
    OneByteLength,
    /// That of 2021/22: a Length of one byte, the two Types the other way round, and User filled up with the digit 0 from
    /// the left (SIMP 8).
    Of2021,
}

impl Form {
    /// Those that are not as specified, with their names for lists and settings.
    pub const NAMES: [(Self, &str); 3] = [
        (Self::TwoByteLength, "two-byte-length"),
        (Self::OneByteLength, "one-byte-length"),
        (Self::Of2021, "form-2021"),
    ];

    /// How it is called; `None` for the specified one.
    pub fn name(self) -> Option<&'static str> {
        Self::NAMES.iter().find(|(form, _)| *form == self).map(|(_, name)| *name)
    }

    /// Bytes of a header, with Length.
    pub fn header_len(self) -> usize {
        SHORT_HEADER_LEN + self.length_len()
    }

    fn length_len(self) -> usize {
        match self {
            Self::Specified => 4,
            Self::TwoByteLength => 2,
            Self::OneByteLength | Self::Of2021 => 1,
        }
    }

    /// The longest payload whose Length it can write, as far as one UDP packet has room for it.
    pub(crate) fn payload_max(self) -> usize {
        if self.length_len() == 1 { usize::from(u8::MAX) } else { usize::from(u16::MAX) }
    }

    /// What these bytes are written in. It is a narrower one than specified only if its Length says exactly what follows
    /// it. Then no other is possible: read with four bytes, it would say more than a UDP packet can have.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let Some(after) = bytes.get(SHORT_HEADER_LEN..) else { return Self::Specified };
        let is_exact = |form: Self| {
            let split = after.split_at_checked(form.length_len());
            split.is_some_and(|(length, rest)| read_length(length) == rest.len())
        };
        match () {
            () if is_exact(Self::Specified) => Self::Specified,
            () if is_exact(Self::OneByteLength) && is_of_2021(bytes) => Self::Of2021,
            () if is_exact(Self::OneByteLength) => Self::OneByteLength,
            () if is_exact(Self::TwoByteLength) => Self::TwoByteLength,
            () => Self::Specified,
        }
    }

    /// The number that our ACK of a SYN+ACK or a FIN with this number has.
    pub fn ack_of_control(self, seq: u8) -> u8 {
        if self == Self::Of2021 { seq.wrapping_add(1) } else { seq }
    }

    /// The Type field, which stands for the other Type in the form of 2021/22. Its own inverse.
    pub(crate) fn kind(self, kind: u8) -> u8 {
        match (self, kind) {
            (Self::Of2021, 1 | 2) => 3 - kind,
            _ => kind,
        }
    }

    /// Splits what comes after User into Length and payload; `None` if Length is not all there.
    pub(crate) fn split_length(self, after_user: &[u8]) -> Option<(&[u8], &[u8])> {
        after_user.split_at_checked(self.length_len())
    }

    /// User as others fill it up: with NUL at the end. Only the form of 2021/22 differs; no name begins with 0 there.
    pub(crate) fn user_in(self, field: [u8; USER_NAME_MAX]) -> [u8; USER_NAME_MAX] {
        if self != Self::Of2021 {
            return field;
        }
        let name = field.iter().skip_while(|byte| **byte == b'0' || is_padding(**byte));
        let mut user = [0; USER_NAME_MAX];
        user.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
        user
    }

    /// User as it is written.
    pub(crate) fn write_user(self, user: &[u8; USER_NAME_MAX], out: &mut Vec<u8>) {
        if self == Self::Of2021 {
            let filled = user.iter().rev().take_while(|byte| **byte == 0).count();
            out.extend(std::iter::repeat_n(b'0', filled));
            out.extend(user.iter().take(USER_NAME_MAX - filled));
        } else {
            out.extend_from_slice(user);
        }
    }

    /// Length as it is written.
    pub(crate) fn write_length(self, length: usize, out: &mut Vec<u8>) {
        let bytes = (length as u32).to_be_bytes();
        out.extend(bytes.iter().skip(bytes.len() - self.length_len()));
    }
}

/// A Length of any width.
fn read_length(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
}

/// Whether a header with a Length of one byte is of 2021/22: its control datagrams have the Type that is of chats today, and
/// no payload, which no chat has; its chats show by their User.
fn is_of_2021(bytes: &[u8]) -> bool {
    match bytes {
        [2, 2 | 4 | 6 | 8, ..] => bytes.len() == Form::Of2021.header_len(),
        _ => match bytes.get(BEFORE_USER..SHORT_HEADER_LEN) {
            // Filled up from the left, and not at the end as all others. What else is in it tells nothing.
            Some(user @ [b'0', .., last]) => !is_padding(*last) && !user.contains(&0),
            _ => false,
        },
    }
}

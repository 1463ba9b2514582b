//! The form in which a peer writes its datagrams (SIMP 1, 7, 8), by the probe's own reading: only that of section 1 keeps to
//! the specification, but a peer of another one understands no other, so it is answered in its own.

use simp_control::USER_NAME_MAX;

/// Bytes before Length, in each form.
pub(crate) const LENGTH_AT: usize = 3 + USER_NAME_MAX;

/// The first number of the side that accepted, if both count (SIMP 8).
const ACCEPTING_FROM: u8 = 100;

/// How a datagram is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum PeerForm {
    /// With a Length of four bytes.
    #[default]
    Specified,
    /// The same, with a Length of two bytes.
    TwoByteLength,
    /// The same, with a Length of one byte.
    OneByteLength,
    /// With a Length of one byte, the two Types the other way round, and User filled up with the digit 0 from the left.
    Of2021,
}

impl PeerForm {
    /// What these bytes are written in: another form than specified if its Length says exactly what follows it, and that of
    /// section 1 does not.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let is_exact = |form: &Self| {
            let after = bytes.len().checked_sub(form.header_len());
            after.is_some_and(|after| form.length(bytes) == Some(after as u32))
        };
        let narrow = if is_of_2021(bytes) { Self::Of2021 } else { Self::OneByteLength };
        [Self::Specified, narrow, Self::TwoByteLength].into_iter().find(is_exact).unwrap_or_default()
    }

    /// The name of it as a habit (SIMP 7), and what it is; `None` for the specified one.
    pub(crate) fn names(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Specified => None,
            Self::TwoByteLength => Some(("two-byte-length", "a Length of two bytes")),
            Self::OneByteLength => Some(("one-byte-length", "a Length of one byte")),
            Self::Of2021 => Some(("form-2021", "the form of 2021/22")),
        }
    }

    fn length_len(self) -> usize {
        match self {
            Self::Specified => 4,
            Self::TwoByteLength => 2,
            Self::OneByteLength | Self::Of2021 => 1,
        }
    }

    /// Bytes of a header.
    pub(crate) fn header_len(self) -> usize {
        LENGTH_AT + self.length_len()
    }

    /// Its Length; `None` if that is not all there.
    pub(crate) fn length(self, bytes: &[u8]) -> Option<u32> {
        let field = bytes.get(LENGTH_AT..self.header_len())?;
        Some(field.iter().fold(0, |length, byte| length << 8 | u32::from(*byte)))
    }

    /// The Type that stands for this one of the specification. Its own inverse.
    pub(crate) fn kind(self, kind: u8) -> u8 {
        match (self, kind) {
            (Self::Of2021, 1 | 2) => 3 - kind,
            _ => kind,
        }
    }

    /// A header and a payload as the specification has them, which the sender's name fits and whose Length it can write.
    pub(crate) fn write(self, fields: [u8; 2], seq: u8, user: &str, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![self.kind(fields[0]), fields[1], seq];
        let fill = USER_NAME_MAX.saturating_sub(user.len());
        match self {
            Self::Of2021 => {
                bytes.extend(std::iter::repeat_n(b'0', fill));
                bytes.extend(user.bytes());
            }
            Self::Specified | Self::TwoByteLength | Self::OneByteLength => {
                bytes.extend(user.bytes());
                bytes.extend(std::iter::repeat_n(0, fill));
            }
        }
        let length = (payload.len() as u32).to_be_bytes();
        bytes.extend(length.iter().skip(length.len() - self.length_len()));
        bytes.extend(payload);
        bytes
    }

    /// What its User field holds besides what fills it up on the left.
    pub(crate) fn user(self, field: &[u8]) -> &[u8] {
        let filled = match self {
            Self::Of2021 => field.iter().take_while(|byte| **byte == b'0').count(),
            Self::Specified | Self::TwoByteLength | Self::OneByteLength => 0,
        };
        field.get(filled..).unwrap_or_default()
    }

    /// The number that the ACK of a SYN+ACK or a FIN with this one has.
    pub(crate) fn ack_of_control(self, seq: u8) -> u8 {
        if self == Self::Of2021 { seq.wrapping_add(1) } else { seq }
    }

    /// The number of the first message of the side that accepted.
    pub(crate) fn first_of_accepting(self) -> u8 {
        if self == Self::Of2021 { ACCEPTING_FROM } else { 0 }
    }

    /// The number of our message after that with this one.
    pub(crate) fn next(self, seq: u8) -> u8 {
        if self == Self::Of2021 { seq.wrapping_add(1) } else { seq & 1 ^ 1 }
    }
}

/// Which number the peer's ACK of a message has, and wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum AckNumber {
    /// That of the message.
    #[default]
    Same,
    /// The next one. Only peers with a Length of one byte were seen to want it (SIMP 7).
    Next,
}

impl AckNumber {
    /// What the ACK of a datagram shows, both with these numbers.
    pub(crate) fn of(form: PeerForm, seq: u8, ack: u8) -> Self {
        if form == PeerForm::OneByteLength && ack == form.next(seq) { Self::Next } else { Self::Same }
    }

    /// The number of our ACK of a message with this one.
    pub(crate) fn answer(self, form: PeerForm, seq: u8) -> u8 {
        match self {
            Self::Same => seq,
            Self::Next => form.next(seq),
        }
    }
}

/// Whether a header with a Length of one byte is of 2021/22: its control datagrams have the Type of chats, and no payload,
/// which no chat has; its chats show by their User.
fn is_of_2021(bytes: &[u8]) -> bool {
    match bytes {
        [2, 2 | 4 | 6 | 8, ..] => bytes.len() == PeerForm::Of2021.header_len(),
        _ => match bytes.get(3..LENGTH_AT) {
            Some(user @ [b'0', ..]) => user.iter().all(|byte| matches!(byte, b' '..=b'~')),
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMS: [PeerForm; 4] =
        [PeerForm::Specified, PeerForm::TwoByteLength, PeerForm::OneByteLength, PeerForm::Of2021];

    #[test]
    fn what_is_written_in_a_form_shows_it() {
        for form in FORMS {
            for (fields, payload) in
                [([1, 2], &b""[..]), ([1, 8], b""), ([1, 1], b"no"), ([2, 1], &[b' '; 200])]
            {
                let bytes = form.write(fields, 100, "bob", payload);
                assert_eq!(PeerForm::of(&bytes), form, "{bytes:?}");
                assert_eq!(form.kind(bytes[0]), fields[0]);
                assert_eq!(form.user(&bytes[3..LENGTH_AT]).iter().filter(|byte| **byte != 0).count(), 3);
            }
        }
    }

    #[test]
    fn what_fits_no_form_is_judged_by_the_specification() {
        let chat = PeerForm::Specified.write([2, 1], 0, "0bob", b"hi");
        // With the first one or two bytes of its Length it is whole in another form.
        for cut in (0..chat.len()).filter(|cut| ![36, 37].contains(cut)) {
            assert_eq!(PeerForm::of(&chat[..cut]), PeerForm::Specified, "{cut} bytes");
        }
        assert_eq!(PeerForm::of(&chat), PeerForm::Specified);
    }
}

//! One SIMP unit on UDP: the 39-byte header and the payload behind it, decoded and encoded (SIMP 1).

use crate::text::{USER_NAME_MAX, UserName};

/// Bytes of a complete header (SIMP 1).
pub const HEADER_LEN: usize = 39;

/// Bytes of the header without Length: some implementations end control datagrams there (SIMP 7).
const SHORT_HEADER_LEN: usize = 35;

/// What a datagram is for: the header's Type and Operation, of which only these six pairs make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Type chat, operation 0x01: the payload is a text.
    Chat,
    /// ERR, 0x01: the payload says what is wrong, for a person.
    Err,
    /// SYN, 0x02: an invitation.
    Syn,
    /// ACK, 0x04: of the datagram with the same sequence.
    Ack,
    /// SYN+ACK, 0x06: the invitation is accepted.
    SynAck,
    /// FIN, 0x08: the sender leaves the chat or declines.
    Fin,
}

impl Operation {
    fn from_fields(kind: u8, operation: u8) -> Result<Self, DecodeError> {
        match (kind, operation) {
            (0x02, 0x01) => Ok(Self::Chat),
            (0x01, 0x01) => Ok(Self::Err),
            (0x01, 0x02) => Ok(Self::Syn),
            (0x01, 0x04) => Ok(Self::Ack),
            (0x01, 0x06) => Ok(Self::SynAck),
            (0x01, 0x08) => Ok(Self::Fin),
            (0x01 | 0x02, _) => Err(DecodeError::Operation),
            _ => Err(DecodeError::Type),
        }
    }

    fn fields(self) -> [u8; 2] {
        match self {
            Self::Chat => [0x02, 0x01],
            Self::Err => [0x01, 0x01],
            Self::Syn => [0x01, 0x02],
            Self::Ack => [0x01, 0x04],
            Self::SynAck => [0x01, 0x06],
            Self::Fin => [0x01, 0x08],
        }
    }
}

/// A SIMP datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// What it is for.
    pub operation: Operation,
    /// The Sequence field as it is on the wire: peers send more than 0 and 1, and want their own back.
    pub seq: u8,
    /// The sender's name.
    pub user: UserName,
    /// The text of a chat or an ERR; empty otherwise.
    pub payload: Vec<u8>,
}

/// Why bytes are not a SIMP datagram. Each reason is a counter of `simpctl status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than a header.
    #[error("shorter than a header")]
    Short,
    /// Neither control nor chat.
    #[error("unknown type")]
    Type,
    /// An operation that its type does not have.
    #[error("unknown operation")]
    Operation,
    /// A user name that is not printable ASCII.
    #[error("user is not printable ascii")]
    User,
}

impl Datagram {
    /// Reads what came in one UDP packet, more liberally than we write (SIMP 7).
    /// Length counts where it fits; where it says 0 or more than is there, the payload is what is there.
    /// A control datagram may end before Length.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes make no sense as SIMP.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (head, rest) = bytes.split_at_checked(SHORT_HEADER_LEN).ok_or(DecodeError::Short)?;
        let (&[kind, operation, seq], user) = head.split_first_chunk().ok_or(DecodeError::Short)?;
        let operation = Operation::from_fields(kind, operation)?;
        let user: &[u8; USER_NAME_MAX] = user.try_into().map_err(|_| DecodeError::Short)?;
        let user = UserName::from_field(user).ok_or(DecodeError::User)?;
        let payload = match (rest.split_first_chunk(), operation) {
            (Some((length, payload)), _) => match u32::from_be_bytes(*length) as usize {
                0 => payload,
                length => payload.get(..length).unwrap_or(payload),
            },
            (None, Operation::Chat) => return Err(DecodeError::Short),
            (None, _) => &[],
        };
        Ok(Self { operation, seq, user, payload: payload.to_vec() })
    }

    /// Appends the datagram's bytes to `out`, exactly as the specification has them.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.operation.fields());
        out.push(self.seq);
        out.extend_from_slice(self.user.field());
        out.extend_from_slice(&(self.payload.len() as u32).to_be_bytes());
        out.extend_from_slice(&self.payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(operation: Operation, seq: u8, user: &str, payload: &[u8]) -> Datagram {
        Datagram { operation, seq, user: UserName::new(user).unwrap(), payload: payload.to_vec() }
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
        digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
    }

    #[test]
    fn what_we_send_is_the_specification_to_the_byte_and_reads_back() {
        let test = format!("74657374{}", "00".repeat(28));
        for (name, head, tail, value) in [
            (
                "chat",
                "020100",
                "0000000b48656c6c6f20576f726c64",
                datagram(Operation::Chat, 0, "test", b"Hello World"),
            ),
            ("err", "010100", "000000024e6f", datagram(Operation::Err, 0, "test", b"No")),
            ("syn", "010200", "00000000", datagram(Operation::Syn, 0, "test", b"")),
            ("ack", "010401", "00000000", datagram(Operation::Ack, 1, "test", b"")),
            ("syn+ack", "010600", "00000000", datagram(Operation::SynAck, 0, "test", b"")),
            ("fin", "010801", "00000000", datagram(Operation::Fin, 1, "test", b"")),
        ] {
            let wire = bytes(&format!("{head}{test}{tail}"));
            let mut encoded = Vec::new();
            value.encode(&mut encoded);
            assert_eq!(encoded, wire, "{name}");
            assert_eq!(Datagram::decode(&wire), Ok(value), "{name}");
        }
    }

    #[test]
    fn what_others_send_is_read_as_what_it_means() {
        let user = format!("626f62{}", "20".repeat(29));
        for (name, hex, value) in [
            ("no length field", format!("010400{user}"), datagram(Operation::Ack, 0, "bob", b"")),
            ("half a length field", format!("010400{user}0000"), datagram(Operation::Ack, 0, "bob", b"")),
            (
                "trailer behind the payload",
                format!("020100{user}000000026869ffff"),
                datagram(Operation::Chat, 0, "bob", b"hi"),
            ),
            (
                "length 0 with a payload",
                format!("020100{user}000000006869"),
                datagram(Operation::Chat, 0, "bob", b"hi"),
            ),
            (
                "length beyond the end",
                format!("020100{user}ffffffff6869"),
                datagram(Operation::Chat, 0, "bob", b"hi"),
            ),
            ("sequence 255", format!("0201ff{user}00000000"), datagram(Operation::Chat, 255, "bob", b"")),
        ] {
            assert_eq!(Datagram::decode(&bytes(&hex)), Ok(value), "{name}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_reason() {
        let user = "626f62".to_owned() + &"00".repeat(29);
        for (name, hex, error) in [
            ("nothing", String::new(), DecodeError::Short),
            ("one byte", "01".to_owned(), DecodeError::Short),
            ("34 bytes", "0102".to_owned() + &"00".repeat(32), DecodeError::Short),
            ("chat without length", format!("020100{user}"), DecodeError::Short),
            ("type 0", format!("000100{user}00000000"), DecodeError::Type),
            ("type 3", format!("030100{user}00000000"), DecodeError::Type),
            ("control operation 0", format!("010000{user}00000000"), DecodeError::Operation),
            ("control operation 0x20", format!("012000{user}00000000"), DecodeError::Operation),
            ("chat operation 2", format!("020200{user}00000000"), DecodeError::Operation),
            ("user with a high byte", format!("010200ff{}00000000", "00".repeat(31)), DecodeError::User),
            ("user with an escape", format!("0102001b{}00000000", "00".repeat(31)), DecodeError::User),
        ] {
            assert_eq!(Datagram::decode(&bytes(&hex)), Err(error), "{name}");
        }
    }
}

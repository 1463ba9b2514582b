//! One SIMP unit on UDP: the 39-byte header and the payload after it, decoded and encoded (SIMP 1).
//! It is read as what it means, with what is odd about it noted; it is written as specified, or in the form of whom it is for.

use simp_values::text::{USER_NAME_MAX, UserName};

use crate::deviations::Deviations;
use crate::form::{Form, SHORT_HEADER_LEN};

/// Bytes of a complete header (SIMP 1): of all datagrams that we send without a payload.
pub const HEADER_LEN: usize = 39;

/// What a datagram is for: the header's Type and Operation.
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
    /// ERR and FIN in one, 0x09: declined, or over, and why (SIMP 7).
    ErrFin,
    /// FIN and ACK in one, 0x0c: the answer of some implementations to a FIN (SIMP 7).
    FinAck,
}

const CONTROL: u8 = 1;
const CHAT: u8 = 2;

impl Operation {
    /// Whether it only answers what has come, which comes again if the answer is missing.
    pub fn is_answer(self) -> bool {
        matches!(self, Self::Ack | Self::FinAck | Self::Err | Self::ErrFin)
    }

    /// All of them, with their Type and Operation fields.
    pub const ALL: [(Self, [u8; 2]); 8] = [
        (Self::Chat, [CHAT, 0x01]),
        (Self::Err, [CONTROL, 0x01]),
        (Self::Syn, [CONTROL, 0x02]),
        (Self::Ack, [CONTROL, 0x04]),
        (Self::SynAck, [CONTROL, 0x06]),
        (Self::Fin, [CONTROL, 0x08]),
        (Self::ErrFin, [CONTROL, 0x09]),
        (Self::FinAck, [CONTROL, 0x0c]),
    ];

    /// Reads the two fields. A chat with a payload is a chat whatever its operation; without one it may be a
    /// control datagram with the wrong type.
    fn from_fields(kind: u8, operation: u8, is_empty: bool) -> Result<Self, DecodeError> {
        let of_type = |kind| Self::ALL.iter().find(|(_, fields)| *fields == [kind, operation]);
        let found = match kind {
            CONTROL => of_type(CONTROL),
            CHAT if is_empty && operation != 0 => of_type(CHAT).or_else(|| of_type(CONTROL)),
            CHAT => return Ok(Self::Chat),
            _ => return Err(DecodeError::Type),
        };
        found.map(|(operation, _)| *operation).ok_or(DecodeError::Operation)
    }

    /// The Type and Operation fields.
    pub fn fields(self) -> [u8; 2] {
        Self::ALL.iter().find(|(operation, _)| *operation == self).map_or([0; 2], |(_, fields)| *fields)
    }

    /// Whether a payload belongs to it (SIMP 1).
    fn has_payload(self) -> bool {
        matches!(self, Self::Chat | Self::Err | Self::ErrFin)
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
    /// How it is written.
    pub form: Form,
    /// In what it is written otherwise than its form has it; nothing in what we send.
    pub deviations: Deviations,
}

/// Why bytes are not a SIMP datagram. Each reason is a counter of `simpctl status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Too few bytes: for a type, an operation and a sequence, or for a chat.
    #[error("shorter than a header")]
    Short,
    /// Neither control nor chat.
    #[error("unknown type")]
    Type,
    /// An operation that its type does not have.
    #[error("unknown operation")]
    Operation,
}

impl Datagram {
    /// One as specified.
    pub fn new(operation: Operation, seq: u8, user: UserName, payload: Vec<u8>) -> Self {
        let (form, deviations) = (Form::default(), Deviations::default());
        Self { operation, seq, user, payload, form, deviations }
    }

    /// The same in another form. If that has no room for the payload it stays as it is: nothing is cut.
    #[must_use]
    pub fn in_form(self, form: Form) -> Self {
        let form = if self.payload.len() <= form.payload_max() { form } else { self.form };
        Self { form, ..self }
    }

    /// Reads what came in one UDP packet, more liberally than we write (SIMP 7).
    /// Three bytes are enough for a control datagram. Length counts if it fits; if it says 0 or more than
    /// is there, it may be little endian, else the payload is what is there.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes make no sense as SIMP.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (&[kind, operation, seq], rest) = bytes.split_first_chunk().ok_or(DecodeError::Short)?;
        let mut field = [0; USER_NAME_MAX];
        // A short header may end within the name.
        for (to, from) in field.iter_mut().zip(rest) {
            *to = *from;
        }
        let form = Form::of(bytes);
        let field = form.user_in(field);
        let (user, is_printable) = UserName::from_field(&field);
        let (payload, mut deviations) = payload(form, bytes);
        let fields = [form.kind(kind), operation];
        let operation = Operation::from_fields(fields[0], operation, payload.is_empty())?;
        // A text without its Length may be cut: nothing tells.
        if operation == Operation::Chat && bytes.len() < form.header_len() {
            return Err(DecodeError::Short);
        }
        deviations = deviations
            .with(Deviations::NAME, !is_printable)
            .with(Deviations::PADDING, is_printable && user.field() != &field)
            .with(Deviations::OPERATION, operation.fields() != fields)
            .with(Deviations::COMBINED, matches!(operation, Operation::ErrFin | Operation::FinAck))
            .with(Deviations::SEQUENCE, seq > 1 && form != Form::Of2021)
            .with(Deviations::PAYLOAD, !operation.has_payload() && !payload.is_empty())
            .with(Deviations::NON_ASCII, !payload.is_ascii())
            .with(Deviations::NUL, payload.contains(&0));
        Ok(Self { operation, seq, user, payload: payload.to_vec(), form, deviations })
    }

    /// How many bytes it has when it is encoded.
    pub fn encoded_len(&self) -> usize {
        self.form.header_len() + self.payload.len()
    }

    /// Appends the datagram's bytes to `out`, exactly as its form has them.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let [kind, operation] = self.operation.fields();
        out.extend([self.form.kind(kind), operation, self.seq]);
        self.form.write_user(self.user.field(), out);
        self.form.write_length(self.payload.len(), out);
        out.extend_from_slice(&self.payload);
    }
}

/// The payload in these bytes, and what is odd about where it is.
fn payload(form: Form, bytes: &[u8]) -> (&[u8], Deviations) {
    let after = bytes.get(SHORT_HEADER_LEN..).unwrap_or_default();
    if form != Form::Specified {
        return (
            form.split_length(after).map(|(_, payload)| payload).unwrap_or_default(),
            Deviations::default(),
        );
    }
    let Some((field, rest)) = after.split_first_chunk::<4>() else {
        return (&[], Deviations::SHORT);
    };
    let none = Deviations::default();
    let length = u32::from_be_bytes(*field) as usize;
    match rest.len().checked_sub(length) {
        Some(0) => (rest, none),
        Some(_) if length == 0 => (rest, Deviations::LENGTH),
        Some(_) => (rest.get(..length).unwrap_or(rest), Deviations::TRAILER),
        // No text is so long that its Length reads as text: this one has none.
        None if field.iter().all(|byte| matches!(byte, b' '..=b'~')) => (after, Deviations::SHORT),
        // One that was written as the machine has it says less than is there.
        None => match rest.get(..u32::from_le_bytes(*field) as usize) {
            Some(payload) => (payload, Deviations::LENGTH),
            None => (rest, Deviations::LENGTH),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(operation: Operation, seq: u8, user: &str, payload: &[u8]) -> Datagram {
        let (user, _) =
            UserName::from_field(&std::array::from_fn(|at| *user.as_bytes().get(at).unwrap_or(&0)));
        Datagram::new(operation, seq, user, payload.to_vec())
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
    fn what_others_send_is_read_as_what_it_means_and_what_is_odd_about_it_is_noted() {
        use Deviations as Is;
        use Operation as Op;
        let none = "00".repeat(29);
        let bob = format!("626f62{none}");
        let both = |one: Is, other| one.with(other, true);
        for (name, hex, (operation, seq, user, payload), odd) in [
            (
                "as specified",
                format!("020100{bob}000000026869"),
                (Op::Chat, 0, "bob", &b"hi"[..]),
                Is::default(),
            ),
            (
                "spaces",
                format!("010400626f62{}00000000", "20".repeat(29)),
                (Op::Ack, 0, "bob", b""),
                Is::PADDING,
            ),
            ("leading nul", format!("010400{none}626f6200000000"), (Op::Ack, 0, "bob", b""), Is::PADDING),
            (
                "a rest",
                format!("010400626f620078{}00000000", "00".repeat(27)),
                (Op::Ack, 0, "bob", b""),
                Is::PADDING,
            ),
            ("a high byte", format!("010200ff6f62{none}00000000"), (Op::Syn, 0, "?ob", b""), Is::NAME),
            ("an escape", format!("010200621b62{none}00000000"), (Op::Syn, 0, "b?b", b""), Is::NAME),
            ("no length", format!("010400{bob}"), (Op::Ack, 0, "bob", b""), Is::SHORT),
            ("half a length", format!("010400{bob}000000"), (Op::Ack, 0, "bob", b""), Is::SHORT),
            ("three bytes", "010801".to_owned(), (Op::Fin, 1, "", b""), Is::SHORT),
            ("half a name", "010200626f62".to_owned(), (Op::Syn, 0, "bob", b""), Is::SHORT),
            (
                "a text for a length",
                format!("020100{bob}48656c6c6f"),
                (Op::Chat, 0, "bob", b"Hello"),
                Is::SHORT,
            ),
            ("trailer", format!("020100{bob}000000026869ffff"), (Op::Chat, 0, "bob", b"hi"), Is::TRAILER),
            ("length 0", format!("020100{bob}000000006869"), (Op::Chat, 0, "bob", b"hi"), Is::LENGTH),
            ("length too high", format!("020100{bob}ffffffff6869"), (Op::Chat, 0, "bob", b"hi"), Is::LENGTH),
            ("little endian", format!("020100{bob}020000006869"), (Op::Chat, 0, "bob", b"hi"), Is::LENGTH),
            (
                "garbage after",
                format!("020100{bob}020000006869ff00"),
                (Op::Chat, 0, "bob", b"hi"),
                Is::LENGTH,
            ),
            ("sequence 255", format!("0201ff{bob}00000000"), (Op::Chat, 255, "bob", b""), Is::SEQUENCE),
            ("chat 0x00", format!("020000{bob}000000026869"), (Op::Chat, 0, "bob", b"hi"), Is::OPERATION),
            ("chat 0x20", format!("022000{bob}000000026869"), (Op::Chat, 0, "bob", b"hi"), Is::OPERATION),
            ("ack of type chat", format!("020401{bob}00000000"), (Op::Ack, 1, "bob", b""), Is::OPERATION),
            ("err|fin", format!("010900{bob}000000024e6f"), (Op::ErrFin, 0, "bob", b"No"), Is::COMBINED),
            ("fin|ack", format!("010c01{bob}"), (Op::FinAck, 1, "bob", b""), both(Is::COMBINED, Is::SHORT)),
            ("fin with a text", format!("010801{bob}000000024e6f"), (Op::Fin, 1, "bob", b"No"), Is::PAYLOAD),
            ("nul", format!("020100{bob}00000003006869"), (Op::Chat, 0, "bob", b"\0hi"), Is::NUL),
            ("utf-8", format!("020100{bob}00000002c3bc"), (Op::Chat, 0, "bob", b"\xc3\xbc"), Is::NON_ASCII),
        ] {
            let value = Datagram { deviations: odd, ..datagram(operation, seq, user, payload) };
            assert_eq!(Datagram::decode(&bytes(&hex)), Ok(value), "{name}");
        }
    }

    #[test]
    fn the_form_of_a_datagram_shows_in_it_and_it_is_written_in_the_same() {
        use Operation as Op;
        let bob = format!("626f62{}", "00".repeat(29));
        let zeros = |count: usize| "30".repeat(count);
        for (hex, form, (operation, seq, user, payload)) in [
            (format!("010200{bob}00"), Form::OneByteLength, (Op::Syn, 0, "bob", &b""[..])),
            (format!("020101{bob}026869"), Form::OneByteLength, (Op::Chat, 1, "bob", b"hi")),
            // Its Length and the text after it could be a text without a Length.
            (
                format!("020100{bob}{}", "20".repeat(33)),
                Form::OneByteLength,
                (Op::Chat, 0, "bob", &[b' '; 32]),
            ),
            (format!("010200{bob}0000"), Form::TwoByteLength, (Op::Syn, 0, "bob", b"")),
            (format!("020100{bob}00026869"), Form::TwoByteLength, (Op::Chat, 0, "bob", b"hi")),
            (format!("020200{}626f6200", zeros(29)), Form::Of2021, (Op::Syn, 0, "bob", b"")),
            (format!("020401{}00", zeros(32)), Form::Of2021, (Op::Ack, 1, "", b"")),
            (format!("020864{}626f6200", zeros(29)), Form::Of2021, (Op::Fin, 100, "bob", b"")),
            (format!("010164{}626f62026869", zeros(29)), Form::Of2021, (Op::Chat, 100, "bob", b"hi")),
            (format!("020100{}626f62024e6f", zeros(29)), Form::Of2021, (Op::Err, 0, "bob", b"No")),
            // As specified, and so is its user.
            (
                format!("020100{}00000002686900", "30".repeat(32)).split_at(82).0.to_owned(),
                Form::Specified,
                (Op::Chat, 0, "00000000000000000000000000000000", b"hi"),
            ),
        ] {
            let wire = bytes(&hex);
            let value = datagram(operation, seq, user, payload).in_form(form);
            assert_eq!(Datagram::decode(&wire), Ok(value.clone()), "{hex}");
            let mut encoded = Vec::new();
            value.encode(&mut encoded);
            assert_eq!((encoded.len(), &encoded), (value.encoded_len(), &wire), "{hex}");
        }
    }

    #[test]
    fn in_the_form_of_2021_no_name_begins_with_what_fills_it_up() {
        for (user, name) in [
            ("30".repeat(29) + "626f62", "bob"),
            (format!("{}{}{}", "00".repeat(9), "30".repeat(14), "00".repeat(9)), ""),
            (format!("{}0030{}626f62", "30".repeat(4), "20".repeat(23)), "bob"),
            (format!("{}7f30623062{}", "01".repeat(3), "00".repeat(24)), "b0b"),
        ] {
            let read = Datagram::decode(&bytes(&format!("020600{user}00"))).unwrap();
            assert_eq!((read.user.as_str(), read.form), (name, Form::Of2021), "{user}");
            let mut written = Vec::new();
            read.encode(&mut written);
            assert_eq!(Datagram::decode(&written).unwrap().user, read.user, "{user}");
        }
    }

    #[test]
    fn the_form_does_not_depend_on_what_a_name_has_that_is_not_printable() {
        let none = [b'0'; USER_NAME_MAX];
        for (at, byte, form) in [
            (8, b'b', Form::Of2021),
            (8, 0xab, Form::Of2021),
            (8, 0x1b, Form::Of2021),
            (8, 0, Form::OneByteLength),
            (31, b' ', Form::OneByteLength),
            (31, 0, Form::OneByteLength),
            (0, b'1', Form::OneByteLength),
        ] {
            let mut user = none;
            user[at] = byte;
            let wire = [&[2, 1, 0][..], &user, &[2], b"No"].concat();
            let read = Datagram::decode(&wire).unwrap();
            assert_eq!(read.form, form, "{at} {byte}");
            let mut written = Vec::new();
            read.encode(&mut written);
            let again = Datagram::decode(&written).unwrap();
            assert_eq!(
                (again.form, again.user, again.payload),
                (form, read.user, read.payload),
                "{at} {byte}"
            );
        }
    }

    #[test]
    fn no_datagram_fits_two_widths_of_length() {
        // Of each length, with each Length of one byte and many of two, and with texts of any bytes after it.
        let user = [b'b'; USER_NAME_MAX];
        for payload in 0..=600_usize {
            for byte in [0, 1, b'0', 0xff] {
                for form in [Form::Specified, Form::TwoByteLength, Form::OneByteLength] {
                    let user = UserName::from_field(&user).0;
                    let sent = Datagram::new(Operation::Chat, 0, user, vec![byte; payload]).in_form(form);
                    let mut wire = Vec::new();
                    sent.encode(&mut wire);
                    assert_eq!(
                        Datagram::decode(&wire).unwrap().payload,
                        sent.payload,
                        "{form:?} {payload} {byte}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_reason() {
        let user = "626f62".to_owned() + &"00".repeat(29);
        for (name, hex, error) in [
            ("nothing", String::new(), DecodeError::Short),
            ("two bytes", "0102".to_owned(), DecodeError::Short),
            ("chat without length", format!("020100{user}"), DecodeError::Short),
            ("type 0", format!("000100{user}00000000"), DecodeError::Type),
            ("type 3", format!("030100{user}00000000"), DecodeError::Type),
            ("control operation 0", format!("010000{user}00000000"), DecodeError::Operation),
            ("control operation 0x20", format!("012000{user}00000000"), DecodeError::Operation),
            ("syn|fin", format!("010a00{user}00000000"), DecodeError::Operation),
            ("chat operation 0x20 without a text", format!("022000{user}00000000"), DecodeError::Operation),
        ] {
            assert_eq!(Datagram::decode(&bytes(&hex)), Err(error), "{name}");
        }
    }
}

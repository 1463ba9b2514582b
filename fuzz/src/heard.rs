//! Datagrams as peers may send them: most make sense where they come, some nearly, some none.

use arbitrary::Unstructured;
use simp_proto::{Datagram, DecodeError, Form, Operation, UserName};

/// Who may have said it.
const USERS: [&str; 5] = ["ann", "ann", "bob", "Daemon", "x"];

/// What peers say that means something, beside what an input makes up.
const WORDS: [&str; 8] =
    ["", "", "hi", "\0hi", "hi\0\0", "ann accepted.", "User already in another chat", "ann: hi"];

/// What was said before, so that what follows can fit it.
#[derive(Debug, Default)]
pub struct Before {
    /// The number of our last datagram.
    pub ours: u8,
    /// The number of theirs.
    pub theirs: u8,
    /// How many texts they have made up.
    texts: u32,
}

/// What came in one UDP packet: how many bytes, and what they say.
pub type Heard = (usize, Result<Datagram, DecodeError>);

/// The next datagram.
pub fn datagram(input: &mut Unstructured<'_>, before: &mut Before) -> arbitrary::Result<Heard> {
    let operations = Operation::ALL.map(|(operation, _)| operation);
    // A chat first, for most of what is said is one.
    let operation = match input.int_in_range(0..=15)? {
        0..6 => Operation::Chat,
        6..9 => Operation::Ack,
        _ => *input.choose(&operations)?,
    };
    let seq = match input.int_in_range(0..=7)? {
        0..2 => before.ours,
        2 => before.theirs,
        3 => before.theirs.wrapping_add(1),
        4 => before.theirs ^ 1,
        5 => 0,
        6 => 1,
        _ => input.arbitrary()?,
    };
    before.theirs = seq;
    let payload = payload(input, operation, before)?;
    let user = UserName::new(input.choose(&USERS)?).unwrap_or_default();
    let forms = [Form::OneByteLength, Form::TwoByteLength, Form::Of2021];
    let form = if input.ratio(1, 8)? { *input.choose(&forms)? } else { Form::Specified };
    let datagram = Datagram::new(operation, seq, user, payload).in_form(form);
    if input.ratio(7, 8)? { Ok((datagram.encoded_len(), Ok(datagram))) } else { garbled(input, &datagram) }
}

/// Those that come to pass for a text of its own begin so.
pub const MARK: char = '#';

fn payload(
    input: &mut Unstructured<'_>,
    operation: Operation,
    before: &mut Before,
) -> arbitrary::Result<Vec<u8>> {
    let has_text = matches!(operation, Operation::Chat | Operation::Err | Operation::ErrFin);
    Ok(match input.int_in_range(0..=7)? {
        // Told from every other by its number, so that it can be looked for.
        0..4 if operation == Operation::Chat => {
            before.texts += 1;
            format!("{MARK}{}.", before.texts).into_bytes()
        }
        0..5 if !has_text => Vec::new(),
        0..6 => input.choose(&WORDS)?.as_bytes().to_vec(),
        6 => {
            let length = usize::from(input.arbitrary::<u8>()?).min(input.len());
            input.bytes(length)?.to_vec()
        }
        _ => vec![b'x'; usize::from(input.arbitrary::<u16>()?)],
    })
}

/// The same with a few bytes changed, or not all of it, or read from what the input says.
fn garbled(input: &mut Unstructured<'_>, datagram: &Datagram) -> arbitrary::Result<Heard> {
    let mut bytes = Vec::new();
    datagram.encode(&mut bytes);
    for _ in 0..input.int_in_range(0..=3)? {
        let at = input.int_in_range(0..=42)?.min(bytes.len() - 1);
        bytes[at] = input.arbitrary()?;
    }
    if input.ratio(1, 2)? {
        bytes.truncate(input.int_in_range(0..=bytes.len())?);
    }
    Ok((bytes.len(), Datagram::decode(&bytes)))
}

//! How an item travels on the control socket: its length as u32 big endian, then its CBOR.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Most bytes of one CBOR item: 1 MiB. A longer length is refused before anything is allocated for it.
pub const FRAME_MAX: usize = 1 << 20;

/// Most bytes of a text: beside it a frame has room for all else that is said of a message.
pub const LONGEST_TEXT: usize = 1_000_000;

/// Bytes of the length in front of an item.
const LENGTH_LEN: usize = 4;

/// So much memory is kept for what comes next.
const SPARE: usize = 4 << 10;

/// Most bytes of a short item: it has a text of some lines.
const SHORT: usize = 512;

/// Why bytes on the control socket are not a frame. The stream cannot be read on after it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length is above [`FRAME_MAX`]; holds it.
    #[error("a frame has at most {FRAME_MAX} bytes, this one claims {0}")]
    TooLong(usize),
    /// The item is not CBOR, not of the type expected, or ends before the frame does.
    #[error("not the expected CBOR item: {0}")]
    Item(String),
}

/// Appends `item` to `out` as one frame. On an error `out` is as it was.
///
/// # Errors
/// [`FrameError::TooLong`] if the item has more than [`FRAME_MAX`] bytes.
pub fn encode<T: Serialize>(item: &T, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let start = out.len();
    // The length is known only when the item is written.
    out.extend_from_slice(&[0; LENGTH_LEN]);
    if let Err(error) = ciborium::into_writer(item, &mut *out) {
        out.truncate(start);
        return Err(FrameError::Item(error.to_string()));
    }
    let length = out.len() - start - LENGTH_LEN;
    if length > FRAME_MAX {
        out.truncate(start);
        return Err(FrameError::TooLong(length));
    }
    if let Some(field) = out.get_mut(start..start + LENGTH_LEN) {
        field.copy_from_slice(&(length as u32).to_be_bytes());
    }
    Ok(())
}

/// Collects bytes as they come and gives out the items in them.
/// It holds what was pushed and not yet taken, so the caller bounds it by how much it pushes.
#[derive(Debug, Default)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    start: usize,
}

impl FrameBuffer {
    /// Adds what was read from the socket.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next item, or `None` if its frame is not complete yet.
    ///
    /// # Errors
    /// [`FrameError`] if the stream is broken; nothing after it can be read.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let pending = self.bytes.get(self.start..).unwrap_or_default();
        let Some((field, rest)) = pending.split_first_chunk::<LENGTH_LEN>() else {
            self.release();
            return Ok(None);
        };
        let length = u32::from_be_bytes(*field) as usize;
        if length > FRAME_MAX {
            return Err(FrameError::TooLong(length));
        }
        let Some(item) = rest.get(..length) else {
            self.release();
            return Ok(None);
        };
        let value = decode(item)?;
        self.start += LENGTH_LEN + length;
        Ok(Some(value))
    }

    /// Bytes of what was pushed and not yet taken.
    pub fn pending(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether a frame has begun and not ended.
    pub fn is_partial(&self) -> bool {
        self.start < self.bytes.len()
    }

    /// Gives back the memory of what was taken. Called only between bursts, so that taking many small
    /// frames out of one read moves no bytes.
    fn release(&mut self) {
        self.bytes.drain(..self.start);
        self.start = 0;
        // One large item must not keep a megabyte for each of many clients, not even while half of another one is there.
        if self.bytes.capacity() > 4 * self.bytes.len() + SPARE {
            self.bytes.shrink_to(self.bytes.len() + SPARE);
        }
    }
}

/// The item that these bytes are.
fn decode<T: DeserializeOwned>(item: &[u8]) -> Result<T, FrameError> {
    // Names of fields are read into a buffer, which has 4 KiB if it is left to the library: most of the work of a short item
    // is to fill that with zeros. Only what is wrong can differ if it is short, so whatever is wrong is read again.
    let (mut short, mut rest) = ([0; SHORT], item);
    if item.len() <= SHORT
        && let Ok(value) = ciborium::de::from_reader_with_buffer(&mut rest, &mut short)
        && rest.is_empty()
    {
        return Ok(value);
    }
    let mut rest = item;
    let value = ciborium::from_reader(&mut rest).map_err(|error| FrameError::Item(explain(error)))?;
    // Item and frame end together. A client that counts wrong hears of it at once, not at some later item.
    if rest.is_empty() { Ok(value) } else { Err(FrameError::Item("bytes after the item".to_owned())) }
}

/// What is wrong with an item, for the person who wrote the client.
fn explain<T>(error: ciborium::de::Error<T>) -> String {
    use ciborium::de::Error;
    match error {
        Error::Io(_) => "it ends too early".to_owned(),
        Error::Syntax(at) => format!("byte {at} is not CBOR"),
        Error::Semantic(_, what) => what,
        Error::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_however_they_were_cut() {
        let mut wire = Vec::new();
        for text in ["one", "", "three"] {
            encode(&text, &mut wire).unwrap();
        }
        let mut buffer = FrameBuffer::default();
        let mut items: Vec<String> = Vec::new();
        for byte in wire {
            buffer.push(&[byte]);
            while let Some(item) = buffer.take().unwrap() {
                items.push(item);
            }
        }
        assert_eq!(items, ["one", "", "three"]);
        assert!(!buffer.is_partial());
    }

    #[test]
    fn a_large_item_leaves_no_memory_behind_although_half_of_another_one_is_always_there() {
        let (mut buffer, mut large, mut small) = (FrameBuffer::default(), Vec::new(), Vec::new());
        encode(&"x".repeat(FRAME_MAX - 8), &mut large).unwrap();
        encode(&"small", &mut small).unwrap();
        large.extend(&small[..2]);
        small.rotate_left(2);
        buffer.push(&large);
        assert!(buffer.take::<String>().unwrap().is_some());
        for _ in 0..3 {
            assert_eq!(buffer.take::<String>().unwrap(), None);
            assert!(buffer.bytes.capacity() < 2 * SPARE, "{} bytes", buffer.bytes.capacity());
            buffer.push(&small);
            assert_eq!(buffer.take::<String>().unwrap().unwrap(), "small");
        }
    }

    #[test]
    fn a_length_above_the_limit_is_refused_before_its_bytes_come() {
        let mut buffer = FrameBuffer::default();
        buffer.push(&u32::MAX.to_be_bytes());
        assert_eq!(buffer.take::<String>(), Err(FrameError::TooLong(u32::MAX as usize)));
    }

    #[test]
    fn an_item_above_the_limit_is_not_written() {
        let mut out = vec![7];
        assert!(matches!(encode(&"x".repeat(FRAME_MAX), &mut out), Err(FrameError::TooLong(_))));
        assert_eq!(out, [7]);
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic() {
        for garbage in
            [&b"\0\0\0\x01\xff"[..], b"\0\0\0\x02\x60\x60", b"\0\0\0\x05\x9b\xff\xff\xff\xff", b"\0\0\0\0"]
        {
            let mut buffer = FrameBuffer::default();
            buffer.push(garbage);
            assert!(matches!(buffer.take::<Vec<String>>(), Err(FrameError::Item(_))), "{garbage:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_item_is_said_alike_whether_it_is_short_or_long() {
        use crate::Request;
        let name = "x".repeat(SHORT - 20);
        let unknown = |padding| {
            let mut fields = std::collections::BTreeMap::from([(name.as_str(), padding)]);
            fields.insert("version", String::new());
            let (mut wire, mut buffer) = (Vec::new(), FrameBuffer::default());
            encode(&std::collections::BTreeMap::from([("hello", fields)]), &mut wire).unwrap();
            buffer.push(&wire);
            buffer.take::<Request>().unwrap_err()
        };
        assert_eq!(unknown(String::new()), unknown("y".repeat(SHORT)));
        // A name that claims more bytes than there are, and more than fit a short buffer.
        let mut buffer = FrameBuffer::default();
        buffer.push(b"\0\0\0\x04\xa1\x79\x03\xe8");
        let error = buffer.take::<Request>().unwrap_err();
        assert_eq!(error, FrameError::Item("it ends too early".to_owned()));
    }
}

//! What comes on the control socket: it is read or refused within what a frame may take, however it is cut, and reads
//! the same when it is written again.

use std::fmt::Debug;

use arbitrary::Unstructured;
use serde::Serialize;
use serde::de::DeserializeOwned;
use simp_control::frame::{self, FRAME_MAX, FrameBuffer};
use simp_control::{Answer, Request};

use crate::{asked, memory};

/// The first byte says what the others are: a stream of a client, one of a daemon, or what a request is made of.
pub fn run(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let pieces = usize::from(kind >> 2) + 1;
    match kind & 3 {
        0 => read::<Request>(rest, pieces),
        1 => read::<Answer>(rest, pieces),
        // One frame of this length, so that an input need not count.
        2 => read::<Answer>(&framed(rest), pieces),
        _ => asks(rest, pieces),
    }
}

fn framed(item: &[u8]) -> Vec<u8> {
    [&(item.len() as u32).to_be_bytes(), item].concat()
}

/// Requests are written, and a few of their bytes are changed.
fn asks(bytes: &[u8], pieces: usize) {
    let mut input = Unstructured::new(bytes);
    let mut stream = Vec::new();
    while !input.is_empty() {
        let Ok(request) = asked::request(&mut input, 100) else { break };
        frame::encode(&request, &mut stream).unwrap();
    }
    for _ in 0..input.int_in_range(0..=3).unwrap_or_default() {
        let at = input.int_in_range(0..=stream.len()).unwrap_or_default();
        if let Some(byte) = stream.get_mut(at) {
            *byte = input.arbitrary().unwrap_or_default();
        }
    }
    read::<Request>(&stream, pieces);
}

fn read<T: Serialize + DeserializeOwned + PartialEq + Debug>(stream: &[u8], pieces: usize) {
    let mut buffer = FrameBuffer::default();
    for piece in stream.chunks(stream.len().div_ceil(pieces).max(1)) {
        buffer.push(piece);
        // An item in memory may take several times what its frame does, but not more than that.
        while let Some(item) = match memory::within(16 * FRAME_MAX, || buffer.take::<T>()) {
            Ok(item) => item,
            Err(error) => return crate::trace(&error),
        } {
            crate::trace(&item);
            check(&item);
        }
    }
}

/// Writes it, and reads that.
pub fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(item: &T) {
    let mut written = Vec::new();
    frame::encode(item, &mut written).unwrap();
    let mut buffer = FrameBuffer::default();
    buffer.push(&written);
    assert_eq!(buffer.take::<T>().unwrap().as_ref(), Some(item));
    assert!(!buffer.is_partial());
}

//! What is to be written to one client. Its memory follows what the client has not taken yet, however much it has taken
//! before, and whether or not it ever takes all.

use serde::Serialize;
use simp_control::frame::{self, FrameError};

/// So much memory is kept for what comes next.
const SPARE: usize = 64 << 10;

/// Frames on their way to a client.
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    /// Of these, the client has taken so many.
    start: usize,
    taken: u64,
}

impl Output {
    /// Adds a frame.
    ///
    /// # Errors
    /// [`FrameError`] if it is none; nothing is added then.
    pub fn add<T: Serialize>(&mut self, item: &T) -> Result<(), FrameError> {
        frame::encode(item, &mut self.bytes)
    }

    /// Adds frames.
    pub fn keep(&mut self, frames: &[u8]) {
        self.bytes.extend_from_slice(frames);
    }

    /// While nothing is here, the client has taken so many bytes from elsewhere.
    pub fn pass(&mut self, count: usize) {
        self.taken += count as u64;
    }

    /// What the client has not taken yet.
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// How many bytes the client has taken since it came.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// The client has taken the first so many bytes of the rest.
    pub fn take(&mut self, count: usize) {
        self.start += count;
        self.taken += count as u64;
        // Not each time: so a byte is moved once at most, on average.
        if self.start < self.rest().len() {
            return;
        }
        self.bytes.drain(..self.start);
        self.start = 0;
        // One long answer must not cost its memory for as long as the client stays.
        if self.bytes.capacity() > 2 * self.bytes.len() + SPARE {
            self.bytes.shrink_to(self.bytes.len() + SPARE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_follows_what_is_not_taken_yet_also_if_something_always_is_left() {
        let mut output = Output::default();
        let (mut added, mut taken) = (Vec::new(), 0);
        for n in 0..20_000_u64 {
            let text = format!("{n} {}", "x".repeat(900));
            frame::encode(&text, &mut added).unwrap();
            output.add(&text).unwrap();
            // Never all of it, and now and then hardly anything: up to 300 KiB wait.
            let piece = if n % 600 < 300 { 3 } else { output.rest().len().min(2_000) - 1 };
            assert_eq!(output.rest()[..piece], added[..piece]);
            output.take(piece);
            added.drain(..piece);
            taken += piece as u64;
            let (left, memory) = (output.rest().len(), output.bytes.capacity());
            assert_eq!((left, output.taken()), (added.len(), taken));
            assert!(left > 0 && memory <= 4 * left + SPARE, "{memory} bytes for {left}");
        }
    }
}

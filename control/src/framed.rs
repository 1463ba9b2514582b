//! A Unix stream that carries frames, blocking: for clients, and for servers that give each client a thread.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::frame::{self, FrameBuffer, FrameError};

/// How much is read at a time.
const READ_LEN: usize = 64 * 1024;

/// A stream of frames. Its time limits are those of the stream.
#[derive(Debug)]
pub struct FrameStream {
    stream: UnixStream,
    frames: FrameBuffer,
    chunk: Box<[u8]>,
}

impl FrameStream {
    /// Takes over a stream of which nothing was read yet.
    pub fn new(stream: UnixStream) -> Self {
        Self { stream, frames: FrameBuffer::default(), chunk: vec![0; READ_LEN].into() }
    }

    /// The stream itself, for its settings and for writing what is framed already.
    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Writes an item.
    ///
    /// # Errors
    /// The stream's, or the item is too long for a frame.
    pub fn write(&mut self, item: &impl Serialize) -> io::Result<()> {
        // Length and item in one write: the other side wakes up once.
        let mut bytes = Vec::new();
        frame::encode(item, &mut bytes).map_err(io::Error::other)?;
        self.stream.write_all(&bytes)
    }

    /// Reads what is there, or waits for it; 0 bytes are the end.
    ///
    /// # Errors
    /// The stream's.
    pub fn read(&mut self) -> io::Result<usize> {
        loop {
            match self.stream.read(&mut self.chunk) {
                // A read with a time limit is not taken up again by the system after a signal.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(error),
                Ok(length) => {
                    self.frames.push(self.chunk.get(..length).unwrap_or_default());
                    return Ok(length);
                }
            }
        }
    }

    /// The next item of what was read; `None` if its frame is not complete yet.
    ///
    /// # Errors
    /// What was read is no such frame.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        self.frames.take()
    }

    /// Waits for the next item; `None` at the end of the stream.
    ///
    /// # Errors
    /// The stream's, or what was read is no such frame.
    pub fn receive<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        loop {
            // Before reading: one read can bring several items, and after the last of them nothing may come.
            if let Some(item) = self.take().map_err(io::Error::other)? {
                return Ok(Some(item));
            }
            if self.read()? == 0 {
                return Ok(None);
            }
        }
    }
}

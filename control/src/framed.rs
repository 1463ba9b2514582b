//! A Unix stream that carries frames, blocking: for clients, and for servers that give each client a thread.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::frame::{self, FrameBuffer, FrameError};
use crate::sleep;

/// How much is read at a time at first,
const FIRST_LEN: usize = 4 * 1024;

/// and as soon as that was once too little: most are done after a few answers.
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
        Self { stream, frames: FrameBuffer::default(), chunk: vec![0; FIRST_LEN].into() }
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
                    if length == FIRST_LEN && self.chunk.len() == FIRST_LEN {
                        self.chunk = vec![0; READ_LEN].into();
                    }
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
    /// The same, if all of the item is here within this time, however it comes.
    ///
    /// # Errors
    /// Those of [`receive`](Self::receive); [`io::ErrorKind::TimedOut`].
    pub fn receive_within<T: DeserializeOwned>(&mut self, time: Duration) -> io::Result<Option<T>> {
        let deadline = sleep::now() + time;
        loop {
            if let Some(item) = self.take().map_err(io::Error::other)? {
                return Ok(Some(item));
            }
            // Each read has what is left: one byte now and then must not be enough.
            self.stream.set_read_timeout(Some(left(deadline)?))?;
            if self.read().map_err(late)? == 0 {
                return Ok(None);
            }
        }
    }

    /// Writes an item, if the other side takes all of it within this time.
    ///
    /// # Errors
    /// Those of [`write`](Self::write); [`io::ErrorKind::TimedOut`].
    pub fn write_within(&mut self, item: &impl Serialize, time: Duration) -> io::Result<()> {
        let deadline = sleep::now() + time;
        let mut bytes = Vec::new();
        frame::encode(item, &mut bytes).map_err(io::Error::other)?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            self.stream.set_write_timeout(Some(left(deadline)?))?;
            match self.stream.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(late(error)),
            }
        }
        Ok(())
    }
}

/// What is left until then.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(sleep::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// The system calls the end of a time limit something else.
fn late(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_frame_that_comes_byte_by_byte_does_not_take_for_ever() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let dripping = thread::spawn(move || {
            // A frame of which there is always more to come.
            let mut said = theirs.write_all(&[0, 0x10, 0, 0]);
            while said.is_ok() {
                thread::yield_now();
                said = theirs.write_all(&[0x9f]);
            }
        });
        let within = Duration::from_millis(100);
        let mut ours = FrameStream::new(ours);
        let error = ours.receive_within::<u64>(within).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
        drop(ours);
        dripping.join().unwrap();
    }

    #[test]
    fn what_is_read_byte_by_byte_is_not_written_for_ever() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut ours = FrameStream::new(ours);
        let (done, is_done) = std::sync::mpsc::channel();
        let dripping = thread::spawn(move || {
            let mut byte = [0];
            while is_done.try_recv().is_err() && theirs.read(&mut byte).is_ok() {
                thread::yield_now();
            }
        });
        let long = "x".repeat(frame::FRAME_MAX - 8);
        let mut written = Ok(());
        while written.is_ok() {
            written = ours.write_within(&long, Duration::from_millis(50));
        }
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        done.send(()).unwrap();
        drop(ours);
        dripping.join().unwrap();
    }
}

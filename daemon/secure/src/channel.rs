//! One channel: frames that are to go into its stream, and frames that come out of it.

use quinn_proto::{Connection, Dir, ReadError, StreamId, VarInt, WriteError};
use simp_control::frame::{self, FrameBuffer};
use simp_proto::secure::{Broken, Frame, KeyId};

/// Most bytes that wait for the peer to take them. Who writes more than this has lost count of what is in flight.
const UNWRITTEN_MAX: usize = 2 << 20;

/// Bytes that are taken out of a stream at once.
const READ_MAX: usize = 16 << 10;

/// Memory kept for what is written next.
const SPARE: usize = 4 << 10;

/// What we tell the peer's library of a stream that breaks. What it means, frames say.
const BROKEN: VarInt = VarInt::from_u32(1);

/// What comes next out of a channel.
#[derive(Debug)]
pub(crate) enum Next {
    Frame(Frame),
    /// Nothing yet.
    Nothing,
    /// Nothing more.
    Broken(Broken),
}

/// The stream of a channel.
#[derive(Debug, Clone, Copy)]
enum Stream {
    /// Made with the first byte, if the peer has this key.
    Wanted(Option<KeyId>),
    Made(StreamId),
}

/// What is to go into a stream.
#[derive(Debug)]
pub(crate) struct Outgoing {
    stream: Stream,
    bytes: Vec<u8>,
    /// Those before this index have gone.
    start: usize,
}

impl Outgoing {
    fn new(stream: Stream) -> Self {
        Self { stream, bytes: Vec::new(), start: 0 }
    }

    /// Whether a peer with this key is the one meant.
    pub(crate) fn suits(&self, key: KeyId) -> bool {
        !matches!(self.stream, Stream::Wanted(Some(expected)) if expected != key)
    }

    fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    fn push(&mut self, frame: &Frame) -> Result<(), Broken> {
        frame::encode(frame, &mut self.bytes).map_err(|_| Broken::Misused)?;
        if self.bytes.len() - self.start > UNWRITTEN_MAX { Err(Broken::Lost) } else { Ok(()) }
    }

    /// Gives the stream as much as it takes.
    pub(crate) fn flow(&mut self, connection: &mut Connection) {
        let Some(rest) = self.bytes.get(self.start..).filter(|rest| !rest.is_empty()) else { return };
        let stream = match self.stream {
            Stream::Made(stream) => stream,
            // The peer has as many as it may have: one has to end before.
            Stream::Wanted(_) => match connection.streams().open(Dir::Bi) {
                Some(stream) => stream,
                None => return,
            },
        };
        self.stream = Stream::Made(stream);
        match connection.send_stream(stream).write(rest) {
            Ok(written) => self.start += written,
            Err(WriteError::Blocked) => {}
            // The peer takes no more. That it has ended the channel is said once all was read that came before.
            Err(WriteError::Stopped(_) | WriteError::ClosedStream) => self.start = self.bytes.len(),
        }
        if self.is_empty() {
            self.bytes.clear();
            self.bytes.shrink_to(SPARE);
            self.start = 0;
        } else if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }

    /// The same for what was written to a channel before it was closed. Says whether something is left.
    pub(crate) fn flow_to_end(&mut self, connection: &mut Connection) -> bool {
        self.flow(connection);
        match self.stream {
            Stream::Made(stream) if self.is_empty() => {
                finish(connection, stream);
                false
            }
            _ => !self.is_empty(),
        }
    }
}

/// One channel.
#[derive(Debug)]
pub(crate) struct Channel {
    outgoing: Outgoing,
    frames: FrameBuffer,
    pub(crate) is_paused: bool,
    /// It is among those that are to be read.
    pub(crate) is_ready: bool,
}

impl Channel {
    /// One that we open.
    pub(crate) fn wanted(expects: Option<KeyId>) -> Self {
        Self::new(Stream::Wanted(expects))
    }

    /// One that the peer has opened.
    pub(crate) fn incoming(stream: StreamId) -> Self {
        Self::new(Stream::Made(stream))
    }

    fn new(stream: Stream) -> Self {
        let outgoing = Outgoing::new(stream);
        Self { outgoing, frames: FrameBuffer::default(), is_paused: false, is_ready: false }
    }

    /// Whether a peer with this key is the one meant.
    pub(crate) fn suits(&self, key: KeyId) -> bool {
        self.outgoing.suits(key)
    }

    /// Its stream, once it has one.
    pub(crate) fn stream(&self) -> Option<StreamId> {
        match self.outgoing.stream {
            Stream::Made(stream) => Some(stream),
            Stream::Wanted(_) => None,
        }
    }

    /// Puts a frame with those that are to go.
    ///
    /// # Errors
    /// There are too many, or it is too long: the channel breaks.
    pub(crate) fn write(&mut self, frame: &Frame) -> Result<(), Broken> {
        self.outgoing.push(frame)
    }

    /// Gives its stream as much as it takes.
    pub(crate) fn flow(&mut self, connection: &mut Connection) {
        self.outgoing.flow(connection);
    }

    /// Bytes of a frame that has begun to come.
    pub(crate) fn held(&self) -> usize {
        self.frames.pending()
    }

    /// The next frame. What is not read holds the peer up.
    pub(crate) fn read(&mut self, connection: &mut Connection) -> Next {
        loop {
            match self.frames.take() {
                Ok(Some(frame)) => return Next::Frame(frame),
                Ok(None) => {}
                Err(_) => return Next::Broken(Broken::Misused),
            }
            let Some(stream) = self.stream() else { return Next::Nothing };
            let mut incoming = connection.recv_stream(stream);
            let Ok(mut chunks) = incoming.read(true) else { return Next::Broken(Broken::Ended) };
            let chunk = chunks.next(READ_MAX);
            // Whether it has something to transmit now is asked in any case.
            let _ = chunks.finalize();
            match chunk {
                Ok(Some(chunk)) => self.frames.push(&chunk.bytes),
                Ok(None) | Err(ReadError::Reset(_)) => return Next::Broken(Broken::Ended),
                Err(ReadError::Blocked) => return Next::Nothing,
            }
        }
    }

    /// Ends it well: nothing more is read; what is still to go comes out, if that is something.
    pub(crate) fn close(self, connection: &mut Connection) -> Option<Outgoing> {
        if let Some(stream) = self.stream() {
            // It fails if the peer has ended it already.
            let _ = connection.recv_stream(stream).stop(VarInt::from_u32(0));
        }
        let is_needed = self.stream().is_some() || !self.outgoing.is_empty();
        is_needed.then_some(self.outgoing)
    }

    /// Ends it because it has broken.
    pub(crate) fn give_up(self, connection: &mut Connection, why: Broken) {
        let Some(stream) = self.stream() else { return };
        let _ = connection.recv_stream(stream).stop(BROKEN);
        match why {
            // The peer waits for our end.
            Broken::Ended => finish(connection, stream),
            // It may have been ended before.
            _ => drop(connection.send_stream(stream).reset(BROKEN)),
        }
    }
}

/// Ends what we say. If the peer takes no more, the library wants it in other words.
fn finish(connection: &mut Connection, stream: StreamId) {
    let mut outgoing = connection.send_stream(stream);
    if outgoing.finish().is_err() {
        let _ = outgoing.reset(BROKEN);
    }
}

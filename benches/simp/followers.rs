//! Clients that follow, read by turns without waiting for any. What they read is counted and not looked at.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use mio::net::UnixStream;
use mio::{Events, Interest, Poll, Token};
use simp_control::{Filter, FollowFrom, Kind, Request};

use crate::Attempt;
use crate::bare::ready;
use crate::client::connected;

/// How much is read at a time.
const READ: usize = 256 << 10;

/// They.
pub struct Followers {
    all: Vec<Follower>,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    /// Entries that came to all of them.
    read: u64,
}

impl Followers {
    /// So many, each of which follows what comes in from now on; from this peer, if one is named.
    pub fn connect(socket: &Path, count: usize, who: Option<&str>) -> Attempt<Self> {
        let filter = Filter { kinds: vec![Kind::Message], who: who.map(str::to_owned), ..Filter::default() };
        let follow = [Request::Follow { from: FollowFrom::End, filter }];
        let (poll, mut all) = (Poll::new()?, Vec::new());
        for number in 0..count {
            let stream = connected(socket, &follow)?;
            stream.set_nonblocking(true)?;
            let mut stream = UnixStream::from_std(stream);
            poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
            all.push(Follower { stream, frames: Frames::default() });
        }
        Ok(Self { all, poll, events: Events::with_capacity(1_024), buffer: vec![0; READ], read: 0 })
    }

    /// Entries that have come to all of them together.
    pub fn read(&self) -> u64 {
        self.read
    }

    /// Reads what is there.
    pub fn serve(&mut self) -> Attempt<()> {
        if self.all.is_empty() {
            return Ok(());
        }
        self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
        for event in &self.events {
            let Some(follower) = self.all.get_mut(event.token().0) else { continue };
            while let Some(count) = ready(follower.stream.read(&mut self.buffer))? {
                if count == 0 {
                    return Err("simpd has dropped a client that follows".into());
                }
                self.read += follower.frames.count(self.buffer.get(..count).unwrap_or_default());
            }
        }
        Ok(())
    }
}

struct Follower {
    stream: UnixStream,
    frames: Frames,
}

/// Where the stream of frames is.
#[derive(Default)]
struct Frames {
    /// Bytes of the next length that have come.
    length: Vec<u8>,
    /// Bytes that belong to the frame that has begun.
    left: usize,
}

impl Frames {
    /// How many frames begin in these bytes.
    fn count(&mut self, mut bytes: &[u8]) -> u64 {
        let mut begun = 0;
        loop {
            let (_, rest) = bytes.split_at(self.left.min(bytes.len()));
            self.left -= bytes.len() - rest.len();
            let missing = size_of::<u32>() - self.length.len();
            let (length, rest) = rest.split_at(missing.min(rest.len()));
            self.length.extend(length);
            let Some(length) = self.length.first_chunk() else { return begun };
            self.left = u32::from_be_bytes(*length) as usize;
            self.length.clear();
            begun += 1;
            bytes = rest;
        }
    }
}

//! The control client as the measures use it.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;

use simp_control::frame::FrameBuffer;
use simp_control::{
    Answer, Client, Event, Filter, FollowFrom, Incoming, Kind, Reply, Request, VERSION, What, frame,
};

use crate::Attempt;

/// Requests written before their answers are read. The daemon stops reading from a client with 64 KiB of
/// answers unread; these have less than a tenth of that.
const IN_ONE_WRITE: usize = 100;

/// A request as it travels.
pub fn framed(request: &Request) -> Attempt<Vec<u8>> {
    let mut bytes = Vec::new();
    frame::encode(request, &mut bytes)?;
    Ok(bytes)
}

/// The connection of a client that has said hello and asked this, and has the answers.
pub fn connected(socket: &Path, requests: &[Request]) -> Attempt<UnixStream> {
    let mut stream = UnixStream::connect(socket)?;
    let mut bytes = framed(&Request::Hello { version: VERSION })?;
    for request in requests {
        bytes.extend(framed(request)?);
    }
    stream.write_all(&bytes)?;
    for _ in 0..=requests.len() {
        let mut length = [0; size_of::<u32>()];
        stream.read_exact(&mut length)?;
        let mut item = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut item)?;
        let mut frame = FrameBuffer::default();
        frame.push(&length);
        frame.push(&item);
        if let Some(Answer::Failure(failure)) = frame.take()? {
            return Err(failure.into());
        }
    }
    Ok(stream)
}

/// A client that has been greeted.
pub struct BenchClient(Client);

impl BenchClient {
    /// Connects and says hello.
    pub fn connect(socket: &Path) -> Attempt<Self> {
        let mut client = Client::at(socket)?;
        client.address()?;
        Ok(Self(client))
    }

    /// Asks and waits for the answer. Events that come first are lost.
    pub fn request(&mut self, request: &Request) -> Attempt<Reply> {
        self.0.submit(request)?;
        self.0.write()?;
        self.reply()
    }

    fn reply(&mut self) -> Attempt<Reply> {
        loop {
            match self.0.next_here(None)? {
                Some(Incoming::Reply(reply)) => return Ok(reply),
                Some(Incoming::Refused(failure)) => return Err(failure.into()),
                Some(Incoming::Event(_) | Incoming::Reconnected) | None => {}
            }
        }
    }

    /// The next entry that is followed.
    pub fn event(&mut self) -> Attempt<Event> {
        loop {
            match self.0.next_here(None)? {
                Some(Incoming::Event(event)) => return Ok(event),
                Some(Incoming::Refused(failure)) => return Err(failure.into()),
                Some(Incoming::Reply(_) | Incoming::Reconnected) | None => {}
            }
        }
    }

    /// Follows entries of these kinds, and none that was followed before.
    pub fn follow(&mut self, from: FollowFrom, kinds: &[Kind]) -> Attempt<()> {
        let filter = Filter { kinds: kinds.to_vec(), ..Filter::default() };
        self.request(&Request::Follow { from, filter })?;
        Ok(())
    }

    /// Invites a peer and waits until the chat is open; returns its id.
    pub fn open_chat(&mut self, peer: SocketAddr) -> Attempt<u64> {
        self.follow(FollowFrom::End, &[Kind::Opened, Kind::Closed])?;
        let invite = Request::Connect { address: peer.to_string(), timeout_ms: None, secure: None };
        let Reply::Chat { chat, .. } = self.request(&invite)? else { return Err("no chat".into()) };
        match self.event()?.what {
            What::Opened { .. } => Ok(chat.chat),
            other => Err(format!("not opened: {other:?}").into()),
        }
    }

    /// Sends a message and waits until it is delivered.
    pub fn deliver(&mut self, send: &Request) -> Attempt<()> {
        self.follow(FollowFrom::End, &[Kind::Delivered])?;
        self.deliver_followed(send)
    }

    /// The same, if `delivered` is followed already.
    pub fn deliver_followed(&mut self, send: &Request) -> Attempt<()> {
        let Reply::Queued { message: sent, .. } = self.request(send)? else {
            return Err("not queued".into());
        };
        while self.event()?.what != (What::Delivered { message: sent }) {}
        Ok(())
    }

    /// Queues so many messages, or a few more: these by turns. Returns the id of the last.
    pub fn queue(&mut self, messages: usize, sends: &[Request]) -> Attempt<u64> {
        let mut sends = sends.iter().cloned().cycle();
        let mut last = 0;
        for _ in 0..messages.div_ceil(IN_ONE_WRITE) {
            let batch: Vec<Request> = sends.by_ref().take(IN_ONE_WRITE).collect();
            for reply in self.ask_at_once(&batch)? {
                if let Reply::Queued { message, .. } = reply {
                    last = message;
                }
            }
        }
        Ok(last)
    }

    /// Asks all of it, and waits for the answers.
    pub fn ask_all(&mut self, requests: &[Request]) -> Attempt<()> {
        requests.chunks(IN_ONE_WRITE).try_for_each(|some| self.ask_at_once(some).map(drop))
    }

    fn ask_at_once(&mut self, requests: &[Request]) -> Attempt<Vec<Reply>> {
        requests.iter().try_for_each(|request| self.0.submit(request))?;
        self.0.write()?;
        requests.iter().map(|_| self.reply()).collect()
    }

    /// How many chats are open.
    pub fn open_chats(&mut self) -> Attempt<u64> {
        Ok(self.0.status()?.chats)
    }

    /// The newest entry's id.
    pub fn newest(&mut self) -> Attempt<u64> {
        Ok(self.0.status()?.last_id)
    }

    /// How many messages of all chats are not delivered yet.
    pub fn queued(&mut self) -> Attempt<u64> {
        Ok(self.0.chats()?.iter().map(|chat| chat.queued).sum())
    }
}

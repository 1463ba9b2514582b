//! A blocking client of simpd's control socket.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;

use simp_control::frame::{self, FrameBuffer};
use simp_control::{Answer, Event, Filter, FollowFrom, Kind, Reply, Request, Status, VERSION, What};

use crate::Result;

/// Requests written before their answers are read. The daemon stops reading from a client with 64 KiB of
/// answers unread; these have less than a tenth of that.
const IN_ONE_WRITE: usize = 100;

/// A connection that has said hello.
pub struct Client {
    stream: UnixStream,
    input: FrameBuffer,
    output: Vec<u8>,
}

impl Client {
    /// Connects and says hello.
    pub fn connect(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket)?;
        let mut client = Self { stream, input: FrameBuffer::default(), output: Vec::new() };
        client.request(&Request::Hello { version: VERSION })?;
        Ok(client)
    }

    /// Asks and waits for the answer. Events that come first are lost.
    pub fn request(&mut self, request: &Request) -> Result<Reply> {
        self.ask(std::slice::from_ref(request))?;
        self.reply()
    }

    fn ask(&mut self, requests: &[Request]) -> Result<()> {
        self.output.clear();
        for request in requests {
            frame::encode(request, &mut self.output)?;
        }
        Ok(self.stream.write_all(&self.output)?)
    }

    fn reply(&mut self) -> Result<Reply> {
        loop {
            match self.answer()? {
                Answer::Reply(reply) => return Ok(reply),
                Answer::Failure(failure) => return Err(failure.into()),
                Answer::Event(_) => {}
            }
        }
    }

    fn answer(&mut self) -> Result<Answer> {
        loop {
            if let Some(answer) = self.input.take()? {
                return Ok(answer);
            }
            let mut buffer = [0; 16 << 10];
            match self.stream.read(&mut buffer)? {
                0 => return Err("simpd closed the connection".into()),
                count => self.input.push(buffer.get(..count).unwrap_or_default()),
            }
        }
    }

    /// The next entry that is followed.
    pub fn event(&mut self) -> Result<Event> {
        loop {
            match self.answer()? {
                Answer::Event(event) => return Ok(event),
                Answer::Failure(failure) => return Err(failure.into()),
                Answer::Reply(_) => {}
            }
        }
    }

    /// Follows entries of these kinds, and none that was followed before.
    pub fn follow(&mut self, from: FollowFrom, kinds: &[Kind]) -> Result<()> {
        let filter = Filter { kinds: kinds.to_vec(), ..Filter::default() };
        self.request(&Request::Follow { from, filter })?;
        Ok(())
    }

    /// Invites a peer and waits until the chat is open; returns its id.
    pub fn open_chat(&mut self, peer: SocketAddr) -> Result<u64> {
        self.follow(FollowFrom::End, &[Kind::Opened, Kind::Closed])?;
        let invite = Request::Connect { address: peer.to_string(), timeout_ms: None };
        let Reply::Chat { chat, .. } = self.request(&invite)? else { return Err("no chat".into()) };
        match self.event()?.what {
            What::Opened { .. } => Ok(chat.chat),
            other => Err(format!("not opened: {other:?}").into()),
        }
    }

    /// Sends a text in the only chat and waits until it is delivered.
    pub fn deliver(&mut self, text: &str) -> Result<()> {
        self.follow(FollowFrom::End, &[Kind::Delivered])?;
        self.deliver_followed(text)
    }

    /// The same, where `delivered` is followed already.
    pub fn deliver_followed(&mut self, text: &str) -> Result<()> {
        let Reply::Queued { message: sent, .. } = self.request(&send(text))? else {
            return Err("not queued".into());
        };
        while self.event()?.what != (What::Delivered { message: sent }) {}
        Ok(())
    }

    /// Queues so many messages in the only chat; returns the id of the last.
    pub fn queue(&mut self, messages: usize, text: &str) -> Result<u64> {
        let batch = vec![send(text); IN_ONE_WRITE];
        let mut last = 0;
        for _ in 0..messages.div_ceil(IN_ONE_WRITE) {
            self.ask(&batch)?;
            for _ in &batch {
                if let Reply::Queued { message, .. } = self.reply()? {
                    last = message;
                }
            }
        }
        Ok(last)
    }

    /// A message to the peer at this address.
    pub fn send_to(who: &str, text: &str) -> Request {
        match send(text) {
            Request::Send { chat, text, queue, expire_ms, token, again_after, .. } => {
                Request::Send { who: Some(who.to_owned()), chat, text, queue, expire_ms, token, again_after }
            }
            other => other,
        }
    }

    /// Asks all of it, and waits for the answers.
    pub fn ask_all(&mut self, requests: &[Request]) -> Result<()> {
        for some in requests.chunks(IN_ONE_WRITE) {
            self.ask(some)?;
            for _ in some {
                self.reply()?;
            }
        }
        Ok(())
    }

    /// How many chats are open.
    pub fn open_chats(&mut self) -> Result<u64> {
        Ok(self.status()?.chats)
    }

    /// The newest entry's id.
    pub fn newest(&mut self) -> Result<u64> {
        Ok(self.status()?.last_id)
    }

    fn status(&mut self) -> Result<Box<Status>> {
        match self.request(&Request::Status)? {
            Reply::Status(status) => Ok(status),
            _ => Err("no status".into()),
        }
    }

    /// How many messages of the only chat are not delivered yet.
    pub fn queued(&mut self) -> Result<u64> {
        match self.request(&Request::Chats { after: 0 })? {
            Reply::Chats { chats, .. } => Ok(chats.iter().map(|chat| chat.queued).sum()),
            _ => Err("no chats".into()),
        }
    }
}

fn send(text: &str) -> Request {
    Request::Send {
        who: None,
        chat: None,
        text: text.to_owned(),
        queue: false,
        expire_ms: None,
        token: None,
        again_after: None,
    }
}

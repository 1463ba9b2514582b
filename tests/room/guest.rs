//! A member that is a bare peer: it acknowledges what it gets, drops copies, and says nothing of itself.

use std::collections::VecDeque;

use simp_proto::{Datagram, Operation};

use super::{Entrance, is_news_of};
use crate::harness::Peer;

/// Somebody who has a chat with the room.
pub struct Guest {
    peer: Peer,
    to: String,
    /// The number of its next message.
    seq: u8,
    /// The number of the last message that it got.
    heard: Option<u8>,
    lines: VecDeque<String>,
    /// Who joined and left, and the topic: at most once a second, so not at a certain place between the lines.
    news: VecDeque<String>,
    is_over: bool,
}

impl Guest {
    /// From address number `host`, in a chat with the room's simpd.
    pub fn comes(at: &impl Entrance, host: u8, name: &str) -> Self {
        Self::comes_from(at, host, 7_777, name)
    }

    pub fn comes_from(at: &impl Entrance, host: u8, port: u16, name: &str) -> Self {
        let guest = Self::new(at, Peer::new(&format!("{}:{port}", at.world().address(host)), name));
        guest.peer.open(&guest.to);
        guest
    }

    /// The same, with these bytes for a name.
    pub fn comes_as_bytes(at: &impl Entrance, host: u8, name: &[u8]) -> Self {
        let guest = Self::new(at, at.world().peer(host, "x"));
        let mut bytes = Vec::new();
        Datagram::new(Operation::Syn, 0, simp_proto::UserName::default(), Vec::new()).encode(&mut bytes);
        bytes[3..3 + name.len()].copy_from_slice(name);
        guest.peer.send_raw(&guest.to, &bytes);
        guest.peer.is_accepted(&guest.to);
        guest
    }

    /// In the room, which is open to all, and told so.
    pub fn enters(at: &impl Entrance, host: u8, name: &str) -> Self {
        let mut guest = Self::comes(at, host, name);
        while !guest.next_line().starts_with("You are in ") {}
        guest
    }

    fn new(at: &impl Entrance, peer: Peer) -> Self {
        let (lines, news) = Default::default();
        Self { peer, to: at.to(), seq: 0, heard: None, lines, news, is_over: false }
    }

    /// Says this, and the room's simpd has it.
    #[track_caller]
    pub fn says(&mut self, text: impl AsRef<[u8]>) {
        self.peer.send(&self.to, Operation::Chat, self.seq, text.as_ref());
        while self.receive() != Some(self.seq) {
            assert!(!self.is_over, "the chat is over");
        }
        self.seq = 1 - self.seq;
    }

    /// Takes a datagram. Gives the number that it acknowledges.
    #[track_caller]
    fn receive(&mut self) -> Option<u8> {
        let Datagram { operation, seq, payload, .. } = self.peer.receive();
        match operation {
            Operation::Ack => return Some(seq),
            Operation::Chat => {
                self.peer.send(&self.to, Operation::Ack, seq, b"");
                if self.heard != Some(seq) {
                    self.heard = Some(seq);
                    let line = String::from_utf8(payload).unwrap();
                    if line.starts_with("* ") { &mut self.news } else { &mut self.lines }.push_back(line);
                }
            }
            Operation::Fin => {
                self.peer.send(&self.to, Operation::Ack, seq, b"");
                self.is_over = true;
            }
            other => panic!("{other:?}"),
        }
        None
    }

    /// The next line that is no news.
    #[track_caller]
    pub fn next_line(&mut self) -> String {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return line;
            }
            assert!(!self.is_over, "the chat is over");
            self.receive();
        }
    }

    /// The next lines that are no news are these.
    #[track_caller]
    pub fn hears(&mut self, lines: &[&str]) {
        for line in lines {
            assert_eq!(self.next_line(), *line);
        }
    }

    /// Says this and is answered that.
    #[track_caller]
    pub fn asks(&mut self, text: &str, answer: &str) {
        self.says(text);
        self.hears(&[answer]);
    }

    /// The next news.
    #[track_caller]
    pub fn next_news(&mut self) -> String {
        loop {
            if let Some(news) = self.news.pop_front() {
                return news;
            }
            assert!(!self.is_over, "the chat is over");
            self.receive();
        }
    }

    /// Waits for this news.
    #[track_caller]
    pub fn learns_that(&mut self, news: &str) {
        while self.next_news() != news {}
    }

    /// Waits for the news that somebody `joined` or `left`.
    #[track_caller]
    pub fn learns(&mut self, name: &str, verb: &str) {
        while !is_news_of(&self.next_news(), name, verb) {}
    }

    /// This is the last line; then the room ends the chat.
    #[track_caller]
    pub fn is_left_with(&mut self, line: &str) {
        self.hears(&[line]);
        while !self.is_over {
            self.receive();
        }
        assert_eq!(self.lines, [""; 0]);
    }

    /// Ends the chat without a word to the room.
    pub fn hangs_up(mut self) {
        self.peer.send(&self.to, Operation::Fin, self.seq, b"");
        while self.receive() != Some(self.seq) {}
    }
}

//! Takes messages from a client on a Unix socket, and brings each to the peer that it is for, one at a time to each.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mio::net::UnixStream;
use mio::{Interest, Token};
use simp_proto::{HEADER_LEN, Operation};

use super::{Keeps, Log, MESSAGE_LEN, NO_LOG, Row, Side, TURN, number_of, ready};
use crate::Attempt;
use crate::machine::{self, Core};
use crate::world::{Process, World, fresh_ip};

/// Where the number of the peer is that a message is for.
const TO: usize = 3;

/// When the client has its answer, 39 bytes, and what is kept of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// As soon as the message is queued; that it is delivered is kept, too.
    Queued,
    /// Once it is delivered.
    Delivered,
}

/// The process.
pub struct RelayProcess {
    /// It.
    pub process: Process,
    /// Where its client is to connect.
    pub socket: PathBuf,
    /// Where it receives.
    pub address: SocketAddr,
}

impl RelayProcess {
    /// Starts one for so many peers, of which the first is at this address and each other at the next one.
    pub fn start(
        world: &World,
        core: Core,
        keeps: Keeps,
        answers: Answers,
        (first, peers): (SocketAddr, usize),
    ) -> Attempt<Self> {
        let ip = fresh_ip();
        let (address, socket) = (format!("{ip}:7777"), world.runtime.join(format!("{ip}.relay")));
        let [log, synchronous] = keeps.words(world);
        let answers = if answers == Answers::Queued { "queued" } else { "delivered" };
        let (first, peers) = (first.to_string(), peers.to_string());
        let words =
            ["bare-relay", &socket.to_string_lossy(), &address, &first, &peers, answers, &log, &synchronous];
        let process = machine::on(core, || Process::bare(&words))?;
        Ok(Self { process, socket, address: address.parse()? })
    }
}

/// The message of a client for the peer with this number.
pub fn message_to(number: u32, text: &str) -> Vec<u8> {
    let mut message = vec![0; HEADER_LEN];
    message.iter_mut().skip(TO).zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
    message.extend(text.as_bytes());
    message
}

/// That process.
pub fn relay(words: &[&str]) -> Attempt<()> {
    let [socket, address, first, peers, answers, log, synchronous] = words else {
        return Err("not the words of a relay".into());
    };
    let listener = UnixListener::bind(socket)?;
    let side = Side::bind(address)?;
    let log = if *log == NO_LOG { None } else { Some(Log::open(Path::new(log), synchronous)?) };
    println!("ready");
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(true)?;
    let mut client = UnixStream::from_std(stream);
    side.poll.registry().register(&mut client, Token(1), Interest::READABLE)?;
    let peers = (0..peers.parse()?).map(|_| Peer::default()).collect();
    let answers = if *answers == "queued" { Answers::Queued } else { Answers::Delivered };
    let first: SocketAddr = first.parse()?;
    let mut relay = Relay { side, client, log, peers, first, answers, unread: Vec::new() };
    while relay.turn()? {}
    Ok(())
}

/// Whom messages are for.
#[derive(Default)]
struct Peer {
    waiting: VecDeque<Vec<u8>>,
    /// The first of those that wait is on its way.
    is_underway: bool,
    /// Its number.
    seq: u8,
}

struct Relay {
    side: Side,
    client: UnixStream,
    log: Option<Log>,
    peers: Vec<Peer>,
    first: SocketAddr,
    answers: Answers,
    /// What the client has written and was not taken yet.
    unread: Vec<u8>,
}

impl Relay {
    /// False if the client is gone.
    fn turn(&mut self) -> Attempt<bool> {
        // What is left from the last turn causes no event.
        let patience = (self.unread.len() >= MESSAGE_LEN).then_some(Duration::ZERO);
        self.side.poll.poll(&mut self.side.events, patience)?;
        let Some(asked) = self.asked()? else { return Ok(false) };
        let delivered = self.delivered()?;
        if let Some(log) = &self.log {
            let mut rows: Vec<Row> = asked.iter().map(|number| Row::Text("queued", *number)).collect();
            if self.answers == Answers::Queued {
                rows.extend(delivered.iter().map(|number| Row::Mark("delivered", *number)));
            }
            log.commit(&rows)?;
        }
        let answered = if self.answers == Answers::Queued { &asked } else { &delivered };
        self.client.write_all(&vec![0; answered.len() * HEADER_LEN])?;
        asked.into_iter().chain(delivered).try_for_each(|number| self.next_to(number))?;
        Ok(true)
    }

    /// For whom the client has written messages, which wait from now on. `None` at its end.
    fn asked(&mut self) -> Attempt<Option<Vec<u32>>> {
        let mut buffer = [0; TURN * MESSAGE_LEN];
        while let Some(count) = ready(self.client.read(&mut buffer))? {
            if count == 0 {
                return Ok(None);
            }
            self.unread.extend(buffer.get(..count).unwrap_or_default());
        }
        let mut asked = Vec::new();
        for message in self.unread.chunks_exact(MESSAGE_LEN).take(TURN) {
            let (_, at) = message.split_at(TO);
            let number = at.first_chunk().map_or(0, |number| u32::from_be_bytes(*number));
            let peer = self.peers.get_mut(number as usize).ok_or("no such peer")?;
            peer.waiting.push_back(message.to_vec());
            asked.push(number);
        }
        self.unread.drain(..asked.len() * MESSAGE_LEN);
        Ok(Some(asked))
    }

    /// Whose messages were acknowledged.
    fn delivered(&mut self) -> Attempt<Vec<u32>> {
        let mut delivered = Vec::new();
        while let Some((from, seq)) = self.side.receive_now()? {
            let number = number_of(from).wrapping_sub(number_of(self.first));
            let Some(peer) = self.peers.get_mut(number as usize) else { continue };
            if peer.is_underway && peer.seq == seq {
                peer.waiting.pop_front();
                (peer.is_underway, peer.seq) = (false, seq ^ 1);
                delivered.push(number);
            }
        }
        Ok(delivered)
    }

    /// Its next message leaves, if none is on its way.
    fn next_to(&mut self, number: u32) -> Attempt<()> {
        let Some(peer) = self.peers.get_mut(number as usize).filter(|peer| !peer.is_underway) else {
            return Ok(());
        };
        let Some(message) = peer.waiting.front_mut() else { return Ok(()) };
        let [kind, operation] = Operation::Chat.fields();
        message.iter_mut().zip([kind, operation, peer.seq]).for_each(|(to, from)| *to = from);
        let ip = Ipv4Addr::from(number_of(self.first) + number);
        self.side.socket.send_to(message, SocketAddr::new(ip.into(), self.first.port()))?;
        peer.is_underway = true;
        Ok(())
    }
}

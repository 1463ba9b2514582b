//! One host and its log, where the network, the clock and the kills are the test's.

mod outbox;
mod peers;
mod ports;
mod restarts;

use std::path::Path;

use simp_control::{Event, Kind, Reply};
use simp_proto::{Datagram, Operation, Settings, UserName};

use super::*;
use crate::commands::Send;
use crate::config::{Accept, Discard, Durability, Retain};
use crate::store::Wanted;

/// A host, its clock, and what it transmits.
struct Host {
    exchange: Exchange,
    start: Instant,
    now: u64,
    /// How far its wall clock is ahead.
    skew: i64,
}

fn peer(n: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, n], 7777))
}

fn config(max_chats: usize) -> Config {
    Config {
        address: None,
        user: UserName::new("ann").unwrap(),
        accept: Accept::Ask,
        max_chats,
        chat: Settings::default(),
        durability: Durability::Process,
        retain: Retain { age: None, count: None, discard: Discard::default() },
        log: tracing::Level::ERROR,
    }
}

impl Host {
    fn new(max_chats: usize) -> Self {
        let start = Instant::now();
        let store = Store::open(Path::new(":memory:"), Durability::Process, 1).unwrap();
        let now = Now { instant: start, ms: 1_800_000_000_000 };
        let exchange = Exchange::new(now, config(max_chats), peer(1), store, 7);
        Self { exchange, start, now: 0, skew: 0 }
    }

    fn moment(&self) -> Now {
        let instant = self.start + Duration::from_millis(self.now);
        Now { instant, ms: (1_800_000_000_000 + self.now as i64 + self.skew) as u64 }
    }

    /// Keeps a message for a peer and returns its id.
    fn keep(&mut self, to: SocketAddr, text: &str, expire_ms: Option<u64>) -> u64 {
        let who = Some(to.to_string());
        let send = Send { who, text: text.to_owned(), queue: true, expire_ms, ..Send::default() };
        match self.exchange.send(self.moment(), &send).unwrap() {
            Reply::Queued { message, chat: 0 } => message,
            other => panic!("{other:?}"),
        }
    }

    fn hears(&mut self, from: SocketAddr, operation: Operation, seq: u8) {
        let datagram = Datagram::new(operation, seq, UserName::new("bob").unwrap(), Vec::new());
        self.exchange.handle_arrival(self.moment(), from, None, Ok(datagram)).unwrap();
        self.exchange.use_room(self.moment()).unwrap();
    }

    /// What has been transmitted since the last time, to whom.
    fn says(&mut self) -> Vec<(SocketAddr, Operation, String)> {
        self.exchange.store.commit().unwrap();
        let decode = |(to, _, bytes): (SocketAddr, Option<IpAddr>, &[u8])| {
            let datagram = Datagram::decode(bytes).unwrap();
            (to, datagram.operation, String::from_utf8(datagram.payload).unwrap())
        };
        let said = self.exchange.outgoing.iter().map(decode).collect();
        self.exchange.outgoing.clear();
        said
    }

    /// Lets the time pass until there is something to say, or until then: when and what it was.
    fn until(&mut self, until: u64) -> (u64, Vec<(SocketAddr, Operation, String)>) {
        loop {
            let due = self
                .exchange
                .wheel
                .next()
                .map(|due| due.saturating_duration_since(self.start).as_micros().div_ceil(1_000) as u64);
            let Some(due) = due.map(|due| due.max(self.now)).filter(|due| *due <= until) else {
                self.now = until;
                return (until, Vec::new());
            };
            self.now = due;
            let moment = self.moment();
            while let Some(timer) = self.exchange.wheel.pop_expired(moment.instant) {
                match timer {
                    Timer::Chat(key) => self.exchange.handle_timeout(moment, key).unwrap(),
                    Timer::Invite(address) => self.exchange.invite_for_outbox(moment, address).unwrap(),
                    Timer::Expire(message) => self.exchange.expire_message(moment, message).unwrap(),
                    Timer::Client(_) | Timer::Disk | Timer::Retention => panic!("nobody set that"),
                }
            }
            self.exchange.use_room(moment).unwrap();
            let said = self.says();
            if !said.is_empty() {
                return (due, said);
            }
        }
    }

    /// Lets the time pass until then, with nobody at the other address.
    fn is_alone_until(&mut self, until: u64) {
        while self.now < until {
            self.exchange.handle_unreachable(self.moment(), peer(2)).unwrap();
            self.until(until);
        }
    }

    /// The kinds of the log's entries.
    fn kinds(&self) -> Vec<Kind> {
        let (events, _) = self.exchange.store.read(0, usize::MAX, &Wanted::default()).unwrap();
        events.into_iter().map(|event| event.what.kind()).collect()
    }

    /// Opens the chat that the outbox invited to, and takes what it delivers.
    fn opens(&mut self, with: SocketAddr, texts: &[&str]) {
        self.hears(with, Operation::SynAck, 0);
        assert_eq!(self.says()[0], (with, Operation::Ack, String::new()));
        for (text, seq) in texts.iter().zip([0, 1]) {
            self.hears(with, Operation::Ack, seq);
            let last = self.exchange.store.fresh().last().map(|event| event.what.kind());
            assert_eq!(last, Some(Kind::Delivered), "{text}");
            self.exchange.store.commit().unwrap();
            self.exchange.store.end_turn();
        }
        self.says();
    }

    /// Killed, and started again from what was committed.
    fn restarted(mut self, max_chats: usize) -> Self {
        let now = self.moment();
        self.exchange = Exchange::new(now, config(max_chats), peer(1), self.exchange.store, 7);
        self.exchange.resume(now).unwrap();
        self
    }

    /// What has been transmitted since the last time, without the texts.
    fn sends(&mut self) -> Vec<(SocketAddr, Operation)> {
        self.exchange.use_room(self.moment()).unwrap();
        self.says().into_iter().map(|(to, operation, _)| (to, operation)).collect()
    }

    /// Lets so much time pass, and says what left meanwhile.
    fn waits(&mut self, ms: u64) -> Vec<(SocketAddr, Operation)> {
        let until = self.now + ms;
        let mut said = Vec::new();
        while self.now < until {
            said.extend(self.until(until).1.into_iter().map(|(to, operation, _)| (to, operation)));
        }
        said
    }

    fn send(&mut self, to: SocketAddr, queue: bool) -> u64 {
        let send = Send { who: Some(to.to_string()), text: "hi".to_owned(), queue, ..Send::default() };
        match self.exchange.send(self.moment(), &send).unwrap() {
            Reply::Queued { message, .. } => message,
            other => panic!("{other:?}"),
        }
    }

    fn connect(&mut self, to: SocketAddr) {
        self.exchange.connect(self.moment(), &to.to_string(), None).unwrap();
    }

    fn quit(&mut self, at_once: bool) {
        self.exchange.quit(self.moment(), None, None, at_once).unwrap();
    }

    /// A chat that was opened for a message of the outbox, which the peer has.
    fn with_chat_for_outbox() -> Self {
        let mut host = Self::new(1);
        host.send(peer(2), true);
        host.hears(peer(2), Operation::SynAck, 0);
        host.hears(peer(2), Operation::Ack, 0);
        assert_eq!(host.said(), [Operation::Syn, Operation::Ack, Operation::Chat]);
        host
    }

    fn said(&mut self) -> Vec<Operation> {
        self.sends().into_iter().map(|(_, operation)| operation).collect()
    }

    fn log(&self, kind: Kind) -> Vec<Event> {
        let events = self.exchange.store.read(0, usize::MAX, &Wanted::default()).unwrap().0;
        events.into_iter().filter(|event| event.what.kind() == kind).collect()
    }
}

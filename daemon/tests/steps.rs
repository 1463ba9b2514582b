//! One host and its log, where the network, the clock and the kills are the test's.

mod absentees;
mod asleep;
mod budgets;
mod costs;
mod crowds;
mod departures;
mod faults;
mod habits;
mod holds;
mod hosts;
mod keys;
mod likeness;
mod meetings;
mod moves;
mod names;
mod once;
mod places;
mod restarts;
mod retention;
mod rights;
mod taken_back;
mod unproved;
mod ways;
mod work;

use std::net::SocketAddr;
use std::time::Instant;

use simp_control::{ChatInfo, Event, Failure, Kind, OutboxMessage, Reply, Request, Status, What};
use simp_engine::{Accept, Now, Policy};
use simp_proto::secure::{ChatId, Frame, Hello, PROTOCOL, Stands};
use simp_proto::{Datagram, Operation, UserName};
use simp_store::Store;

use crate::driver::{self, BadDisk, Driver};

/// A host, its clock, and what it transmits.
struct Host {
    driver: Driver,
    disk: BadDisk,
    start: Instant,
    now: u64,
    /// How far its wall clock is ahead.
    skew: i64,
}

fn peer(n: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, n], 7777))
}

fn ask_me(max_chats: usize) -> Policy {
    driver::policy("ann", Accept::Ask, max_chats)
}

fn datagram(operation: Operation, seq: u8, words: &str) -> Datagram {
    Datagram::new(operation, seq, UserName::new("bob").unwrap(), words.into())
}

/// What a peer of this name says first in a secure chat.
fn hello(user: &str, chat: ChatId, stands: Stands) -> Frame {
    Frame::Hello(Hello {
        version: PROTOCOL,
        features: Vec::new(),
        user: user.to_owned(),
        chat,
        stands,
        received: 0,
        text_max: 1 << 18,
        log: "log".to_owned(),
    })
}

impl Host {
    fn new(max_chats: usize) -> Self {
        Self::with(ask_me(max_chats))
    }

    fn with(policy: Policy) -> Self {
        Self::over(policy, |_| {})
    }

    /// With a log in which there is something already.
    fn over(policy: Policy, prepare: impl FnOnce(&mut Store)) -> Self {
        let (start, disk) = (Instant::now(), BadDisk::default());
        let mut store = disk.open();
        prepare(&mut store);
        store.commit().unwrap();
        let driver = Driver::start(driver::moment(start, 0, 0), policy, peer(1), store, 7);
        Self { driver, disk, start, now: 0, skew: 0 }
    }

    fn moment(&self) -> Now {
        driver::moment(self.start, self.now, self.skew)
    }

    /// Killed, and started again from what was committed.
    fn restarted(self, max_chats: usize) -> Self {
        let now = self.moment();
        let driver = Driver::start(now, ask_me(max_chats), peer(1), self.driver.killed(), 7);
        Self { driver, ..self }
    }

    fn turn(&mut self) {
        self.driver.turn(self.moment());
        self.driver.check();
    }

    /// As many turns as follow each other without a pause, and how many these are.
    fn works_on(&mut self) -> u64 {
        let mut turns = 0;
        while self.driver.has_more() {
            self.turn();
            turns += 1;
        }
        turns
    }

    fn ask(&mut self, request: Request) -> Result<Reply, Failure> {
        let answer = self.driver.ask(self.moment(), request);
        self.driver.check();
        answer
    }

    fn hears(&mut self, from: SocketAddr, operation: Operation, seq: u8) {
        self.hears_words(from, operation, seq, "");
    }

    fn hears_words(&mut self, from: SocketAddr, operation: Operation, seq: u8, words: &str) {
        self.driver.arrives(from, datagram(operation, seq, words));
        self.turn();
    }

    /// Its invitation is only being shown to the other user.
    fn hears_ringing(&mut self, from: SocketAddr) {
        let user = UserName::new("Daemon").unwrap();
        self.driver.arrives(from, Datagram::new(Operation::SynAck, 0, user, Vec::new()));
        self.turn();
    }

    /// Nothing listens there.
    fn cannot_reach(&mut self, address: SocketAddr) {
        self.driver.inputs.unreachable.push(address);
        self.turn();
    }

    /// What has been transmitted since the last time, to whom.
    fn says(&mut self) -> Vec<(SocketAddr, Operation, String)> {
        let text = |payload| String::from_utf8(payload).unwrap();
        let said = self.driver.said().into_iter();
        said.map(|(to, said)| (to, said.operation, text(said.payload))).collect()
    }

    /// The same, without the texts.
    fn sends(&mut self) -> Vec<(SocketAddr, Operation)> {
        self.says().into_iter().map(|(to, operation, _)| (to, operation)).collect()
    }

    /// The same, without saying to whom.
    fn said(&mut self) -> Vec<Operation> {
        self.sends().into_iter().map(|(_, operation)| operation).collect()
    }

    /// Lets the time pass until there is something to say, or until then: when and what it was.
    fn until(&mut self, until: u64) -> (u64, Vec<(SocketAddr, Operation, String)>) {
        loop {
            let due = self.driver.due(self.start).map(|due| due.max(self.now));
            let Some(due) = due.filter(|due| *due <= until) else {
                self.now = until;
                return (until, Vec::new());
            };
            self.now = due;
            self.turn();
            let said = self.says();
            if !said.is_empty() {
                return (due, said);
            }
        }
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

    /// Lets the time pass until then, with nobody at the other address.
    fn is_alone_until(&mut self, until: u64) {
        while self.now < until {
            self.cannot_reach(peer(2));
            self.until(until);
        }
    }

    /// Keeps a message for a peer and returns its id.
    fn keep(&mut self, to: SocketAddr, text: &str, expire_ms: Option<u64>) -> u64 {
        match self.ask(driver::keep(to, text, expire_ms)).unwrap() {
            Reply::Queued { message, chat: 0 } => message,
            other => panic!("{other:?}"),
        }
    }

    /// Sends a text in a chat and returns its id.
    fn send(&mut self, to: SocketAddr) -> u64 {
        match self.ask(driver::send(Some(to), "hi")).unwrap() {
            Reply::Queued { message, .. } => message,
            other => panic!("{other:?}"),
        }
    }

    /// The peer of an open chat acknowledges as many messages of ours, one after the other, as show that it is there.
    fn is_heard_by(&mut self, who: SocketAddr) {
        for seq in [0, 1, 0, 1] {
            self.send(who);
            self.waits(1_000);
            self.hears(who, Operation::Ack, seq);
        }
        self.says();
    }

    fn connect(&mut self, to: SocketAddr) -> ChatInfo {
        match self.ask(driver::connect(to)).unwrap() {
            Reply::Chat { chat, .. } => chat,
            other => panic!("{other:?}"),
        }
    }

    /// Answers the only request.
    fn accept(&mut self) {
        self.ask(Request::Accept { who: None }).unwrap();
    }

    fn quit(&mut self, at_once: bool) {
        self.ask(driver::quit(None, at_once)).unwrap();
    }

    fn chats(&mut self) -> Vec<ChatInfo> {
        match self.ask(Request::Chats { after: 0 }).unwrap() {
            Reply::Chats { chats, more: false } => chats,
            other => panic!("{other:?}"),
        }
    }

    fn outbox(&mut self) -> Vec<OutboxMessage> {
        match self.ask(Request::Outbox { after: 0 }).unwrap() {
            Reply::Outbox { messages, more: false } => messages,
            other => panic!("{other:?}"),
        }
    }

    fn status(&mut self) -> Status {
        match self.ask(Request::Status).unwrap() {
            Reply::Status(status) => *status,
            other => panic!("{other:?}"),
        }
    }

    /// The kinds of the log's entries.
    fn kinds(&self) -> Vec<Kind> {
        self.driver.log().into_iter().map(|event| event.what.kind()).collect()
    }

    /// The entries of this kind.
    fn log(&self, kind: Kind) -> Vec<Event> {
        self.driver.log().into_iter().filter(|event| event.what.kind() == kind).collect()
    }

    /// The messages that were given up.
    fn given_up(&self) -> Vec<u64> {
        let message = |event: Event| match event.what {
            What::Undelivered { message, .. } => message,
            other => panic!("{other:?}"),
        };
        self.log(Kind::Undelivered).into_iter().map(message).collect()
    }

    /// Opens the chat that the outbox invited to, and takes what it delivers.
    fn opens(&mut self, with: SocketAddr, texts: &[&str]) {
        self.hears(with, Operation::SynAck, 0);
        assert_eq!(self.says()[0], (with, Operation::Ack, String::new()));
        for (text, seq) in texts.iter().zip([0, 1]) {
            self.hears(with, Operation::Ack, seq);
            assert_eq!(self.kinds().pop(), Some(Kind::Delivered), "{text}");
        }
        self.says();
    }

    /// A chat that was opened for a message of the outbox, which the peer has.
    fn with_chat_for_outbox() -> Self {
        let mut host = Self::new(1);
        host.keep(peer(2), "hi", None);
        host.hears(peer(2), Operation::SynAck, 0);
        host.hears(peer(2), Operation::Ack, 0);
        assert_eq!(host.said(), [Operation::Syn, Operation::Ack, Operation::Chat]);
        host
    }
}

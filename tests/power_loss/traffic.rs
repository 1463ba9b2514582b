//! What the traced simpd lives through: a chat both ways, a kill, a stop, and so many messages that its
//! write-ahead log is copied back and begun anew.

use std::collections::VecDeque;
use std::fs;

use nix::sys::signal::Signal;
use simp_control::{Answer, FollowFrom, Reply, Request, What};
use simp_proto::{Datagram, Operation};

use super::trace::Tracer;
use super::{CONSUMER, log_folder};
use crate::harness::{Daemon, Peer, Random, TestClient, World, send};

/// Messages queued at once.
const BATCH: usize = 64;

/// More batches than are ever needed to have the write-ahead log copied back.
const BATCHES_MAX: usize = 500;

/// What the test saw and did outside of simpd.
#[derive(Default)]
pub struct Told {
    /// Texts of the peer, in order; the place of each tells its bit.
    pub said: Vec<String>,
    /// Which of them each acknowledgement was for.
    pub acks: Vec<usize>,
    /// Messages of simpd's user, in order: the id that the client was told, and the text.
    pub sent: Vec<(u64, String)>,
    /// How many of them the peer has acknowledged.
    pub heard: usize,
    /// What each `done` stood for: the consumer's mark, as of then.
    pub marks: Vec<u64>,
}

/// A traced simpd, its peer bob and its clients.
pub struct Traffic<'a> {
    world: &'a World,
    tracer: &'a Tracer,
    random: Random,
    bob: Peer,
    to: String,
    told: Told,
    /// Messages that came to bob while he waited for something else.
    waiting: VecDeque<Datagram>,
    /// The newest entry that the follower has read.
    followed: u64,
}

/// One run of simpd.
struct Run {
    alice: Daemon,
    client: TestClient,
    follower: TestClient,
}

impl<'a> Traffic<'a> {
    pub fn new(world: &'a World, tracer: &'a Tracer, random: Random) -> Self {
        let (bob, to) = (world.peer(2, "bob"), world.address(1));
        Self { world, tracer, random, bob, to, told: Told::default(), waiting: VecDeque::new(), followed: 0 }
    }

    /// All of it. In the end simpd is killed, with messages that are not delivered.
    pub fn run(mut self) -> Told {
        let mut first = self.start();
        self.bob.open(&self.to);
        self.rounds(&mut first, 15);
        kill(first);

        let mut second = self.start();
        self.rounds(&mut second, 15);
        // Answered with the same as a mark that is moved, and promises no more than the last one.
        self.told.marks.push(self.told.marks.last().copied().unwrap_or_default());
        assert_eq!(second.client.reply(&Request::Stop), Reply::Done);
        assert_eq!(second.alice.wait(), Some(0));

        let mut third = self.start();
        self.rounds(&mut third, 15);
        let log = log_folder(self.world, 1).join("log.db");
        let bytes = || fs::metadata(&log).unwrap().len();
        let before = bytes();
        let batches = (0..BATCHES_MAX).take_while(|_| {
            self.queue_many(&mut third);
            self.rounds(&mut third, 1);
            bytes() == before
        });
        assert!(batches.count() < BATCHES_MAX, "the write-ahead log was never copied back");
        self.rounds(&mut third, 40);
        kill(third);
        self.told
    }

    fn start(&self) -> Run {
        let mut command = self.world.command("simpd");
        command.args([&self.to, "--user", "alice", "--accept", "all"]);
        self.tracer.attach(&mut command);
        let alice = Daemon::start(command, self.world.socket(1));
        let (client, mut follower) = (alice.client(), alice.client());
        follower.follow(FollowFrom::After(self.followed));
        Run { alice, client, follower }
    }

    /// In each a message there and one back; a listener reads both.
    fn rounds(&mut self, run: &mut Run, rounds: usize) {
        for _ in 0..rounds {
            self.say();
            let text = self.text("alice", self.told.sent.len());
            self.told.sent.push((run.client.send(&text), text));
            self.hear();
            let (delivered, _) = self.told.sent[self.told.heard - 1];
            self.follow(run, &What::Delivered { message: delivered });
            if self.random.percent(30) {
                let seen = Request::Seen { consumer: CONSUMER.to_owned(), id: self.followed };
                self.told.marks.push(self.followed);
                assert_eq!(run.client.reply(&seen), Reply::Done);
            }
        }
    }

    /// Bob sends a text, sometimes twice, and waits until each copy is acknowledged.
    fn say(&mut self) {
        let text = self.text("bob", self.told.said.len());
        let seq = (self.told.said.len() % 2) as u8;
        self.told.said.push(text.clone());
        // Two at once are acknowledged at once.
        let times = 1 + usize::from(self.random.percent(20));
        for _ in 0..times {
            self.bob.send(&self.to, Operation::Chat, seq, text.as_bytes());
        }
        for _ in 0..times {
            loop {
                let datagram = self.bob.receive();
                if datagram.operation == Operation::Ack {
                    assert_eq!(datagram.seq, seq);
                    break;
                }
                self.waiting.push_back(datagram);
            }
            self.told.acks.push(self.told.said.len() - 1);
        }
    }

    /// Bob receives the next message of alice and acknowledges it.
    fn hear(&mut self) {
        let (seq, text) = ((self.told.heard % 2) as u8, &self.told.sent[self.told.heard].1);
        loop {
            let datagram = self.waiting.pop_front().unwrap_or_else(|| self.bob.receive());
            assert_eq!(datagram.operation, Operation::Chat);
            // On a slow machine the one before may have come again.
            if datagram.payload == text.as_bytes() {
                assert_eq!(datagram.seq, seq);
                break;
            }
        }
        self.bob.send(&self.to, Operation::Ack, seq, b"");
        self.told.heard += 1;
    }

    fn queue_many(&mut self, run: &mut Run) {
        let texts: Vec<_> = (0..BATCH).map(|n| self.text("alice", self.told.sent.len() + n)).collect();
        for text in &texts {
            run.client.write(&send(None, text));
        }
        for text in texts {
            let answer = run.client.read();
            let Some(Answer::Reply(Reply::Queued { message, .. })) = answer else { panic!("{answer:?}") };
            self.told.sent.push((message, text));
        }
    }

    /// Reads the log up to this entry.
    fn follow(&mut self, run: &mut Run, what: &What) {
        loop {
            let event = run.follower.event();
            self.followed = event.id;
            if event.what == *what {
                return;
            }
        }
    }

    /// A text that no other is like: mostly a short one, sometimes the longest.
    fn text(&mut self, user: &str, number: usize) -> String {
        let length = if self.random.percent(5) { 985 } else { self.random.index(60) };
        format!("{:-<length$}", format!("{user} {number}"))
    }
}

/// Once all that it was asked is answered.
fn kill(mut run: Run) {
    run.client.status();
    run.alice.signal(Signal::SIGKILL);
    assert_eq!(run.alice.wait(), None);
}

//! One of two daemons in a chat, over all its runs: what was handed to it, what it has shown, and whether that is right.

use std::collections::HashSet;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use nix::sys::signal::Signal;
use simp_control::error::Error;
use simp_control::{Answer, Event, FollowFrom, Incoming, Reply, Request, What};

use crate::harness::{Daemon, Random, TestClient, World, send};

pub const USERS: [&str; 2] = ["alice", "bob"];

/// What a pair waits for.
pub enum Seen {
    /// The listener of this daemon was shown this.
    Entry(usize, Event),
    /// A datagram of this daemon was handed to the other one.
    Passed(usize),
}

/// A text that was handed to a daemon.
pub struct Sent {
    text: String,
    /// Its message's id; `None` if the daemon was killed before it answered.
    id: Option<u64>,
}

/// A daemon from its start to its kill, with one client that asks and one that listens.
pub struct Run {
    daemon: Daemon,
    pub client: TestClient,
    listener: Option<JoinHandle<()>>,
}

/// One of the two, over all its runs.
pub struct Side<'a> {
    world: &'a World,
    pub number: usize,
    host: u8,
    config: String,
    seen: Sender<Seen>,
    pub run: Run,
    sent: Vec<Sent>,
    /// What its listeners were shown, one going on where the one before it stopped.
    pub shown: Vec<Event>,
}

impl<'a> Side<'a> {
    pub fn new(world: &'a World, number: usize, host: u8, config: &str, seen: Sender<Seen>) -> Self {
        let run = start(world, number, host, config, 0, &seen);
        let (sent, shown) = (Vec::new(), Vec::new());
        Self { world, number, host, config: config.to_owned(), seen, run, sent, shown }
    }

    /// Sends texts until so many of them wait.
    pub fn top_up(&mut self, random: &mut Random, waiting: usize) {
        let delivered = self.shown.iter().rev().find_map(|event| match event.what {
            What::Delivered { message } => Some(message),
            _ => None,
        });
        let waits = |sent: &&Sent| sent.id > delivered;
        for _ in self.sent.iter().filter(waits).count()..waiting {
            let text = self.next_text(random);
            let id = Some(self.run.client.send(&text));
            self.sent.push(Sent { text, id });
        }
    }

    /// The next text. Half of them say the same as the one before, so that no duplicate is known by its text.
    fn next_text(&self, random: &mut Random) -> String {
        match self.sent.last() {
            Some(last) if random.below(2) == 0 => last.text.clone(),
            _ => format!("{} {}", USERS[self.number], self.sent.len()),
        }
    }

    /// Kills the daemon, perhaps with a text that it has no time to answer.
    pub fn kill(&mut self, random: &mut Random) {
        let text = (random.below(2) == 0).then(|| self.next_text(random));
        if let Some(text) = &text {
            self.run.client.write(&send(None, text));
        }
        // From nothing to about a millisecond, in which it receives, commits and acknowledges.
        let spin = 1 << random.below(16);
        for _ in 0..random.below(spin) {
            std::hint::spin_loop();
        }
        self.run.daemon.signal(Signal::SIGKILL);
        assert_eq!(self.run.daemon.wait(), None, "it ended by itself");
        if let Some(text) = text {
            let id = match self.run.client.read() {
                Some(Answer::Reply(Reply::Queued { message, .. })) => Some(message),
                None => None,
                other => panic!("{other:?}"),
            };
            self.sent.push(Sent { text, id });
        }
        if let Some(listener) = self.run.listener.take() {
            listener.join().unwrap();
        }
    }

    pub fn start_again(&mut self) {
        let last = self.shown.len() as u64;
        self.run = start(self.world, self.number, self.host, &self.config, last, &self.seen);
    }

    /// Messages of ours that are not delivered.
    pub fn queued(&mut self) -> u64 {
        match self.run.client.reply(&Request::Chats { after: 0 }) {
            Reply::Chats { chats, .. } if chats.len() == 1 => chats[0].queued,
            other => panic!("not one chat: {other:?}"),
        }
    }

    /// Texts that were queued, with their ids.
    pub fn queued_texts(&self) -> Vec<(u64, &str)> {
        let queued = |event: &'_ Event| matches!(event.what, What::Queued { .. });
        self.shown.iter().filter(|event| queued(event)).map(|event| (event.id, text(event))).collect()
    }

    /// Texts of the other side.
    pub fn messages(&self) -> Vec<&str> {
        let message = |event: &'_ Event| matches!(event.what, What::Message { .. });
        self.shown.iter().filter(|event| message(event)).map(text).collect()
    }

    /// The log holds each text that was answered, under its id, and each other one once at most. All of them were
    /// delivered, in order, in one chat that did not end. Returns how many were not answered.
    pub fn check_sent(&self) -> u64 {
        let user = USERS[self.number];
        let answered: HashSet<u64> = self.sent.iter().filter_map(|sent| sent.id).collect();
        let queued = self.queued_texts();
        let mut rest = queued.as_slice();
        for sent in &self.sent {
            match (sent.id, rest) {
                (Some(id), [first, after @ ..]) => {
                    assert_eq!(*first, (id, sent.text.as_str()), "{user}: another one is in its place");
                    rest = after;
                }
                (Some(id), []) => panic!("{user}: message {id} was answered and is not in the log"),
                (None, [(id, text), after @ ..]) if !answered.contains(id) && *text == sent.text => {
                    rest = after;
                }
                (None, _) => {}
            }
        }
        assert_eq!(rest, [], "{user}: in the log more often than sent");
        let delivered = self.shown.iter().filter_map(|event| match event.what {
            What::Delivered { message } => Some(message),
            _ => None,
        });
        assert!(delivered.eq(queued.iter().map(|(id, _)| *id)), "{user}: not delivered once and in order");
        let others = self.shown.iter().map(|event| &event.what).filter(|what| {
            !matches!(what, What::Queued { .. } | What::Message { .. } | What::Delivered { .. })
        });
        let begin = [What::Inviting, What::Request];
        assert!(
            others.eq([&begin[self.number], &What::Opened { note: None }]),
            "{user}: the chat did not go on"
        );
        self.sent.iter().filter(|sent| sent.id.is_none()).count() as u64
    }
}

/// Starts a daemon, and a listener that tells what it is shown after entry `after` until the daemon is gone.
fn start(world: &World, number: usize, host: u8, config: &str, after: u64, seen: &Sender<Seen>) -> Run {
    let daemon = world.start(host, &["--user", USERS[number], "--accept", "all", "--config", config]);
    let mut listener = daemon.client();
    listener.follow(FollowFrom::After(after));
    let (client, seen) = (daemon.client(), seen.clone());
    let listener = std::thread::spawn(move || {
        loop {
            match listener.0.next_here(None) {
                Ok(Some(Incoming::Event(event))) => {
                    if seen.send(Seen::Entry(number, event)).is_err() {
                        break;
                    }
                }
                Err(Error::Lost(_)) => break,
                other => panic!("not an event: {other:?}"),
            }
        }
    });
    Run { daemon, client, listener: Some(listener) }
}

fn text(event: &Event) -> &str {
    event.what.text().unwrap()
}

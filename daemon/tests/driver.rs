//! One daemon without sockets: the engine, its log in memory, a disk that refuses to commit if told to, and a way out that
//! is blocked if told to.

use std::collections::VecDeque;
use std::mem;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::hooks::{AuthContext, Authorization};
use simp_control::{Answer, Event, Failure, KeyId, Reply, Request};
use simp_engine::{
    Accept, Arrival, Budget, ChannelCommand, Departure, Engine, Inputs, Link, Now, Origin, OutboxMax,
    Outputs, Pins, Policy, Retain, Rights, Secrecy,
};
use simp_proto::secure::Name;
use simp_proto::{Datagram, DecodeError, Settings, Us, UserName};
use simp_store::{Durability, EntryFilter, Store};

/// A disk that refuses some of its commits.
#[derive(Clone, Default)]
pub struct BadDisk(Arc<Refusals>);

#[derive(Default)]
struct Refusals {
    /// So many commits are good,
    after: AtomicU32,
    /// then so many are refused.
    left: AtomicU32,
    is_blind: AtomicBool,
}

impl Refusals {
    fn refuses(&self) -> bool {
        !take_one(&self.after) && take_one(&self.left)
    }
}

fn take_one(from: &AtomicU32) -> bool {
    from.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

impl BadDisk {
    /// From now on, so many commits are refused.
    pub fn refuse(&self, commits: u32) {
        self.refuse_after(0, commits);
    }

    /// The same after so many that are good.
    pub fn refuse_after(&self, good: u32, commits: u32) {
        self.0.after.store(good, Ordering::Relaxed);
        self.0.left.store(commits, Ordering::Relaxed);
    }

    /// From now on nothing is found that was not looked for before, or it is again.
    pub fn be_blind(&self, is_blind: bool) {
        self.0.is_blind.store(is_blind, Ordering::Relaxed);
    }

    /// A log in memory on this disk.
    pub fn open(&self) -> Store {
        self.over(Connection::open_in_memory().unwrap(), Path::new(":memory:"))
    }

    /// The log in this file.
    pub fn open_file(&self, path: &Path) -> Store {
        self.over(Connection::open(path).unwrap(), path)
    }

    fn over(&self, mut db: Connection, path: &Path) -> Store {
        let (refusals, disk) = (self.0.clone(), self.0.clone());
        db.commit_hook(Some(move || refusals.refuses())).unwrap();
        let answers = move |_: AuthContext<'_>| match disk.is_blind.load(Ordering::Relaxed) {
            true => Authorization::Deny,
            false => Authorization::Allow,
        };
        db.authorizer(Some(answers)).unwrap();
        Store::over(db, path, Durability::Process, 1).unwrap()
    }
}

/// The way out of a host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Uplink {
    /// It takes all.
    #[default]
    Free,
    /// It takes so many more; those after them wait.
    Takes(usize),
    /// The host's own system refuses each one.
    Refuses,
}

impl Uplink {
    fn takes(&mut self) -> bool {
        match self {
            Self::Takes(left) => {
                let takes = *left > 0;
                *left = left.saturating_sub(1);
                takes
            }
            Self::Free | Self::Refuses => true,
        }
    }
}

/// A datagram that has not left yet.
struct Waiting {
    to: SocketAddr,
    datagram: Datagram,
    good_until: Option<Instant>,
    since: Instant,
    /// Whether the engine knows that it waits.
    is_known: bool,
}

/// One daemon and what it has transmitted.
pub struct Driver {
    engine: Engine,
    /// What its next turn takes.
    pub inputs: Inputs,
    outputs: Outputs,
    /// What it transmits by.
    pub uplink: Uplink,
    /// What waits there.
    waiting: VecDeque<Waiting>,
    said: Vec<(SocketAddr, Datagram, Duration)>,
    commands: Vec<ChannelCommand>,
    lookups: Vec<String>,
}

impl Driver {
    /// Starts with this log. Its first turn is over, as that of the server is at once.
    pub fn start(now: Now, policy: Policy, address: SocketAddr, store: Store, random: u64) -> Self {
        let engine = Engine::new(now, policy, (address, key_of(address)), store, random).unwrap();
        let (inputs, outputs) = (Inputs::default(), Outputs::default());
        let (uplink, waiting) = (Uplink::Free, VecDeque::new());
        let (said, commands, lookups) = (Vec::new(), Vec::new(), Vec::new());
        let mut driver = Self { engine, inputs, outputs, uplink, waiting, said, commands, lookups };
        driver.turn(now);
        driver
    }

    /// One turn, as the server has it: after those in which nothing is taken in.
    pub fn turn(&mut self, now: Now) {
        while self.gives_up_first(now) {}
        self.take_turn(now);
    }

    /// Takes one of the turns that come before [`Driver::turn`], if there is one.
    pub fn gives_up_first(&mut self, now: Now) -> bool {
        let is_giving_up = self.engine.is_giving_up(now.instant);
        if is_giving_up {
            self.turn_alone(now);
        }
        is_giving_up
    }

    /// One turn in which nothing is taken in.
    pub fn turn_alone(&mut self, now: Now) {
        let (datagrams, requests) =
            (mem::take(&mut self.inputs.datagrams), mem::take(&mut self.inputs.requests));
        let channels = mem::take(&mut self.inputs.channels);
        let lookups = mem::take(&mut self.inputs.lookups);
        self.take_turn(now);
        (self.inputs.datagrams, self.inputs.requests) = (datagrams, requests);
        self.inputs.channels = channels;
        self.inputs.lookups = lookups;
    }

    fn take_turn(&mut self, now: Now) {
        self.flush(now.instant);
        self.engine.turn(now, &mut self.inputs, &mut self.outputs).unwrap();
        self.waiting.extend(self.outputs.transmits.iter().map(|transmit| Waiting {
            to: transmit.to,
            datagram: Datagram::decode(transmit.bytes).unwrap(),
            good_until: transmit.good_until,
            since: now.instant,
            is_known: false,
        }));
        self.commands.append(&mut self.outputs.channels);
        self.lookups.append(&mut self.outputs.lookups);
        self.flush(now.instant);
    }

    /// What it wants done with channels since the last time, in order.
    pub fn commanded(&mut self) -> Vec<ChannelCommand> {
        mem::take(&mut self.commands)
    }

    /// The names that it wants to be looked up since the last time, in order.
    pub fn looks_up(&mut self) -> Vec<String> {
        mem::take(&mut self.lookups)
    }

    /// Whether there are any.
    pub fn wants_lookup(&self) -> bool {
        !self.lookups.is_empty()
    }

    /// What waits leaves, as far as the uplink takes it.
    fn flush(&mut self, now: Instant) {
        let departures = &mut self.inputs.departures;
        while !self.waiting.is_empty() && self.uplink.takes() {
            let Some(first) = self.waiting.pop_front() else { break };
            if first.is_known {
                departures.push((first.to, Departure::Left));
            }
            match self.uplink {
                _ if first.good_until.is_some_and(|until| until < now) => {}
                Uplink::Refuses => departures.push((first.to, Departure::Refused("no way leads there"))),
                Uplink::Free | Uplink::Takes(_) => {
                    let waited = now.duration_since(first.since);
                    self.said.push((first.to, first.datagram, waited));
                }
            }
        }
        for waiting in &mut self.waiting {
            if !mem::replace(&mut waiting.is_known, true) {
                departures.push((waiting.to, Departure::Held));
            }
        }
        self.inputs.link = if self.waiting.is_empty() { Link::Free } else { Link::Busy };
    }

    /// Whether something waits that goes there.
    pub fn waits_for(&self, to: SocketAddr) -> bool {
        self.waiting.iter().any(|waiting| waiting.to == to)
    }

    /// A turn with one request, and its answer.
    pub fn ask(&mut self, now: Now, request: Request) -> Result<Reply, Failure> {
        self.ask_all(now, [request]).pop().unwrap()
    }

    /// The same, of a client that may not ask everything.
    pub fn ask_as(&mut self, now: Now, rights: Rights, request: Request) -> Result<Reply, Failure> {
        self.inputs.rights.insert(0, rights);
        self.ask(now, request)
    }

    /// A turn with all these requests, and their answers.
    pub fn ask_all(
        &mut self,
        now: Now,
        requests: impl IntoIterator<Item = Request>,
    ) -> Vec<Result<Reply, Failure>> {
        self.inputs.requests.extend(requests.into_iter().map(|request| (0, request)));
        self.turn(now);
        let result = |answer: &Answer| match answer {
            Answer::Reply(reply) => Ok(reply.clone()),
            Answer::Failure(failure) => Err(failure.clone()),
            Answer::Event(event) => panic!("nobody follows: {event:?}"),
        };
        self.outputs.answers.iter().map(|(_, answer)| result(answer)).collect()
    }

    /// A request of the last turn that needs a further one.
    pub fn not_yet(&mut self) -> Option<Request> {
        self.outputs.not_yet.pop().map(|(_, request)| request)
    }

    /// The next turn takes this datagram.
    pub fn arrives(&mut self, from: SocketAddr, datagram: Datagram) {
        self.arrives_as(from, datagram.encoded_len(), Ok(datagram));
    }

    /// The same, with so many bytes.
    pub fn arrives_as(&mut self, from: SocketAddr, length: usize, datagram: Result<Datagram, DecodeError>) {
        let form = datagram.as_ref().map(|datagram| datagram.form).unwrap_or_default();
        let origin = Origin { from, local: None, length, form };
        self.inputs.datagrams.push(Arrival { origin, datagram });
    }

    /// What it has transmitted since the last time, in order.
    pub fn said(&mut self) -> Vec<(SocketAddr, Datagram)> {
        self.said_late().into_iter().map(|(to, datagram, _)| (to, datagram)).collect()
    }

    /// The same, with how long each has waited before.
    pub fn said_late(&mut self) -> Vec<(SocketAddr, Datagram, Duration)> {
        mem::take(&mut self.said)
    }

    /// When its next turn is due, in milliseconds after `start` and rounded up.
    pub fn due(&self, start: Instant) -> Option<u64> {
        // As the server has it: what is left over now would wake nobody.
        if !self.inputs.departures.is_empty() || self.engine.has_more() {
            return Some(0);
        }
        let due = self.engine.deadline()?;
        Some(due.saturating_duration_since(start).as_micros().div_ceil(1_000) as u64)
    }

    /// Whether its next turn is due at once.
    pub fn has_more(&self) -> bool {
        self.engine.has_more()
    }

    /// What hinders it, if something does.
    pub fn hindrance(&self, now: Now) -> Option<String> {
        self.engine.hindrance(now)
    }

    /// Its log.
    pub fn store(&self) -> &Store {
        self.engine.log()
    }

    /// The whole log.
    pub fn log(&self) -> Vec<Event> {
        self.log_after(0)
    }

    /// The log after this entry.
    pub fn log_after(&self, mut after: u64) -> Vec<Event> {
        let mut events = Vec::new();
        while after < self.store().last_id() {
            let (read, looked) = self.store().read(after, usize::MAX, &EntryFilter::default()).unwrap();
            events.extend(read);
            after = looked;
        }
        events
    }

    /// Checks what must hold between any two turns.
    pub fn check(&self) {
        self.engine.check().unwrap_or_else(|broken| panic!("{broken}"));
    }

    /// Killed: what is left is the log.
    pub fn killed(self) -> Store {
        self.engine.into_store()
    }
}

/// A moment, on clocks of which the wall clock is `skew` ms ahead.
pub fn moment(start: Instant, ms: u64, skew: i64) -> Now {
    let instant = start + Duration::from_millis(ms);
    Now { instant, ms: (1_800_000_000_000 + ms as i64 + skew) as u64 }
}

/// The settings of a user of this name.
pub fn policy(user: &str, accept: Accept, max_chats: usize) -> Policy {
    Policy {
        name: Name::new(user).unwrap(),
        us: Us { user: UserName::new(user).unwrap(), settings: Settings::default() }.into(),
        accept,
        max_chats,
        secrecy: Secrecy::Off,
        text_max: 1 << 18,
        outbox: OutboxMax::default(),
        retain: Retain::default(),
        budget: Budget::default(),
        pins: Pins::default(),
    }
}

/// The key of the daemon at this address.
pub fn key_of(address: SocketAddr) -> KeyId {
    let name = format!("{:>32}", address.to_string());
    KeyId::new(std::array::from_fn(|at| name.as_bytes()[at]))
}

/// A text for a chat, or for whoever is meant if there is one only.
pub fn send(who: Option<SocketAddr>, text: &str) -> Request {
    Request::Send {
        who: who.map(|who| who.to_string()),
        chat: None,
        text: text.to_owned(),
        queue: false,
        expire_ms: None,
        token: None,
        again_after: None,
        once: None,
        host: None,
        answers: None,
    }
}

/// A text for the outbox.
pub fn keep(to: SocketAddr, text: &str, expire_ms: Option<u64>) -> Request {
    let (who, text) = (Some(to.to_string()), text.to_owned());
    Request::Send {
        who,
        chat: None,
        text,
        queue: true,
        expire_ms,
        token: None,
        again_after: None,
        once: None,
        host: None,
        answers: None,
    }
}

/// The same for a host by its name, which was found there.
pub fn keep_for(host: &str, at: Option<SocketAddr>, text: &str, expire_ms: Option<u64>) -> Request {
    match Request::send(at.map(|at| at.to_string()), text) {
        Request::Send { who, chat, text, token, again_after, once, .. } => {
            let (queue, host) = (true, Some(host.to_owned()));
            Request::Send { who, chat, text, queue, expire_ms, token, again_after, once, host, answers: None }
        }
        other => panic!("{other:?}"),
    }
}

/// An invitation, for as long as it is the daemon's setting.
pub fn connect(to: SocketAddr) -> Request {
    Request::Connect { address: to.to_string(), timeout_ms: None, secure: None }
}

/// The end of a chat.
pub fn quit(who: Option<SocketAddr>, at_once: bool) -> Request {
    Request::Quit { who: who.map(|who| who.to_string()), chat: None, now: at_once }
}

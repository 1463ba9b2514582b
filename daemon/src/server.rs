//! The loop: waits, takes in what came, commits it, and only then lets anything out.
//! The only caller of `Poll::poll` and of the clocks.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use simp_proto::control::{Counters, Failure, FailureKind};
use simp_proto::{Datagram, DecodeError};

use crate::chats::Chats;
use crate::clients::{Clients, Follower};
use crate::config::{Args, Config};
use crate::limits::Limits;
use crate::store::{Store, StoreError};
use crate::udp::{Drained, Udp};
use crate::wheel::Wheel;

const UDP: Token = Token(0);
const SIGNALS: Token = Token(1);
const LISTENER: Token = Token(2);
const FIRST_CLIENT: usize = 3;

/// Most datagrams taken in one turn, so that a flood does not starve the clients. They share one commit.
const DATAGRAMS_PER_TURN: usize = 256;

/// Most requests of one client taken in one turn.
const REQUESTS_PER_TURN: usize = 256;

/// Entries of the log read for one follower at a time.
const ENTRIES_PER_READ: usize = 64;

/// How long a client may owe us its hello or the rest of a frame.
const CLIENT_OWES_FOR: Duration = Duration::from_secs(10);

/// One moment, on both clocks. Read once per turn.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For deadlines.
    pub instant: Instant,
    /// For people: milliseconds since 1970. It may jump.
    pub ms: u64,
}

impl Now {
    /// Reads both clocks.
    pub fn read() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { instant: Instant::now(), ms: since_1970.as_millis() as u64 }
    }
}

/// What a timer is for.
#[derive(Debug, Clone, Copy)]
pub enum Timer {
    /// A chat's deadline.
    Chat(usize),
    /// A client owes us something.
    Client(usize),
}

/// A datagram, or what is wrong with it, from whom, to which of our addresses.
type Arrival = (SocketAddr, Option<IpAddr>, Result<Datagram, DecodeError>);

/// The daemon: all its parts, and nothing that one of them could know alone.
pub struct Server {
    pub args: Args,
    pub config: Config,
    pub address: SocketAddr,
    pub started: Instant,
    pub udp: Udp,
    pub store: Store,
    pub chats: Chats,
    pub clients: Clients,
    pub wheel: Wheel<Timer>,
    pub limits: Limits,
    pub counters: Counters,
    pub stopping: bool,
    /// Where encoded datagrams are made.
    pub scratch: Vec<u8>,
    poll: Poll,
    signals: Signals,
    arrivals: Vec<Arrival>,
    /// Peers that a datagram could not even be transmitted to; the next turn deals with them.
    unreachable: Vec<SocketAddr>,
    udp_readable: bool,
}

/// Why the daemon ends other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the system refuses to go on: {0}")]
    Io(#[from] io::Error),
}

impl Server {
    /// Puts the parts together and takes up the chats of the last run.
    pub fn new(args: Args, config: Config, mut udp: Udp, store: Store, socket: &Path) -> Result<Self, Fatal> {
        let now = Now::read();
        let poll = Poll::new()?;
        poll.registry().register(&mut udp, UDP, Interest::READABLE)?;
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        let clients = Clients::listen(socket, poll.registry(), LISTENER, FIRST_CLIENT)?;
        let mut server = Self {
            args,
            config,
            address: udp.local_addr(),
            started: now.instant,
            udp,
            store,
            chats: Chats::default(),
            clients,
            wheel: Wheel::new(now.instant),
            limits: Limits::new(now.instant),
            counters: Counters::default(),
            stopping: false,
            scratch: Vec::new(),
            poll,
            signals,
            arrivals: Vec::new(),
            unreachable: Vec::new(),
            udp_readable: true,
        };
        server.resume_chats(now)?;
        Ok(server)
    }

    /// Serves until told to stop.
    pub fn run(&mut self) -> Result<(), Fatal> {
        let mut events = Events::with_capacity(256);
        while !self.stopping {
            self.wait(&mut events)?;
            let now = Now::read();
            self.take_in(now, &events)?;
            self.expire(now)?;
            if self.store.is_keeping_due() {
                self.keep_chats()?;
            }
            self.store.commit()?;
            self.let_out()?;
        }
        self.keep_chats()?;
        self.store.commit()?;
        self.store.tidy_up()?;
        Ok(())
    }

    /// Sleeps until something happens or is due; not at all where the last turn left something to do.
    fn wait(&mut self, events: &mut Events) -> Result<(), Fatal> {
        let timeout = if self.has_more() {
            Some(Duration::ZERO)
        } else {
            self.wheel.next().map(|deadline| deadline.saturating_duration_since(Instant::now()))
        };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn has_more(&mut self) -> bool {
        let newest = self.store.last_id();
        self.udp_readable
            || !self.unreachable.is_empty()
            || self.clients.should_accept()
            || self.clients.iter_mut().any(|(_, client)| {
                client.has_more()
                    || (!client.is_full() && client.follower.as_ref().is_some_and(|f| f.cursor < newest))
            })
    }

    /// All input, network first: an ACK that has just come stops its retransmission.
    fn take_in(&mut self, now: Now, events: &Events) -> Result<(), Fatal> {
        for event in events {
            match event.token() {
                UDP => {
                    self.udp_readable |= event.is_readable();
                    if event.is_error() {
                        self.receive_errors(now)?;
                    }
                }
                SIGNALS => self.handle_signals(),
                LISTENER => self.accept_clients(now),
                token => {
                    self.clients.woken(token, event.is_readable());
                }
            }
        }
        if self.clients.should_accept() {
            self.accept_clients(now);
        }
        self.receive(now)?;
        for address in std::mem::take(&mut self.unreachable) {
            self.handle_unreachable(now, address)?;
        }
        self.serve_clients(now)
    }

    fn accept_clients(&mut self, now: Now) {
        for key in self.clients.accept(self.poll.registry()) {
            self.watch_client(now, key);
        }
    }

    fn receive(&mut self, now: Now) -> Result<(), Fatal> {
        let mut budget = DATAGRAMS_PER_TURN;
        while self.udp_readable && budget > 0 {
            let arrivals = &mut self.arrivals;
            let drained = self.udp.receive(|received| {
                arrivals.push((received.from, received.local, Datagram::decode(received.bytes)));
            })?;
            self.udp_readable = drained == Drained::No;
            let mut arrivals = std::mem::take(&mut self.arrivals);
            budget = budget.saturating_sub(arrivals.len().max(1));
            for (from, local, datagram) in arrivals.drain(..) {
                self.handle_arrival(now, from, local, datagram)?;
            }
            self.arrivals = arrivals;
        }
        if self.udp.errors_waiting() {
            self.receive_errors(now)?;
        }
        Ok(())
    }

    fn receive_errors(&mut self, now: Now) -> Result<(), Fatal> {
        let mut unreachable = Vec::new();
        self.udp.receive_errors(|error| {
            tracing::debug!("{} is unreachable: {}", error.to, error.kind);
            unreachable.push(error.to);
        })?;
        for address in unreachable {
            self.handle_unreachable(now, address)?;
        }
        Ok(())
    }

    fn handle_signals(&mut self) {
        for signal in self.signals.pending() {
            if signal != SIGHUP {
                self.stopping = true;
                continue;
            }
            match Config::load(&self.args) {
                Ok(config) => {
                    self.config = config;
                    tracing::info!("configuration read again");
                }
                Err(error) => tracing::error!("configuration not changed: {error}"),
            }
        }
    }

    fn serve_clients(&mut self, now: Now) -> Result<(), Fatal> {
        let ready: Vec<usize> =
            self.clients.iter_mut().filter(|(_, client)| client.has_more()).map(|(key, _)| key).collect();
        for key in ready {
            for _ in 0..REQUESTS_PER_TURN {
                let Some(request) = self.clients.get_mut(key).and_then(crate::clients::Client::next_request)
                else {
                    break;
                };
                self.handle_request(now, key, request)?;
                // It has paid: what it owes from here on, it owes from now on.
                if let Some(timer) = self.clients.get_mut(key).and_then(|client| client.timer.take()) {
                    self.wheel.cancel(timer);
                }
            }
            self.watch_client(now, key);
        }
        Ok(())
    }

    /// Gives a client that owes us something until a deadline, and no deadline to one that does not.
    fn watch_client(&mut self, now: Now, key: usize) {
        let Some(client) = self.clients.get_mut(key) else { return };
        match (client.owes(), client.timer) {
            (true, None) => {
                client.timer = Some(self.wheel.set(now.instant + CLIENT_OWES_FOR, Timer::Client(key)));
            }
            (false, Some(timer)) => {
                client.timer = None;
                self.wheel.cancel(timer);
            }
            _ => {}
        }
    }

    fn expire(&mut self, now: Now) -> Result<(), Fatal> {
        while let Some(timer) = self.wheel.pop_expired(now.instant) {
            match timer {
                Timer::Chat(key) => self.handle_timeout(now, key)?,
                Timer::Client(key) => {
                    if let Some(client) = self.clients.get_mut(key) {
                        client.timer = None;
                        client.dismiss(Failure::new(
                            FailureKind::Usage,
                            format!("no complete request came within {} s", CLIENT_OWES_FOR.as_secs()),
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// All output. What it promises is committed.
    fn let_out(&mut self) -> Result<(), Fatal> {
        let unreachable = &mut self.unreachable;
        let flushed = self.udp.flush(|failed| {
            tracing::debug!("{} cannot be transmitted to: {}", failed.to, failed.error);
            unreachable.push(failed.to);
        });
        self.counters.datagrams_out += flushed.transmitted as u64;
        self.counters.not_transmitted += (flushed.dropped + flushed.failed) as u64;
        self.serve_followers()?;
        for timer in self.clients.flush(self.poll.registry()) {
            self.wheel.cancel(timer);
        }
        self.store.end_turn();
        Ok(())
    }

    /// Gives each follower the entries behind its cursor: those of this turn as they are, older ones from
    /// the store, as much as it reads.
    fn serve_followers(&mut self) -> Result<(), Fatal> {
        let newest = self.store.last_id();
        let before_turn = newest - self.store.fresh().len() as u64;
        for (_, client) in self.clients.iter_mut() {
            let Some(cursor) = client.follower.as_ref().map(|follower| follower.cursor) else { continue };
            if cursor < before_turn && !client.is_full() {
                // One piece for each in a turn: others wait too.
                let Some(Follower { cursor, wanted }) = &client.follower else { continue };
                let (events, looked) = self.store.read(*cursor, ENTRIES_PER_READ, wanted)?;
                client.follow(&events, looked);
            }
            let behind = client.follower.as_ref().map_or(newest, |follower| follower.cursor);
            if (before_turn..newest).contains(&behind) {
                let unseen = self.store.fresh().get((behind - before_turn) as usize..).unwrap_or_default();
                client.follow(unseen, newest);
            }
        }
        Ok(())
    }
}

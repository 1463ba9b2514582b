//! The loop: waits, takes in what came, commits it, and only then lets anything out.
//! The only caller of `Poll::poll` and of the clocks.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use simp_control::{Failure, FailureKind};
use simp_proto::{Datagram, DecodeError};

use crate::clients::{Clients, Follower};
use crate::config::{Args, Config};
use crate::exchange::{Exchange, Now, Timer};
use crate::pins::Pins;
use crate::retention::{self, Retention};
use crate::store::{Store, StoreError};
use crate::trouble::{Told, Trouble};
use crate::udp::{Drained, Udp};
use crate::wheel::TimerId;

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

impl Now {
    /// Reads both clocks.
    pub fn read() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { instant: Instant::now(), ms: since_1970.as_millis() as u64 }
    }
}

/// A datagram, or what is wrong with it, from whom, to which of our addresses.
type Arrival = (SocketAddr, Option<IpAddr>, Result<Datagram, DecodeError>);

/// The daemon: all its parts, and nothing that one of them could know alone.
pub struct Server {
    pub started: Instant,
    pub exchange: Exchange,
    pub clients: Clients,
    pub stopping: bool,
    /// What keeps the log from being written.
    pub trouble: Option<Trouble>,
    told: Told,
    args: Args,
    udp: Udp,
    retention: Retention,
    /// Set where entries grow too old.
    retention_timer: Option<TimerId>,
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
    pub fn new(
        args: Args,
        (config, pins): (Config, Pins),
        mut udp: Udp,
        store: Store,
        socket: &Path,
    ) -> Result<Self, Fatal> {
        let now = Now::read();
        let poll = Poll::new()?;
        poll.registry().register(&mut udp, UDP, Interest::READABLE)?;
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        let random = RandomState::new().hash_one(now.ms);
        let mut exchange = Exchange::new(now, config, udp.local_addr(), store, random);
        exchange.pins = pins;
        exchange.resume(now)?;
        let clients = Clients::listen(socket, poll.registry(), LISTENER, FIRST_CLIENT)?;
        let mut server = Self {
            started: now.instant,
            exchange,
            clients,
            stopping: false,
            trouble: None,
            told: Told::default(),
            args,
            udp,
            retention: Retention::new(),
            retention_timer: None,
            poll,
            signals,
            arrivals: Vec::new(),
            unreachable: Vec::new(),
            udp_readable: true,
        };
        server.look_for_old(now);
        Ok(server)
    }

    /// Serves until told to stop.
    pub fn run(&mut self) -> Result<(), Fatal> {
        let mut events = Events::with_capacity(256);
        while !self.stopping {
            self.wait(&mut events)?;
            let now = Now::read();
            match self.turn(now, &events) {
                Err(Fatal::Store(error)) if error.may_pass() => self.undo_turn(now, error),
                done => done?,
            }
            self.let_out();
        }
        if self.trouble.is_none()
            && let Err(error) = self.leave_tidy()
        {
            tracing::warn!("{error}; nothing is lost, but the next start takes longer");
        }
        Ok(())
    }

    /// What the next start need not do then.
    fn leave_tidy(&mut self) -> Result<(), StoreError> {
        self.exchange.keep_chats()?;
        self.exchange.store.commit()?;
        self.exchange.store.tidy_up()
    }

    /// Takes in what came and makes it durable. Where it fails, nothing of it has happened.
    fn turn(&mut self, now: Now, events: &Events) -> Result<(), Fatal> {
        self.take_in(now, events)?;
        self.expire(now)?;
        if self.trouble.is_none() {
            self.exchange.use_room(now)?;
            self.tend_log(now)?;
            self.exchange.store.commit()?;
        }
        Ok(())
    }

    /// What the log needs besides entries.
    fn tend_log(&mut self, now: Now) -> Result<(), StoreError> {
        let exchange = &mut self.exchange;
        let retain = exchange.config.retain;
        let is_due = self.retention.is_due(&retain, &exchange.store);
        if exchange.store.is_keeping_due() || (is_due && self.retention.is_beginning()) {
            exchange.keep_chats()?;
        }
        if is_due { self.retention.step(&retain, &mut exchange.store, now.ms) } else { Ok(()) }
    }

    /// Sleeps until something happens or is due; not at all where the last turn left something to do.
    fn wait(&mut self, events: &mut Events) -> Result<(), Fatal> {
        let timeout = if self.has_more() {
            Some(Duration::ZERO)
        } else {
            self.exchange.wheel.next().map(|deadline| deadline.saturating_duration_since(Instant::now()))
        };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn has_more(&mut self) -> bool {
        let newest = self.exchange.store.last_id();
        self.udp_readable
            || !self.unreachable.is_empty()
            || (self.trouble.is_none()
                && self.retention.is_due(&self.exchange.config.retain, &self.exchange.store))
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
                SIGNALS => self.handle_signals(now),
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
        Ok(self.serve_clients(now)?)
    }

    fn handle_unreachable(&mut self, now: Now, address: SocketAddr) -> Result<(), StoreError> {
        if self.trouble.is_some() {
            return Ok(());
        }
        self.exchange.handle_unreachable(now, address)
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
                if self.trouble.is_some() {
                    // As if lost on the way: what cannot be kept is not acknowledged, and comes again.
                    self.exchange.counters.ignored += 1;
                    continue;
                }
                self.exchange.handle_arrival(now, from, local, datagram)?;
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

    fn handle_signals(&mut self, now: Now) {
        for signal in self.signals.pending() {
            if signal != SIGHUP {
                self.stopping = true;
                continue;
            }
            match Config::load(&self.args) {
                Ok((config, pins)) => {
                    (self.exchange.config, self.exchange.pins) = (config, pins);
                    self.look_for_old(now);
                    tracing::info!("configuration read again");
                }
                Err(error) => tracing::error!("configuration not changed: {error}"),
            }
        }
    }

    fn serve_clients(&mut self, now: Now) -> Result<(), StoreError> {
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
                    self.exchange.wheel.cancel(timer);
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
                client.timer =
                    Some(self.exchange.wheel.set(now.instant + CLIENT_OWES_FOR, Timer::Client(key)));
            }
            (false, Some(timer)) => {
                client.timer = None;
                self.exchange.wheel.cancel(timer);
            }
            _ => {}
        }
    }

    fn expire(&mut self, now: Now) -> Result<(), Fatal> {
        while let Some(timer) = self.exchange.wheel.pop_expired(now.instant) {
            match timer {
                Timer::Client(key) => self.dismiss_client(key),
                Timer::Disk => self.try_disk(now)?,
                // While the log cannot be written, chats stand still; they are resumed afterwards.
                Timer::Chat(_) | Timer::Invite(_) | Timer::Expire(_) if self.trouble.is_some() => {}
                Timer::Chat(key) => self.exchange.handle_timeout(now, key)?,
                Timer::Invite(address) => self.exchange.invite_for_outbox(now, address)?,
                Timer::Expire(message) => self.exchange.expire_message(now, message)?,
                Timer::Retention => self.look_for_old(now),
            }
        }
        Ok(())
    }

    /// Looks for old entries of the log, and again later where time makes them old: where it does not, nothing wakes
    /// us up.
    fn look_for_old(&mut self, now: Now) {
        if let Some(timer) = self.retention_timer.take() {
            self.exchange.wheel.cancel(timer);
        }
        self.retention.look();
        if self.exchange.config.retain.age.is_some() {
            let again = now.instant + retention::LOOK_EVERY;
            self.retention_timer = Some(self.exchange.wheel.set(again, Timer::Retention));
        }
    }

    fn dismiss_client(&mut self, key: usize) {
        if let Some(client) = self.clients.get_mut(key) {
            client.timer = None;
            let line = format!("no complete request came within {} s", CLIENT_OWES_FOR.as_secs());
            client.dismiss(Failure::new(FailureKind::Usage, line));
        }
    }

    /// The log could not be written: this turn has not happened. All chats stand as of the last commit, as if
    /// simpd had been killed and started again, and whoever asked for more is told. Only a turn without trouble
    /// writes, so that there was none before.
    fn undo_turn(&mut self, now: Now, error: StoreError) {
        self.retention.reset();
        self.roll_back();
        // At once: where the next start would find what was not made durable, this is found in its place.
        let trouble = Trouble::new(&self.exchange.store.try_to_write(now.ms).err().unwrap_or(error));
        let line = match self.exchange.store.may_reappear() {
            true => trouble.doubtful_line(),
            false => trouble.line(),
        };
        if self.told.begins(now.instant, &trouble) {
            tracing::error!("{}; chats stand still until the log can be written again", trouble.error);
        }
        self.trouble = Some(trouble);
        self.try_disk_later(now);
        self.stand_as_committed(now);
        self.answer_again(now, &Failure::new(FailureKind::Failed, line));
    }

    fn roll_back(&mut self) {
        if let Err(error) = self.exchange.store.roll_back() {
            tracing::debug!("cannot be rolled back: {error}");
        }
    }

    /// Nothing of it stays in the log: it is done again once that can be written.
    fn stand_as_committed(&mut self, now: Now) {
        self.roll_back();
        if let Err(error) = self.exchange.resume(now) {
            tracing::debug!("chats cannot be read: {error}");
        }
        self.roll_back();
    }

    fn try_disk_later(&mut self, now: Now) {
        self.exchange.wheel.set(now.instant + Trouble::TRY_EVERY, Timer::Disk);
    }

    /// Sees whether the log can be written again.
    fn try_disk(&mut self, now: Now) -> Result<(), Fatal> {
        let written = self.exchange.store.try_to_write(now.ms);
        let resumed = written.and_then(|()| self.exchange.resume(now));
        match resumed {
            Ok(()) => {
                self.trouble = None;
                if self.told.ends() {
                    tracing::info!("the log is written again");
                }
            }
            Err(error) if error.may_pass() => {
                let trouble = Trouble::new(&error);
                if self.told.goes_on(now.instant, &trouble) {
                    tracing::error!("{}; chats still stand still", trouble.error);
                }
                self.trouble = Some(trouble);
                self.roll_back();
                self.try_disk_later(now);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// All output. What it promises is committed.
    fn let_out(&mut self) {
        if self.trouble.is_some() {
            self.exchange.outgoing.clear();
        }
        for (to, local, bytes) in self.exchange.outgoing.iter() {
            self.udp.queue(to, local, bytes);
        }
        self.exchange.outgoing.clear();
        let unreachable = &mut self.unreachable;
        let flushed = self.udp.flush(|failed| {
            tracing::debug!("{} cannot be transmitted to: {}", failed.to, failed.error);
            unreachable.push(failed.to);
        });
        self.exchange.counters.datagrams_out += flushed.transmitted as u64;
        self.exchange.counters.not_transmitted += (flushed.dropped + flushed.failed) as u64;
        self.serve_followers();
        for timer in self.clients.flush(self.poll.registry()) {
            self.exchange.wheel.cancel(timer);
        }
        self.exchange.store.end_turn();
    }

    /// Gives each follower the entries behind its cursor: those of this turn as they are, older ones from
    /// the store, as much as it reads.
    fn serve_followers(&mut self) {
        let store = &self.exchange.store;
        let newest = store.last_id();
        let before_turn = newest - store.fresh().len() as u64;
        for (_, client) in self.clients.iter_mut() {
            let Some(cursor) = client.follower.as_ref().map(|follower| follower.cursor) else { continue };
            if cursor < before_turn && !client.is_full() {
                // One piece for each in a turn: others wait too.
                let Some(Follower { cursor, wanted }) = &client.follower else { continue };
                match store.read(*cursor, ENTRIES_PER_READ, wanted) {
                    Ok((events, looked)) => client.follow(&events, looked),
                    Err(error) => {
                        client.dismiss(Failure::new(FailureKind::Failed, error.to_string()));
                        continue;
                    }
                }
            }
            let behind = client.follower.as_ref().map_or(newest, |follower| follower.cursor);
            if (before_turn..newest).contains(&behind) {
                let unseen = store.fresh().get((behind - before_turn) as usize..).unwrap_or_default();
                client.follow(unseen, newest);
            }
        }
    }
}

//! The loop: waits, gathers what came, lets the engine have its turn, and carries out what it says. The only caller
//! of `Poll::poll` and of the clocks. What anything means is the engine's to know.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use simp_control::clock::now_ms;
use simp_control::error::with_remedy;
use simp_control::sleep::{self, Waking};
use simp_control::{Host, KeyId};
use simp_engine::{ChannelCommand, ChannelEvent, Departure, Engine, Inputs, Link, Now, Outputs, Transmit};
use simp_proto::secure::Broken;
use simp_service::folders::FolderError;
use simp_service::supervisor;
use simp_store::{Store, StoreError};
use slab::Slab;

use crate::at_start::AtStart;
use crate::backlog::Backlog;
use crate::clients::Clients;
use crate::config::{Args, Config};
use crate::connection::ClientConnection;
use crate::entrance::Entrance;
use crate::files::Files;
use crate::followers;
use crate::links::{Links, LinksError};
use crate::managed::{Condition, Managed};
use crate::place::Places;
use crate::presence::{Presence, absence};
use crate::requests::Requests;
use crate::resolver::Resolver;
use crate::rota::Rotas;
use crate::udp::{Blocked, Fate, More, Refusal, Udp};

const UDP: Token = Token(0);
const SIGNALS: Token = Token(1);
const WAKING: Token = Token(2);
const PRESENCE: Token = Token(3);
const LINKS: Token = Token(4);
const RESOLVER: Token = Token(5);
/// Those of the control sockets, and those of their places.
const LISTENERS: Range<usize> = 6..9;
const PLACES: Range<usize> = 9..12;
const FIRST_CLIENT: usize = PLACES.end;

/// A network device whose queue is full is tried again after this long.
const DEVICE_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// The daemon: all its parts, and nothing that one of them could know alone.
pub struct Server {
    args: Args,
    at_start: AtStart,
    engine: Engine,
    inputs: Inputs,
    outputs: Outputs,
    udp: Udp,
    backlog: Backlog,
    links: Option<Links>,
    files: Files,
    resolver: Resolver,
    clients: Clients,
    places: Places,
    presence: Option<Presence>,
    managed: Managed,
    requests: Requests,
    /// Who is given entries of the log first.
    following: Rotas,
    poll: Poll,
    signals: Signals,
    /// Wakes us up after the machine has slept: no time limit of the system has counted that.
    waking: Waking,
    udp_readable: bool,
    /// Why datagrams wait, if some do, and until when at most.
    blocked: Option<(Blocked, Option<Instant>)>,
    stopping: bool,
}

/// Why the daemon ends without having been asked to.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("a system call failed: {}", with_remedy(.0))]
    Io(#[from] io::Error),
}

/// Reads both clocks. Each goes on while the machine sleeps.
pub fn read_clocks() -> Now {
    Now { instant: sleep::now(), ms: now_ms() }
}

impl Server {
    /// Puts the parts together and takes up the chats of the last run.
    pub fn new(
        args: Args,
        config: Config,
        (mut udp, links, key): (Udp, Result<Links, LinksError>, KeyId),
        store: Store,
        entrances: &[Entrance],
    ) -> Result<Self, Fatal> {
        let now = read_clocks();
        let poll = Poll::new()?;
        let (mut links, no_links) = match links {
            Ok(links) => (Some(links), None),
            Err(error) => (None, Some(error.to_string())),
        };
        poll.registry().register(&mut udp, UDP, Interest::READABLE)?;
        if let Some(links) = &mut links {
            links.register(poll.registry(), LINKS)?;
        }
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        let waking = Waking::watch().map_err(io::Error::from)?;
        poll.registry().register(&mut SourceFd(&waking.as_fd().as_raw_fd()), WAKING, Interest::READABLE)?;
        let files = Files::new(&store.log_id().to_string());
        let random = RandomState::new().hash_one(now.ms);
        let mut engine = Engine::new(now, config.policy, (udp.local_addr(), key), store, random)?;
        no_links.into_iter().for_each(|why| engine.do_without_channels(why));
        // Last: whoever sees the socket is served.
        let with = |tokens: Range<usize>| entrances.iter().cloned().zip(tokens.map(Token));
        let clients = Clients::listen(with(LISTENERS), poll.registry(), FIRST_CLIENT)?;
        let presence = Presence::watch(udp.local_addr(), poll.registry(), PRESENCE)?;
        let places = Places::watch(with(PLACES), poll.registry());
        let is_present = presence.as_ref().is_none_or(Presence::is_there);
        let managed = Managed::new(now.instant, udp.local_addr(), Condition::of(is_present, None));
        let mut server = Self {
            args,
            at_start: config.at_start,
            engine,
            inputs: Inputs::default(),
            outputs: Outputs::default(),
            udp,
            backlog: Backlog::default(),
            links,
            files,
            resolver: Resolver::new(RESOLVER),
            clients,
            places,
            presence,
            managed,
            requests: Requests::new(now.instant),
            following: Rotas::default(),
            poll,
            signals,
            waking,
            udp_readable: true,
            blocked: None,
            stopping: false,
        };
        if !is_present {
            server.heed_presence(now)?;
        }
        Ok(server)
    }

    /// Whether an interface has our address.
    pub fn is_present(&self) -> bool {
        self.presence.as_ref().is_none_or(Presence::is_there)
    }

    /// Why all chats are plain, if our user does not want that.
    pub fn why_plain(&self) -> Option<&str> {
        self.engine.why_plain()
    }

    /// Our address has come or gone.
    fn note_presence(&mut self, now: Now) -> Result<(), Fatal> {
        let address = self.udp.local_addr();
        match self.is_present() {
            true => tracing::info!("{} is an address of this machine", Host::of(address).by_name()),
            false => tracing::warn!("{}", absence(address)),
        }
        self.heed_presence(now)
    }

    fn heed_presence(&mut self, now: Now) -> Result<(), Fatal> {
        self.udp.set_present(self.is_present());
        let is_present = self.is_present();
        if let Some(links) = &mut self.links {
            links.set_present(is_present);
        }
        self.flush(now)
    }

    /// Serves until told to stop.
    pub fn run(&mut self) -> Result<(), Fatal> {
        let mut events = Events::with_capacity(256);
        while !self.stopping {
            self.wait(&mut events)?;
            let now = read_clocks();
            self.gather(now, &events)?;
            self.engine.turn(now, &mut self.inputs, &mut self.outputs)?;
            if self.backlog.has_more() {
                // In a burst, the kernel's room is full again before all that is to leave has left.
                self.receive()?;
            }
            // Only what the engine has let out leaves, after its commit.
            self.transmit(now)?;
            self.carry_channels(now)?;
            self.files.obey(self.outputs.files.drain(..));
            self.resolver.obey(self.poll.registry(), self.outputs.lookups.drain(..))?;
            self.answer(now);
            let condition = Condition::of(self.is_present(), self.engine.hindrance(now));
            self.managed.tell(now.instant, condition);
        }
        supervisor::stopping();
        if let Err(error) = self.engine.finish() {
            tracing::warn!("{error}; nothing is lost, but the next start takes longer");
        }
        Ok(())
    }

    /// Closes everything, in the reverse order of the start. The clients hear of the end when they are dropped.
    pub fn close(self) -> Slab<ClientConnection> {
        let Self { clients, engine, udp, links, .. } = self;
        let clients = clients.close();
        drop(engine);
        if let Some(mut links) = links {
            links.close(read_clocks().instant);
        }
        drop(udp);
        clients
    }

    /// Sleeps until something happens or is due; not at all if the last turn left something to do.
    fn wait(&mut self, events: &mut Events) -> Result<(), Fatal> {
        // An event comes once per change, so that what is left over now would wake nobody.
        let timeout = if self.has_more() {
            Some(Duration::ZERO)
        } else {
            let retry = self.blocked.and_then(|(_, until)| until);
            let links = self.links.as_ref().and_then(Links::deadline);
            let (places, managed) = (self.places.deadline(), self.managed.deadline());
            let deadlines = [self.engine.deadline(), self.requests.deadline(), places, managed, links, retry];
            let deadline = deadlines.into_iter().flatten().min();
            deadline.map(|deadline| deadline.saturating_duration_since(sleep::now()))
        };
        match self.poll.poll(events, timeout) {
            // A signal is normal: it is an event of its own.
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn has_more(&self) -> bool {
        let hears = self.engine.hears_channels();
        let links = self.links.as_ref();
        self.udp_readable
            || self.backlog.has_more()
            || links.is_some_and(|links| links.has_more() || (hears && links.has_events()))
            || (hears && !self.inputs.channels.is_empty())
            || (hears && (self.files.has_work() || self.files.has_events()))
            || !self.inputs.unreachable.is_empty()
            || !self.inputs.departures.is_empty()
            || self.engine.has_more()
            || self.clients.should_accept()
            || self.clients.roll().has_work()
    }

    /// All input, as the kernel has it.
    fn gather(&mut self, now: Now, events: &Events) -> Result<(), Fatal> {
        for event in events {
            match event.token() {
                UDP => {
                    self.udp_readable |= event.is_readable();
                    if event.is_error() {
                        self.receive_errors()?;
                    }
                }
                LINKS => {
                    if let Some(links) = &mut self.links {
                        links.woken();
                        if event.is_error() {
                            links.receive_errors(now.instant)?;
                        }
                    }
                }
                SIGNALS => self.handle_signals(now),
                PRESENCE => {
                    if self.presence.as_mut().is_some_and(Presence::look_again) {
                        self.note_presence(now)?;
                    }
                }
                Token(place) if PLACES.contains(&place) => self.places.woken(event.token(), now.instant),
                // This turn finds what is due by now.
                WAKING => self.waking.noticed(),
                // What it has found is taken below.
                RESOLVER => {}
                Token(place) if LISTENERS.contains(&place) => self.clients.accept(self.poll.registry()),
                _ => self.clients.woken(event),
            }
        }
        if self.clients.should_accept() {
            self.clients.accept(self.poll.registry());
        }
        self.places.keep(now.instant, &mut self.clients, self.poll.registry());
        if self.blocked.is_some() {
            self.flush(now)?;
        }
        self.receive()?;
        // The network and the clients wait until what is overdue is done.
        if !self.engine.is_giving_up(now.instant) {
            self.backlog.take(&mut self.inputs.datagrams);
            self.hear_channels(now)?;
            self.resolver.take_found(&mut self.inputs.lookups);
            self.requests.read(&mut self.clients, &self.engine, &mut self.inputs);
        }
        self.requests.dismiss_debtors(&mut self.clients, now.instant);
        // Not in each turn: their marks are written only if that lets old entries go, or was the last chance.
        if self.engine.has_more() || !self.inputs.readers.is_empty() {
            self.inputs.readers.extend(self.clients.readers());
        }
        self.inputs.clients = self.clients.len();
        Ok(())
    }

    fn receive(&mut self) -> Result<(), Fatal> {
        if self.udp_readable || self.backlog.has_more() {
            self.udp_readable = self.backlog.drain(&mut self.udp)? == More::Perhaps;
        }
        if self.udp.errors_waiting() {
            self.receive_errors()?;
        }
        Ok(())
    }

    /// What comes over channels. While it cannot be kept it is not read, and whoever says it waits.
    fn hear_channels(&mut self, now: Now) -> Result<(), Fatal> {
        if self.engine.hears_channels() {
            self.files.work();
            self.files.take_events(&mut self.inputs.files);
        }
        let Some(links) = &mut self.links else { return Ok(()) };
        links.receive(now.instant)?;
        if self.engine.hears_channels() {
            links.take_events(now.instant, &mut self.inputs.channels);
        }
        Ok(())
    }

    /// What the engine wants of channels is done, and what they have to say leaves.
    fn carry_channels(&mut self, now: Now) -> Result<(), Fatal> {
        let commands = self.outputs.channels.drain(..);
        match &mut self.links {
            Some(links) => {
                links.obey(now.instant, commands);
                links.flush(now.instant, self.poll.registry(), LINKS)?;
            }
            // None is opened: secure chats are off, or have no port.
            None => self.inputs.channels.extend(commands.filter_map(|command| match command {
                ChannelCommand::Open(channel, ..) => Some(ChannelEvent::Broken(channel, Broken::Unreachable)),
                _ => None,
            })),
        }
        Ok(())
    }

    fn receive_errors(&mut self) -> Result<(), Fatal> {
        let unreachable = &mut self.inputs.unreachable;
        self.udp.receive_errors(|error| {
            tracing::debug!(peer = %error.to, unreachable = %error.kind);
            unreachable.push(error.to);
        })?;
        Ok(())
    }

    fn handle_signals(&mut self, now: Now) {
        for signal in self.signals.pending() {
            if signal != SIGHUP {
                self.stopping = true;
                continue;
            }
            self.places.look_now(now.instant);
            self.reload();
        }
    }

    fn reload(&mut self) {
        supervisor::reloading();
        let refused = match Config::load(&self.args) {
            Ok(config) => {
                self.args.config = config.file;
                self.inputs.policy = Some(config.policy);
                tracing::info!("configuration reloaded");
                for setting in self.at_start.changed_by(&config.at_start) {
                    tracing::warn!("{setting} is another now, which takes effect at the next start");
                }
                None
            }
            Err(error) => Some(format!("configuration not changed: {error}")),
        };
        if let Some(refused) = &refused {
            tracing::error!("{refused}");
        }
        self.managed.reloaded(refused);
    }

    /// The datagrams of this turn leave. What could not is dealt with in the next one.
    fn transmit(&mut self, now: Now) -> Result<(), Fatal> {
        for Transmit { to, local, bytes, good_until } in self.outputs.transmits.iter() {
            self.udp.queue(to, local, bytes, good_until);
        }
        self.flush(now)
    }

    fn flush(&mut self, now: Now) -> Result<(), Fatal> {
        let Inputs { unreachable, departures, .. } = &mut self.inputs;
        let flushed = self.udp.flush(now.instant, |(to, fate)| match fate {
            Fate::Held => departures.push((to, Departure::Held)),
            Fate::Left => departures.push((to, Departure::Left)),
            // Waiting changes nothing about that.
            Fate::Refused(Refusal::Never) => unreachable.push(to),
            Fate::Refused(refusal) => {
                tracing::debug!(peer = %to, not_transmitted = %refusal);
                departures.push((to, Departure::Refused(refusal.words())));
            }
        });
        // The engine counts, and learns of it with the next turn.
        self.inputs.transmitted += flushed.transmitted as u64;
        self.inputs.not_transmitted += (flushed.refused + flushed.dropped) as u64;
        self.inputs.link = match flushed.blocked {
            None => Link::Free,
            Some(Blocked::NoAddress) => Link::NoAddress,
            Some(Blocked::Socket | Blocked::Device) => Link::Busy,
        };
        self.wait_to_write(now, flushed.blocked)
    }

    /// Sees to it that a turn comes when what waits may leave. Of what does not wait nobody is woken up.
    fn wait_to_write(&mut self, now: Now, blocked: Option<Blocked>) -> Result<(), Fatal> {
        let waits = |blocked: Option<Blocked>| blocked == Some(Blocked::Socket);
        let was = self.blocked.map(|(blocked, _)| blocked);
        if waits(blocked) != waits(was) {
            let interest = match waits(blocked) {
                true => Interest::READABLE | Interest::WRITABLE,
                false => Interest::READABLE,
            };
            self.poll.registry().reregister(&mut self.udp, UDP, interest)?;
        }
        let until = |blocked| (blocked == Blocked::Device).then(|| now.instant + DEVICE_AGAIN_AFTER);
        self.blocked = blocked.map(|blocked| (blocked, until(blocked)));
        Ok(())
    }

    /// The answers of this turn leave, and for those who follow the log its entries.
    fn answer(&mut self, now: Now) {
        for (key, answer) in self.outputs.answers.drain(..) {
            self.clients.change(key, |client| client.answer(&answer));
        }
        for (key, request) in self.outputs.not_yet.drain(..) {
            self.clients.change(key, |client| client.hold(request));
        }
        // After the answer that says from where, so that it comes before the first entry.
        for (key, follower) in self.outputs.followers.drain(..) {
            self.clients.follow_from(key, follower);
        }
        self.stopping |= self.outputs.stops;
        followers::serve_all(&mut self.clients, &mut self.following, self.engine.log());
        // What a client has taken by now it does not owe.
        let watch = |key, client: &mut _| self.requests.watch(key, client, now.instant);
        for gone in self.clients.flush(self.poll.registry(), watch) {
            gone.timer.into_iter().for_each(|timer| self.requests.forget(timer));
            self.inputs.readers.extend(gone.reader);
            self.inputs.gone.push(gone.key);
        }
    }
}

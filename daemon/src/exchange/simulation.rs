//! Three hosts on bad links, from a seed: the code that runs in simpd, with its log, but no sockets and a clock
//! that only the simulation moves. Users connect, send, queue for peers that are off, and leave; links lose,
//! copy, delay and are cut; hosts are killed at any step, before their commit and behind it, and started again
//! from what was committed; disks refuse a commit; wall clocks jump; settings are read again.
//!
//! What is promised: a message that was acknowledged is in the receiver's log, once and in order; one that is
//! told as delivered is there too; each has one outcome; in the end nothing waits any more. It holds on links
//! that keep order, whatever they lose or copy, and on links that delay and reorder within L = 2.5 s but make no
//! copies (SIMP 6).
//!
//! A message of the outbox may come twice: where a chat broke off while it was on its way, for then nobody knows
//! whether it arrived. That is counted.
//!
//! `SIMP_SEED=n` replays one seed and prints its trace, `SIMP_SEEDS=n` runs so many.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use simp_proto::control::{Event, Failure, Kind, Reply, State, What};
use simp_proto::{Datagram, Operation, Settings, UserName};

use super::{Exchange, Now, Timer};
use crate::commands::{Refused, Send};
use crate::config::{Accept, Config, Discard, Durability, Retain};
use crate::outbox::Next;
use crate::store::{Of, Store, Wanted};

const HOSTS: usize = 3;
/// No copy lives longer in the network (SIMP 6).
const L: u64 = 2_500;
/// Copies made by a link that keeps order come this close together.
const COPY_WITHIN: u64 = 200;
/// How much the latency varies where order is kept.
const JITTER: u64 = 50;
/// For how long the users are active, and everything may fail.
const ACTIVE: u64 = 180_000;
/// SIMP does not number its chats: users wait until all of the old chat is dead.
const PAUSE: u64 = 10_000;
/// When all hosts run again, and the users leave.
const LEAVING: u64 = ACTIVE + 60_000;
/// When everything must have come to rest.
const END: u64 = 40 * 3_600_000;

/// Random numbers that are the same for the same seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kinds {
    KeepsOrder,
    Reorders,
}

/// The way from one host to another.
struct Link {
    latency: u64,
    /// Where order is kept: when the last datagram arrives.
    last: u64,
    /// Nothing passes until then.
    cut_until: u64,
}

/// What the links of a run have in common.
struct Network {
    kind: Kinds,
    loss: u64,
    copies: u64,
    links: Vec<Link>,
}

impl Network {
    fn new(kind: Kinds, random: &mut Random) -> Self {
        let (loss, copies) = (random.below(41), random.below(41));
        let copies = if kind == Kinds::Reorders { 0 } else { copies };
        let latency = |random: &mut Random| random.pick(&[0, 1, 40, 700, L - COPY_WITHIN - JITTER - 1]);
        let links = (0..HOSTS * HOSTS).map(|_| Link { latency: latency(random), last: 0, cut_until: 0 });
        Self { kind, loss, copies, links: links.collect() }
    }

    fn arrivals(&mut self, random: &mut Random, now: u64, from: usize, to: usize) -> Vec<u64> {
        let link = &mut self.links[from * HOSTS + to];
        if now < link.cut_until {
            return Vec::new();
        }
        let mut arrivals: Vec<u64> = Vec::new();
        for _ in 0..1 + u64::from(random.percent(self.copies)) {
            arrivals.push(match (self.kind, arrivals.first()) {
                (Kinds::Reorders, _) => now + random.below(L),
                (Kinds::KeepsOrder, first) => {
                    let spread = if first.is_some() { COPY_WITHIN } else { JITTER };
                    let earliest = first.copied().unwrap_or(now + link.latency);
                    link.last = link.last.max(earliest + random.below(spread));
                    link.last
                }
            });
        }
        // In the end the network is good, or a FIN lost for good would leave a host in a chat for ever.
        arrivals.retain(|_| now >= ACTIVE || !random.percent(self.loss));
        arrivals
    }
}

/// What happens to a host in one turn.
#[derive(Debug)]
enum Step {
    Hears(SocketAddr, Datagram),
    Acts,
    /// The user leaves all chats, so that there is room for what the outbox holds.
    Leaves,
    Starts,
}

/// How a turn ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Well,
    /// Killed before the commit.
    KilledBefore,
    /// Killed behind the commit, before anything left.
    KilledBehind,
    /// The disk refuses the commit.
    Refused,
}

struct Host {
    /// `None` while it does not run.
    exchange: Option<Exchange>,
    store: Option<Store>,
    /// How far its wall clock is off.
    skew: i64,
    sent: u64,
    /// For each other host: from when on a new chat with it may begin.
    free_from: [u64; HOSTS],
    /// For each other host: the last message transmitted, its number, and those transmitted with both numbers.
    said: [(String, u8); HOSTS],
    tried: [BTreeSet<String>; HOSTS],
}

impl Host {
    fn note_said(&mut self, to: usize, datagram: &Datagram) {
        if datagram.operation == Operation::Chat {
            let text = String::from_utf8(datagram.payload.clone()).unwrap();
            if self.said[to] == (text.clone(), 1 - datagram.seq) {
                self.tried[to].insert(text.clone());
            }
            self.said[to] = (text, datagram.seq);
        }
    }
}

struct World {
    random: Random,
    network: Network,
    hosts: Vec<Host>,
    steps: BTreeMap<(u64, u64), (usize, Step)>,
    number: u64,
    /// In how many of 1,000 turns a host is killed, or its disk refuses.
    trouble: u64,
    attempts: u32,
    max_chats: usize,
}

fn at(ms: u64) -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now) + Duration::from_millis(ms)
}

fn address(host: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, host as u8 + 1], 7777))
}

fn host_at(address: SocketAddr) -> usize {
    (0..HOSTS).find(|host| self::address(*host) == address).unwrap()
}

fn replaying() -> bool {
    std::env::var_os("SIMP_SEED").is_some()
}

fn trace(now: u64, host: usize, what: &dyn std::fmt::Debug) {
    if replaying() {
        println!("{now:>8} {} {what:?}", ["ann", "bob", "eve"][host]);
    }
}

impl World {
    fn new(kind: Kinds, seed: u64) -> Self {
        let mut random = Random(seed);
        let network = Network::new(kind, &mut random);
        let hosts = (0..HOSTS).map(|_| Host {
            exchange: None,
            store: Some(Store::open(Path::new(":memory:"), Durability::Process, 1).unwrap()),
            skew: 0,
            sent: 0,
            free_from: [0; HOSTS],
            said: Default::default(),
            tried: Default::default(),
        });
        let hosts = hosts.collect();
        let (trouble, attempts, max_chats) =
            (random.pick(&[0, 5, 20, 60]), random.pick(&[3, 6, 40]), random.pick(&[1, 2, 2]));
        let steps = BTreeMap::new();
        let mut world = Self { random, network, hosts, steps, number: 0, trouble, attempts, max_chats };
        for host in 0..HOSTS {
            world.plan(0, host, Step::Starts);
            let first = world.random.pick(&[1, 1, 500, 20_000]);
            world.plan(first, host, Step::Acts);
            world.plan(LEAVING + host as u64, host, Step::Leaves);
        }
        world
    }

    fn config(&self, host: usize) -> Config {
        Config {
            address: None,
            user: UserName::new(["ann", "bob", "eve"][host]).unwrap(),
            accept: Accept::All,
            max_chats: self.max_chats,
            chat: Settings { attempts: self.attempts, ..Settings::default() },
            durability: Durability::Process,
            retain: Retain { age: None, count: None, discard: Discard::default() },
            log: tracing::Level::ERROR,
        }
    }

    fn plan(&mut self, when: u64, host: usize, step: Step) {
        self.number += 1;
        self.steps.insert((when, self.number), (host, step));
    }

    fn now(&self, host: usize, now: u64) -> Now {
        let ms = 1_800_000_000_000 + now as i64 + self.hosts[host].skew;
        Now { instant: at(now), ms: ms as u64 }
    }

    /// The host whose timer is due next, and when.
    fn due(&self, now: u64) -> Option<(u64, usize)> {
        let due = |(host, on): (usize, &Host)| {
            let due = on.exchange.as_ref()?.wheel.next()?;
            // A wheel's deadline may have passed by the time the next turn comes.
            Some(((due.saturating_duration_since(at(0)).as_micros().div_ceil(1_000) as u64).max(now), host))
        };
        self.hosts.iter().enumerate().filter_map(due).min()
    }

    /// Runs until nothing happens any more.
    fn run(&mut self) {
        let mut now = 0;
        let mut turns = 0;
        loop {
            let planned = self.steps.keys().next().map(|(when, _)| *when);
            let step = match (self.due(now), planned) {
                (Some((when, host)), planned) if planned.is_none_or(|planned| when < planned) => {
                    now = when;
                    (host, None)
                }
                (_, Some(when)) => {
                    now = when;
                    let (host, step) = self.steps.pop_first().unwrap().1;
                    (host, Some(step))
                }
                (_, None) => return,
            };
            self.turn(now, step.0, step.1);
            turns += 1;
            assert!(turns < 200_000 && now < END, "it never comes to rest");
        }
    }

    fn turn(&mut self, now: u64, host: usize, step: Option<Step>) {
        match step {
            Some(Step::Starts) => return self.start(now, host),
            // Users try again; datagrams are lost.
            Some(Step::Acts) if self.hosts[host].exchange.is_none() => return self.act_again(now, host),
            _ if self.hosts[host].exchange.is_none() => return,
            Some(Step::Hears(from, datagram)) => {
                trace(now, host, &("hears", from.ip(), datagram.operation, datagram.seq));
                let moment = self.now(host, now);
                let exchange = self.hosts[host].exchange.as_mut().unwrap();
                exchange.handle_arrival(moment, from, None, Ok(datagram)).unwrap();
            }
            Some(Step::Acts) => {
                self.act(now, host);
                self.act_again(now, host);
            }
            Some(Step::Leaves) => {
                let moment = self.now(host, now);
                let exchange = self.hosts[host].exchange.as_mut().unwrap();
                for chat in exchange.chats.list(0) {
                    _ = done(exchange.quit(moment, Some(&chat.peer.address), false));
                }
            }
            None => {}
        }
        self.expire(now, host);
        let end = self.end_of_turn(now);
        self.commit(now, host, end);
    }

    fn expire(&mut self, now: u64, host: usize) {
        let moment = self.now(host, now);
        let exchange = self.hosts[host].exchange.as_mut().unwrap();
        while let Some(timer) = exchange.wheel.pop_expired(moment.instant) {
            match timer {
                Timer::Chat(key) => exchange.handle_timeout(moment, key),
                Timer::Invite(address) => exchange.invite_for_outbox(moment, address),
                Timer::Expire(message) => exchange.expire_message(moment, message),
                Timer::Client(_) | Timer::Disk | Timer::Retention => unreachable!("nobody sets them here"),
            }
            .unwrap();
        }
        exchange.use_room(moment).unwrap();
        if exchange.store.is_keeping_due() {
            exchange.keep_chats().unwrap();
        }
    }

    fn end_of_turn(&mut self, now: u64) -> End {
        if now >= ACTIVE || self.random.below(1_000) >= self.trouble {
            return End::Well;
        }
        self.random.pick(&[End::KilledBefore, End::KilledBehind, End::Refused])
    }

    fn commit(&mut self, now: u64, host: usize, end: End) {
        let moment = self.now(host, now);
        let on = &mut self.hosts[host];
        let exchange = on.exchange.as_mut().unwrap();
        if end != End::Well {
            trace(now, host, &end);
        }
        match end {
            End::Well | End::KilledBehind => {
                let fresh: Vec<Event> = exchange.store.fresh().to_vec();
                exchange.store.commit().unwrap();
                exchange.store.end_turn();
                for event in &fresh {
                    trace(now, host, &event);
                    if event.what.kind() == Kind::Closed {
                        on.free_from[host_at(event.peer.address.parse().unwrap())] = now + PAUSE;
                    }
                }
            }
            End::KilledBefore | End::Refused => {
                exchange.store.roll_back().unwrap();
                exchange.outgoing.clear();
            }
        }
        match end {
            End::Well => {}
            End::Refused => exchange.resume(moment).unwrap(),
            End::KilledBefore | End::KilledBehind => {
                on.store = on.exchange.take().map(|exchange| exchange.store);
                let away = self.random.pick(&[0, 10, 3_000, 8_000, 45_000]);
                self.plan(now + away, host, Step::Starts);
                return;
            }
        }
        self.let_out(now, host);
    }

    fn let_out(&mut self, now: u64, host: usize) {
        // It reads the log; some turns are enough to find which seed to look at.
        if replaying() || self.number.is_multiple_of(8) {
            check_turn(self.hosts[host].exchange.as_ref().unwrap());
        }
        let exchange = self.hosts[host].exchange.as_mut().unwrap();
        let datagrams: Vec<_> =
            exchange.outgoing.iter().map(|(to, _, bytes)| (to, Datagram::decode(bytes).unwrap())).collect();
        exchange.outgoing.clear();
        for (to, datagram) in datagrams {
            trace(now, host, &("says", to.ip(), datagram.operation, datagram.seq));
            self.hosts[host].note_said(host_at(to), &datagram);
            for arrival in self.network.arrivals(&mut self.random, now, host, host_at(to)) {
                self.plan(arrival, host_at(to), Step::Hears(address(host), datagram.clone()));
            }
        }
    }

    fn start(&mut self, now: u64, host: usize) {
        if self.random.percent(20) {
            self.hosts[host].skew = self.random.pick(&[0, 3_600_000, -3_600_000, -86_400_000]);
        }
        let (config, moment, random) = (self.config(host), self.now(host, now), self.random.next());
        let on = &mut self.hosts[host];
        let mut exchange = Exchange::new(moment, config, address(host), on.store.take().unwrap(), random);
        exchange.resume(moment).unwrap();
        on.exchange = Some(exchange);
        trace(now, host, &"starts");
        self.commit(now, host, End::Well);
    }

    fn act_again(&mut self, now: u64, host: usize) {
        // Users write in bursts, and then think.
        let pause = self.random.pick(&[50, 1_000, 6_000, 20_000]);
        let again = now + 1 + self.random.below(pause);
        if again < ACTIVE {
            self.plan(again, host, Step::Acts);
        }
    }

    /// The user does something. What is refused is no failure of ours.
    fn act(&mut self, now: u64, host: usize) {
        let moment = self.now(host, now);
        let other = (host + 1 + self.random.below(HOSTS as u64 - 1) as usize) % HOSTS;
        let who = Some(address(other).to_string());
        let may_connect = self.may_connect(now, host, other);
        let choice = self.random.below(100);
        let on = &mut self.hosts[host];
        let exchange = on.exchange.as_mut().unwrap();
        match choice {
            0 => exchange.config.max_chats = self.random.pick(&[1, 2]),
            1..15 if may_connect => _ = done(exchange.connect(moment, &address(other).to_string(), None)),
            15..18 => _ = done(exchange.quit(moment, who.as_deref(), choice == 17)),
            18..24 => {
                on.sent += 1;
                let expire_ms = self.random.pick(&[None, None, Some(1), Some(30_000)]);
                let text = format!("q{}", on.sent);
                let send = Send { who, text, queue: true, expire_ms, ..Send::default() };
                done(exchange.send(moment, &send)).unwrap();
            }
            24..26 => {
                let newest = exchange.store.last_id();
                _ = done(exchange.cancel(moment, newest.saturating_sub(self.random.below(20))));
            }
            26..28 => {
                let newest = exchange.store.last_id();
                _ = done(exchange.resend(moment, newest.saturating_sub(self.random.below(20)), None));
            }
            28..30 => {
                let cut_until = now + self.random.pick(&[1_000, 20_000, 60_000]);
                let both = self.random.percent(50);
                self.network.links[host * HOSTS + other].cut_until = cut_until;
                if both {
                    self.network.links[other * HOSTS + host].cut_until = cut_until;
                }
            }
            _ => {
                for _ in 0..=self.random.below(3) {
                    let send =
                        Send { who: who.clone(), text: format!("m{}", on.sent + 1), ..Send::default() };
                    if done(exchange.send(moment, &send)).is_some() {
                        on.sent += 1;
                    }
                }
            }
        }
    }

    fn may_connect(&self, now: u64, host: usize, other: usize) -> bool {
        let is_free = |host: usize, other: usize| {
            let on = &self.hosts[host];
            // Where there is a chat already, it becomes the user's own.
            let would_end_one = on.exchange.as_ref().is_none_or(|exchange| {
                let of_it = exchange.chats.iter().find(|(_, entry)| entry.address == address(other));
                of_it.is_some_and(|(_, entry)| entry.chat.state() == State::Closing)
            });
            !would_end_one && now >= on.free_from[other]
        };
        is_free(host, other) && (self.network.kind == Kinds::KeepsOrder || is_free(other, host))
    }
}

/// What a command came to, where it was carried out.
fn done(result: Result<Reply, Refused>) -> Option<Reply> {
    match result {
        Ok(reply) => Some(reply),
        Err(Refused::Failure(Failure { .. })) => None,
        Err(Refused::Store(error)) => panic!("{error}"),
    }
}

/// What was seen in a run, or in many.
#[derive(Debug, Default)]
struct Seen {
    delivered: usize,
    undelivered: usize,
    unconfirmed: usize,
    /// First messages of a chat that came twice, because the number that the peer wants was tried.
    tried: usize,
    /// Messages of the outbox that came more than once.
    outbox_again: usize,
}

/// Checks what must hold between any two turns.
fn check_turn(exchange: &Exchange) {
    let mut timers = 0;
    for (_, entry) in exchange.chats.iter() {
        let held = entry.chat.unacknowledged() as u64 + entry.backlog;
        let state = entry.chat.state();
        let of = match state {
            State::Accepting | State::Open => of_all(entry.id, entry.address),
            State::Closing if !entry.chat.is_leaving() => of_all(entry.id, entry.address),
            _ => Of { chat: Some(entry.id).filter(|id| *id > 0), outbox: None },
        };
        let waits = exchange.store.queued(of, entry.settled).unwrap();
        assert_eq!(held, waits, "{} {state}: what waits is what the log has", entry.address);
        assert!(entry.backlog == 0 || entry.chat.unacknowledged() > 0, "more is loaded in time");
        let is_idle = state == State::Open && held == 0 && !entry.for_outbox;
        assert!(is_idle || entry.timer.is_some(), "{} {state}: nothing wakes it up", entry.address);
        timers += usize::from(entry.timer.is_some());
    }
    let peers = exchange.store.outbox_peers().unwrap();
    assert_eq!(exchange.outbox.messages(), peers.iter().map(|(_, messages)| messages).sum::<u64>());
    for (address, messages) in peers {
        let absent = exchange.outbox.get(address).unwrap();
        assert_eq!(absent.messages, messages);
        match absent.next {
            Next::Due { .. } => timers += 1,
            Next::Room => assert!(exchange.is_full(), "{address} waits for room, and there is some"),
            Next::Chat => assert!(exchange.chats.at(address).is_some(), "{address} is never invited again"),
        }
    }
    timers += exchange.store.expiring().unwrap().len();
    assert_eq!(exchange.wheel.len(), timers, "each timer is of something, and each message expires");
}

fn of_all(chat: u64, address: SocketAddr) -> Of {
    Of { chat: Some(chat).filter(|chat| *chat > 0), outbox: Some(address) }
}

/// Checks what is promised, when everything has come to rest.
fn check(world: &World) -> Seen {
    let mut seen = Seen::default();
    let logs: Vec<Vec<Event>> = world.hosts.iter().map(log).collect();
    for (host, log) in logs.iter().enumerate() {
        assert!(log.iter().map(|event| event.id).eq(1..=log.len() as u64), "ids grow by one");
        let exchange = world.hosts[host].exchange.as_ref().unwrap();
        assert!(exchange.outbox.messages() == 0 && exchange.store.outbox(0, 1).unwrap().is_empty());
        for (_, entry) in exchange.chats.iter() {
            assert_eq!((entry.chat.state(), entry.info().queued), (State::Open, 0), "nothing waits");
        }
        let mut outcomes: BTreeMap<u64, usize> = BTreeMap::new();
        for event in log {
            match event.what {
                What::Delivered { message } => {
                    seen.delivered += 1;
                    *outcomes.entry(message).or_default() += 1;
                }
                What::Undelivered { message, .. } => {
                    seen.undelivered += 1;
                    *outcomes.entry(message).or_default() += 1;
                }
                What::Unconfirmed { message } => {
                    seen.unconfirmed += 1;
                    *outcomes.entry(message).or_default() += 1;
                }
                _ => {}
            }
        }
        let queued = log.iter().filter(|event| event.what.kind() == Kind::Queued);
        assert!(outcomes.into_iter().eq(queued.map(|event| (event.id, 1))), "each message has one outcome");
        for other in (0..HOSTS).filter(|other| *other != host) {
            let tried = &world.hosts[host].tried[other];
            let (again, twice) = check_direction(log, &logs[other], (host, other), tried);
            seen.outbox_again += again;
            seen.tried += twice;
        }
    }
    seen
}

/// What one host sent and what the other has. Returns how often a message of the outbox came once more, and how often
/// one that was transmitted with both numbers.
fn check_direction(
    from_log: &[Event],
    to_log: &[Event],
    (from, to): (usize, usize),
    tried: &BTreeSet<String>,
) -> (usize, usize) {
    let (from, to) = (address(from).to_string(), address(to).to_string());
    let came: Vec<&str> = to_log
        .iter()
        .filter(|event| event.peer.address == from && event.what.kind() == Kind::Message)
        .filter_map(|event| event.what.text())
        .collect();
    let number = |text: &str| text.get(1..).unwrap().parse::<u64>().unwrap();
    let sent: BTreeMap<u64, &str> = from_log
        .iter()
        .filter(|event| event.peer.address == to && event.what.kind() == Kind::Queued)
        .filter_map(|event| Some((event.id, event.what.text()?)))
        .collect();
    for event in from_log.iter().filter(|event| event.peer.address == to) {
        if let What::Delivered { message } = event.what {
            let text = sent[&message];
            assert!(came.contains(&text), "{from} -> {to}: {text} was told as delivered, and is lost");
        }
    }
    assert!(came.iter().all(|text| sent.values().any(|sent| sent == text)), "nothing comes from nowhere");
    let in_chats: Vec<u64> =
        came.iter().filter(|text| text.starts_with('m')).map(|text| number(text)).collect();
    let is_resent = |n: u64| sent.values().filter(|text| number(text) == n).count() > 1;
    let once: Vec<u64> = in_chats.iter().copied().filter(|n| !is_resent(*n)).collect();
    let (twice, wrong): (Vec<_>, Vec<_>) = once
        .windows(2)
        .filter(|pair| pair[0] >= pair[1])
        .partition(|pair| pair[0] == pair[1] && tried.contains(&format!("m{}", pair[0])));
    assert!(wrong.is_empty(), "{from} -> {to}: twice or late: {wrong:?} of {once:?}");
    let queued: Vec<u64> =
        came.iter().filter(|text| text.starts_with('q')).map(|text| number(text)).collect();
    let mut distinct = queued.clone();
    distinct.sort_unstable();
    distinct.dedup();
    (queued.len() - distinct.len(), twice.len())
}

fn log(host: &Host) -> Vec<Event> {
    let store = &host.exchange.as_ref().unwrap().store;
    let (mut events, mut after) = (Vec::new(), 0);
    while after < store.last_id() {
        let (read, looked) = store.read(after, usize::MAX, &Wanted::default()).unwrap();
        events.extend(read);
        after = looked;
    }
    events
}

fn simulate(kind: Kinds, name: &str, usual: u64) {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seeds = match number("SIMP_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMP_SEEDS").unwrap_or(usual),
    };
    let mut all = Seen::default();
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| {
            let mut world = World::new(kind, seed);
            world.run();
            check(&world)
        });
        let Ok(seen) = outcome else {
            panic!("replay with: SIMP_SEED={seed} cargo test -p simp-daemon {name}")
        };
        all.delivered += seen.delivered;
        all.undelivered += seen.undelivered;
        all.unconfirmed += seen.unconfirmed;
        all.tried += seen.tried;
        all.outbox_again += seen.outbox_again;
    }
    println!("{kind:?}: {all:?}");
    assert!(all.tried * 10_000 <= all.delivered, "that a first message comes twice is rare");
    assert!(replaying() || all.delivered > all.undelivered, "nothing passes, so nothing is tested: {all:?}");
}

#[test]
fn hosts_on_links_that_keep_order_lose_nothing_and_show_nothing_twice() {
    simulate(Kinds::KeepsOrder, "keep_order", 1_000);
}

#[test]
fn hosts_on_links_that_reorder_within_l_lose_nothing_and_show_nothing_twice() {
    simulate(Kinds::Reorders, "reorder_within", 1_000);
}

//! The hosts and what happens to them, turn by turn: each turn ends with a commit, or with what may come instead
//! of one. What their users do there is in `users`, what must hold in `checks`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

use simp_control::{Event, Kind};
use simp_proto::{Datagram, Operation, Settings, UserName};

use super::super::{Exchange, Now, Timer};
use super::checks::check_turn;
use super::network::{Kinds, Network, Random};
use super::users::done;
use super::{ACTIVE, HOSTS, address, at, host_at, replaying, trace};
use crate::config::{Accept, Config, Discard, Durability, Retain};
use crate::store::Store;

/// SIMP does not number its chats: users wait until all of the old chat is dead.
const PAUSE: u64 = 10_000;
/// When all hosts run again, and the users leave.
const LEAVING: u64 = ACTIVE + 60_000;
/// When everything must have come to rest.
const END: u64 = 40 * 3_600_000;

/// What happens to a host in one turn.
#[derive(Debug)]
pub enum Step {
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

pub struct Host {
    /// `None` while it does not run.
    pub exchange: Option<Exchange>,
    store: Option<Store>,
    /// How far its wall clock is off.
    skew: i64,
    pub sent: u64,
    /// For each other host: from when on a new chat with it may begin.
    pub free_from: [u64; HOSTS],
    /// For each other host: the last message transmitted, its number, and those transmitted with both numbers.
    said: [(String, u8); HOSTS],
    pub tried: [BTreeSet<String>; HOSTS],
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

pub struct World {
    pub random: Random,
    pub network: Network,
    pub hosts: Vec<Host>,
    steps: BTreeMap<(u64, u64), (usize, Step)>,
    number: u64,
    /// In how many of 1,000 turns a host is killed, or its disk refuses.
    trouble: u64,
    attempts: u32,
    max_chats: usize,
}

impl World {
    pub fn new(kind: Kinds, seed: u64) -> Self {
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

    pub fn plan(&mut self, when: u64, host: usize, step: Step) {
        self.number += 1;
        self.steps.insert((when, self.number), (host, step));
    }

    pub fn now(&self, host: usize, now: u64) -> Now {
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
    pub fn run(&mut self) {
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
                    _ = done(exchange.quit(moment, Some(&chat.peer.address), None, false));
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
}

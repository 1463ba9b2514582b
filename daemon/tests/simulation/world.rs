//! The hosts and what happens to them, turn by turn: each turn is the engine's own, and may end in a kill or find a
//! disk that refuses. What their users do there is in `users`, what must hold in `checks`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use simp_control::{Host as At, Kind, LookupError};
use simp_engine::{Accept, LookedUp, Now, Policy, Secrecy};
use simp_proto::{Datagram, Operation, Settings, Us};
use simp_seeds::{Random, replaying};
use simp_store::Store;

use super::backups::Backups;
use super::network::{Kinds, Network};
use super::wires::{Coming, Wires};
use super::{ACTIVE, HOSTS, NAMES, address, host_at, start, trace};
use crate::driver::{self, BadDisk, Driver, Uplink};

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
    /// Something comes to this end of a channel.
    Comes((usize, usize), Coming),
    /// The name of a host was looked up.
    Finds(LookedUp),
    Acts,
    /// The user leaves all chats, so that there is room for what the outbox holds.
    Leaves,
    Starts,
    /// Its way out takes all again.
    Unblocks,
}

/// What comes in between in one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Killed before the commit.
    KilledBefore,
    /// Killed after the commit, before anything left.
    KilledAfter,
    /// The disk refuses so many commits, the first of them that of this turn.
    Refuses(u32),
}

pub struct Host {
    /// `None` while it does not run.
    pub driver: Option<Driver>,
    pub store: Option<Store>,
    pub disk: BadDisk,
    /// How far its wall clock is off.
    skew: i64,
    pub sent: u64,
    /// For each other host: from when on a new chat with it may begin.
    pub free_from: [u64; HOSTS],
    /// For each other host: its user is leaving the chat with it.
    pub is_leaving: [bool; HOSTS],
}

impl Host {
    fn note_said(&mut self, now: u64, to: usize, datagram: &Datagram) {
        // As long as it is repeated, the chat is not quite over.
        if datagram.operation == Operation::Fin {
            self.free_from[to] = now + PAUSE;
        }
    }
}

pub struct World {
    pub random: Random,
    pub network: Network,
    wires: Wires,
    pub hosts: Vec<Host>,
    /// If logs come back from them.
    pub backups: Option<Backups>,
    steps: BTreeMap<(u64, u64), (usize, Step)>,
    number: u64,
    /// In how many of 1,000 turns a host is killed, or its disk refuses.
    pub trouble: u64,
    attempts: u32,
    max_chats: usize,
}

impl World {
    pub fn new(kind: Kinds, seed: u64) -> Self {
        let mut random = Random(seed);
        let network = Network::new(kind, &mut random);
        let wires = Wires::new(&mut random);
        let host = |disk: BadDisk| Host {
            driver: None,
            store: Some(disk.open()),
            disk,
            skew: 0,
            sent: 0,
            free_from: [0; HOSTS],
            is_leaving: [false; HOSTS],
        };
        let hosts = (0..HOSTS).map(|_| host(BadDisk::default())).collect();
        let backups = None;
        let (trouble, attempts, max_chats) =
            (random.pick(&[0, 5, 20, 60]), random.pick(&[3, 6, 40]), random.pick(&[1, 2, 2]));
        let steps = BTreeMap::new();
        let mut world =
            Self { random, network, wires, hosts, backups, steps, number: 0, trouble, attempts, max_chats };
        for host in 0..HOSTS {
            world.plan(0, host, Step::Starts);
            let first = world.random.pick(&[1, 1, 500, 20_000]);
            world.plan(first, host, Step::Acts);
            world.plan(LEAVING + host as u64, host, Step::Leaves);
        }
        world
    }

    pub fn policy(&self, host: usize) -> Policy {
        let policy = driver::policy(NAMES[host], Accept::All, self.max_chats);
        let settings = Settings { attempts: self.attempts, ..Settings::default() };
        let us = Us { settings, ..*policy.us }.into();
        let secrecy = if self.network.kind == Kinds::Channels { Secrecy::Require } else { Secrecy::Off };
        Policy { us, secrecy, ..policy }
    }

    pub fn plan(&mut self, when: u64, host: usize, step: Step) {
        self.number += 1;
        self.steps.insert((when, self.number), (host, step));
    }

    pub fn now(&self, host: usize, now: u64) -> Now {
        driver::moment(start(), now, self.hosts[host].skew)
    }

    /// The host whose timer is due next, and when.
    fn due(&self, now: u64) -> Option<(u64, usize)> {
        // A wheel's deadline may have passed by the time the next turn comes.
        let due = |(host, on): (usize, &Host)| Some((on.driver.as_ref()?.due(start())?.max(now), host));
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
            self.step(now, step.0, step.1);
            turns += 1;
            assert!(turns < 200_000 && now < END, "it never comes to rest");
        }
    }

    fn step(&mut self, now: u64, host: usize, step: Option<Step>) {
        let driver = match (&step, self.hosts[host].driver.as_mut()) {
            (Some(Step::Starts), _) => return self.start(now, host),
            // Users try again; datagrams are lost.
            (Some(Step::Acts), None) => return self.act_again(now, host),
            (_, None) => return,
            (_, Some(driver)) => driver,
        };
        match step {
            Some(Step::Hears(from, datagram)) => {
                trace(now, host, &("hears", from.ip(), datagram.operation, datagram.seq));
                driver.arrives(from, datagram);
            }
            Some(Step::Comes(at, coming)) => {
                trace(now, host, &("comes", at, &coming));
                driver.inputs.channels.extend(self.wires.hear(at, coming));
            }
            Some(Step::Finds(looked_up)) => {
                trace(now, host, &looked_up);
                driver.inputs.lookups.push(looked_up);
            }
            Some(Step::Acts) => {
                self.act(now, host);
                self.act_again(now, host);
            }
            Some(Step::Leaves) => {
                let others = (0..HOSTS).filter(|other| *other != host);
                let quits = others.map(|other| (0, driver::quit(Some(address(other)), false)));
                driver.inputs.requests.extend(quits);
                // A chat that began since then may stand in the way of what waits.
                if self.waits() {
                    self.plan(now + LEAVING, host, Step::Leaves);
                }
            }
            Some(Step::Unblocks) => driver.uplink = Uplink::Free,
            Some(Step::Starts) | None => {}
        }
        self.turn(now, host);
    }

    /// Whether something waits in an outbox.
    fn waits(&self) -> bool {
        let mut drivers = self.hosts.iter().filter_map(|host| host.driver.as_ref());
        drivers.any(|driver| !driver.store().outbox(0, 1).unwrap().0.is_empty())
    }

    fn fault(&mut self, now: u64) -> Fault {
        if now >= ACTIVE || self.random.below(1_000) >= self.trouble {
            return Fault::None;
        }
        let refuses = Fault::Refuses(1 + self.random.below(4) as u32);
        self.random.pick(&[Fault::KilledBefore, Fault::KilledAfter, refuses])
    }

    fn turn(&mut self, now: u64, host: usize) {
        let (fault, moment) = (self.fault(now), self.now(host, now));
        let on = &mut self.hosts[host];
        let driver = on.driver.as_mut().unwrap();
        match fault {
            Fault::None | Fault::KilledAfter => {}
            Fault::KilledBefore => on.disk.refuse(1),
            Fault::Refuses(commits) => on.disk.refuse(commits),
        }
        if fault != Fault::None {
            trace(now, host, &fault);
        }
        let newest = driver.store().last_id();
        driver.turn(moment);
        // It reads the log; some turns are enough to find which seed to look at.
        if replaying() || self.number.is_multiple_of(8) {
            driver.check();
        }
        for event in driver.log_after(newest) {
            trace(now, host, &event);
            if event.what.kind() == Kind::Closed {
                let other = host_at(event.peer.address.parse().unwrap());
                on.free_from[other] = now + PAUSE;
                on.is_leaving[other] = false;
            }
        }
        if matches!(fault, Fault::KilledBefore | Fault::KilledAfter) {
            on.disk.refuse(0);
            on.store = on.driver.take().map(Driver::killed);
            self.back_up_or_restore(now, host);
            self.wires.lose_all(&mut self.random, now, host, &[50, 3_000, 30_000]);
            self.plan_all();
            let away = self.random.pick(&[0, 10, 3_000, 8_000, 45_000]);
            return self.plan(now + away, host, Step::Starts);
        }
        self.transmit(now, host);
    }

    fn plan_all(&mut self) {
        for (when, host, step) in std::mem::take(&mut self.wires.plans) {
            self.plan(when, host, step);
        }
    }

    fn transmit(&mut self, now: u64, host: usize) {
        let runs = std::array::from_fn(|host| self.hosts[host].driver.is_some());
        for command in self.hosts[host].driver.as_mut().unwrap().commanded() {
            trace(now, host, &command);
            self.wires.obey(&mut self.random, &self.network, now, (host, runs), command);
        }
        self.plan_all();
        self.look_up(now, host);
        for (to, datagram, waited) in self.hosts[host].driver.as_mut().unwrap().said_late() {
            // Of what is not too old to leave, only an answer's age matters.
            let waited = if datagram.operation.is_answer() { waited.as_millis() as u64 } else { 0 };
            trace(now, host, &("says", to.ip(), datagram.operation, datagram.seq));
            self.hosts[host].note_said(now, host_at(to), &datagram);
            for arrival in self.network.arrivals(&mut self.random, now, waited, (host, host_at(to))) {
                self.plan(arrival, host_at(to), Step::Hears(address(host), datagram.clone()));
            }
        }
    }

    /// What a host asks for is found sooner or later, and at first not always.
    fn look_up(&mut self, now: u64, host: usize) {
        for name in self.hosts[host].driver.as_mut().unwrap().looks_up() {
            let other = NAMES.iter().position(|known| *known == name).unwrap();
            let found = Ok(vec![At::of(address(other))]);
            let why =
                self.random.pick(&[None, None, Some(LookupError::Unknown), Some(LookupError::NoAnswer)]);
            let found = why.filter(|_| now < ACTIVE).map_or(found, Err);
            let when = now + self.random.pick(&[0, 1, 100, 3_000, 40_000]);
            self.plan(when, host, Step::Finds(LookedUp { name, found }));
        }
    }

    fn start(&mut self, now: u64, host: usize) {
        if self.random.percent(20) {
            self.hosts[host].skew = self.random.pick(&[0, 3_600_000, -3_600_000, -86_400_000]);
        }
        let (policy, moment, random) = (self.policy(host), self.now(host, now), self.random.next());
        let on = &mut self.hosts[host];
        trace(now, host, &"starts");
        let store = on.store.take().unwrap();
        on.driver = Some(Driver::start(moment, policy, address(host), store, random));
        self.transmit(now, host);
    }
}

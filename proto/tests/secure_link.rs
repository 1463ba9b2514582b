//! Two daemons and their secure chats on channels that break at any moment, from a seed: users invite, write, take back,
//! leave; processes end before and after a commit, and go on from what was committed.
//!
//! What is promised: a message reported as delivered is on the peer's disk, no message is shown twice, in one chat they
//! come in order, each message has one outcome in a chat, and in the end nothing waits. When the weather clears
//! up, all of the outbox is delivered.
//!
//! `SIMP_SEED=n` replays one seed and prints its trace, `SIMP_SEEDS=n` runs so many.

mod host;
mod network;
mod records;

use std::collections::BTreeMap;

use simp_proto::secure::{Broken, ChannelId, ChatId, Frame, SecureChat};
use simp_proto::{Reason, State};
use simp_seeds::{Random, Replay, replaying, seeds};

use self::host::{Host, Kill, Said};
use self::network::{Dialled, Network, Weather};
use self::records::Stands;
use crate::common::at;

/// For how long the users are active, and the weather is bad.
const ACTIVE: u64 = 200_000;
/// How often they look at their outboxes afterwards, and how often at most.
const LOOKS_EVERY: u64 = 10_000;
const LOOKS: u32 = 200;

/// What happens next.
#[derive(Debug)]
enum Step {
    Reaches(usize, ChannelId),
    Connected(usize, ChannelId),
    Arrives(usize, ChannelId, Frame),
    Breaks(ChannelId),
    Broken(usize, ChannelId, Broken),
    Acts(usize),
    /// What was held back is committed.
    Commits(usize),
    Rises(usize),
    ClearsUp,
    /// A user looks at the outbox, for the so many-th time.
    Looks(usize, u32),
    Due(usize),
}

/// How the users and their machines are.
#[derive(Debug)]
struct Habits {
    /// So many of a thousand turns end the process.
    kills: u64,
    /// So many of a hundred commits take their time.
    holds: u64,
    /// So many of a hundred messages are kept in the outbox.
    keeps: u64,
    /// How long an invitation is good for.
    invites_for: u64,
}

/// What came of it, over all seeds.
#[derive(Debug, Default)]
struct Sums {
    delivered: usize,
    given_up: usize,
    left: usize,
    kills: usize,
    channels: usize,
    chats: u64,
}

struct World {
    random: Random,
    network: Network,
    habits: Habits,
    hosts: [Host; 2],
    /// A commit is under way.
    holds: [bool; 2],
    steps: BTreeMap<(u64, u64), Step>,
    number: u64,
    is_clear: bool,
    /// No channel breaks, no process ends, and nobody takes an invitation back or leaves without a word in this run.
    is_fair: bool,
    sums: Sums,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let network = Network::new(Weather::new(&mut random));
        let habits = Habits {
            kills: random.pick(&[0, 5, 30]),
            holds: random.pick(&[0, 0, 20, 60]),
            keeps: random.pick(&[0, 30, 100]),
            invites_for: random.pick(&[5_000, 60_000, 600_000]),
        };
        let is_fair = network.weather.is_fair() && habits.kills == 0 && habits.invites_for > 5_000;
        let mut world = Self {
            random,
            network,
            habits,
            hosts: [Host::new(0), Host::new(1)],
            holds: [false; 2],
            steps: BTreeMap::new(),
            number: 0,
            is_clear: false,
            is_fair,
            sums: Sums::default(),
        };
        // Both users at the same moment in some runs, so that both invite at once.
        let first = world.random.pick(&[0, 0, 3, 500, 20_000]);
        world.plan(0, Step::Acts(0));
        world.plan(first, Step::Acts(1));
        world.plan(ACTIVE, Step::ClearsUp);
        world
    }

    fn plan(&mut self, when: u64, step: Step) {
        self.number += 1;
        self.steps.insert((when, self.number), step);
    }

    /// Runs until nothing happens any more.
    fn run(&mut self) {
        let mut turns = 0;
        loop {
            let deadline = |host: usize| self.hosts[host].deadline().filter(|_| !self.holds[host]);
            let due = (0..2).filter_map(|host| Some((deadline(host)?, host))).min();
            let planned = self.steps.keys().next().map(|(when, _)| *when);
            let (now, step) = match (due, planned) {
                (Some((when, host)), planned) if planned.is_none_or(|planned| when < planned) => {
                    (when, Step::Due(host))
                }
                (_, Some(when)) => (when, self.steps.pop_first().unwrap().1),
                (_, None) => return,
            };
            self.step(now, step);
            turns += 1;
            assert!(turns < 100_000 && now < 20 * ACTIVE, "it never comes to rest");
        }
    }

    fn step(&mut self, now: u64, step: Step) {
        trace(now, "", &step);
        match step {
            Step::Reaches(by, channel) => self.reach(now, by, channel),
            Step::Connected(host, channel) if self.network.carries(now, host, channel) => {
                self.hosts[host].connected(now, channel);
                self.turn(now, host);
            }
            Step::Arrives(host, channel, frame) if self.network.carries(now, host, channel) => {
                let is_busy = !self.is_clear && self.random.percent(3);
                self.hosts[host].hears(now, channel, frame, is_busy);
                self.turn(now, host);
            }
            Step::Connected(..) | Step::Arrives(..) => {}
            Step::Breaks(channel) => (0..2).for_each(|side| self.cut(now, side, channel)),
            Step::Broken(host, channel, why) => {
                if self.network.close(host, channel) {
                    self.hosts[host].broken(now, channel, why);
                    self.turn(now, host);
                }
            }
            Step::Acts(host) => self.act(now, host),
            Step::Commits(host) => {
                self.holds[host] = false;
                self.turn(now, host);
            }
            Step::Rises(host) => {
                let text_max = self.random.pick(&[64, 64, 64, 20]);
                self.hosts[host].rise(now, text_max);
                self.turn(now, host);
            }
            Step::ClearsUp => {
                self.is_clear = true;
                self.network.weather.clear_up();
                self.habits.invites_for = 600_000;
                (0..2).for_each(|host| self.plan(now + LOOKS_EVERY, Step::Looks(host, 0)));
            }
            Step::Looks(host, times) => self.look(now, host, times),
            Step::Due(host) => {
                self.hosts[host].chat.as_mut().unwrap().handle_timeout(at(now));
                self.turn(now, host);
            }
        }
    }

    fn reach(&mut self, now: u64, by: usize, channel: ChannelId) {
        let other = 1 - by;
        if !self.hosts[other].is_up {
            let Dialled::Fails(when, why) = self.network.refuse(&mut self.random, now) else { return };
            return self.plan(when, Step::Broken(by, channel, why));
        }
        let (connected, breaks) = self.network.reach(&mut self.random, now, other, channel);
        self.hosts[other].opened_by_peer(channel);
        self.plan(connected, Step::Connected(by, channel));
        if let Some(breaks) = breaks {
            self.plan(breaks, Step::Breaks(channel));
        }
    }

    fn cut(&mut self, now: u64, side: usize, channel: ChannelId) {
        if let Some(heard) = self.network.cut(&mut self.random, now, side, channel) {
            self.plan(heard, Step::Broken(side, channel, Broken::Lost));
        }
    }

    /// The end of a turn of this daemon: events, commit, and what leaves.
    fn turn(&mut self, now: u64, host: usize) {
        if !self.hosts[host].is_up {
            return;
        }
        self.hosts[host].settle(now);
        if self.holds[host] {
            return;
        }
        if !self.is_clear && self.random.percent(self.habits.holds) {
            self.holds[host] = true;
            let takes = self.random.pick(&[1, 50, 2_000]);
            let done = now + 1 + self.random.below(takes);
            return self.plan(done, Step::Commits(host));
        }
        let kill = (!self.is_clear && self.random.below(1_000) < self.habits.kills).then(|| {
            match self.random.below(4) {
                0..2 => Kill::BeforeCommit,
                _ => Kill::AfterCommit(self.random.index(4)),
            }
        });
        let said = self.hosts[host].commit(now, kill);
        self.check_delivered(host);
        said.into_iter().for_each(|said| self.say(now, host, said));
        if kill.is_some() {
            self.fall(now, host);
        }
    }

    fn say(&mut self, now: u64, host: usize, said: Said) {
        trace(now, &self.hosts[host].me.user.clone(), &said);
        match said {
            Said::Dials(channel) => {
                self.sums.channels += 1;
                match self.network.dial(&mut self.random, now, host, channel) {
                    Dialled::Reaches(when) => self.plan(when, Step::Reaches(host, channel)),
                    Dialled::Fails(when, why) => self.plan(when, Step::Broken(host, channel, why)),
                }
            }
            Said::Frame(channel, frame) => {
                if let Some(when) = self.network.arrival(&mut self.random, now, 1 - host, channel) {
                    self.plan(when, Step::Arrives(1 - host, channel, frame));
                }
            }
            Said::Ends(channel) => {
                if let Some(when) = self.network.arrival(&mut self.random, now, 1 - host, channel) {
                    self.plan(when, Step::Broken(1 - host, channel, Broken::Lost));
                }
                self.network.close(host, channel);
            }
        }
    }

    /// The process is no more.
    fn fall(&mut self, now: u64, host: usize) {
        trace(now, &self.hosts[host].me.user, &"falls");
        self.sums.kills += 1;
        for channel in self.network.of(host) {
            self.cut(now, 1 - host, channel);
            self.network.close(host, channel);
        }
        let away = self.random.pick(&[1, 3_000, 60_000]);
        let back = now + 1 + self.random.below(away);
        self.plan(back, Step::Rises(host));
    }

    /// The user does something, and will again.
    fn act(&mut self, now: u64, host: usize) {
        if self.is_clear {
            return;
        }
        // Users write in bursts, and then think.
        let pause = self.random.pick(&[50, 1_000, 6_000, 40_000]);
        let again = now + 1 + self.random.below(pause);
        self.plan(again, Step::Acts(host));
        if !self.hosts[host].is_up || self.holds[host] {
            return;
        }
        let now_at = at(now);
        match self.hosts[host].state() {
            State::Invited => match self.random.below(100) {
                0..80 => self.chat(host).accept(now_at).unwrap(),
                80..85 => self.chat(host).decline(now_at).unwrap(),
                _ => {}
            },
            State::Open => match self.random.below(100) {
                0..3 => self.chat(host).close(now_at, false).unwrap(),
                3..5 => self.chat(host).close(now_at, true).unwrap(),
                5..10 => self.hosts[host].take_back(now),
                _ => (0..=self.random.below(3)).for_each(|_| self.write(now, host)),
            },
            State::Inviting if self.random.percent(10) && !self.is_fair => {
                self.chat(host).close(now_at, false).unwrap();
            }
            State::Closing if self.random.percent(5) => _ = self.chat(host).close(now_at, true),
            State::Closing if self.random.percent(5) && !self.is_fair => self.invite(now, host),
            State::Closed if self.random.percent(50) => self.invite(now, host),
            _ if self.random.percent(20) => self.write(now, host),
            _ => {}
        }
        self.turn(now, host);
    }

    fn chat(&mut self, host: usize) -> &mut SecureChat {
        self.hosts[host].chat.as_mut().unwrap()
    }

    fn write(&mut self, now: u64, host: usize) {
        self.number += 1;
        let is_kept = self.random.percent(self.habits.keeps);
        let len = self.random.pick(&[1, 19, 40]);
        self.hosts[host].write(now, self.number, is_kept, len);
    }

    fn invite(&mut self, now: u64, host: usize) {
        self.sums.chats += 1;
        let id = ChatId(self.random.next());
        self.hosts[host].invite(now, id, self.habits.invites_for);
    }

    /// In clear weather whoever has something in the outbox invites, and whoever is invited accepts.
    fn look(&mut self, now: u64, host: usize, times: u32) {
        let is_full =
            |host: &Host| host.memory.standing(Stands::InOutbox).any(|letter| letter.body.bytes() <= 20);
        match self.hosts[host].state() {
            State::Invited => self.chat(host).accept(at(now)).unwrap(),
            State::Closed if self.hosts[host].is_up && is_full(&self.hosts[host]) => self.invite(now, host),
            _ => {}
        }
        self.turn(now, host);
        let waits = |host: &Host| is_full(host) || host.memory.waiting().next().is_some();
        if self.hosts.iter().any(waits) {
            assert!(times < LOOKS, "an outbox that is never empty");
            let around = self.random.below(LOOKS_EVERY);
            self.plan(now + LOOKS_EVERY + around, Step::Looks(host, times + 1));
        }
    }

    fn check_delivered(&mut self, host: usize) {
        for number in std::mem::take(&mut self.hosts[host].newly_delivered) {
            assert!(
                self.hosts[1 - host].disk.has_shown(number),
                "{number} is reported as delivered, and lost"
            );
        }
    }

    fn assert_rest(&mut self) {
        for host in &self.hosts {
            assert!(host.deadline().is_none() && host.is_up);
            assert_eq!(host.memory.waiting().count(), 0, "nothing waits in a chat");
            assert_eq!(host.disk.wrong, [], "shown twice, or out of order");
            assert_eq!(host.disk.shown, host.memory.shown);
            self.sums.delivered += host.disk.standing(Stands::Delivered).count();
            self.sums.given_up += host.disk.standing(Stands::Undelivered).count();
            self.sums.left += host.disk.standing(Stands::InOutbox).count();
        }
        if self.is_fair {
            let mut reasons = self.hosts.iter().flat_map(|host| &host.disk.reasons);
            let without_cause = |reason: &&Reason| {
                matches!(reason, Reason::PeerGone | Reason::PeerRestarted | Reason::OtherKey)
            };
            assert_eq!(reasons.find(without_cause), None, "nothing was wrong");
        }
        for (from, to) in [(0, 1), (1, 0)] {
            for letter in self.hosts[from].disk.standing(Stands::Delivered) {
                assert!(self.hosts[to].disk.has_shown(letter.id.0), "{letter:?} is lost");
            }
        }
    }
}

fn trace(now: u64, who: &str, what: &dyn std::fmt::Debug) {
    if replaying() {
        println!("{now:>7} {who} {what:?}");
    }
}

#[test]
fn on_channels_that_break_at_any_moment_every_message_comes_once_and_in_order() {
    let mut sums = Sums::default();
    for seed in seeds(4_000) {
        let _replay = Replay { package: "simp-proto", test: "channels_that_break", seed };
        let mut world = World::new(seed);
        world.run();
        world.assert_rest();
        let of = world.sums;
        sums.delivered += of.delivered;
        sums.given_up += of.given_up;
        sums.left += of.left;
        sums.kills += of.kills;
        sums.channels += of.channels;
        sums.chats += of.chats;
    }
    println!("{sums:?}");
    assert!(replaying() || sums.delivered > sums.given_up, "the network is so bad that nothing is tested");
}

//! Channels between the hosts: what is said over one comes once and in order until it breaks, and what was under way then
//! is lost. It breaks for each end at a moment of its own.

use std::collections::HashMap;

use simp_engine::{ChannelCommand, ChannelEvent};
use simp_proto::secure::{Broken, ChannelId, Frame};
use simp_seeds::Random;

use super::network::Network;
use super::world::Step;
use super::{ACTIVE, HOSTS, address, host_at};
use crate::driver::key_of;

/// A link that hears nothing for so long is lost.
const LOST_AFTER: u64 = 30_000;
/// Nobody has answered by then.
const NO_ANSWER_AFTER: u64 = 1_000;

/// One end of a channel.
struct End {
    host: usize,
    channel: ChannelId,
    /// Whether its host still hears of it.
    is_open: bool,
    /// Whether its host knows of it.
    is_known: bool,
    /// When the last that was said to it arrives.
    last: u64,
}

/// What comes to one end.
#[derive(Debug)]
pub enum Coming {
    /// The other end is there.
    Opened,
    /// It says this.
    Said(Frame),
    /// The channel is no more.
    Broken(Broken),
}

/// All channels.
pub struct Wires {
    all: Vec<[End; 2]>,
    named: HashMap<(usize, ChannelId), (usize, usize)>,
    /// In how many of 1,000 cases one breaks when something is said, or cannot be opened.
    trouble: u64,
    /// What is to happen: when, to which host, and what.
    pub plans: Vec<(u64, usize, Step)>,
}

impl Wires {
    pub fn new(random: &mut Random) -> Self {
        let trouble = random.pick(&[0, 20, 100, 400]);
        Self { all: Vec::new(), named: HashMap::new(), trouble, plans: Vec::new() }
    }

    fn plan(&mut self, when: u64, (wire, end): (usize, usize), coming: Coming) {
        let host = self.all[wire][end].host;
        self.plans.push((when, host, Step::Comes((wire, end), coming)));
    }

    fn is_bad(&self, random: &mut Random, now: u64) -> bool {
        now < ACTIVE && random.below(1_000) < self.trouble
    }

    /// What a host wants done with its channels. `runs`: which hosts do.
    pub fn obey(
        &mut self,
        random: &mut Random,
        network: &Network,
        now: u64,
        (host, runs): (usize, [bool; HOSTS]),
        command: ChannelCommand,
    ) {
        match command {
            ChannelCommand::Open(channel, to, expected) => {
                let other = host_at(to);
                assert!(expected.is_none_or(|expected| expected == key_of(to)), "no key ever changes");
                self.open(random, network, now, (host, channel), (other, runs[other]));
            }
            ChannelCommand::Write(channel, frame) => self.say(random, network, now, (host, channel), frame),
            ChannelCommand::End(channel) => {
                let Some((wire, end)) = self.named.get(&(host, channel)).copied() else { return };
                self.all[wire][end].is_open = false;
                let when = self.all[wire][1 - end].last.max(now + 1);
                self.plan(when, (wire, 1 - end), Coming::Broken(Broken::Lost));
            }
            // What is paused is as slow on its way.
            ChannelCommand::Pause(..) => {}
            ChannelCommand::EndAll => self.lose_all(random, now, host, &[0, 100]),
        }
    }

    fn open(
        &mut self,
        random: &mut Random,
        network: &Network,
        now: u64,
        (host, channel): (usize, ChannelId),
        (other, runs): (usize, bool),
    ) {
        let (wire, name) = (self.all.len(), ChannelId(2 * self.all.len() as u64 + 1));
        let end = |host, channel, is_known| End { host, channel, is_open: true, is_known, last: 0 };
        self.all.push([end(host, channel, true), end(other, name, false)]);
        self.named.insert((host, channel), (wire, 0));
        self.named.insert((other, name), (wire, 1));
        let is_cut = network.link(host, other).cut_until > now || network.link(other, host).cut_until > now;
        if !runs || is_cut || self.is_bad(random, now) {
            let is_told = !runs && random.percent(50);
            let (after, why) =
                if is_told { (1, Broken::Unreachable) } else { (NO_ANSWER_AFTER, Broken::NoAnswer) };
            self.all[wire][1].is_open = false;
            return self.plan(now + after, (wire, 0), Coming::Broken(why));
        }
        let after = 2 * network.link(host, other).latency.min(400) + random.below(50);
        self.plan(now + after, (wire, 0), Coming::Opened);
    }

    fn say(
        &mut self,
        random: &mut Random,
        network: &Network,
        now: u64,
        (host, channel): (usize, ChannelId),
        frame: Frame,
    ) {
        let Some((wire, end)) = self.named.get(&(host, channel)).copied() else { return };
        if !self.all[wire].iter().all(|end| end.is_open) {
            return;
        }
        let link = network.link(host, self.all[wire][1 - end].host);
        // It is transmitted again until the link counts as lost.
        let leaves = now.max(link.cut_until);
        let arrives = leaves + link.latency.min(400) + random.below(50);
        let other = &mut self.all[wire][1 - end];
        other.last = other.last.max(arrives);
        let when = other.last;
        self.plan(when, (wire, 1 - end), Coming::Said(frame));
        if leaves > now + LOST_AFTER || self.is_bad(random, now) {
            for end in [0, 1] {
                let after = random.pick(&[0, 1, 60, 900, LOST_AFTER]);
                self.plan(now + after, (wire, end), Coming::Broken(Broken::Lost));
            }
        }
    }

    /// A host is killed, or ends all at once: it hears nothing more, and the others learn of it some time.
    pub fn lose_all(&mut self, random: &mut Random, now: u64, host: usize, after: &[u64]) {
        for wire in 0..self.all.len() {
            for end in [0, 1] {
                if self.all[wire][end].host == host && self.all[wire][end].is_open {
                    self.all[wire][end].is_open = false;
                    let after = random.pick(after);
                    self.plan(now + 1 + after, (wire, 1 - end), Coming::Broken(Broken::Lost));
                }
            }
        }
    }

    /// What a host hears when this comes.
    pub fn hear(&mut self, (wire, end): (usize, usize), coming: Coming) -> Vec<ChannelEvent> {
        let from = address(self.all[wire][1 - end].host);
        let it = &mut self.all[wire][end];
        if !it.is_open {
            return Vec::new();
        }
        let was_known = std::mem::replace(&mut it.is_known, true);
        let incoming = (!was_known).then_some(ChannelEvent::Incoming(it.channel, key_of(from), from));
        let event = match coming {
            Coming::Opened => ChannelEvent::Opened(it.channel, key_of(from)),
            Coming::Said(frame) => ChannelEvent::Frame(it.channel, frame),
            Coming::Broken(why) => {
                it.is_open = false;
                if !was_known {
                    return Vec::new();
                }
                ChannelEvent::Broken(it.channel, why)
            }
        };
        incoming.into_iter().chain([event]).collect()
    }
}

//! What users do: connect, write, queue, cancel, resend, leave. They cut links too, for somebody has to.

use simp_control::Request;
use simp_engine::Policy;

use super::network::Kinds;
use super::world::{Step, World};
use super::{ACTIVE, HOSTS, NAMES, address, trace};
use crate::driver::{Uplink, connect, keep, keep_for, quit, send};

impl World {
    pub fn act_again(&mut self, now: u64, host: usize) {
        // Users write in bursts, and then think.
        let pause = self.random.pick(&[50, 1_000, 6_000, 20_000]);
        let again = now + 1 + self.random.below(pause);
        if again < ACTIVE {
            self.plan(again, host, Step::Acts);
        }
    }

    /// The user does something. What is refused is no failure of ours.
    pub fn act(&mut self, now: u64, host: usize) {
        let other = (host + 1 + self.random.below(HOSTS as u64 - 1) as usize) % HOSTS;
        let who = Some(address(other));
        let may_connect = self.may_connect(now, host, other);
        let choice = self.random.below(100);
        if choice == 0 {
            let max_chats = self.random.pick(&[1, 2]);
            let policy = Policy { max_chats, ..self.policy(host) };
            self.hosts[host].driver.as_mut().unwrap().inputs.policy = Some(policy);
        }
        let on = &mut self.hosts[host];
        let driver = on.driver.as_mut().unwrap();
        let newest = driver.store().last_id();
        let mut ask = |request| driver.inputs.requests.push((0, request));
        match choice {
            1..15 if may_connect => ask(connect(address(other))),
            15..18 => {
                on.is_leaving[other] = true;
                ask(quit(who, choice == 17));
            }
            18..24 => {
                on.sent += 1;
                let expire_ms = self.random.pick(&[None, None, Some(1), Some(30_000)]);
                let text = format!("q{}", on.sent);
                ask(match self.random.pick(&[None, Some(None), Some(who)]) {
                    None => keep(address(other), &text, expire_ms),
                    Some(found) => keep_for(NAMES[other], found, &text, expire_ms),
                });
            }
            24..26 => ask(Request::Cancel { message: newest.saturating_sub(self.random.below(20)) }),
            // Nobody could tell it from what came twice by itself.
            26..28 if self.backups.is_some() => {}
            26..28 => {
                let message = newest.saturating_sub(self.random.below(20));
                ask(Request::Resend { message, expire_ms: None });
            }
            28..30 => self.cut(now, host, other),
            30 => self.block(now, host),
            0..15 => {}
            _ => {
                for _ in 0..=self.random.below(3) {
                    on.sent += 1;
                    ask(send(who, &format!("m{}", on.sent)));
                }
            }
        }
    }

    fn block(&mut self, now: u64, host: usize) {
        let uplink = self.random.pick(&[Uplink::Takes(0), Uplink::Takes(3), Uplink::Refuses]);
        trace(now, host, &uplink);
        self.hosts[host].driver.as_mut().unwrap().uplink = uplink;
        let until = now + self.random.pick(&[1, 1_000, 7_000, 40_000]);
        self.plan(until, host, Step::Unblocks);
    }

    fn cut(&mut self, now: u64, host: usize, other: usize) {
        let cut_until = now + self.random.pick(&[1_000, 20_000, 60_000]);
        self.network.links[host * HOSTS + other].cut_until = cut_until;
        if self.random.percent(50) {
            self.network.links[other * HOSTS + host].cut_until = cut_until;
        }
    }

    /// Whether a new chat may begin, for all of the last one is dead. A chat that is there becomes the user's own.
    fn may_connect(&self, now: u64, host: usize, other: usize) -> bool {
        let is_free = |host: usize, other: usize| {
            let on = &self.hosts[host];
            let is_quiet = on.driver.as_ref().is_none_or(|driver| !driver.waits_for(address(other)));
            is_quiet && !on.is_leaving[other] && now >= on.free_from[other]
        };
        if self.network.kind == Kinds::Channels {
            return true;
        }
        is_free(host, other) && (self.network.kind == Kinds::KeepsOrder || is_free(other, host))
    }
}

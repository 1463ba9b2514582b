//! What users do: connect, write, queue, cancel, resend, leave. They cut links too, for somebody has to.

use simp_control::{Failure, Reply, State};

use super::network::Kinds;
use super::world::{Step, World};
use super::{ACTIVE, HOSTS, address};
use crate::commands::{Refused, Send};

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
            15..18 => _ = done(exchange.quit(moment, who.as_deref(), None, choice == 17)),
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
pub fn done(result: Result<Reply, Refused>) -> Option<Reply> {
    match result {
        Ok(reply) => Some(reply),
        Err(Refused::Failure(Failure { .. })) => None,
        Err(Refused::Store(error)) => panic!("{error}"),
    }
}

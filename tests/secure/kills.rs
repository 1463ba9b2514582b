//! Daemons in a secure chat that are killed again and again at any moment, both at once too, on a network that loses,
//! copies and reorders: what was acknowledged is there, once and in order.
//!
//! `SIMP_SEED=n` takes the same dice again, `SIMP_ROUNDS=n` sets how many kills.

use std::sync::mpsc::{self, Receiver};
use std::time::Instant;

use simp_control::What;

use super::relay::{Counts, Network, Relay, SECURE};
use crate::harness::{DEADLINE, Random, World, connect, seed};
use crate::kills::side::{Seen, Side, USERS};

/// Pairs of daemons.
const PAIRS: u64 = 4;

/// Kills, of all pairs together.
const ROUNDS: u64 = 12;

/// Messages that wait for their acknowledgement while the daemons are killed.
const WAITING: usize = 20;

/// Entries that are seen between two kills, at most.
const BETWEEN: u64 = 40;

/// Two daemons in one chat, with the bad network between them.
struct Pair<'a> {
    sides: [Side<'a>; 2],
    relay: Relay,
    seen: Receiver<Seen>,
    random: Random,
    deadline: Instant,
}

/// What was measured.
#[derive(Default)]
struct Measured {
    messages: [u64; 2],
    unanswered: u64,
    network: Counts,
}

impl<'a> Pair<'a> {
    /// On four addresses of the world from `host` on.
    fn open(world: &'a World, host: u8, config: &str, mut random: Random) -> Self {
        let (sender, seen) = mpsc::channel();
        let relay = Relay::start(world, [host, host + 1], [host + 2, host + 3], random.next());
        let sides =
            [0, 1].map(|number: usize| Side::new(world, number, host + number as u8, config, sender.clone()));
        let mut pair = Self { sides, relay, seen, random, deadline: Instant::now() + DEADLINE };
        pair.sides[0].run.client.reply(&connect(&world.address(host + 2)));
        let opened =
            |side: &Side<'_>| side.shown.iter().any(|event| matches!(event.what, What::Opened { .. }));
        while !pair.sides.iter().all(opened) {
            pair.next();
        }
        pair.relay.set(Network::BAD);
        pair
    }

    /// Waits for the next thing.
    fn next(&mut self) {
        let seen = self.seen.recv_timeout(DEADLINE).expect("nothing happened within the deadline");
        assert!(Instant::now() < self.deadline, "it goes on and on");
        self.note(&seen);
    }

    fn note(&mut self, seen: &Seen) {
        if let Seen::Entry(side, event) = seen {
            let shown = &mut self.sides[*side].shown;
            assert_eq!(event.id, shown.len() as u64 + 1, "{}: an id is missing or used again", USERS[*side]);
            shown.push(event.clone());
        }
    }

    /// Kills one of the two, or both, at a random moment.
    fn round(&mut self) {
        self.deadline = Instant::now() + 4 * DEADLINE;
        let top_up = |pair: &mut Self| {
            pair.sides.iter_mut().for_each(|side| side.top_up(&mut pair.random, WAITING));
        };
        top_up(self);
        for _ in 0..self.random.below(BETWEEN) {
            self.next();
            top_up(self);
        }
        let victims: &[usize] = match self.random.below(3) {
            0 => &[0],
            1 => &[1],
            _ => &[0, 1],
        };
        victims.iter().for_each(|victim| self.sides[*victim].kill(&mut self.random));
        while let Ok(seen) = self.seen.try_recv() {
            self.note(&seen);
        }
        victims.iter().for_each(|victim| self.sides[*victim].start_again());
    }

    /// Lets all be delivered, and compares what was sent with both logs.
    fn check(mut self) -> Measured {
        self.deadline = Instant::now() + DEADLINE;
        while self.sides.iter_mut().any(|side| side.queued() > 0) {
            self.next();
        }
        let logs = self.sides.each_mut().map(|side| side.run.client.log());
        while self.sides.iter().zip(&logs).any(|(side, log)| side.shown.len() < log.len()) {
            self.next();
        }
        for (side, log) in self.sides.iter().zip(logs) {
            assert_eq!(side.shown, log, "{}: what was shown and the log", USERS[side.number]);
        }
        let [alice, bob] = &self.sides;
        let unanswered = alice.check_sent() + bob.check_sent();
        let messages = [(1, alice, bob), (0, bob, alice)].map(|(reader, from, to)| {
            let queued: Vec<&str> = from.queued_texts().into_iter().map(|(_, text)| text).collect();
            assert_eq!(to.messages(), queued, "what {} was shown, and what was sent", USERS[reader]);
            queued.len() as u64
        });
        let passed = self.relay.passed();
        assert!(passed.iter().all(|passed| passed.port == SECURE), "something was said in the clear");
        Measured { messages, unanswered, network: self.relay.counts() }
    }
}

#[test]
fn what_was_acknowledged_in_a_secure_chat_survives_kill_9_and_comes_once_and_in_order() {
    let seed = seed();
    let rounds =
        std::env::var("SIMP_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap()).div_ceil(PAIRS);
    let (started, world) = (Instant::now(), World::new());
    let configs = ["disk", "process"].map(|durability| {
        let path = world.path(durability).with_extension("toml");
        // It never takes the other one for gone.
        std::fs::write(&path, format!("attempts = 100\ndurability = '{durability}'\n")).unwrap();
        path.into_os_string().into_string().unwrap()
    });
    let mut all = Measured::default();
    std::thread::scope(|scope| {
        let pairs: Vec<_> = (0..PAIRS)
            .map(|number| {
                let (world, config) = (&world, &configs[number as usize % 2]);
                let random = Random(seed.wrapping_mul(PAIRS).wrapping_add(number));
                scope.spawn(move || {
                    let mut pair = Pair::open(world, 1 + 4 * number as u8, config, random);
                    (0..rounds).for_each(|_| pair.round());
                    pair.check()
                })
            })
            .collect();
        for pair in pairs {
            let measured = pair.join().unwrap();
            (0..2).for_each(|way| all.messages[way] += measured.messages[way]);
            all.unanswered += measured.unanswered;
            all.network.add(&measured.network);
        }
    });
    let ([to_bob, to_alice], network) = (all.messages, all.network);
    println!(
        "{} kills in {:.0} s: {to_bob} messages to bob, {to_alice} to alice, 0 lost, 0 twice; {} sends not answered; \
         datagrams lost {}, copied {}, late {}",
        rounds * PAIRS,
        started.elapsed().as_secs_f64(),
        all.unanswered,
        network.lost,
        network.copied,
        network.reordered,
    );
    let shared: i64 = (0..PAIRS).map(|pair| shared(&world, 1 + 4 * pair as u8)).sum();
    assert!(shared > 0, "no entries have shared a row of a log");
    assert!(to_bob.min(to_alice) >= PAIRS * WAITING as u64, "too little was sent");
    assert!(network.lost.min(network.copied).min(network.reordered) > 0, "the network was too good");
}

/// How many entries share a row of the log of the daemon on this address with the one after them.
fn shared(world: &World, host: u8) -> i64 {
    let path = world.path("state").join("simp").join(world.address(host)).join("log.db");
    let db = rusqlite::Connection::open(path).unwrap();
    db.query_row("SELECT coalesce(sum(id - first), 0) FROM events", [], |row| row.get(0)).unwrap()
}

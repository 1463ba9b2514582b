//! Daemons that are killed again and again at any moment, on a link that loses and copies: what was acknowledged
//! is there, and once.
//!
//! `SIMP_SEED=n` takes the same dice again, `SIMP_ROUNDS=n` sets how many kills.

pub mod side;

use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver};
use std::time::Instant;

use simp_control::What;

use crate::harness::{DEADLINE, Random, World, connect, seed};
use crate::relay::{Counts, Relay};
use side::{Seen, Side, USERS};

/// Pairs of daemons. A datagram that is lost costs 5 s, so many of them wait at the same time.
const PAIRS: u64 = 60;

/// Kills, of all pairs together.
const ROUNDS: u64 = 300;

/// Messages of ours that wait for their acknowledgement while the daemons are killed.
const WAITING: usize = 2;

/// When a daemon is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// A text was shown or told to be delivered, on either side.
    Shown,
    /// It has just got a datagram.
    Received,
    /// A datagram of its own has just left.
    Transmitted,
}

impl Moment {
    fn is(self, seen: &Seen, victim: usize) -> bool {
        match (self, seen) {
            (Self::Shown, Seen::Entry(_, event)) => {
                matches!(event.what, What::Message { .. } | What::Delivered { .. })
            }
            (Self::Received, Seen::Passed(from)) => *from != victim,
            (Self::Transmitted, Seen::Passed(from)) => *from == victim,
            _ => false,
        }
    }
}

/// Two daemons in one chat, with the bad link between them.
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
    link: Counts,
    /// Chat datagrams that were handed over and not shown: copies, and what came to a dead daemon.
    filtered: u64,
}

impl<'a> Pair<'a> {
    /// On four addresses of the world from `host` on.
    fn open(world: &'a World, host: u8, config: &str, mut random: Random) -> Self {
        let (sender, seen) = mpsc::channel();
        let address = |host| -> SocketAddr { format!("{}:7777", world.address(host)).parse().unwrap() };
        let passed = sender.clone();
        let relay = Relay::start(
            [address(host), address(host + 1)],
            [address(host + 2), address(host + 3)],
            random.next(),
            // Nobody listens any more where the test has failed.
            move |from, _| drop(passed.send(Seen::Passed(from))),
        );
        let sides =
            [0, 1].map(|number: usize| Side::new(world, number, host + number as u8, config, sender.clone()));
        let mut pair = Self { sides, relay, seen, random, deadline: Instant::now() + DEADLINE };
        pair.sides[0].run.client.reply(&connect(&world.address(host + 2)));
        let opened =
            |side: &Side<'_>| side.shown.iter().any(|event| event.what == What::Opened { note: None });
        while !pair.sides.iter().all(opened) {
            pair.next();
        }
        pair
    }

    /// Waits for the next thing. What a listener is shown comes after what it was shown, over all restarts.
    fn next(&mut self) -> Seen {
        let seen = self.seen.recv_timeout(DEADLINE).expect("nothing happened within the deadline");
        assert!(Instant::now() < self.deadline, "it goes on and on");
        self.note(&seen);
        seen
    }

    fn note(&mut self, seen: &Seen) {
        if let Seen::Entry(side, event) = seen {
            let shown = &mut self.sides[*side].shown;
            assert_eq!(event.id, shown.len() as u64 + 1, "{}: an id is missing or used again", USERS[*side]);
            shown.push(event.clone());
        }
    }

    fn top_up(&mut self) {
        self.sides.iter_mut().for_each(|side| side.top_up(&mut self.random, WAITING));
    }

    /// Kills one of the two at a random moment.
    fn round(&mut self) {
        self.deadline = Instant::now() + 4 * DEADLINE;
        let victim = self.random.index(2);
        let moment = [Moment::Shown, Moment::Received, Moment::Transmitted][self.random.index(3)];
        let mut times = self.random.below(6);
        // What has happened before is not such a moment.
        while let Ok(seen) = self.seen.try_recv() {
            self.note(&seen);
        }
        self.top_up();
        while times > 0 {
            let seen = self.next();
            if moment.is(&seen, victim) {
                times -= 1;
            }
            if times > 0 {
                self.top_up();
            }
        }
        self.sides[victim].kill(&mut self.random);
        while let Ok(seen) = self.seen.try_recv() {
            self.note(&seen);
        }
        self.sides[victim].start_again();
    }

    /// Lets all be delivered, now without losses, and compares what was sent with both logs.
    fn check(mut self) -> Measured {
        self.relay.make_bad(false);
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
        let mut measured =
            Measured { unanswered: alice.check_sent() + bob.check_sent(), ..Measured::default() };
        for (number, from, to) in [(0, alice, bob), (1, bob, alice)] {
            let messages = to.messages();
            let queued: Vec<&str> = from.queued_texts().into_iter().map(|(_, text)| text).collect();
            assert_eq!(messages, queued, "what {} was shown, and what was sent", USERS[1 - number]);
            measured.messages[number] = messages.len() as u64;
            let counts = &self.relay.counts()[number];
            measured.link.add(counts);
            measured.filtered += counts.chats - messages.len() as u64;
        }
        measured
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9_of_either_side_and_comes_once() {
    let seed = seed();
    let rounds =
        std::env::var("SIMP_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap()).div_ceil(PAIRS);
    let started = Instant::now();
    let world = World::new();
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
                    pair.relay.make_bad(true);
                    (0..rounds).for_each(|_| pair.round());
                    pair.check()
                })
            })
            .collect();
        for pair in pairs {
            let measured = pair.join().unwrap();
            (0..2).for_each(|way| all.messages[way] += measured.messages[way]);
            all.unanswered += measured.unanswered;
            all.link.add(&measured.link);
            all.filtered += measured.filtered;
        }
    });
    let ([to_bob, to_alice], link, kills) = (all.messages, &all.link, rounds * PAIRS);
    println!(
        "{kills} kills in {:.0} s: {to_bob} messages to bob, {to_alice} to alice, 0 lost, 0 twice; {} sends not \
         answered; datagrams lost {}, copied {}, retransmitted {}, not shown again {}",
        started.elapsed().as_secs_f64(),
        all.unanswered,
        link.lost,
        link.copied,
        link.retransmitted,
        all.filtered,
    );
    assert!(to_bob.min(to_alice) >= PAIRS * WAITING as u64 && all.unanswered > 0, "too little was sent");
    assert!(
        link.lost.min(link.copied).min(link.retransmitted).min(all.filtered) > 0,
        "the link was too good"
    );
}

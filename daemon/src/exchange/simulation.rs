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
//! - here: the hosts' addresses and their clock, and the runs. `network`: the links between them.
//! - `world`: the hosts, turn by turn. `users`: what people do there. `checks`: what must hold, and what was seen.
//!
//! `SIMP_SEED=n` replays one seed and prints its trace, `SIMP_SEEDS=n` runs so many.

mod checks;
mod network;
mod users;
mod world;

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use checks::{Seen, check};
use network::Kinds;
use world::World;

const HOSTS: usize = 3;
/// For how long the users are active, and everything may fail.
const ACTIVE: u64 = 180_000;

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
    // Two say nothing of how rare it is.
    assert!(
        all.tried.saturating_sub(2) * 10_000 <= all.delivered,
        "that a first message comes twice is rare"
    );
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

//! Three hosts on bad links, from a seed. Each of them is simpd's engine with its log, and a clock that only the
//! simulation moves. Users connect, send, queue for peers that are off, also by the names of their hosts, which are not always
//! found, and leave; links lose,
//! copy, delay and are cut; hosts are killed in any turn, before its commit and after it, and started again
//! from what was committed; disks refuse commits; wall clocks jump; settings are read again.
//!
//! What is promised: a message that was acknowledged is in the receiver's log, once and in order; one that is
//! reported as delivered is there too; each has one outcome; in the end nothing waits any more. It holds on links
//! that keep order, whatever they lose or copy, and on links that delay and reorder within L = 2.5 s but make no
//! copies (SIMP 6).
//!
//! A message of the outbox may come twice: if a chat broke off while it was on its way, for then nobody knows
//! whether it arrived. That is counted.
//!
//! With backups, a host that is killed may lose its log, and come back with one that is as old as its backup. What it had
//! since is lost; whatever it says afterwards is not, and nothing comes twice.
//!
//! - here: the hosts' addresses and their clock, and the runs. `network`: the links between them. `wires`: channels.
//! - `world`: the hosts, turn by turn. `users`: what people do there. `checks`: what must hold, and what was seen.
//!   `backups`: logs that come back.
//!
//! `SIMP_SEED=n` replays one seed and prints its trace, `SIMP_SEEDS=n` runs so many.

mod backups;
mod checks;
mod network;
mod users;
mod wires;
mod world;

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Instant;

use simp_seeds::{Replay, replaying, seeds};

use checks::{Seen, check};
use network::Kinds;
use world::World;

const HOSTS: usize = 3;
const NAMES: [&str; HOSTS] = ["ann", "bob", "eve"];
/// For how long the users are active, and everything may fail.
const ACTIVE: u64 = 180_000;

fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

fn address(host: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, host as u8 + 1], 7777))
}

fn host_at(address: SocketAddr) -> usize {
    (0..HOSTS).find(|host| self::address(*host) == address).unwrap()
}

fn trace(now: u64, host: usize, what: &dyn std::fmt::Debug) {
    if replaying() {
        println!("{now:>8} {} {what:?}", NAMES[host]);
    }
}

fn simulate(kind: Kinds, has_backups: bool, test: &'static str, usual: u64) {
    let mut all = Seen::default();
    for seed in seeds(usual) {
        let _replay = Replay { package: "simp-daemon", test, seed };
        let mut world = World::new(kind, seed);
        if has_backups {
            world.keep_backups();
        }
        world.run();
        all.add(&check(&world));
    }
    println!("{kind:?}: {all:?}");
    // Whatever breaks, whenever it does.
    assert!(kind != Kinds::Channels || all.outbox_again == 0, "shown twice: {all:?}");
    assert!(replaying() || (all.restored > 0) == has_backups, "{all:?}");
    assert!(replaying() || all.delivered > all.undelivered, "nothing passes, so nothing is tested: {all:?}");
}

#[test]
fn hosts_on_links_that_keep_order_lose_nothing_and_show_nothing_twice() {
    simulate(Kinds::KeepsOrder, false, "keep_order", 1_000);
}

#[test]
fn hosts_on_links_that_reorder_within_l_lose_nothing_and_show_nothing_twice() {
    simulate(Kinds::Reorders, false, "reorder_within", 1_000);
}

#[test]
fn hosts_whose_channels_break_at_any_moment_lose_nothing_and_show_nothing_twice() {
    simulate(Kinds::Channels, false, "channels_break", 2_000);
}

#[test]
fn secure_chats_with_a_host_whose_log_is_restored_lose_nothing_new_and_show_nothing_twice() {
    simulate(Kinds::Channels, true, "secure_chats_with_a_host_whose_log_is_restored", 40);
}

#[test]
fn plain_chats_with_a_host_whose_log_is_restored_lose_nothing_new_and_show_nothing_twice() {
    simulate(Kinds::KeepsOrder, true, "plain_chats_with_a_host_whose_log_is_restored", 40);
}

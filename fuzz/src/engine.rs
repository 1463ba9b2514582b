//! A daemon without sockets, turn by turn: datagrams from a few addresses, channels, requests, addresses that cannot be reached,
//! hosts that are found or not,
//! settings that change, clocks that jump, a disk that refuses commits, a network
//! that takes nothing, kills. `Watched` holds it to what it promises;
//! here is what happens to it.

mod unheard;
mod watched;

use std::net::SocketAddr;
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use simp_engine::{Accept, Budget, Policy, Retain, Secrecy};
use simp_proto::{Settings, Us};
use simp_store::Discard;

use crate::driver::{self, Uplink};
use crate::heard::{self, Before};
use crate::{asked, memory};
use watched::Watched;

/// Longer inputs show nothing that shorter ones do not, and take long.
const STEPS_MAX: usize = 200;

/// The daemon itself may take this much, whoever sends what.
const MEMORY_MAX: usize = 64 << 20;

/// In milliseconds.
const PAUSES: [u64; 12] =
    [0, 1, 30, 500, 1_000, 2_500, 5_000, 10_000, 60_000, 600_000, 3_600_000, 86_400_000];

/// Peers: three on one host, two on others, one that cannot be answered, and ourselves.
const PEERS: [&str; 7] = [
    "127.0.0.2:7777",
    "127.0.0.2:7777",
    "127.0.0.2:7778",
    "127.0.0.3:7777",
    "[::1]:7777",
    "127.0.0.4:0",
    "127.0.0.1:7777",
];

/// Lets all this happen to one daemon.
pub fn run(bytes: &[u8]) {
    memory::within(MEMORY_MAX, || {
        let mut input = Unstructured::new(bytes);
        let Ok(policy) = policy(&mut input) else { return };
        let mut before = Before::default();
        let mut daemon = Watched::start(policy);
        for _ in 0..STEPS_MAX {
            // An error says that the input has ended.
            if input.is_empty() || step(&mut daemon, &mut input, &mut before).is_err() {
                break;
            }
        }
        daemon.comes_to_rest();
    });
}

fn step(daemon: &mut Watched, input: &mut Unstructured<'_>, before: &mut Before) -> Result<()> {
    match input.int_in_range(0..=63)? {
        0..7 => {
            let from = peer(input)?;
            daemon.hears_of_channels(input, from)?;
        }
        7..20 => {
            let from = peer(input)?;
            daemon.hears(from, heard::datagram(input, before)?);
        }
        20..32 => daemon.is_asked(asked::request(input, daemon.last_id())?),
        32..46 => daemon.takes_a_turn(*input.choose(&PAUSES)?),
        46..54 => daemon.takes_a_turn_when_due(),
        54 => daemon.cannot_reach(peer(input)?),
        55 => daemon.finds(peer(input)?, input.ratio(3, 4)?),
        56 => daemon.has_settings(policy(input)?),
        57 => daemon.has_a_clock_that_jumps(clock(input)?),
        58 | 59 => daemon.has_a_disk_that_refuses(input.int_in_range(0..=2)?, input.int_in_range(1..=4)?),
        60 | 61 => daemon.is_killed_and_started(policy(input)?),
        62 => daemon.takes_a_turn(u64::from(input.arbitrary::<u16>()?)),
        _ => daemon.has_an_uplink(uplink(input)?),
    }
    before.ours = daemon.last_number;
    Ok(())
}

fn peer(input: &mut Unstructured<'_>) -> Result<SocketAddr> {
    Ok(input.choose(&PEERS)?.parse().unwrap())
}

fn uplink(input: &mut Unstructured<'_>) -> Result<Uplink> {
    Ok(match input.int_in_range(0..=3)? {
        0 => Uplink::Refuses,
        1 => Uplink::Takes(input.int_in_range(0..=3)?),
        _ => Uplink::Free,
    })
}

/// Milliseconds since 1970: as Linux lets clocks be set, and mostly near what it was.
fn clock(input: &mut Unstructured<'_>) -> Result<u64> {
    const NOW: u64 = 1_800_000_000_000;
    Ok(match input.int_in_range(0..=7)? {
        0 => 0,
        // In the year 2232.
        1 => 8_277_292_036_000,
        2 => NOW - 86_400_000,
        3 => NOW - 1,
        4 => NOW + 3_600_000,
        5 => NOW + 86_400_000,
        _ => NOW,
    })
}

fn policy(input: &mut Unstructured<'_>) -> Result<Policy> {
    let accept = *input.choose(&["all", "ask", "ann,127.0.0.3"])?;
    let max_chats = input.int_in_range(1..=3)?;
    let mut policy = driver::policy("me", Accept::parse(accept).unwrap_or(Accept::Ask), max_chats);
    policy.secrecy = *input.choose(&[Secrecy::Off, Secrecy::Prefer, Secrecy::Require])?;
    // Most are as they come.
    if input.ratio(1, 4)? {
        // As simpd.toml lets them be.
        let request_expiry = Duration::from_secs(*input.choose(&[1, 20, 86_400])?);
        let attempts = input.int_in_range(1..=6)?;
        let settings = Settings { attempts, request_expiry, message_max: *input.choose(&[985, 65_000])? };
        policy.us = Us { settings, ..*policy.us }.into();
        policy.budget = *input.choose(&[Budget::default(), Budget { peer: 1_024, strangers: 1_024 }])?;
    }
    if input.ratio(1, 4)? {
        policy.retain = retain(input)?;
    }
    if input.ratio(1, 8)? {
        let dialects =
            ["plain", "rings,one-counter", "never-acks", "wants-no-acks", "cuts-at=1", "misses-fast-acks"];
        policy.pins.add("127.0.0.2", input.choose(&dialects)?).unwrap();
    }
    Ok(policy)
}

fn retain(input: &mut Unstructured<'_>) -> Result<Retain> {
    let age = *input.choose(&[None, Some(1), Some(60), Some(86_400)])?;
    let count = *input.choose(&[None, Some(0), Some(1), Some(10)])?;
    let discard = Discard { unread: input.arbitrary()?, undelivered: input.arbitrary()? };
    Ok(Retain { age: age.map(Duration::from_secs), count, discard })
}

//! A room: what a line to everybody costs, for few members and for many.

use std::cell::RefCell;
use std::time::Instant;

use simp_control::Request;

use crate::client::BenchClient;
use crate::crowd::Crowd;
use crate::memory::Memory;
use crate::rounds::{Contender, compare};
use crate::world::{PLAIN, Process, World};
use crate::{Attempt, Effort};

/// What is said, without the name before it.
const TEXT: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Prints deliveries per second for rooms of three sizes, and what a member occupies.
pub fn measure(effort: Effort) -> Attempt<()> {
    for size in [10, 100, 1_000] {
        let deliveries = effort.of(20_000, 5_000);
        measure_size(size, deliveries, effort.of(7, 3))?;
    }
    Ok(())
}

fn measure_size(size: u32, deliveries: u64, rounds: usize) -> Attempt<()> {
    let world = World::new("disk", PLAIN)?;
    let simpd = world.simpd(&["--max-chats", "2000"])?;
    let mut command = world.command(env!("CARGO_BIN_EXE_simp-room"));
    let flags = ["--name", "bench", "--open", "--history", "0", "--rate", "100000", "--max-members", "2000"];
    let room = Process::start(command.arg("run").args(flags).args(["-d", &simpd.address.to_string()]))?;
    let empty = Memory::of(room.id())?;
    let mut crowd = Crowd::new(&[simpd.address], size)?;
    let began = Instant::now();
    crowd.join()?;
    let joined = began.elapsed();
    crowd.calm()?;
    println!("  {size} members, all of whom came within {:.1} s", joined.as_secs_f64());
    let full = Memory::of(room.id())?;
    let each = full.rss.saturating_sub(empty.rss) * 1_024 / u64::from(size);
    println!("  {:<44} {each:>8} bytes", "for each member, in simp-room");
    let to: Vec<String> =
        (0..size).map(|number| Ok(crowd.address(number)?.to_string())).collect::<Attempt<_>>()?;
    let (crowd, client) = (RefCell::new(crowd), RefCell::new(simpd.client()?));
    let lines = (deliveries / u64::from(size)).max(2);
    compare(
        "/s",
        rounds,
        vec![
            Contender::new("simpd, asked by one client for all of them", || {
                direct(&mut crowd.borrow_mut(), &mut client.borrow_mut(), &to, lines)
            }),
            Contender::new("the room, a line of one member at a time", || {
                public(&mut crowd.borrow_mut(), u64::from(size), lines, false)
            }),
            Contender::new("the room, lines of ten members at a time", || {
                public(&mut crowd.borrow_mut(), u64::from(size), lines, true)
            }),
        ],
    )
}

/// So many lines to each, without a room.
fn direct(crowd: &mut Crowd, client: &mut BenchClient, to: &[String], lines: u64) -> Attempt<f64> {
    crowd.calm()?;
    crowd.forget();
    let began = Instant::now();
    for _ in 0..lines {
        let requests: Vec<Request> = to.iter().map(|to| Request::send(Some(to.clone()), TEXT)).collect();
        client.ask_all(&requests)?;
        crowd.hear(to.len() as u64)?;
    }
    Ok(lines as f64 * to.len() as f64 / began.elapsed().as_secs_f64())
}

/// So many lines of members to all others, each with its confirmation.
fn public(crowd: &mut Crowd, size: u64, lines: u64, at_once: bool) -> Attempt<f64> {
    crowd.calm()?;
    crowd.forget();
    let speakers = if at_once { size.min(10) } else { 1 };
    let rounds = (lines / speakers).max(1);
    let began = Instant::now();
    for _ in 0..rounds {
        for speaker in 0..speakers {
            crowd.say(speaker as u32, TEXT)?;
        }
        crowd.hear(speakers * size)?;
    }
    Ok((rounds * speakers * (size - 1)) as f64 / began.elapsed().as_secs_f64())
}

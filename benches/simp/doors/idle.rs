//! What a door occupies, and what it does while nobody says anything.

use std::thread;
use std::time::Duration;

use super::house::{Door, House};
use super::servers::Servers;
use crate::occupied::{Memory, Work};
use crate::{Attempt, Effort};

/// Members at another door.
const ELSEWHERE: u32 = 1_000;

/// Prints both, against the room without NATS.
pub fn measure(effort: Effort) -> Attempt<()> {
    println!("  memory of simp-room, and what it does while nobody says anything");
    let servers = Servers::start(1)?;
    let alone = Door::open("idle", 0, None)?;
    print_memory("without NATS, RSS without members", Memory::of(alone.room.id())?);
    let door = Door::open("idle", 1, Some(&servers))?;
    let empty = Memory::of(door.room.id())?;
    print_memory("a door, RSS without members", Memory::of(door.room.id())?);
    let house = House::open("idle", 1, ELSEWHERE, Some(&servers))?;
    let full = Memory::of(door.room.id())?;
    let each = full.rss.saturating_sub(empty.rss) * 1_024 / u64::from(ELSEWHERE);
    println!("  {:<44} {each:>8} bytes", "a door, for each member at another one");
    let elsewhere = house.doors.first().ok_or("no door")?;
    print_idle(
        &[
            ("without NATS", &alone),
            ("a door of two, without members", &door),
            ("the other, with 1,000 members", elsewhere),
        ],
        Duration::from_secs(effort.of(30, 5)),
    )
}

fn print_memory(name: &str, Memory { rss, anon }: Memory) {
    println!("  {name:<44} {rss:>8} KiB, {anon} KiB of it anonymous");
}

/// All of them in the same time.
fn print_idle(all: &[(&str, &Door)], for_how_long: Duration) -> Attempt<()> {
    let works = || all.iter().map(|(_, door)| Work::of(door.room.id())).collect::<Attempt<Vec<_>>>();
    // What came before is still work.
    thread::sleep(Duration::from_secs(1));
    let before = works()?;
    thread::sleep(for_how_long);
    let seconds = for_how_long.as_secs_f64();
    for (((name, _), before), after) in all.iter().zip(before).zip(works()?) {
        let wakes = (after.wakes - before.wakes) as f64 / seconds;
        let cpu = (after.cpu - before.cpu).as_secs_f64() / seconds;
        println!("  {:<44} {wakes:>8.1} wake-ups/s, {:.2} ms/s of CPU", format!("idle, {name}"), cpu * 1e3);
    }
    Ok(())
}

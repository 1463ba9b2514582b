//! What simpd occupies with no chat and with many, and what it does while none of them says anything.

use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use crate::crowd::Crowd;
use crate::world::{PLAIN, SECURE, World};
use crate::{Attempt, Effort, allies};

const CHATS: u32 = 10_000;

/// Prints both, of plain chats and of secure ones.
pub fn measure(effort: Effort) -> Attempt<()> {
    println!("  plain:");
    // The log only has to be filled.
    let world = World::new("process", PLAIN)?;
    measure_with(effort, &world, 512, |simpd| Crowd::new(&[simpd], CHATS)?.join())?;
    println!("  secure, their links closed:");
    let world = World::new("process", SECURE)?;
    measure_with(effort, &world, 1_229, |simpd| allies::open_chats(simpd, CHATS, &world.state))
}

fn measure_with(
    effort: Effort,
    world: &World,
    goal: u64,
    open_chats: impl FnOnce(SocketAddr) -> Attempt<()>,
) -> Attempt<()> {
    let simpd = world.simpd(&["--max-chats", "20000"])?;
    let id = simpd.process.id();
    let empty = Memory::of(id)?;
    println!(
        "  {:<44} {:>8} KiB, {} KiB of it anonymous  goal <= 8192 KiB",
        "RSS without chats", empty.rss, empty.anon
    );

    open_chats(simpd.address)?;
    let open = simpd.client()?.open_chats()?;
    if open != u64::from(CHATS) {
        return Err(format!("{open} chats are open, not {CHATS}").into());
    }
    let full = Memory::of(id)?;
    println!("  {:<44} {:>8} KiB, {} KiB of it anonymous", "RSS with 10,000 open chats", full.rss, full.anon);
    let each = full.rss.saturating_sub(empty.rss) * 1024 / u64::from(CHATS);
    println!("  {:<44} {each:>8} bytes  goal <= {goal}", "for each chat, SQLite's cache included");
    println!(
        "  {:<44} {:>8}  goal: none for a chat",
        "descriptors",
        fs::read_dir(format!("/proc/{id}/fd"))?.count()
    );

    let idle = Duration::from_secs(effort.of(20, 5));
    // The last client's end is still work.
    thread::sleep(Duration::from_secs(1));
    let before = Work::of(id)?;
    thread::sleep(idle);
    let after = Work::of(id)?;
    println!(
        "  idle for {} s with all of them open: {} ticks of CPU, {} wake-ups  goal: 0 and 0",
        idle.as_secs(),
        after.ticks - before.ticks,
        after.wakes - before.wakes
    );
    Ok(())
}

/// In KiB.
pub struct Memory {
    /// All of it.
    pub rss: u64,
    /// What is of no file.
    pub anon: u64,
}

impl Memory {
    /// That of this process.
    pub fn of(id: u32) -> Attempt<Self> {
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        Ok(Self { rss: field(&status, "VmRSS:")?, anon: field(&status, "RssAnon:")? })
    }
}

/// Since the process began.
pub struct Work {
    /// utime and stime, of 10 ms each.
    pub ticks: u64,
    /// Each time one of its threads is woken, it falls asleep again: voluntary context switches.
    pub wakes: u64,
}

impl Work {
    /// That of this process.
    pub fn of(id: u32) -> Attempt<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
        // Behind the name, which may contain anything, utime and stime are the 12th and 13th word.
        let (_, words) = stat.rsplit_once(')').ok_or("/proc: no name")?;
        let ticks =
            words.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
        let mut wakes = 0;
        for thread in fs::read_dir(format!("/proc/{id}/task"))? {
            let status = fs::read_to_string(thread?.path().join("status"))?;
            wakes += field(&status, "voluntary_ctxt_switches:")?;
        }
        Ok(Self { ticks, wakes })
    }
}

fn field(status: &str, name: &str) -> Attempt<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    Ok(value.ok_or_else(|| format!("/proc: no {name}"))?.parse()?)
}

//! Many chats: opening them, what each occupies, what a message costs in one of them, and all peers at once.

use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::builds::Build;
use crate::crowd::IN_ONE_GO;
use crate::load::{Inlet, Load};
use crate::machine::Core;
use crate::occupied::{Memory, Work};
use crate::plot::Panel;
use crate::rounds::{median, range};
use crate::sweep::{self, Step};
use crate::world::{PLAIN, SECURE, World};
use crate::{Attempt, Bench, allies};

/// How many chats.
const CHATS: [Step; 4] = [(64, ""), (1_000, ""), (10_000, ""), (50_000, "")];

/// Most chats in which something is on its way at the same time.
const AT_ONCE: u32 = 512;

/// So many are idle, or speak at once.
const MANY: u32 = 10_000;

/// Prints all of it.
pub fn measure(bench: &mut Bench) -> Attempt<()> {
    let lasts = bench.effort.of(Duration::from_millis(400), Duration::from_millis(200));
    let steps = CHATS.get(..bench.effort.of(4, 3)).unwrap_or(&CHATS);
    println!("  opened, {IN_ONE_GO} at a time");
    sweep::measure(bench, Some(Panel::Chats), ("chats", steps), |build, count| {
        let mut inlet = open(build, count as u32)?;
        let at_once = AT_ONCE.min(count as u32);
        Ok(Box::new(move || {
            let [rate, cpu, ..] = inlet.round(at_once, lasts)?;
            Ok([rate, cpu])
        }))
    })?;
    println!("  {MANY} peers speak at once");
    for build in Build::all() {
        measure_burst(&build, bench.effort.of(3, 1))?;
    }
    let idle = Duration::from_secs(bench.effort.of(10, 3));
    for build in Build::all() {
        println!("  {}", build.called(&format!("{MANY} idle chats")));
        let world = World::new(&build, "process", PLAIN)?;
        measure_idle(&world, (MANY, idle, "goal <= 512"), |simpd| Load::new(simpd, MANY, Core::Own)?.join())?;
    }
    let secure = bench.effort.of(5_000, 1_000);
    println!("  {secure} idle secure chats, their links closed");
    let world = World::new(&Build::now(), "process", SECURE)?;
    // What there is once for all of them counts for more if they are few.
    let goal = bench.effort.of("goal <= 1229", "");
    measure_idle(&world, (secure, idle, goal), |simpd| allies::open_chats(simpd, secure, &world.state))
}

/// Opens so many, and prints what that takes.
fn open(build: &Build, count: u32) -> Attempt<Inlet> {
    let mut inlet = Inlet::start(build, "process", count)?;
    let (cpu, begin) = (inlet.simpd.cpu()?, Instant::now());
    inlet.load.join()?;
    let elapsed = begin.elapsed().as_secs_f64() * 1e6 / f64::from(count);
    let cpu = (inlet.simpd.cpu()? - cpu) / f64::from(count);
    let name = build.called(&format!("chats: {count}"));
    println!("  {name:<40}  {elapsed:>9.1} us each, {cpu:.1} of them CPU  goal <= 60 us");
    Ok(inlet)
}

fn measure_burst(build: &Build, rounds: usize) -> Attempt<()> {
    let mut inlet = Inlet::open(build, "process", MANY)?;
    let (mut at_once, mut elapsed) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let burst = inlet.load.burst()?;
        at_once.push(burst.0 as f64);
        elapsed.push(burst.1);
    }
    let (least, most) = range(&at_once);
    println!(
        "  {:<40}  {:>9.0} [{least:.0}..{most:.0}] acknowledged within 5 s, all within {:.1} s",
        build.called("simpd"),
        median(&at_once),
        median(&elapsed)
    );
    Ok(())
}

/// Prints what a simpd occupies, without chats and with all of them, and what it does while they are idle.
fn measure_idle(
    world: &World,
    (chats, idle, goal): (u32, Duration, &str),
    open_chats: impl FnOnce(SocketAddr) -> Attempt<()>,
) -> Attempt<()> {
    let simpd = world.simpd(Core::Own, &["--max-chats", "20000"])?;
    let id = simpd.process.id();
    let empty = Memory::of(id)?;
    open_chats(simpd.address)?;
    let open = simpd.client()?.open_chats()?;
    if open != u64::from(chats) {
        return Err(format!("{open} chats are open, not {chats}").into());
    }
    let full = Memory::of(id)?;
    let each = full.rss.saturating_sub(empty.rss) * 1024 / u64::from(chats);
    let memory = |name, Memory { rss, anon }| {
        println!("  {name:<40}  {rss:>9} KiB, {anon} KiB of it anonymous");
    };
    memory("RSS without chats, goal <= 8192 KiB", empty);
    memory("RSS with them", full);
    println!("  {:<40}  {each:>9} bytes  {goal}", "for each chat, SQLite's cache included");
    let descriptors = fs::read_dir(format!("/proc/{id}/fd"))?.count();
    println!("  {:<40}  {descriptors:>9}  goal: none for a chat", "descriptors");
    // The last client's end is still work.
    thread::sleep(Duration::from_secs(1));
    let before = Work::of(id)?;
    thread::sleep(idle);
    let after = Work::of(id)?;
    println!(
        "  {:<40}  {:>9} wake-ups, {} us of CPU in {} s  goal: 0 and 0",
        "nothing is said",
        after.wakes - before.wakes,
        (after.cpu - before.cpu).as_micros(),
        idle.as_secs()
    );
    Ok(())
}

//! Clients that follow what comes in.

use std::time::{Duration, Instant};

use crate::builds::Build;
use crate::followers::Followers;
use crate::load::Inlet;
use crate::plot::Panel;
use crate::rounds::{median, range};
use crate::sweep::{self, Step};
use crate::{Attempt, Bench};

/// How many follow, and which rate is wanted of that without any.
const FOLLOWERS: [Step; 5] =
    [(0, ""), (1, ""), (10, ""), (100, "goal >= 0.50x /s"), (1_000, "goal >= 0.09x /s")];

/// In so many chats something comes in all the time.
const BUSY: u32 = 64;

/// In so many while one follower is not there.
const FULL: u32 = 512;

/// How long it is not there.
const PAUSE: Duration = Duration::from_millis(500);

/// How long followers may take for what has come in.
const PATIENCE: Duration = Duration::from_secs(60);

/// Prints what they cost, and how long it takes one that was away to be at the end again.
pub fn measure(bench: &mut Bench) -> Attempt<()> {
    let lasts = bench.effort.of(Duration::from_millis(400), Duration::from_millis(200));
    println!("  busy chats: {BUSY}, until all who follow have read all");
    sweep::measure(bench, Some(Panel::Followers), ("followers", &FOLLOWERS), |build, count| {
        let mut inlet = Inlet::open(build, "process", BUSY)?;
        let mut followers = Followers::connect(&inlet.simpd.socket, count as usize, None)?;
        Ok(Box::new(move || round(&mut inlet, &mut followers, count, lasts)))
    })?;
    println!(
        "  busy chats: {FULL}, one follower reads nothing for {} s: back at the end after",
        PAUSE.as_secs_f64()
    );
    let limit = bench.effort.of(Duration::from_secs(10), Duration::from_secs(4));
    Build::all().iter().try_for_each(|build| measure_return(build, bench.effort.of(5, 2), limit))
}

/// Messages per second until all is read, and what each costs.
fn round(inlet: &mut Inlet, followers: &mut Followers, count: u64, lasts: Duration) -> Attempt<[f64; 2]> {
    let (before, begin, read) = (inlet.simpd.cpu()?, Instant::now(), followers.read());
    let poured = inlet.load.pour(BUSY, lasts, |_| followers.serve().map(|()| true))?;
    while followers.read() - read < poured.messages * count {
        followers.serve()?;
        if begin.elapsed() > PATIENCE {
            return Err("followers do not get all that has come in".into());
        }
    }
    let messages = poured.messages as f64;
    Ok([messages / begin.elapsed().as_secs_f64(), (inlet.simpd.cpu()? - before) / messages])
}

fn measure_return(build: &Build, rounds: usize, limit: Duration) -> Attempt<()> {
    let name = build.called("simpd");
    let mut inlet = Inlet::open(build, "process", FULL)?;
    let mut followers = Followers::connect(&inlet.simpd.socket, 1, None)?;
    let mut figures = Vec::new();
    for _ in 0..rounds {
        let (begin, read) = (Instant::now(), followers.read());
        let (mut back, mut behind) = (None, 0);
        inlet.load.pour(FULL, 2 * PAUSE + limit, |messages| {
            let now = begin.elapsed();
            // As long as it takes for all to be as it is all the time.
            if now < PAUSE || now > 2 * PAUSE {
                followers.serve()?;
                behind = (read + messages).saturating_sub(followers.read());
            }
            // What is on its way now is not behind.
            if now > 2 * PAUSE && behind <= u64::from(2 * FULL) {
                back.get_or_insert(now - 2 * PAUSE);
            }
            Ok(back.is_none())
        })?;
        match back {
            Some(back) => figures.push(back.as_secs_f64()),
            None => {
                println!("  {name:<40}  not within {} s: {behind} entries behind", limit.as_secs());
                return Ok(());
            }
        }
        // The next round begins at the end.
        let all = Instant::now();
        while all.elapsed() < PAUSE {
            followers.serve()?;
        }
    }
    let (least, most) = range(&figures);
    println!("  {name:<40}  {:>9.2} s [{least:.2}..{most:.2}]  goal <= 2 s", median(&figures));
    Ok(())
}

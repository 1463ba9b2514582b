//! CPU time: of a door for each message to its members, and of the server for each line.

use std::thread;
use std::time::{Duration, Instant};

use super::house::{House, Spent};
use super::servers::Servers;
use crate::rounds::{Column, median, print, range};
use crate::{Attempt, Effort, TEXT};

const NANOS: Column = Column::new("ns", 0);

/// Members at each door.
const EACH: u32 = 250;

/// All that follows from what was said is done if nothing has come for so long.
const QUIET: Duration = Duration::from_millis(50);

/// What one of the contenders has spent, one figure per round.
struct Figures {
    name: String,
    /// Nanoseconds for each message to a member, a confirmation too.
    room: Vec<f64>,
    /// The same with the simpd of that door.
    both: Vec<f64>,
}

impl Figures {
    fn new(name: String) -> Self {
        Self { name, room: Vec::new(), both: Vec::new() }
    }

    fn push(&mut self, room: f64, simpd: f64) {
        self.room.push(room);
        self.both.push(room + simpd);
    }
}

/// Prints that of doors: one, one of two, and one of four, at which all is said and at which nothing is.
pub fn measure(effort: Effort) -> Attempt<()> {
    let servers = Servers::start(1)?;
    let mut houses = vec![House::open("alone", 1, EACH, None)?];
    for doors in [1, 2, 4] {
        houses.push(House::open(&format!("of{doors}"), doors, EACH, Some(&servers))?);
    }
    for (at_once, how) in [(1, "a line of one member at a time"), (10, "lines of ten members at a time")] {
        println!("  {EACH} members at each door, {how}, CPU per message to one of them");
        measure_talk(effort, &mut houses, &servers, at_once)?;
    }
    Ok(())
}

fn measure_talk(effort: Effort, houses: &mut [House], servers: &Servers, at_once: u32) -> Attempt<()> {
    let lines = effort.of(50, 20);
    let mut all = vec![Figures::new("without NATS".to_owned())];
    for house in houses.iter().skip(1) {
        let doors = house.doors.len();
        all.push(Figures::new(format!("1 of {doors}, at which all is said")));
        if doors > 1 {
            all.push(Figures::new(format!("1 of {doors}, at which nothing is said")));
        }
    }
    let mut server = vec![Vec::new(); houses.len()];
    for round in 0..=effort.of(5, 3) {
        let mut at = all.iter_mut();
        for (house, server) in houses.iter_mut().zip(&mut server) {
            let (first, others, per_line) = talk(house, servers, lines, at_once)?;
            // The first round warms up.
            let kept = [Some(first), others].into_iter().flatten().zip(at.by_ref());
            let kept: Vec<_> = kept.collect();
            if round > 0 {
                kept.into_iter().for_each(|((room, simpd), figures)| figures.push(room, simpd));
                server.push(per_line);
            }
        }
    }
    let Some(reference) = all.first() else { return Ok(()) };
    for figures in &all {
        print(&figures.name, NANOS, &figures.room, &reference.room, "goal <= 1.15x");
    }
    println!("  the same, with the simpd of that door");
    for figures in &all {
        print(&figures.name, NANOS, &figures.both, &reference.both, "");
    }
    for (house, figures) in houses.iter().zip(&server).skip(1) {
        print_server(&format!("nats-server for each line, doors: {}", house.doors.len()), figures);
    }
    Ok(())
}

/// What the first door has spent for each message, its simp-room and its simpd, what the others have, and what the
/// server has for each line.
type Shares = ((f64, f64), Option<(f64, f64)>, f64);

fn talk(house: &mut House, servers: &Servers, lines: u32, at_once: u32) -> Attempt<Shares> {
    house.crowd.calm_for(QUIET)?;
    let (before, server) = (house.spent()?, servers.cpu_time()?);
    house.talk(lines, TEXT, at_once)?;
    house.crowd.calm_for(QUIET)?;
    let per_line = (servers.cpu_time()? - server).as_nanos() as f64 / f64::from(lines);
    let messages = f64::from(lines * house.each());
    let share = |(before, after): (&Spent, &Spent)| {
        let room = (after.room - before.room).as_nanos() as f64 / messages;
        (room, (after.simpd - before.simpd).as_nanos() as f64 / messages)
    };
    let after = house.spent()?;
    let mut shares = before.iter().zip(&after).map(share);
    let first = shares.next().ok_or("a room without a door")?;
    let others: Vec<_> = shares.collect();
    let mean = |of: fn(&(f64, f64)) -> f64| others.iter().map(of).sum::<f64>() / others.len() as f64;
    let others = (!others.is_empty()).then(|| (mean(|share| share.0), mean(|share| share.1)));
    Ok((first, others, per_line))
}

/// Prints what servers spend for each line, and while nobody says anything.
pub fn measure_servers(effort: Effort) -> Attempt<()> {
    println!("  10 members at each of 2 doors, CPU of nats-server for each line");
    for count in [1, 3] {
        let servers = Servers::start(count)?;
        let mut house = House::open("servers", 2, 10, Some(&servers))?;
        let name = if count == 1 { "one server" } else { "three servers, replicas 3" };
        for (at_once, how) in [(1, "a line at a time"), (10, "ten at a time")] {
            let mut figures = Vec::new();
            for _ in 0..effort.of(5, 3) {
                figures.push(talk(&mut house, &servers, effort.of(400, 100), at_once)?.2);
            }
            print_server(&format!("{name}, {how}"), &figures);
        }
        let (began, before) = (Instant::now(), servers.cpu_time()?);
        thread::sleep(Duration::from_secs(effort.of(10, 3)));
        let idle = (servers.cpu_time()? - before).as_secs_f64() / began.elapsed().as_secs_f64();
        println!("  {:<44} {:>10.2} ms/s", format!("{name}, idle"), idle * 1e3);
    }
    Ok(())
}

/// Nanoseconds, as microseconds.
fn print_server(name: &str, figures: &[f64]) {
    let ((least, most), middle) = (range(figures), median(figures));
    println!("  {name:<44} {:>11.0} us  [{:.0}..{:.0}]", middle / 1e3, least / 1e3, most / 1e3);
}

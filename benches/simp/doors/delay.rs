//! How long a public line takes from whoever says it to somebody who hears it.

use std::time::{Duration, Instant};

use super::house::House;
use super::servers::Servers;
use crate::{Attempt, Effort, TEXT};

/// Members at each door: few, so that a line does not wait for those that go to others.
const EACH: u32 = 10;

/// Under light load, so long after a line comes the next one, whatever has become of it.
const EVERY: Duration = Duration::from_millis(20);

/// Lines of one contender before the next has its turn.
const IN_ONE_TURN: u32 = 50;

/// All that follows from what was said is done if nothing has come for so long.
const QUIET: Duration = Duration::from_millis(20);

/// One of those compared.
struct Contender {
    name: &'static str,
    house: House,
    /// How long it took to somebody at the same door, and to somebody at another one, in microseconds.
    same: Vec<f64>,
    other: Vec<f64>,
}

/// Prints both without NATS, with one server, and with three.
pub fn measure(effort: Effort) -> Attempt<()> {
    let (one, three) = (Servers::start(1)?, Servers::start(3)?);
    let contender = |name, doors, servers| {
        let house = House::open("delay", doors, EACH, servers)?;
        Attempt::Ok(Contender { name, house, same: Vec::new(), other: Vec::new() })
    };
    let mut all = [
        contender("without NATS", 1, None)?,
        contender("one server", 2, Some(&one))?,
        contender("three, replicas 3", 2, Some(&three))?,
    ];
    for (pace, how) in [(None, "a line at a time"), (Some(EVERY), "50 lines a second")] {
        println!("  {EACH} members at each of 2 doors, {how}, from one member to another");
        for turn in 0..=effort.of(8, 2) {
            for contender in &mut all {
                contender.talk(turn, pace)?;
                if turn == 0 {
                    // It warms up.
                    (contender.same, contender.other) = (Vec::new(), Vec::new());
                }
            }
        }
        let reference = all.first().map(|first| (at(&first.same, 50), at(&first.same, 99)));
        for contender in &mut all {
            let figures = [("the same door", &mut contender.same), ("another door", &mut contender.other)];
            for (where_to, figures) in figures.into_iter().filter(|(_, figures)| !figures.is_empty()) {
                let name = format!("{}, {where_to}", contender.name);
                print(&name, &std::mem::take(figures), reference.unwrap_or_default());
            }
        }
    }
    Ok(())
}

impl Contender {
    fn talk(&mut self, turn: u32, pace: Option<Duration>) -> Attempt<()> {
        let crowd = &mut self.house.crowd;
        crowd.calm_for(QUIET)?;
        crowd.forget();
        crowd.record();
        let began = Instant::now();
        let mut said = Vec::new();
        for line in 0..IN_ONE_TURN {
            said.push(Instant::now());
            crowd.say(line % EACH, &format!("{turn}-{line}- {TEXT}"))?;
            match pace {
                Some(pace) => crowd.serve_until(began + pace * (line + 1))?,
                None => crowd.hear(u64::from(EACH) * self.house.doors.len() as u64)?,
            }
        }
        crowd.calm_for(QUIET)?;
        for heard in crowd.record() {
            let Some((by, text)) = heard.text.split_once("] ") else { continue };
            let line = text.split('-').nth(1).and_then(|line| line.parse::<u32>().ok());
            let Some((line, said)) = line.and_then(|line| Some((line, said.get(line as usize)?))) else {
                return Err(format!("not what was said: {by}] {text}").into());
            };
            let took = heard.at.saturating_duration_since(*said).as_secs_f64() * 1e6;
            // To one member at each door: the one after whoever says it.
            match heard.number {
                number if number == (line + 1) % EACH => self.same.push(took),
                number if number == EACH + (line + 1) % EACH => self.other.push(took),
                _ => {}
            }
        }
        Ok(())
    }
}

/// So many of a hundred figures are not greater.
fn at(figures: &[f64], percent: usize) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    figures
        .get((figures.len() * percent / 100).min(figures.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

fn print(name: &str, figures: &[f64], (p50, p99): (f64, f64)) {
    let (own_p50, own_p99) = (at(figures, 50), at(figures, 99));
    println!(
        "  {name:<44} p50 {own_p50:>6.0} us {:+6.0} {:.2}x   p99 {own_p99:>6.0} us {:+6.0} {:.2}x",
        own_p50 - p50,
        own_p50 / p50,
        own_p99 - p99,
        own_p99 / p99
    );
}

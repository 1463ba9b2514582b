//! A long log: what a message costs that is added to it, how long simpd takes to start, and to look for what is not there.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::load::Inlet;
use crate::plot::Panel;
use crate::rounds::{Column, Contender, compare};
use crate::send::micros;
use crate::sweep::{self, Step};
use crate::{Attempt, Bench};

/// How many entries are in it.
const ENTRIES: [Step; 4] = [(0, ""), (100_000, ""), (1_000_000, ""), (5_000_000, "")];

/// In so many chats something comes in.
const CHATS: u32 = 64;

/// From whom nothing ever came.
const NOBODY: &str = "127.60.0.1:7777";

/// Prints all of it.
pub fn measure(bench: &mut Bench) -> Attempt<()> {
    let lasts = bench.effort.of(Duration::from_millis(500), Duration::from_millis(200));
    let steps = ENTRIES.get(..bench.effort.of(4, 3)).unwrap_or(&ENTRIES);
    let all = RefCell::new(Vec::new());
    sweep::measure(bench, Some(Panel::Log), ("entries", steps), |build, count| {
        let mut inlet = Inlet::open(build, "process", CHATS)?;
        inlet.load.fill(CHATS, count)?;
        let inlet = Rc::new(RefCell::new(inlet));
        all.borrow_mut().push((build.called(&format!("{count} entries")), Rc::clone(&inlet)));
        Ok(Box::new(move || {
            let [rate, cpu, ..] = inlet.borrow_mut().round(CHATS, lasts)?;
            Ok([rate, cpu])
        }))
    })?;
    let all = all.into_inner();
    let by_turns = |column, goal, measure: &dyn Fn(&mut Inlet) -> Attempt<f64>| {
        let mut contenders = Vec::new();
        for (at, (name, inlet)) in all.iter().enumerate() {
            let first = at - at % steps.len();
            let contender = Contender::new(name, || Ok([measure(&mut inlet.borrow_mut())?])).against(first);
            contenders.push(contender.goal(goal));
        }
        compare([column], bench.effort.of(7, 3), contenders)
    };
    for (what, signal) in [("a clean stop", Signal::SIGTERM), ("kill -9", Signal::SIGKILL)] {
        println!("  ready, after {what}");
        by_turns(Column::new("ms", 2), "goal <= 10 ms", &|inlet| start_again(inlet, signal, lasts / 4))?;
    }
    println!("  simpctl history --from one from whom nothing came, as a process");
    by_turns(Column::MICROS, "", &|inlet| {
        let simpd = inlet.simpd.address.to_string();
        let mut simpctl = inlet.world.command(inlet.world.build.simpctl());
        micros(simpctl.args(["-d", &simpd, "history", "--from", NOBODY]))
    })?;
    Ok(())
}

/// Milliseconds until it serves again. Before it ends, something comes in, so that there is something to write down.
fn start_again(inlet: &mut Inlet, signal: Signal, lasts: Duration) -> Attempt<f64> {
    inlet.renew()?;
    inlet.round(CHATS, lasts)?;
    inlet.simpd.process.end(signal)?;
    Ok(inlet.simpd.start_again()?.as_secs_f64() * 1e3)
}

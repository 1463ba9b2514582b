//! A long log: what a message costs that is added to it, how long simpd takes to start, and to look for what is not there.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::builds::Build;
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

/// Messages that come in before simpd ends, so that there is something to write down.
const LAST: u64 = 256;

/// A simpd with so many entries in its log.
struct Kept {
    name: String,
    inlet: Rc<RefCell<Inlet>>,
}

/// Prints all of it.
pub fn measure(bench: &mut Bench) -> Attempt<()> {
    let steps = ENTRIES.get(..bench.effort.of(4, 3)).unwrap_or(&ENTRIES);
    let mut all = Vec::new();
    for build in Build::all() {
        for (count, _) in steps {
            let mut inlet = Inlet::open(&build, "process", CHATS)?;
            inlet.load.fill(CHATS, *count)?;
            let name = build.called(&format!("entries: {count}"));
            all.push(Kept { name, inlet: Rc::new(RefCell::new(inlet)) });
        }
    }
    println!("  simpctl history --from one from whom nothing came, as a process");
    by_turns(bench, &all, steps.len(), (Column::MICROS, ""), |inlet| {
        let simpd = inlet.simpd.address.to_string();
        let mut simpctl = inlet.world.command(inlet.world.build.simpctl());
        micros(simpctl.args(["-d", &simpd, "history", "--from", NOBODY]))
    })?;
    for (what, signal) in [("a clean stop", Signal::SIGTERM), ("kill -9", Signal::SIGKILL)] {
        println!("  ready, after {what}");
        let column = (Column::new("ms", 2), "goal <= 10 ms");
        by_turns(bench, &all, steps.len(), column, |inlet| start_again(inlet, signal))?;
    }
    println!("  busy chats: {CHATS}");
    let lasts = bench.effort.of(Duration::from_millis(400), Duration::from_millis(200));
    let mut all = all.into_iter();
    sweep::measure(bench, Some(Panel::Log), ("entries", steps), |_, _| {
        let kept = all.next().ok_or("a log is missing")?;
        kept.inlet.borrow_mut().renew()?;
        Ok(Box::new(move || {
            let [rate, cpu, ..] = kept.inlet.borrow_mut().round(CHATS, lasts)?;
            Ok([rate, cpu])
        }))
    })
}

/// One figure of each in each round, those of a build against its first.
fn by_turns(
    bench: &Bench,
    all: &[Kept],
    steps: usize,
    (column, goal): (Column, &str),
    measure: impl Fn(&mut Inlet) -> Attempt<f64>,
) -> Attempt<()> {
    let mut contenders = Vec::new();
    for (at, Kept { name, inlet }) in all.iter().enumerate() {
        let contender = Contender::new(name, || Ok([measure(&mut inlet.borrow_mut())?]));
        contenders.push(contender.against(at - at % steps).goal(goal));
    }
    compare([column], bench.effort.of(7, 3), contenders)?;
    Ok(())
}

/// Milliseconds until it serves again.
fn start_again(inlet: &mut Inlet, signal: Signal) -> Attempt<f64> {
    inlet.renew()?;
    inlet.load.fill(CHATS, LAST)?;
    inlet.simpd.process.end(signal)?;
    Ok(inlet.simpd.start_again()?.as_secs_f64() * 1e3)
}

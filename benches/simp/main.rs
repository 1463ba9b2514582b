//! simp measured from outside: the real programs, each compared with the least that could do the same work.
//!
//! `cargo bench` runs everything, `cargo bench -- in out` some of it, `--quick` a shorter version; `--plot` writes
//! docs/benchmarks.svg. What is compared with what, and what the figures mean, is in docs/benchmarks.md. Nothing is asserted.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is the result")]

mod allies;
mod ask;
mod bare;
mod builds;
mod chats;
mod client;
mod clients;
mod crowd;
mod doors;
mod follow;
mod followers;
mod incoming;
mod load;
mod log;
mod machine;
mod occupied;
mod outgoing;
mod plot;
mod room;
mod rounds;
mod secure;
mod send;
mod star;
mod sweep;
mod wheel;
mod world;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

/// What a measure fails with; it is printed, and the others go on.
type Attempt<T> = Result<T, Box<dyn Error>>;

/// How long a measure takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effort {
    Full,
    Quick,
}

impl Effort {
    /// One of two values.
    fn of<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

/// What every message says: with the header, 103 bytes.
const TEXT: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Where the plot belongs.
const PLOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/benchmarks.svg");

const QUICK_FLAG: &str = "--quick";
const PLOT_FLAG: &str = "--plot";
const FLAGS: [&str; 2] = [QUICK_FLAG, PLOT_FLAG];

/// One run.
struct Bench {
    effort: Effort,
    plot: plot::Plot,
}

type Measure = fn(&mut Bench) -> Attempt<()>;

const MEASURES: [(&str, Measure); 12] = [
    ("in", incoming::measure),
    ("out", outgoing::measure),
    ("follow", follow::measure),
    ("clients", clients::measure),
    ("chats", chats::measure),
    ("log", log::measure),
    ("send", send::measure),
    ("ask", ask::measure),
    ("secure", secure::measure),
    ("room", room::measure),
    ("wheel", |bench| wheel::measure(bench.effort)),
    ("doors", |bench| doors::measure(bench.effort)),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        // The far ends of the references are this program too, started again.
        ["bare-server", address, log, synchronous] => bare::serve(address, log, synchronous),
        ["bare-relay", words @ ..] => bare::relay(words),
        ["bare-echo", socket] => send::echo(socket),
        words => run(words),
    };
    if let Err(error) = result {
        eprintln!("simp bench: {error}");
        std::process::exit(1);
    }
}

fn run(words: &[&str]) -> Attempt<()> {
    let effort = if words.contains(&QUICK_FLAG) { Effort::Quick } else { Effort::Full };
    let names: Vec<&str> = words.iter().copied().filter(|word| !word.starts_with("--")).collect();
    if let Some(unknown) = words.iter().find(|word| word.starts_with("--") && !FLAGS.contains(word)) {
        return Err(format!("{unknown}: no such flag (there are: {})", FLAGS.join(", ")).into());
    }
    if let Some(unknown) = names.iter().find(|name| !MEASURES.iter().any(|(known, _)| known == *name)) {
        let known: Vec<&str> = MEASURES.iter().map(|(name, _)| *name).collect();
        return Err(format!("{unknown}: no such measure (there are: {})", known.join(", ")).into());
    }
    machine::describe();
    machine::allow_descriptors()?;
    machine::pin()?;
    let mut bench = Bench { effort, plot: plot::Plot::default() };
    let mut failed = Vec::new();
    for (name, measure) in MEASURES {
        if names.is_empty() || names.contains(&name) {
            println!("\n{name}");
            let begin = Instant::now();
            if let Err(error) = measure(&mut bench) {
                println!("  not measured: {error}");
                failed.push(name);
            }
            println!("  ({name} took {:.0} s)", begin.elapsed().as_secs_f64());
        }
    }
    if words.contains(&PLOT_FLAG) {
        bench.plot.write(Path::new(PLOT))?;
        println!("\nplotted in {PLOT}");
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(format!("not measured: {}", failed.join(", ")).into()),
    }
}

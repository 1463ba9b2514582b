//! simp measured from outside: the real programs, each compared with the least that could do the same work.
//!
//! `cargo bench` runs everything, `cargo bench -- chat durable` some of it, `--quick` a shorter version.
//! What is compared with what, and what the figures mean, is in docs/benchmarks.md. Nothing is asserted.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is the result")]

mod allies;
mod chat;
mod client;
mod crowd;
mod doors;
mod machine;
mod memory;
mod pingpong;
mod room;
mod rounds;
mod send;
mod wheel;
mod world;

use std::error::Error;

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

type Measure = fn(Effort) -> Attempt<()>;

const MEASURES: [(&str, Measure); 9] = [
    ("chat", chat::in_memory),
    ("durable", chat::durable),
    ("many", chat::many),
    ("ask", chat::asked),
    ("send", send::measure),
    ("wheel", wheel::measure),
    ("memory", memory::measure),
    ("room", room::measure),
    ("doors", doors::measure),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        // The far ends of the references are this program too, started again.
        ["bare-pong", address, log, synchronous] => pingpong::pong(address, log, synchronous),
        ["bare-relay", socket, address, peer] => pingpong::relay(socket, address, peer),
        ["bare-echo", socket] => send::echo(socket),
        words => run(words),
    };
    if let Err(error) = result {
        eprintln!("simp bench: {error}");
        std::process::exit(1);
    }
}

fn run(words: &[&str]) -> Attempt<()> {
    let effort = if words.contains(&"--quick") { Effort::Quick } else { Effort::Full };
    let names: Vec<&str> = words.iter().copied().filter(|word| *word != "--quick").collect();
    if let Some(unknown) = names.iter().find(|name| !MEASURES.iter().any(|(known, _)| known == *name)) {
        let known: Vec<&str> = MEASURES.iter().map(|(name, _)| *name).collect();
        return Err(format!("{unknown}: no such measure (there are: {})", known.join(", ")).into());
    }
    machine::describe();
    machine::pin()?;
    let mut failed = Vec::new();
    for (name, measure) in MEASURES {
        if names.is_empty() || names.contains(&name) {
            println!("\n{name}");
            if let Err(error) = measure(effort) {
                println!("  not measured: {error}");
                failed.push(name);
            }
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(format!("not measured: {}", failed.join(", ")).into()),
    }
}

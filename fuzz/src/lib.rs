//! What is fuzzed. Each of the four targets has a `run` that takes any bytes, makes of them what could happen to its
//! part of simp, and panics if what must always hold does not.
//!
//! - `datagram`: what comes in one UDP packet, and what a terminal gets to see of it. `frame`: what comes on the control
//!   socket. `chat`: the machine of one chat, with time. `engine`: a daemon, turn by turn.
//! - `heard`: datagrams that peers may send. `channels`: what they may do with channels. `asked`: requests that clients may make. `driver`: the one of the daemon's
//!   tests. `memory`: how much of it may be taken.
//!
//! `sh fuzz/run.sh` runs them with libFuzzer; the programs of a usual build replay inputs and print what happens.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a target panics, and says what it did")]

mod asked;
mod channels;
pub mod chat;
pub mod datagram;
#[path = "../../daemon/tests/driver.rs"]
pub mod driver;
pub mod engine;
pub mod frame;
mod heard;
mod memory;

use std::fmt::Debug;
use std::io;

/// Runs a target on the files that the command names, each an input.
///
/// # Errors
/// That of a file that cannot be read.
pub fn replay(target: fn(&[u8])) -> io::Result<()> {
    for path in std::env::args_os().skip(1) {
        println!("{}", path.display());
        target(&std::fs::read(path)?);
    }
    Ok(())
}

/// Prints what is done next, when an input is replayed.
fn trace(what: &dyn Debug) {
    if cfg!(not(fuzzing)) {
        println!("{what:?}");
    }
}

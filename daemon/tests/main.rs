//! simpd's engine and its log, driven as the server drives it: turn by turn, with the network, the clock, the disk and
//! the kills in the hands of the test.
//!
//! - `driver`: one daemon. `steps`: what it does, step by step. `simulation`: three of them on bad links, from a seed.
//! - `compatibility`: one of them with every kind of other implementation.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "this is a test in all its files")]

mod compatibility;
mod driver;
mod simulation;
mod steps;

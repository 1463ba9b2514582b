//! The screen at work: threads read the terminal, follow the log and ask simpd; one thread has the model, takes in what
//! they bring, and draws. Each of them waits until there is something to do, and nothing has a clock.
//!
//! - `console`: the terminal, which is given back as it was however this ends. `inputs`: what the threads bring.
//! - `reading`: keys and signals. `following`: the log. `asking`: requests. `first`: what is asked at the start.
//! - `main`: the loop.

pub(crate) mod asking;
pub(crate) mod console;
pub(crate) mod first;
pub(crate) mod following;
pub(crate) mod inputs;
pub(crate) mod main;
pub(crate) mod pages;
pub(crate) mod reading;

//! Double SIMP peers, for tests only: the ways in which other implementations differ, as data.
//!
//! A [`Double`] is one program with one user. What it does is in its [`Traits`]; [`rows()`] has a name and a set
//! of traits for each kind of program that was seen, and for others that may well exist. It shares no code with
//! simpd, and encodes and decodes by itself, so that an error of ours is not in both.
//!
//! There are no sockets and no clock here: the caller
//! 1. says what the user does ([`Double::invite`], [`Double::accept`], [`Double::say`] ...), what came
//!    ([`Double::handle`]) and that time has passed ([`Double::handle_timeout`]), each with `now` in
//!    milliseconds since any beginning;
//! 2. transmits what [`Double::poll_transmit`] says until it says `None`;
//! 3. calls again at [`Double::deadline`].
//!
//! What its user saw is in [`Double::shown`], what became of what its user wrote in [`Double::said`].
//!
//! - `traits`: all that can differ. `row`: what is said of a kind of program. `rows`: all of them.
//! - `peer`: the program itself. `wire`: its bytes.

mod peer;
mod row;
mod rows;
mod traits;
mod wire;

pub use peer::{Double, DoubleState, DoubleTransmit, Fate, Port, Said};
pub use row::{Allowed, Expect, Row};
pub use rows::rows;
pub use traits::*;

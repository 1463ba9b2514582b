//! Foreign SIMP peers, for tests only: the ways in which other implementations differ, as data.
//!
//! A [`Foreign`] is one program with one user. What it does is in its [`Traits`]; [`rows()`] has a name and a set of
//! traits for each kind of program that was seen, and for others that may well exist. It shares no code with simpd, and
//! encodes and decodes by itself, so that an error of ours is not in both.
//!
//! There are no sockets and no clock here: the caller
//! 1. says what the user does ([`Foreign::invite`], [`Foreign::accept`], [`Foreign::say`] ...), what came
//!    ([`Foreign::handle`]) and that time has passed ([`Foreign::handle_timeout`]), each with `now` in
//!    milliseconds since any beginning;
//! 2. transmits what [`Foreign::poll_transmit`] says until it says `None`;
//! 3. calls again at [`Foreign::deadline`].
//!
//! What its user saw is in [`Foreign::shown`], what became of what its user wrote in [`Foreign::said`].
//!
//! - `traits`: all that can differ. `rows`: who differs how, and what can be expected of them at most.
//! - `peer`: the program itself. `wire`: its bytes.

mod peer;
pub mod rows;
mod traits;
mod wire;

pub use peer::{Fate, Foreign, Port, Said, State, Transmit};
pub use rows::{Allowed, Expect, Row, rows};
pub use traits::*;

//! Endpoints against each other over a network that is only thought of: what it loses, copies and delays is drawn from a seed.

#![allow(clippy::unwrap_used, reason = "this is a test in all its files")]

mod anything;
mod channels;
mod dials;
mod ends;
mod figures;
mod floods;
mod net;

//! The control API: what its client does, what its items are, and what is none.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod client;
mod frames;
mod schema;

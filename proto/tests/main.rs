//! SIMP and its chats, driven by hand: no sockets, and a clock that only the tests move.
//!
//! - `chat`, `secure`: transcripts of one chat. `link`, `secure_link`: two of them on bad links, from a seed.
//! - `common`: what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::print_stdout, reason = "the trace, and what was measured")]

mod chat;
mod common;
mod link;
mod secure;
mod secure_link;

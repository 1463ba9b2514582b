//! The real programs, end to end: each test has its own folders and addresses, waits for events and never for
//! time, and leaves nothing running.
//!
//! - `daemon_start`: what simpd says when it cannot start, and how it stops.
//! - `datagrams`: what hostile and odd datagrams do to a daemon.
//! - `control_socket`: what hostile and odd clients do to a daemon.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod harness;

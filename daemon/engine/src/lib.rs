//! simpd without sockets, files and clocks: [`Engine::turn`] takes what came and says what is to leave.
//!
//! A turn, in this order: take in datagrams, settle the chats that they touched, answer requests, do what is due,
//! commit, let out. If the commit fails, the turn has not happened. The server does nothing but carry inputs here
//! and outputs away, and so do the tests.
//!
//! - `turn`: the order of things, once; inputs and outputs. `transmits`: datagrams that leave after the commit.
//! - `arrivals`: a datagram goes to its chat. `strangers`: it has none. `moves`: an answer from another port.
//! - `settle`: brings a touched chat's log, queue, timer and datagrams up to date. `record`: its entries in the log.
//! - `roster`: the chats by address. `ongoing`: one of them. `begin`: a new one. `queue`: its messages that wait.
//! - `named`: chats as clients name and see them.
//! - `commands`: what clients want, one file for each request.
//! - `absent`: peers that messages are kept for. `reinvite`: inviting them. `letters`: these messages, kept and given up.
//! - `resume`: taking up what the log says. `trouble`: the log cannot be written. `retention`: removing old entries.
//! - `limits`, `wake`: what strangers are allowed, and what may still be under way after a chat.
//! - `policy`, `pins`: what the user has set. `wheel`: timers. `invariants`: what holds between two turns.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "a test needs some instant to begin with"))]

mod absent;
mod arrivals;
mod begin;
mod commands;
mod invariants;
mod letters;
mod limits;
mod moves;
mod named;
mod ongoing;
mod pins;
mod policy;
mod queue;
mod record;
mod reinvite;
mod resume;
mod retention;
mod roster;
mod settle;
mod strangers;
mod transmits;
mod trouble;
mod turn;
mod wake;
pub mod wheel;

pub use commands::{Follower, has_long_answer};
pub use invariants::Broken;
pub use pins::{PinError, Pins, Value};
pub use policy::{Accept, Policy, Retain};
pub use transmits::Transmits;
pub use turn::{Arrival, ClientId, Inputs, Outputs};

use std::net::SocketAddr;
use std::time::Instant;

use simp_control::Counters;
use simp_store::{Store, StoreError};

use absent::Absentees;
use limits::Limits;
use retention::Retention;
use roster::Roster;
use trouble::Disk;
use turn::Timer;
use wake::Wake;
use wheel::Wheel;

/// One moment, on both clocks. Read once per turn.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For deadlines.
    pub instant: Instant,
    /// For people: milliseconds since 1970. It may jump.
    pub ms: u64,
}

/// All chats, their log, and the order in which things happen to them.
#[derive(Debug)]
pub struct Engine {
    policy: Policy,
    address: SocketAddr,
    started: Instant,
    store: Store,
    chats: Roster,
    absent: Absentees,
    wheel: Wheel<Timer>,
    limits: Limits,
    wake: Wake,
    counters: Counters,
    /// Datagrams of this turn, not yet let out.
    transmits: Transmits,
    retention: Retention,
    disk: Disk,
}

impl Engine {
    /// Takes up the chats and the outbox that are in the log. They go on with the first [`turn`](Self::turn), which
    /// is due at once. `address` is where we receive, and `random` any number: it spreads invitations over time.
    ///
    /// # Errors
    /// [`StoreError`] if the log cannot be read.
    pub fn new(
        now: Now,
        policy: Policy,
        address: SocketAddr,
        store: Store,
        random: u64,
    ) -> Result<Self, StoreError> {
        let mut engine = Self {
            policy,
            address,
            started: now.instant,
            store,
            chats: Roster::default(),
            absent: Absentees::new(random),
            wheel: Wheel::new(now.instant),
            limits: Limits::new(now.instant),
            wake: Wake::default(),
            counters: Counters::default(),
            transmits: Transmits::default(),
            retention: Retention::default(),
            disk: Disk::default(),
        };
        // Read only: what the chats have to say waits for the first turn, with its commit.
        engine.resume(now)?;
        engine.retention.look(&mut engine.wheel, now, &engine.policy.retain);
        Ok(engine)
    }

    /// When the next turn is due if nothing comes before; `None` if nothing is.
    pub fn deadline(&self) -> Option<Instant> {
        self.wheel.next()
    }

    /// Whether the next turn is due at once, whatever [`deadline`](Self::deadline) says.
    pub fn has_more(&self) -> bool {
        self.disk.works() && self.retention.is_due(&self.policy.retain, &self.store)
    }

    /// The log, for those who follow it. After a turn, all that is in it is committed.
    pub fn log(&self) -> &Store {
        &self.store
    }

    /// The log, for another engine. What was let out before does not matter to it.
    pub fn into_store(self) -> Store {
        self.store
    }

    /// Saves the next start some work. Nothing is lost without it.
    ///
    /// # Errors
    /// [`StoreError`] if the log cannot be written.
    pub fn finish(&mut self) -> Result<(), StoreError> {
        if !self.disk.works() {
            return Ok(());
        }
        self.chats.keep(&mut self.store)?;
        self.store.commit()?;
        self.store.tidy_up()
    }

    /// Whether there are as many chats as allowed.
    fn is_full(&self) -> bool {
        self.chats.count() >= self.policy.max_chats
    }
}

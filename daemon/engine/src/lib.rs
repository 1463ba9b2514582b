//! simpd without sockets, files and clocks: [`Engine::turn`] takes what came and says what is to leave.
//!
//! A turn, in this order: take in datagrams, settle the chats that they touched, answer requests, do what is due,
//! commit, let out. If the commit fails, the turn is undone. The server does nothing but carry inputs here and outputs
//! away, and so do the tests.
//!
//! - `engine`: what there is, in one struct. `inputs`, `outputs`, `now`: what a turn takes and what it comes to.
//! - `turn`: the order of things, once. `transmits`: datagrams that leave after the commit. `outlet`: how many may, and
//!   who waits. `departures`: what became of them.
//! - `arrivals`: a datagram goes to its chat. `strangers`: it has none. `moves`: an answer from another port.
//! - `channels`: which channel is of which chat. `carrying`: what goes over them. `meeting`: whoever opens one. `ways`:
//!   whether a chat is to be secure. `secrecy`: what our side of that needs. `machine`: that of either kind of chat.
//! - `files`: those that are under way. `fetching`: those of peers. `serving`: those of ours.
//! - `settle`: brings a touched chat's log, queue, timer and datagrams up to date. `record`: its entries in the log.
//!   `trace`: lines for whoever watches.
//! - `roster`: the chats. `by_address`: which is with the peer at an address. `ongoing`: one of them. `whereabouts`: where its peer is. `listed`: what it counts as. `begin`: a new one. `queue`: its messages that wait.
//! - `named`: chats as clients name and see them. `claims`: what peers are called, and
//!   whose names those look like.
//! - `commands`: what clients want: which request goes to which file. `rights`: who may ask what. `work`: how much of that a turn takes on.
//! - `absent`: peers that messages are kept for. `reinvite`: inviting them. `letters`: these messages, kept and given up.
//!   `hosts`: peers that are known by the names of their hosts. `seeking`: what becomes of these messages as they are looked up.
//!   `reachable`: which addresses we can invite.
//! - `resume`: taking up what the log says. `restored`: what becomes of one from a backup. `keeping`: writing down where chats stand. `retention`: removing old entries.
//!   `passing`: which entries no consumer waits for.
//! - `trouble`: the log cannot be written, and a turn is undone. `disk`: whether it can, and what is said of it.
//!   `hold`: for whom its file is held.
//!   `unsent`: what does not leave this machine. `hindrances`: both in words. `overdue`: which messages wait the longest.
//! - `budgets`: how much others may add to the log. `limits`: how often strangers are answered. `wake`: what may still be
//!   under way after a chat.
//! - `standing`: what a peer has shown of being there, by `acks`, and its `credit` until then. `asking`: those that have
//!   shown nothing, for `newcomers`.
//!   `neighbours`: which strangers count as one.
//! - `policy`, `pins`: what the user has set. `timer`, `wheel`: what timers are for, and all of them.
//! - `invariants`: what holds between two turns.
//!
//! There is no circle between these files, and none of them uses this one.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "a test needs some instant to begin with"))]

mod absent;
mod acks;
mod arrivals;
mod asking;
mod begin;
mod budgets;
mod by_address;
mod carrying;
mod channels;
mod claims;
mod commands;
mod credit;
mod departures;
mod disk;
mod engine;
mod fetching;
mod files;
mod hindrances;
mod hold;
mod hosts;
mod inputs;
mod invariants;
mod keeping;
mod letters;
mod limits;
mod listed;
mod machine;
mod meeting;
mod moves;
mod named;
mod neighbours;
mod newcomers;
mod now;
mod ongoing;
mod outlet;
mod outputs;
mod overdue;
mod passing;
mod pins;
mod policy;
mod queue;
mod reachable;
mod record;
mod reinvite;
mod restored;
mod resume;
mod retention;
mod rights;
mod roaming;
mod roster;
mod secrecy;
mod seeking;
mod serving;
mod settle;
mod standing;
mod strangers;
mod timer;
mod trace;
mod transmits;
mod trouble;
mod turn;
mod unsent;
mod wake;
mod ways;
pub mod wheel;
mod whereabouts;
mod work;

pub use budgets::Budget;
pub use engine::Engine;
pub use files::{Fault, FileCommand, FileEvent, Reading, Saving};
pub use inputs::{Arrival, ChannelEvent, ClientId, Departure, Inputs, Link, LookedUp, Origin, Reader};
pub use invariants::Broken;
pub use now::Now;
pub use outputs::{ChannelCommand, Follower, Outputs};
pub use pins::{PinError, Pins};
pub use policy::{Accept, AcceptError, Accepted, Admits, OutboxMax, Policy, Retain, Secrecy};
pub use restored::GivenUpAll;
pub use rights::Rights;
pub use transmits::{Transmit, Transmits};
pub use work::{WORK_PER_TURN, costs_much, may_wait, only_reads};

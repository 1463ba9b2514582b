//! The doors' server: NATS with JetStream. Nothing of the room is decided here: what it asks is carried out, what the
//! server has is told.
//!
//! A thread of its own has all that waits: `sessions` one session after another, `session` a single one. Each has a
//! `connection`, and on it an `api`, with which it opens the `meeting` of stream and bucket and follows a `feed` of each. It
//! keeps the `lease` of this door, has an `outbox` for what it tells, knows who is `owed` an answer, and ends for the
//! reason that `end` names. `visit` is for commands that do one thing.

mod api;
mod connection;
mod end;
mod feed;
mod lease;
mod meeting;
mod options;
mod outbox;
mod owed;
mod session;
mod sessions;
mod visit;

#[cfg(test)]
mod tests;

pub use options::{NatsOptions, door_name};
pub use sessions::start;
pub use visit::Visit;

//! The durable log of simpd and what must be kept with it: chats, the outbox, the consumers' marks, how peers speak.
//! The only code that touches the database. What an entry means, and when to write one, is the engine's to know.
//!
//! Everything written in a turn of the engine is one transaction: [`Store::commit`] makes it durable, and only
//! then may anything leave that relies on it. If that fails, [`Store::roll_back`] makes it not have been.
//!
//! - `store`: open, commit, roll back. `entries`: appending; `fresh`: what was appended in this turn. `runs`: entries that share
//!   a row. `speakers`: peers as entries name them. `checkpoint`, `write_ahead`, `hold`: what the file has, and holding it for
//!   a copy. `read`: for followers and `history`; `piece`, `pieces`: what need not be looked at for them. `retain`: giving
//!   space free.
//! - `ours`: messages of ours, and what became of them. `waiting`: those that wait; `since`: which were queued of late.
//!   `kept_letters`: the outbox, each for a `recipient`. `oldest`: those in it that wait the longest.
//!   `kept_chats`: chats across restarts.
//! - `keys`: the keys of peers; `likeness`: whose name a peer's name looks like; `looks`: how names look.
//!   `kept_numbers`: which of their messages are here, across chats.
//! - `named`: messages of ours by the names that clients gave them.
//! - `files`: files that are under way.
//! - `habits`: how peers speak. `consumers`: how far each reader is. `read_marks`: how far our user is. `epochs`: what tells the log from copies of it.
//! - `bounded`: tables that hold so many rows at most.
//! - `restored`: a log that comes from a backup.
//! - `schema`, `rows`, `error`: the tables, entries as rows, and what SQLite's errors mean to a user.

mod bounded;
mod checkpoint;
mod consumers;
mod entries;
mod epochs;
mod error;
mod files;
mod fresh;
mod habits;
mod hold;
mod kept_chats;
mod kept_letters;
mod kept_numbers;
mod keys;
mod likeness;
mod looks;
mod named;
mod oldest;
mod ours;
mod piece;
mod pieces;
mod read;
mod read_marks;
mod recipient;
mod restored;
mod retain;
mod rows;
mod runs;
mod schema;
mod since;
mod speakers;
mod store;
mod waiting;
mod write_ahead;

pub use checkpoint::{HELD_BYTES_MAX, HeldFile, Holding};
pub use error::StoreError;
pub use files::{FileStands, KeptFile};
pub use habits::KnownPeer;
pub use kept_chats::{KeptChat, KeptMachine};
pub use kept_letters::{Addressed, KeptLetter, Taken};
pub use likeness::Likeness;
pub use ours::{NotDelivered, OurMessage};
pub use read::{BYTES_PER_READ, EntryFilter};
pub use recipient::Recipient;
pub use restored::check_file;
pub use retain::{Ages, Discard, GivenUp, Removed, Span};
pub use speakers::Speaker;
pub use store::{Durability, OutboxSize, Store};
pub use waiting::{Backlog, WaitingMessage};

#[cfg(test)]
mod tests;

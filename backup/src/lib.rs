//! A backup of a simpd: a tar archive of its key, its log and what is to be known of both. simpctl makes one, simpd takes
//! it back; here is what both have to agree on. What a log is they know themselves.
//!
//! The files are `key`, `log.db`, which is a database of SQLite by itself, and last `backup.json`: without that the archive
//! is not complete, whoever made it.
//!
//! - `about`: what `backup.json` says. `writing`, `reading`: the archive, made and taken apart.

mod about;
mod reading;
mod writing;

pub use about::{About, FORMAT};
pub use reading::{Unusable, unpack};
pub use writing::Writing;

/// The private key of the daemon.
pub const KEY: &str = "key";

/// Its log.
pub const LOG: &str = "log.db";

/// What is to be known of both.
const ABOUT: &str = "backup.json";

/// Most bytes of a key, and of what is said about it.
const SMALL_MAX: u64 = 64 << 10;

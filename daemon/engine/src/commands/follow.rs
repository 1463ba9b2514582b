//! Following the log.

use simp_control::{Filter, FollowFrom};
use simp_store::Wanted;

use super::Carried;
use super::consumers::valid;
use crate::Engine;

/// Who reads the log, and how far it is.
#[derive(Debug)]
pub struct Follower {
    /// Entries up to here have been given to it.
    pub cursor: u64,
    /// What it wants.
    pub wanted: Wanted,
}

/// A follower at its beginning, which is not after the newest entry.
pub fn follow(engine: &Engine, from: &FollowFrom, filter: &Filter) -> Carried<Follower> {
    let newest = engine.store.last_id();
    let after = match from {
        FollowFrom::After(id) => *id,
        FollowFrom::Consumer(name) => engine.store.mark(valid(name)?)?.unwrap_or(0),
        FollowFrom::End => newest,
    };
    Ok(Follower { cursor: after.min(newest), wanted: Wanted::new(filter) })
}

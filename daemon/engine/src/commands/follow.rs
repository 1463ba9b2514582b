//! Following the log.

use simp_control::{Filter, FollowFrom, Reply};
use simp_store::Wanted;

use super::Carried;
use super::consumers::valid;
use crate::Engine;
use crate::turn::{ClientId, Outputs};

/// Who reads the log, and how far it is.
#[derive(Debug)]
pub struct Follower {
    /// Entries up to here have been given to it.
    pub cursor: u64,
    /// What it wants.
    pub wanted: Wanted,
}

/// Lets a client follow the log, from after the newest entry at most.
pub fn follow(
    engine: &Engine,
    client: ClientId,
    from: &FollowFrom,
    filter: &Filter,
    outputs: &mut Outputs,
) -> Carried {
    let newest = engine.store.last_id();
    let after = match from {
        FollowFrom::After(id) => *id,
        FollowFrom::Consumer(name) => engine.store.mark(valid(name)?)?.unwrap_or(0),
        FollowFrom::End => newest,
    };
    // After an id that the log does not have yet, the entries up to it would never come.
    let after = after.min(newest);
    outputs.followers.push((client, Follower { cursor: after, wanted: Wanted::new(filter) }));
    Ok(Reply::Following { after })
}

//! Following the log.

use simp_control::{Filter, FollowFrom, Reply};
use simp_store::EntryFilter;

use super::carried::Carried;
use super::consumers::valid;
use crate::engine::Engine;
use crate::inputs::ClientId;
use crate::outputs::{Follower, Outputs};

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
    outputs.followers.push((client, Follower { cursor: after, wanted: EntryFilter::new(filter) }));
    Ok(Reply::Following { after })
}

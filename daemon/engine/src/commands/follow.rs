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
    let (after, consumer) = match from {
        FollowFrom::After(id) => (*id, None),
        FollowFrom::Consumer(name) => (engine.store.mark(valid(name)?)?.unwrap_or(0), Some(name)),
        FollowFrom::Resume { consumer, after } => {
            valid(consumer)?;
            (*after, Some(consumer))
        }
        FollowFrom::End => (newest, None),
    };
    // After an id that the log does not have yet, the entries up to it would never come.
    let after = after.min(newest);
    // What it was given before, it has seen only once its mark says so.
    let (wanted, consumer) = (EntryFilter::new(filter), consumer.cloned());
    outputs.followers.push((client, Follower { cursor: after, wanted, given: after, consumer }));
    Ok(Reply::Following { after })
}

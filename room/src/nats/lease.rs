//! The lease of a door: that its process lives, written by nobody else.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::api::{Stored, Written};
use super::end::{End, Result};
use super::meeting::Meeting;
use crate::cluster::{Key, Lease};

/// Who a door is.
#[derive(Debug, Clone)]
pub struct Door {
    /// Its name.
    pub name: String,
    /// The id of its folder.
    pub id: String,
    /// The run of its process.
    pub run: String,
    /// The simpd that it runs on.
    pub simpd: String,
}

/// A lease that is not renewed within this is that of a run that is over.
const OVER_AFTER: Duration = Duration::from_secs(7);

/// So often it is looked at.
const LOOKS_EVERY: Duration = Duration::from_millis(500);

/// Makes sure that no other door has this name. For the first session of a process, also that this is no copy of a door that
/// runs: one that was on another simpd may have moved, and then it does not renew its lease.
///
/// # Errors
/// [`End::Stolen`] if one has.
pub async fn check(meeting: &Meeting, door: &Door, is_first: bool) -> Result {
    let lease = match lease_of(meeting, door).await? {
        Some((_, Some(lease))) if lease.id != door.id => return Err(taken(door, lease)),
        Some((_, Some(lease))) if is_first && lease.simpd != door.simpd => lease,
        _ => return Ok(()),
    };
    let over = Instant::now() + OVER_AFTER;
    while Instant::now() < over {
        sleep(LOOKS_EVERY).await;
        match lease_of(meeting, door).await? {
            Some((_, Some(newer))) if newer != lease => return Err(copied(door, lease)),
            _ => {}
        }
    }
    Ok(())
}

/// Writes the lease of this door. The first of a process takes it over from an earlier run.
///
/// # Errors
/// [`End::Stolen`] if it is that of another door, or of another run that took it over after us.
pub async fn renew(meeting: &Meeting, door: &Door, lease: &Lease, is_first: bool) -> Result {
    let value = serde_json::to_vec(lease).unwrap_or_default();
    loop {
        let revision = match lease_of(meeting, door).await? {
            None => 0,
            Some((_, Some(other))) if other.id != door.id || (other.run != door.run && !is_first) => {
                return Err(taken(door, other));
            }
            Some((revision, _)) => revision,
        };
        let key = Key::Door(door.name.clone());
        if meeting.replace(&key, value.clone(), revision).await? == Written::Done {
            return Ok(());
        }
    }
}

/// The lease under the name of this door, if it is one, and its revision.
async fn lease_of(meeting: &Meeting, door: &Door) -> Result<Option<(u64, Option<Lease>)>> {
    let stored = meeting.get(&Key::Door(door.name.clone())).await?;
    Ok(stored
        .map(|Stored { seq, value, .. }| (seq, value.and_then(|value| serde_json::from_slice(&value).ok()))))
}

fn copied(door: &Door, lease: Lease) -> End {
    let (name, by) = (&door.name, lease.simpd);
    let line = format!(
        "the door {name} runs already, on simpd {by}, and this has a copy of its folder (remove room.db here, and \
         choose another name: --door NAME)"
    );
    End::Stolen { by, line }
}

fn taken(door: &Door, lease: Lease) -> End {
    let (name, by) = (&door.name, lease.simpd);
    let line = format!(
        "a door called {name} is registered already, on simpd {by} \
         (choose another name: --door NAME; or if that one is gone for good: simp-room doors remove {name})"
    );
    End::Stolen { by, line }
}

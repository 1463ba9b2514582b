//! Entries of the log for those who follow it: those of this turn as they are, older ones from the store, each reader
//! at its own pace.

use simp_control::{Failure, FailureKind};
use simp_engine::Follower;
use simp_store::Store;

use crate::clients::ClientConnection;

/// Entries of the log read for one follower at a time.
const ENTRIES_PER_READ: usize = 64;

/// Gives a client that follows the log the entries after its cursor, as many as it has room for.
pub fn serve(client: &mut ClientConnection, log: &Store) {
    let newest = log.last_id();
    let before_turn = newest - log.fresh().len() as u64;
    // One piece for each in a turn: others wait too.
    if let Some(Follower { cursor, wanted, .. }) = client.follower()
        && *cursor < before_turn
        && !client.is_full()
    {
        match log.read(*cursor, ENTRIES_PER_READ, wanted) {
            Ok((events, looked)) => client.follow(&events, looked),
            Err(error) => client.dismiss(Failure::new(FailureKind::Failed, error.to_string())),
        }
    }
    // Looked at again: what was read may have brought it up to those of this turn.
    let Some(cursor) = client.follower().map(|follower| follower.cursor) else { return };
    if (before_turn..newest).contains(&cursor) {
        let unseen = log.fresh().get((cursor - before_turn) as usize..).unwrap_or_default();
        client.follow(unseen, newest);
    }
}

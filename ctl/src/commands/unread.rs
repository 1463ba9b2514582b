//! How much of what peers have written their user has not read.

use std::collections::HashMap;

use simp_control::error::Outcome;
use simp_control::{Client, Event, Filter, Kind, Piece, Status};

use super::listen::DEFAULT_CONSUMER;
use crate::show::Unread;

/// So many entries of the log are looked through, and no more: what is older nobody waits to read.
const ENTRIES_MAX: u64 = 20_000;

/// So many entries come with one answer.
const PIECE: u32 = 500;

/// Counts what came after the read mark of its peer, and was not shown by a `listen` either. `None` if the daemon keeps no
/// read marks.
pub(super) fn count(client: &mut Client, status: &Status) -> Outcome<Option<Unread>> {
    if !client.can("read")? {
        return Ok(None);
    }
    let listened = client.consumers()?.into_iter().find(|consumer| consumer.name == DEFAULT_CONSUMER);
    let listened = listened.map_or(0, |consumer| consumer.seen);
    let marks = client.peers()?.into_iter().filter_map(|info| Some((info.peer.address, info.read?)));
    let marks: HashMap<String, u64> = marks.collect();
    let is_unread = |event: &&Event| {
        event.id > listened && marks.get(&event.peer.address).is_none_or(|mark| event.id > *mark)
    };
    let above = status.last_id.saturating_sub(ENTRIES_MAX).max(listened);
    let filter = Filter { kinds: vec![Kind::Message, Kind::File], ..Filter::default() };
    let (mut count, mut before) = (0, None);
    loop {
        let (events, older) = client.history_part(Piece { above, before, most: PIECE }, &filter)?;
        count += events.iter().filter(is_unread).count() as u64;
        before = older;
        if older.is_none() {
            return Ok(Some(Unread {
                count,
                may_be_more: above > listened.max(status.first_id) && count > 0,
            }));
        }
    }
}

//! The log, read backwards.

use simp_control::frame::FRAME_MAX;
use simp_control::{Filter, Reply};
use simp_store::EntryFilter;

use super::carried::Carried;
use crate::engine::Engine;

/// Most entries in one answer.
const HISTORY_MAX: usize = 1_000;

/// Most bytes of texts in one answer: with all that is around them they fit a frame.
const HISTORY_BYTES: usize = FRAME_MAX / 4;

/// The newest entries below `before` that pass the filter.
pub fn history(engine: &Engine, before: Option<u64>, limit: u32, filter: &Filter) -> Carried {
    let limit = (limit as usize).min(HISTORY_MAX);
    let before = before.unwrap_or(u64::MAX);
    let (mut events, mut older) = engine.store.history(before, limit, &EntryFilter::new(filter))?;
    let mut bytes = 0;
    let fitting = events.iter().take_while(|event| {
        bytes += 256 + event.what.text().map_or(0, str::len);
        bytes <= HISTORY_BYTES
    });
    // One entry fits any frame, and without one the client would ask for the same again.
    let fitting = fitting.count().max(1);
    if fitting < events.len() {
        events.truncate(fitting);
        older = events.last().map(|event| event.id);
    }
    Ok(Reply::History { events, older })
}

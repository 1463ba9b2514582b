//! The log, read backwards.

use simp_control::{Filter, Reply};
use simp_store::EntryFilter;

use super::carried::Carried;
use crate::engine::Engine;

/// Most entries in one answer.
const HISTORY_MAX: usize = 1_000;

/// The newest entries below `before` that pass the filter; of long ones fewer, so that they fit a frame.
pub fn history(engine: &Engine, before: Option<u64>, limit: u32, filter: &Filter) -> Carried {
    let limit = (limit as usize).min(HISTORY_MAX);
    let before = before.unwrap_or(u64::MAX);
    let (events, older) = engine.store.history(before, limit, &EntryFilter::new(filter))?;
    Ok(Reply::History { events, older })
}

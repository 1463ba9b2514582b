//! How the daemon is.

use simp_control::{Reply, Status};

use super::carried::Carried;
use crate::engine::Engine;
use crate::now::Now;

/// Most peers of whom it says what is special.
const NOTES_MAX: usize = 100;

/// How the daemon is, with so many clients connected.
pub fn status(engine: &Engine, now: Now, clients: usize) -> Carried {
    // The store counts for itself, also those commits that are no turn's.
    let mut counters = engine.counters.clone();
    counters.commits = engine.store.commits();
    let waiting = match engine.longest_waiting() {
        // It is here that our user learns of a disk that cannot even be read.
        Err(_) if !engine.disk.works() => Vec::new(),
        waiting => waiting?,
    };
    Ok(Reply::Status(Box::new(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        address: engine.address.to_string(),
        user: engine.policy.name.to_string(),
        key: engine.key(),
        accept: engine.policy.accept.to_string(),
        uptime_ms: now.instant.saturating_duration_since(engine.started).as_millis() as u64,
        chats: engine.chats.count() as u64,
        max_chats: engine.policy.max_chats as u64,
        requests: engine.chats.requests() as u64,
        clients: clients as u64,
        counters,
        log: Some(engine.store.log_id().clone()),
        last_id: engine.store.last_id(),
        first_id: engine.store.first_id(),
        log_bytes: engine.store.bytes(),
        outbox: engine.store.outbox_size().messages,
        notes: engine.chats.notes(NOTES_MAX),
        trouble: trouble(engine),
        plain: engine.why_plain().map(str::to_owned),
        not_leaving: engine.not_leaving(now),
        waiting,
    })))
}

/// Why all chats are paused, if they are.
fn trouble(engine: &Engine) -> Option<String> {
    let disk = engine.disk.trouble().map(str::to_owned);
    disk.or_else(|| (!engine.outlet.has_address()).then(|| engine.no_address()))
}

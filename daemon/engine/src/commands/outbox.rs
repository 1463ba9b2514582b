//! What the outbox holds.

use simp_control::{OutboxMessage, Peer, Reply};
use simp_store::KeptLetter;

use super::carried::Carried;
use crate::absent::{Absentee, Next};
use crate::engine::Engine;

/// Most messages in one answer; of long ones fewer.
const OUTBOX_MAX: usize = 100;

/// The messages in the outbox with ids above `after`.
pub fn outbox(engine: &Engine, after: u64) -> Carried {
    let (messages, more) = engine.store.outbox(after, OUTBOX_MAX)?;
    let shown = |kept: KeptLetter| {
        let absentee = engine.absent.get(kept.address);
        show(kept, absentee)
    };
    Ok(Reply::Outbox { messages: messages.into_iter().map(shown).collect(), more })
}

fn show(kept: KeptLetter, absentee: Option<&Absentee>) -> OutboxMessage {
    OutboxMessage {
        message: kept.message,
        peer: Peer { user: kept.user, address: kept.address.to_string() },
        text: kept.text,
        at_ms: kept.at_ms,
        expires_ms: kept.expires_after_ms.map(|after| kept.at_ms.saturating_add(after)),
        tries: absentee.map_or(0, |absentee| absentee.tries.into()),
        reason: absentee.and_then(|absentee| absentee.reason),
        next_ms: absentee.and_then(|absentee| match absentee.next {
            Next::Due { ms, .. } => Some(ms),
            // Nobody knows when: it depends on other people.
            Next::Room | Next::Chat => None,
        }),
    }
}

//! What the outbox holds.

use simp_control::{HostName, OutboxMessage, Peer, Reply};
use simp_store::KeptLetter;

use super::carried::Carried;
use crate::absent::{Absentee, Next};
use crate::engine::Engine;
use crate::hosts::{Next as NextLookup, Sought, Whereabouts};

/// Most messages in one answer; of long ones fewer.
const OUTBOX_MAX: usize = 100;

/// The messages in the outbox with ids above `after`.
pub fn outbox(engine: &Engine, after: u64) -> Carried {
    let (messages, more) = engine.store.outbox(after, OUTBOX_MAX)?;
    let shown = |kept: KeptLetter| {
        let absentee = kept.to.address().and_then(|address| engine.absent.get(address));
        let sought = kept.to.host().and_then(|host| engine.hosts.get(host));
        show(kept, absentee, sought)
    };
    Ok(Reply::Outbox { messages: messages.into_iter().map(shown).collect(), more })
}

fn show(kept: KeptLetter, absentee: Option<&Absentee>, sought: Option<&Sought>) -> OutboxMessage {
    let tries = absentee.map(|absentee| absentee.tries).or(sought.map(|sought| sought.tries));
    let due = match sought.map(|sought| sought.at) {
        Some(Whereabouts::Unknown(NextLookup::Due { ms, .. })) => Some(ms),
        _ => None,
    };
    OutboxMessage {
        message: kept.message,
        peer: Peer { user: kept.user, address: kept.to.to_string() },
        host: kept.to.host().map(HostName::to_string),
        lookup: sought.and_then(Sought::lookup),
        text: kept.text,
        at_ms: kept.at_ms,
        expires_ms: kept.expires_after_ms.map(|after| kept.at_ms.saturating_add(after)),
        tries: tries.unwrap_or_default().into(),
        reason: absentee.and_then(|absentee| absentee.reason),
        next_ms: due.or(absentee.and_then(|absentee| match absentee.next {
            Next::Due { ms, .. } => Some(ms),
            // Nobody knows when: it depends on others.
            Next::Lookup { .. } | Next::Room | Next::Chat => None,
        })),
    }
}

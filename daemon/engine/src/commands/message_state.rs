//! What became of messages of ours: for clients that show it, and for those who want to change it.

use std::collections::HashMap;

use simp_control::{FailureKind, MessageState, Reply, STATES_MAX};
use simp_store::NotDelivered;

use super::carried::{Carried, denied};
use crate::engine::Engine;

/// What became of these messages of ours.
pub fn states(engine: &Engine, messages: &[u64]) -> Carried {
    if messages.len() > STATES_MAX {
        return denied(FailureKind::Usage, format!("one request asks about at most {STATES_MAX} messages"));
    }
    // One look at each chat, and not one for each message.
    let settled: HashMap<u64, u64> =
        engine.chats.iter().map(|(_, ongoing)| (ongoing.id, ongoing.queue.settled)).collect();
    let state = |message| match engine.store.queued_in(message)? {
        Some((chat, is_file)) => {
            let state = state(engine, message, chat, settled.get(&chat).copied())?;
            // Of a file that came to nothing, only an entry of its own tells.
            Ok((!is_file || state == MessageState::Waiting).then_some(state))
        }
        None => Ok(None),
    };
    Ok(Reply::States { states: messages.iter().copied().map(state).collect::<Carried<_>>()? })
}

/// What became of a message of ours; `None` if there is none with this id.
pub fn message_state(engine: &Engine, message: u64) -> Carried<Option<MessageState>> {
    let Some((chat, _)) = engine.store.queued_in(message)? else {
        // Its end may outlive it.
        return Ok(engine.store.not_delivered(message)?.map(not_delivered));
    };
    let settled = engine.chats.iter().find(|(_, it)| it.id == chat).map(|(_, it)| it.queue.settled);
    state(engine, message, chat, settled).map(Some)
}

/// What became of a message that was queued in this chat, in which all up to `settled` are settled if it still goes on.
fn state(engine: &Engine, message: u64, chat: u64, settled: Option<u64>) -> Carried<MessageState> {
    if let Some(found) = engine.store.not_delivered(message)? {
        return Ok(not_delivered(found));
    }
    // There is no entry for "still waits": it is what the chat has not come to, or what the outbox has. Those of the outbox
    // have 0 for their chat, which is also the id of a chat that has no entry yet.
    let waits = match settled.filter(|_| chat != 0) {
        Some(settled) => message > settled,
        None => engine.store.is_in_outbox(message)?,
    };
    let waits = waits || engine.store.file(message)?.is_some();
    Ok(if waits { MessageState::Waiting } else { MessageState::Delivered })
}

fn not_delivered(found: NotDelivered) -> MessageState {
    match found {
        NotDelivered::Undelivered(reason) => MessageState::Undelivered { reason },
        NotDelivered::Unconfirmed => MessageState::Unconfirmed,
    }
}

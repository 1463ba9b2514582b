//! What became of a message of ours, for those who want to change that.

use simp_control::Kind;

use super::carried::Carried;
use crate::engine::Engine;

/// What became of a message of ours.
pub enum MessageState {
    /// It still waits, in a chat or in the outbox.
    Waiting,
    /// The peer has it.
    Delivered,
    /// It has left, and the peer does not say whether it has it.
    Unconfirmed,
    /// It was given up.
    Undelivered,
}

/// What became of a message of ours; `None` if there is none with this id.
pub fn message_state(engine: &Engine, message: u64) -> Carried<Option<MessageState>> {
    match engine.store.not_delivered(message)? {
        Some(Kind::Unconfirmed) => return Ok(Some(MessageState::Unconfirmed)),
        Some(_) => return Ok(Some(MessageState::Undelivered)),
        None => {}
    }
    if engine.store.file(message)?.is_some() {
        return Ok(Some(MessageState::Waiting));
    }
    let Some(queued) = engine.store.message(message)? else { return Ok(None) };
    // Those of the outbox have 0 for their chat, which is also the id of a chat that has no entry yet.
    let in_chat = engine.chats.iter().find(|(_, it)| it.id == queued.chat && queued.chat != 0);
    // There is no entry for "still waits": it is what the chat has not come to, or what the outbox has.
    let waits = match in_chat {
        Some((_, ongoing)) => message > ongoing.queue.settled,
        None => engine.store.in_outbox(message)?.is_some(),
    };
    Ok(Some(if waits { MessageState::Waiting } else { MessageState::Delivered }))
}

//! Taking a message out of the outbox.

use simp_control::{FailureKind, MessageState, Reason, Reply};

use super::carried::{Carried, denied};
use super::message_state::message_state;
use crate::engine::Engine;
use crate::letters::NotCancelled;
use crate::now::Now;

/// Takes a message out of the outbox, as undelivered.
pub fn cancel(engine: &mut Engine, now: Now, message: u64) -> Carried {
    match engine.give_up_kept(now, message, Reason::Cancelled)? {
        Ok(()) => Ok(Reply::Done),
        Err(NotCancelled::InFlight) => denied(
            FailureKind::Failed,
            format!("message {message} is already being delivered (see: simpctl outbox)"),
        ),
        // Why not, as far as the log knows.
        Err(NotCancelled::Absent) => {
            let (kind, line) = match message_state(engine, message)? {
                None => (FailureKind::NoSuch, "no such message (see: simpctl outbox)"),
                Some(MessageState::Undelivered { .. }) => (FailureKind::Failed, "was already given up"),
                Some(MessageState::Unconfirmed) => {
                    (FailureKind::Failed, "was already sent, but not confirmed")
                }
                Some(MessageState::Delivered) => (FailureKind::Failed, "was already delivered"),
                Some(MessageState::Waiting) => (
                    FailureKind::Failed,
                    "is waiting in a chat, not in the outbox (end the chat: simpctl quit --now)",
                ),
            };
            denied(kind, format!("message {message}: {line}"))
        }
    }
}

//! Sending a message once more that was not delivered, or not confirmed.

use simp_control::{Failure, FailureKind, MessageState, Reply};
use simp_store::OurMessage;

use super::carried::{Carried, denied};
use super::message_state::message_state;
use super::outbox_room::has_room;
use super::send::{expiry, fits_outbox};
use crate::engine::Engine;
use crate::letters::Letter;
use crate::now::Now;

/// Puts the text of a message into the outbox, as a new message to the same peer.
pub fn resend(engine: &mut Engine, now: Now, message: u64, expire_ms: Option<u64>) -> Carried {
    let expires_after = expiry(expire_ms)?;
    let failed = |line: &str| denied(FailureKind::Failed, format!("message {message}: {line}"));
    let queued = engine.store.message(message)?;
    if queued.as_ref().is_some_and(|queued| queued.size.is_some()) {
        return failed("is a file (send it again: simpctl send --file)");
    }
    match message_state(engine, message)? {
        Some(MessageState::Undelivered { .. } | MessageState::Unconfirmed) => {}
        Some(MessageState::Delivered) => return failed("was already delivered"),
        Some(MessageState::Waiting) => return failed("is still waiting to be delivered"),
        None => {
            let what = "no such message (see: simpctl history --all)";
            return denied(FailureKind::NoSuch, format!("message {message}: {what}"));
        }
    }
    // Else a script that is run twice would send it twice.
    if let Some(again) = engine.store.sent_again_as(message)? {
        return failed(&format!("was already resent as message {again}"));
    }
    let gone = || Failure::new(FailureKind::NoSuch, format!("message {message}: its text is no longer kept"));
    let queued = queued.ok_or_else(gone)?;
    let OurMessage { to, user, text, .. } = queued;
    fits_outbox(engine, now, &text, &to, &user)?;
    has_room(engine, &to, text.len())?;
    let letter = Letter { to, user, text, expires_after, again: Some(message), token: None };
    let again = engine.keep_message(now, letter)?;
    Ok(Reply::Queued { message: again, chat: 0 })
}

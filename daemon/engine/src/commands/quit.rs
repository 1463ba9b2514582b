//! Ending a chat.

use simp_control::State;
use simp_proto::StateError;

use super::carried::{Carried, chat_reply, is_still};
use crate::engine::Engine;
use crate::now::Now;

/// Ends a chat, or takes an invitation back. The reply shows it as it was.
pub fn quit(engine: &mut Engine, now: Now, who: Option<&str>, chat: Option<u64>, at_once: bool) -> Carried {
    // A request is declined, not left.
    let can_quit = |state| !matches!(state, State::Invited | State::Closed);
    let key = engine.chats.find(who, can_quit, "there is no chat to quit", "simpctl quit WHO")?;
    is_still(engine, key, chat)?;
    // Before: an end at once leaves nothing to show.
    let reply = chat_reply(engine, now, key);
    match engine.chats.change(key, |ongoing| ongoing.chat.close(now.instant, at_once)) {
        // We are leaving already: the client follows the end all the same.
        None | Some(Ok(()) | Err(StateError(State::Closing))) => reply,
        Some(Err(error)) => Err(error.into()),
    }
}

//! Answering a request: accepting it, or declining.

use simp_control::{FailureKind, State};

use super::carried::{Carried, chat_reply, denied};
use crate::engine::Engine;
use crate::now::Now;

/// Accepts a request.
pub fn accept(engine: &mut Engine, now: Now, who: Option<&str>) -> Carried {
    let key = find_request(engine, who, "simpctl accept WHO")?;
    accept_chat(engine, now, key)
}

/// Declines a request. The reply shows it as it was.
pub fn decline(engine: &mut Engine, now: Now, who: Option<&str>) -> Carried {
    let key = find_request(engine, who, "simpctl decline WHO")?;
    // Before: once it is declined, no client sees it any more.
    let reply = chat_reply(engine, now, key);
    engine.chats.change(key, |ongoing| ongoing.chat.decline(now.instant)).transpose()?;
    reply
}

/// Accepts this request, if there is room.
pub fn accept_chat(engine: &mut Engine, now: Now, key: usize) -> Carried {
    room_for_one(engine, now)?;
    let accepted = engine.chats.change(key, |ongoing| {
        ongoing.standing.accept();
        ongoing.chat.accept(now.instant)
    });
    accepted.transpose()?;
    chat_reply(engine, now, key)
}

fn find_request(engine: &Engine, who: Option<&str>, flag: &str) -> Carried<usize> {
    Ok(engine.chats.find(who, |state| state == State::Invited, "there is no request", flag)?)
}

/// Makes sure that there is room for one more chat that somebody wants.
pub fn room_for_one(engine: &mut Engine, now: Now) -> Carried<()> {
    if engine.is_full() {
        // A chat that only the outbox wanted, and that has delivered all, makes room at once.
        engine.chats.leave_idle(now.instant);
    }
    if !engine.is_full() {
        return Ok(());
    }
    let line = match (engine.policy.max_chats, engine.chats.oldest().map(|ongoing| ongoing.peer().shown())) {
        (1, Some(peer)) => {
            format!("already in a chat with {peer} (end it: simpctl quit, or start simpd with --max-chats 2)")
        }
        (most, _) => {
            format!(
                "the limit of {most} chats is reached (end one, or start simpd with a higher --max-chats)"
            )
        }
    };
    denied(FailureKind::Failed, line)
}

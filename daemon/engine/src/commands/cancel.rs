//! Taking messages back that have not left: out of the outbox, or one out of the chat that it waits in.

use simp_control::{FailureKind, MessageState, Reason, Reply, Who};
use simp_store::Addressed;

use super::carried::{Carried, denied, no_longer};
use super::message_state::message_state;
use crate::engine::Engine;
use crate::letters::NotCancelled;
use crate::now::Now;

/// Messages that one request looks at, at most.
const LOOKED_AT: usize = 256;

/// Takes messages with ids above `after` out of the outbox, as undelivered: those for somebody, or all.
pub fn cancel_all(engine: &mut Engine, now: Now, who: Option<&str>, after: u64) -> Carried {
    let (mut messages, mut in_flight) = (Vec::new(), Vec::new());
    let addressed = engine.store.addressed(after, LOOKED_AT)?;
    let after = addressed.last().filter(|_| addressed.len() == LOOKED_AT).map(|last| last.message);
    let named = who.map(|who| (who, Who::parse(who)));
    for Addressed { message, to, user } in addressed {
        let is_meant = named.as_ref().is_none_or(|(typed, who)| {
            to.host().is_some_and(|host| host.is_meant_by(typed))
                || to.address().is_some_and(|at| who.means(&user, at))
        });
        if !is_meant {
            continue;
        }
        match engine.give_up_kept(now, message, Reason::Cancelled)? {
            Ok(()) => messages.push(message),
            Err(NotCancelled::InFlight) => in_flight.push(message),
            Err(NotCancelled::Absent) => {}
        }
    }
    Ok(Reply::Cancelled { messages, in_flight, after })
}

/// Takes a message back, as undelivered.
pub fn cancel(engine: &mut Engine, now: Now, message: u64) -> Carried {
    match engine.give_up_kept(now, message, Reason::Cancelled)? {
        Ok(()) => Ok(Reply::Done),
        Err(NotCancelled::InFlight) => {
            let line = format!("message {message} is already being delivered (see: simpctl outbox)");
            denied(FailureKind::Failed, line)
        }
        Err(NotCancelled::Absent) => take_back(engine, now, message),
    }
}

fn take_back(engine: &mut Engine, now: Now, message: u64) -> Carried {
    let (kind, line) = match (message_state(engine, message)?, engine.store.queued_in(message)?) {
        (Some(MessageState::Waiting), Some((chat, false))) => return take_out_of(engine, now, chat, message),
        (Some(MessageState::Waiting), _) => {
            (FailureKind::Failed, "is a file, which is offered already (end the chat: simpctl quit --now)")
        }
        // Why not, as far as the log knows.
        (None, _) => (FailureKind::NoSuch, "no such message (see: simpctl outbox)"),
        (Some(MessageState::Undelivered { .. }), _) => (FailureKind::Failed, "was already given up"),
        (Some(MessageState::Unconfirmed), _) => (FailureKind::Failed, "was already sent, but not confirmed"),
        (Some(MessageState::Delivered), _) => (FailureKind::Failed, "was already delivered"),
    };
    denied(kind, format!("message {message}: {line}"))
}

/// Takes a message out of the chat that it waits in.
fn take_out_of(engine: &mut Engine, now: Now, chat: u64, message: u64) -> Carried {
    let key = engine.chats.iter().find(|(_, ongoing)| ongoing.id == chat).map(|(key, _)| key);
    let key = key.ok_or_else(no_longer)?;
    let store = &mut engine.store;
    // The machine first: once the message has left, nobody knows whether the peer has it.
    let taken = engine.chats.change(key, |ongoing| {
        let is_taken = ongoing.take_back(now.instant, message);
        if is_taken {
            ongoing.record_taken_back(store, now, message);
        }
        is_taken
    });
    match taken {
        Some(true) => Ok(Reply::Done),
        _ => denied(
            FailureKind::Failed,
            format!("message {message} has left already, and its peer may have it (simpd keeps trying)"),
        ),
    }
}

//! Sending a text once under the name that its client has given it.

use std::net::SocketAddr;

use simp_control::{FailureKind, HostName, Reason, Reply, Who};
use simp_store::{NotDelivered, OurMessage};

use super::carried::{Carried, denied, no_longer};
use super::send::{Draft, find_open, outbox_peer, send};
use crate::engine::Engine;
use crate::now::Now;

/// Sends a text as it is meant to be sent; if it has a name that a message has already, it is that message, or it is
/// refused.
pub fn send_once(engine: &mut Engine, now: Now, draft: &Draft<'_>) -> Carried {
    let Some(name) = draft.once else { return send(engine, now, draft) };
    if let Some((message, before)) = engine.store.named(name)? {
        let same = same(engine, draft, message, &before)?;
        if !is_free(engine, message, &before)? {
            return Ok(same);
        }
    }
    let queued = send(engine, now, draft)?;
    if let Reply::Queued { message, .. } = queued {
        engine.store.name(name, message)?;
    }
    Ok(queued)
}

/// Whether the name of this message can be that of another: if it was taken back in its chat it has never left. What was taken
/// out of the outbox may have, before a backup of the log was made that this log has begun with.
fn is_free(engine: &Engine, message: u64, before: &OurMessage) -> Carried<bool> {
    let cancelled = Some(NotDelivered::Undelivered(Reason::Cancelled));
    Ok(before.chat != 0 && engine.store.not_delivered(message)? == cancelled)
}

/// The answer that this message had, if it is the one that is meant.
fn same(engine: &Engine, draft: &Draft<'_>, message: u64, before: &OurMessage) -> Carried {
    let differs = if before.text != draft.text {
        "another text"
    } else if is_for_same_peer(engine, draft, before)? {
        return Ok(Reply::Queued { message, chat: before.chat });
    } else {
        "another peer"
    };
    let line = format!(
        "message {message} has this name already, with {differs} (see: simpctl history; give each message a name of its own)"
    );
    denied(FailureKind::Usage, line)
}

fn is_for_same_peer(engine: &Engine, draft: &Draft<'_>, before: &OurMessage) -> Carried<bool> {
    match (draft.chat, draft.who.map(Who::parse)) {
        (Some(chat), _) => Ok(chat == before.chat),
        _ if let (Some(host), Some(before)) = (draft.host, before.to.host()) => {
            Ok(HostName::parse(host).as_ref() == Some(before))
        }
        // Whoever it was for at the time was the only one.
        (None, None) => Ok(draft.host.is_none()),
        (None, Some(_)) if is_host(draft, before) => Ok(true),
        (None, Some(who)) if before.to.address().is_some_and(|at| who.means(&before.user, at)) => Ok(true),
        // By another of its names perhaps, if there is somebody of this name; else the client may know which host it is.
        (None, Some(_)) if draft.is_kept => Ok(Some(outbox_address(engine, draft)?) == before.to.address()),
        (None, Some(_)) => {
            let ongoing = engine.chats.get(find_open(engine, draft.who)?).ok_or_else(no_longer)?;
            Ok(ongoing.id == before.chat || Some(ongoing.place.invited_at()) == before.to.address())
        }
    }
}

/// Whether the host that a message was for is named again, whether or not anybody looked it up.
fn is_host(draft: &Draft<'_>, before: &OurMessage) -> bool {
    before.to.host().zip(draft.who).is_some_and(|(host, who)| host.is_meant_by(who))
}

/// The address that a message for the outbox would have.
fn outbox_address(engine: &Engine, draft: &Draft<'_>) -> Carried<SocketAddr> {
    let (address, _) = outbox_peer(engine, draft.who)?;
    let in_chat = engine.chat_for_outbox(address)?.and_then(|key| engine.chats.get(key));
    Ok(in_chat.map_or(address, |ongoing| ongoing.place.invited_at()))
}

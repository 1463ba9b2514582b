//! Inviting a peer.

use std::num::NonZeroU64;
use std::time::Duration;

use simp_control::{FailureKind, Host, Kind, State, What};
use simp_store::StoreError;

use super::accept::{accept_chat, room_for_one};
use super::carried::{Carried, chat_reply, denied};
use crate::engine::Engine;
use crate::now::Now;
use crate::ongoing::{Ongoing, WantedBy};
use crate::policy::Secrecy;
use crate::resume::INVITATION_MAX;
use crate::ways::Way;

/// Invites a peer, or takes over what there is with it already.
pub fn connect(
    engine: &mut Engine,
    now: Now,
    address: &str,
    timeout_ms: Option<u64>,
    secure: Option<bool>,
) -> Carried {
    let address = engine.peer_address(address)?;
    let expires_after = match timeout_ms {
        Some(ms) if ms == 0 || Duration::from_millis(ms) > INVITATION_MAX => {
            return denied(FailureKind::Usage, "the time limit must be from 0.001 to 86400 s");
        }
        Some(ms) => Duration::from_millis(ms),
        None => engine.policy.us.settings.request_expiry,
    };
    let key = engine.chats.known_at(address);
    if let Some(key) =
        key.filter(|key| engine.chats.get(*key).is_some_and(|it| it.chat.is_expired(now.instant)))
    {
        engine.chats.change(key, |ongoing| ongoing.chat.handle_timeout(now.instant));
        engine.settle(now, key)?;
    }
    if let Some((key, ongoing)) = key.and_then(|key| Some((key, engine.chats.get(key)?))) {
        let fits = secure.is_none_or(|secure| secure == ongoing.chat.secure().is_some());
        match ongoing.chat.state() {
            // The new chat needs the address of the old one; so it does of one that nobody has been told of.
            State::Closing => forget(engine, now, key)?,
            _ if !fits && ongoing.is_unlogged() => forget(engine, now, key)?,
            _ if !fits => return denied(FailureKind::Failed, other_kind(ongoing)),
            // The peer waits for us already: that is what the user wants.
            State::Invited => return accept_chat(engine, now, key),
            // One invitation, one chat: the user follows what there is.
            _ => return follow(engine, now, key, secure, expires_after),
        }
    }
    if !engine.outlet.has_address() {
        let line = format!("no interface has {} (list them: ip address)", Host::of(engine.address).by_name());
        return denied(FailureKind::Failed, line);
    }
    room_for_one(engine, now)?;
    let way = engine.way_to(now, address, secure)?;
    match (way, engine.secrecy.no_channels()) {
        (Way::Plain, _) if secure == Some(true) => {
            let remedy = match engine.policy.secrecy {
                Secrecy::Off => "set secure = \"prefer\" in simpd.toml, and restart simpd",
                _ => "remove never-secure from its line in [peers] of simpd.toml",
            };
            return denied(
                FailureKind::Failed,
                format!("{address}: secure chats with it are off ({remedy})"),
            );
        }
        (Way::Secure(_), Some(why)) => {
            return denied(FailureKind::Failed, format!("{address}: this chat must be secure, but {why}"));
        }
        _ => {}
    }
    let key = engine.begin_invitation(now, (address, way), WantedBy::Users, expires_after)?;
    adopt(engine, now, key, expires_after)
}

/// Ends what there is.
fn forget(engine: &mut Engine, now: Now, key: usize) -> Result<(), StoreError> {
    engine.chats.change(key, |ongoing| ongoing.chat.abandon());
    engine.settle_if_over(now, key)
}

/// Why a chat of the kind that is wanted cannot be.
fn other_kind(ongoing: &Ongoing) -> String {
    let kind = if ongoing.chat.secure().is_some() { "secure" } else { "plain" };
    let (peer, address) = (ongoing.peer(), ongoing.place.address());
    match ongoing.chat.state() {
        State::Invited => {
            format!("{peer} invites to a {kind} chat (decline that first: simpctl decline {address})")
        }
        _ => format!("there is a {kind} chat with {peer} already (end it first: simpctl quit {address})"),
    }
}

/// Takes over a chat that is there, or an invitation.
fn follow(
    engine: &mut Engine,
    now: Now,
    key: usize,
    secure: Option<bool>,
    expires_after: Duration,
) -> Carried {
    let is_unlogged = engine.chats.get(key).is_some_and(Ongoing::is_unlogged);
    if is_unlogged {
        room_for_one(engine, now)?;
    }
    if secure == Some(true) {
        engine.chats.change(key, |ongoing| ongoing.chat.become_secure());
    }
    if is_unlogged {
        return adopt(engine, now, key, expires_after);
    }
    take_over(engine, key)?;
    chat_reply(engine, now, key)
}

/// Makes an invitation, which may have been one of the outbox, our user's own.
fn adopt(engine: &mut Engine, now: Now, key: usize, expires_after: Duration) -> Carried {
    let store = &mut engine.store;
    // It has its entry at once: the reply names the chat by it.
    let adopted = engine.chats.change(key, |ongoing| {
        ongoing.chat.expire_at(now.instant + expires_after);
        ongoing.times.expires_ms = NonZeroU64::new(now.ms + expires_after.as_millis() as u64);
        ongoing.times.since_ms = now.ms;
        ongoing.id = store.append(now.ms, None, ongoing.peer(), What::Inviting, None);
        ongoing.trace(Kind::Inviting, None, None);
        Ok::<(), StoreError>(())
    });
    adopted.transpose()?;
    // One of the outbox was not kept when it was made.
    take_over(engine, key)?;
    chat_reply(engine, now, key)
}

/// Makes a chat that was opened for the outbox our user's own, for the next run too.
pub fn take_over(engine: &mut Engine, key: usize) -> Result<(), StoreError> {
    let row = engine.chats.change(key, |ongoing| {
        let was_for_outbox = ongoing.is_for_outbox();
        ongoing.wanted_by = WantedBy::Users;
        ongoing.row().filter(|_| was_for_outbox)
    });
    match row.flatten() {
        Some(row) => engine.store.keep_chat(&row),
        None => Ok(()),
    }
}

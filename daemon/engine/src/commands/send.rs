//! Sending a text: in a chat, or through the outbox.

use std::net::SocketAddr;
use std::time::Duration;

use simp_control::{Failure, FailureKind, HostName, Kind, Peer, Reply, Request, State, Takes, What, Who};
use simp_proto::secure::{Body, SecureChat};
use simp_proto::{Dialect, Text, TextError};
use simp_store::Recipient;

use super::carried::{Carried, Denied, denied, is_still, no_longer};
use super::connect::take_over;
use super::outbox_room::has_room;
use crate::engine::Engine;
use crate::letters::Letter;
use crate::machine::{Machine, Waiting};
use crate::now::Now;
use crate::policy::Secrecy;
use crate::ways::Way;

/// The longest that a message may be kept in the outbox and then be given up: ten years.
const EXPIRY_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A text that a client wants to send, and how.
pub struct Draft<'a> {
    /// To whom; may be absent if there is one chat only.
    pub who: Option<&'a str>,
    /// Only in the chat with this id.
    pub chat: Option<u64>,
    /// The text as the client has it.
    pub text: &'a str,
    /// Keep it in the outbox until the peer has it.
    pub is_kept: bool,
    /// Give it up after this long in the outbox.
    pub expire_ms: Option<u64>,
    /// The client's own name for it.
    pub token: Option<u64>,
    /// It may have been queued already, after this entry.
    pub again_after: Option<u64>,
    /// Its name: it is queued once under it.
    pub once: Option<&'a str>,
    /// The host that it is for.
    pub host: Option<&'a str>,
    /// The message of the peer that it answers.
    pub answers: Option<u64>,
}

/// Sends a text in a chat, or keeps it in the outbox.
pub fn send(engine: &mut Engine, now: Now, draft: &Draft<'_>) -> Carried {
    // The client lost the answer with its connection: the message is queued once, whatever became of it since.
    if let (Some(token), Some(after)) = (draft.token, draft.again_after) {
        match engine.store.with_token(token, after)? {
            (Some((message, chat)), _) => return Ok(Reply::Queued { message, chat }),
            (None, looked) if looked < engine.store.last_id() => return not_yet(draft, looked),
            (None, _) => {}
        }
    }
    if draft.answers.is_some() && draft.is_kept {
        return denied(FailureKind::Usage, "a message of the outbox answers nothing (omit what it answers)");
    }
    if draft.host.is_some() && !draft.is_kept {
        return denied(FailureKind::Usage, "only a message of the outbox can be for a host (add --queue)");
    }
    match (draft.is_kept, draft.chat, draft.expire_ms) {
        (true, Some(_), _) => {
            let line = "a message of the outbox belongs to no chat (omit the chat)";
            denied(FailureKind::Usage, line)
        }
        (true, None, _) => send_through_outbox(engine, now, draft),
        (false, _, Some(_)) => {
            denied(FailureKind::Usage, "only a message in the outbox can expire (add --queue)")
        }
        (false, _, None) => send_in_chat(engine, now, draft),
    }
}

/// The same, looked for from this entry on.
fn not_yet(draft: &Draft<'_>, looked: u64) -> Carried {
    let Draft { who, chat, text, is_kept, expire_ms, token, once, host, answers, .. } = *draft;
    let (who, text, once) = (who.map(str::to_owned), text.to_owned(), once.map(str::to_owned));
    let host = host.map(str::to_owned);
    let again_after = Some(looked);
    Err(Denied::NotYet(Box::new(Request::Send {
        who,
        chat,
        text,
        queue: is_kept,
        expire_ms,
        token,
        again_after,
        once,
        answers,
        host,
    })))
}

fn send_in_chat(engine: &mut Engine, now: Now, draft: &Draft<'_>) -> Carried {
    let key = find_open(engine, draft.who)?;
    is_still(engine, key, draft.chat)?;
    let ongoing = engine.chats.get(key).ok_or_else(no_longer)?;
    let (chat, peer) = (ongoing.id, ongoing.peer_in(&mut engine.store));
    fits(draft.text, Carrier::of(engine, &ongoing.chat), &peer)?;
    let to = match draft.answers {
        Some(message) => answered(engine, chat, message)?.filter(|_| ongoing.chat.secure().is_some()),
        None => None,
    };
    // Whoever writes in a chat wants it: it is not left by itself any more. One that its peer began is not ours by that:
    // what becomes of the message will say whether anybody is there.
    if ongoing.is_for_outbox() {
        take_over(engine, key)?;
    }
    let text = draft.text.to_owned();
    let what = What::Queued { text: text.clone(), again: None, size: None };
    // First the log, then the machine: its id is the message's.
    let message = engine.store.append_answer(now.ms, (Some(chat), peer), what, draft.token, to);
    let body = match to {
        Some(to) => Body::Answer { text, to },
        None => Body::Text(text),
    };
    engine.chats.change(key, |ongoing| {
        ongoing.trace(Kind::Queued, Some(message), None);
        ongoing.hand_over(now.instant, Waiting { id: message, body, is_kept: false });
    });
    Ok(Reply::Queued { message, chat })
}

/// The number that the peer knows this message of its by; `None` if the log has it no more.
fn answered(engine: &Engine, chat: u64, message: u64) -> Carried<Option<u64>> {
    match engine.store.numbered(message)? {
        Some((of, number)) if of == chat => Ok(Some(number)),
        None if message < engine.store.first_id() => Ok(None),
        _ => denied(FailureKind::NoSuch, format!("message {message}: the peer has not sent it in this chat")),
    }
}

/// The open chat that is meant; if there is none, the failure says what would keep the message.
pub fn find_open(engine: &Engine, who: Option<&str>) -> Result<usize, Failure> {
    let can_send = |state| matches!(state, State::Accepting | State::Open);
    let found = engine.chats.find(who, can_send, "there is no open chat", "-t WHO");
    found.map_err(|mut failure| {
        if !engine.chats.is_any(who, can_send) {
            failure.line +=
                " (open a chat: simpctl connect ADDR, or queue the message for a later one: send --queue -t ADDR)";
        }
        failure
    })
}

fn send_through_outbox(engine: &mut Engine, now: Now, draft: &Draft<'_>) -> Carried {
    let expires_after = expiry(draft.expire_ms)?;
    let (to, user) = recipient(engine, draft)?;
    fits_outbox(engine, now, draft.text, &to, &user)?;
    has_room(engine, &to, draft.text.len())?;
    let letter =
        Letter { to, user, text: draft.text.to_owned(), expires_after, again: None, token: draft.token };
    let message = engine.keep_message(now, letter)?;
    Ok(Reply::Queued { message, chat: 0 })
}

/// Whom a message for the outbox is for, and what that peer is called if it has a chat with us.
fn recipient(engine: &Engine, draft: &Draft<'_>) -> Carried<(Recipient, String)> {
    let Some(host) = draft.host else {
        return outbox_peer(engine, draft.who).map(|(address, user)| (Recipient::At(address), user));
    };
    let Some(host) = HostName::parse(host) else {
        return denied(FailureKind::Usage, format!("{host}: neither HOST nor HOST:PORT"));
    };
    let is_address = |who: &str| matches!(Who::parse(who), Who::Ip(_) | Who::Address(_));
    match draft.who {
        None => Ok((Recipient::Host(host, None), String::new())),
        Some(who) if is_address(who) => {
            outbox_peer(engine, draft.who).map(|(address, user)| (Recipient::Host(host, Some(address)), user))
        }
        Some(who) => denied(FailureKind::Usage, format!("{who}: not the address of a host")),
    }
}

/// Whom a message for the outbox is for: an address, or whoever has a chat with us under this name.
pub fn outbox_peer(engine: &Engine, who: Option<&str>) -> Carried<(SocketAddr, String)> {
    let address = match who.map(Who::parse) {
        Some(Who::Ip(host)) => engine.peer_address(&host.to_string())?,
        Some(Who::Address(address) | Who::Both(_, address)) => engine.peer_address(&address.to_string())?,
        // With a port that only a chat knows.
        Some(Who::OnHost(_, host)) if !engine.chats.is_any(who, |state| state != State::Closed) => {
            engine.peer_address(&host.to_string())?
        }
        Some(Who::OnHost(..) | Who::User(_)) | None => return outbox_peer_in_chat(engine, who),
    };
    let in_chat = engine.chats.for_outbox(address).and_then(|key| engine.chats.get(key));
    Ok((address, in_chat.map(|ongoing| ongoing.chat.user().to_owned()).unwrap_or_default()))
}

fn outbox_peer_in_chat(engine: &Engine, who: Option<&str>) -> Carried<(SocketAddr, String)> {
    let any = |state| state != State::Closed;
    let none = "no receiver given (the outbox needs an address: send --queue -t ADDR)";
    let key = engine.chats.find(who, any, none, "-t WHO").map_err(|mut failure| {
        if let Some(who) = who.filter(|who| !engine.chats.is_any(Some(who), any)) {
            failure.line =
                format!("{who}: no chat with a user of this name (give the address: send --queue -t ADDR)");
        }
        failure
    })?;
    let ongoing = engine.chats.get(key).ok_or_else(no_longer)?;
    Ok((ongoing.place.invited_at(), ongoing.chat.user().to_owned()))
}

/// Whether the peer receives all of a text, as far as is known.
pub fn fits_outbox(engine: &Engine, now: Now, text: &str, to: &Recipient, user: &str) -> Carried<()> {
    let peer = Peer { user: user.to_owned(), address: to.to_string() };
    // Where it is found it may take less, and does not get it then.
    let Some(address) = to.address() else {
        let carrier = match engine.policy.secrecy {
            Secrecy::Require => Carrier::secure(engine, None),
            Secrecy::Prefer | Secrecy::Off => Carrier::Plain(Dialect::default()),
        };
        return fits(text, carrier, &peer);
    };
    is_clear(engine, address)?;
    // A chat knows best; else what the last one showed.
    let in_chat = engine.chat_for_outbox(address)?.and_then(|key| engine.chats.get(key));
    let carrier = match in_chat {
        // It may become a plain one.
        Some(ongoing) if !ongoing.chat.may_be_plain() => Carrier::of(engine, &ongoing.chat),
        _ if engine.way_to(now, address, None)? == Way::Either => Carrier::Plain(Dialect::default()),
        _ if engine.is_to_be_secure(address)? => Carrier::secure(engine, None),
        _ => Carrier::Plain(engine.known_of(now, address)?.dialect),
    };
    fits(text, carrier, &peer)
}

/// Whether it is clear who is meant by an address of the outbox: not if one peer was invited there and answered
/// from another port, and another one has a chat with us there.
fn is_clear(engine: &Engine, address: SocketAddr) -> Carried<()> {
    let get = |key| engine.chats.get(key);
    let there = engine.chats.at(address).and_then(get);
    let moved = engine.chats.for_outbox(address).and_then(get).filter(|it| it.place.address() != address);
    match (there, moved) {
        (Some(there), Some(moved)) => denied(
            FailureKind::NoSuch,
            format!(
                "{address}: ambiguous: {}, or {}, which was invited at this address (omit --queue and choose with -t WHO)",
                there.peer(),
                moved.peer()
            ),
        ),
        _ => Ok(()),
    }
}

/// What a message goes by.
#[derive(Clone, Copy)]
enum Carrier {
    /// Datagrams, to a peer that speaks so.
    Plain(Dialect),
    /// A channel, to a peer that takes so many bytes.
    Secure(u64),
}

impl Carrier {
    fn of(engine: &Engine, machine: &Machine) -> Self {
        let secure = |chat: &SecureChat| Self::secure(engine, chat.text_max());
        machine.secure().map_or_else(|| Self::Plain(machine.dialect()), secure)
    }

    /// To a peer that takes so many bytes, or has not said how many.
    fn secure(engine: &Engine, most: Option<u64>) -> Self {
        // It is most likely set as we are. If not, it says so before any message leaves.
        Self::Secure(most.unwrap_or(engine.policy.text_max as u64))
    }
}

/// Whether a peer receives all of a text.
fn fits(text: &str, carrier: Carrier, peer: &Peer) -> Carried<()> {
    let (takes, error) = match carrier {
        Carrier::Plain(dialect) => {
            let takes = Takes { bytes: dialect.text_max() as u64, ascii: true };
            (takes, Text::new(text).err().map(|error| error.to_string()))
        }
        Carrier::Secure(most) => {
            let nul = text.contains('\0').then(|| "a text cannot contain the character U+0000".to_owned());
            (Takes { bytes: most, ascii: false }, nul)
        }
    };
    let (most, length) = (takes.bytes, text.len() as u64);
    let long = || {
        let peer = peer.shown();
        format!("{peer} receives at most {most} bytes of a message, this one has {length} (send it in parts)")
    };
    match error.or_else(|| (length > most).then(long)) {
        // Nothing can be made of it that any peer takes.
        _ if text.is_empty() => denied(FailureKind::Usage, TextError::Empty.to_string()),
        Some(line) => Err(Failure::of_text(takes, line).into()),
        None => Ok(()),
    }
}

/// How long a message is kept in the outbox.
pub fn expiry(expire_ms: Option<u64>) -> Carried<Option<Duration>> {
    match expire_ms.map(Duration::from_millis) {
        Some(after) if after.is_zero() || after > EXPIRY_MAX => {
            denied(FailureKind::Usage, "a message can expire after 0.001 s to ten years")
        }
        after => Ok(after),
    }
}

//! Files: offering one, taking or refusing one of a peer, and which are under way.

use std::collections::HashMap;

use simp_control::{Digest, FailureKind, Kind, Peer, Reply, Request, State, Transfer, TransferState, What};
use simp_proto::secure::{Body, Offer};
use simp_store::{FileStands, KeptFile};

use super::carried::{Carried, Denied, denied, is_still, no_longer};
use super::connect::take_over;
use super::send::find_open;
use crate::engine::Engine;
use crate::machine::Waiting;
use crate::now::Now;

/// Most files in one reply.
const TRANSFERS_MAX: usize = 256;

/// A file that a client wants to send, and how.
pub struct FileDraft<'a> {
    /// To whom; may be absent if there is one chat only.
    pub who: Option<&'a str>,
    /// Only in the chat with this id.
    pub chat: Option<u64>,
    /// Where it is.
    pub path: &'a str,
    /// What the peer is to call it.
    pub name: &'a str,
    /// Its bytes.
    pub size: u64,
    /// What they come to.
    pub sha256: Digest,
    /// The client's own name for it.
    pub token: Option<u64>,
    /// It may have been queued already, after this entry.
    pub again_after: Option<u64>,
}

/// Offers a file in a chat.
pub fn send_file(engine: &mut Engine, now: Now, draft: &FileDraft<'_>) -> Carried {
    if let (Some(token), Some(after)) = (draft.token, draft.again_after) {
        match engine.store.with_token(token, after)? {
            (Some((message, chat)), _) => return Ok(Reply::Queued { message, chat }),
            (None, looked) if looked < engine.store.last_id() => return not_yet(draft, looked),
            (None, _) => {}
        }
    }
    if !draft.path.starts_with('/') || draft.name.is_empty() || draft.size > i64::MAX as u64 {
        return denied(FailureKind::Usage, "a file has an absolute path, a name, and at most 2^63-1 bytes");
    }
    let key = find_open(engine, draft.who)?;
    is_still(engine, key, draft.chat)?;
    let ongoing = engine.chats.get(key).ok_or_else(no_longer)?;
    let (chat, peer) = (ongoing.id, ongoing.peer());
    match ongoing.chat.secure().filter(|_| !ongoing.chat.may_be_plain()) {
        None => {
            let line = format!("{}: files go only through secure chats, and this one is plain", peer.shown());
            return denied(FailureKind::Usage, line);
        }
        Some(machine) if !machine.takes_files() => {
            return denied(FailureKind::Usage, format!("{}: its simpd takes no files", peer.shown()));
        }
        Some(_) => {}
    }
    if ongoing.is_for_outbox() {
        take_over(engine, key)?;
    }
    let (name, size) = (draft.name.to_owned(), draft.size);
    let what = What::Queued { text: name.clone(), again: None, size: Some(size) };
    let message = engine.store.append(now.ms, Some(chat), peer, what, draft.token);
    let offer = Offer { name, size, sha256: draft.sha256 };
    let stands = FileStands::Ours(draft.path.to_owned());
    engine.store.keep_file(&KeptFile { message, chat, number: message, offer: offer.clone(), stands })?;
    engine.chats.change(key, |ongoing| {
        ongoing.trace(Kind::Queued, Some(message), None);
        ongoing.hand_over(now.instant, Waiting { id: message, body: Body::File(offer), is_kept: false });
    });
    Ok(Reply::Queued { message, chat })
}

/// The same, looked for from this entry on.
fn not_yet(draft: &FileDraft<'_>, looked: u64) -> Carried {
    Err(Denied::NotYet(Box::new(Request::SendFile {
        who: draft.who.map(str::to_owned),
        chat: draft.chat,
        path: draft.path.to_owned(),
        name: draft.name.to_owned(),
        size: draft.size,
        sha256: draft.sha256,
        token: draft.token,
        again_after: Some(looked),
    })))
}

/// Saves a file that a peer offers.
pub fn take_file(engine: &mut Engine, now: Now, message: u64, folder: &str) -> Carried {
    if !folder.starts_with('/') {
        return denied(FailureKind::Usage, "a folder has an absolute path");
    }
    let mut file = offered(engine, message)?;
    if file.stands == FileStands::Offered {
        let chat = file.chat;
        let its = engine.chats.iter().find(|(_, ongoing)| ongoing.id == chat);
        let (key, ongoing) = its.ok_or_else(no_longer)?;
        // Else a peer that goes on offering would keep a chat that our user has left.
        if ongoing.chat.state() == State::Closing {
            let line = format!("message {message}: the chat is closing, and takes no further file");
            return denied(FailureKind::Failed, line);
        }
        file.stands = FileStands::Taken(folder.to_owned());
        engine.store.keep_file(&file)?;
        engine.go_on_with_files(now, key)?;
        engine.claim(&file);
    }
    Ok(Reply::Done)
}

/// Refuses a file that a peer offers.
pub fn refuse_file(engine: &mut Engine, now: Now, message: u64, reason: &str) -> Carried {
    offered(engine, message)?;
    engine.fail_fetch(now, message, (reason.to_owned(), reason.to_owned()))?;
    Ok(Reply::Done)
}

/// A file of a peer that is offered, or was and is known still.
fn offered(engine: &Engine, message: u64) -> Carried<KeptFile> {
    let file = engine.store.file(message)?.filter(|file| file.stands.ours().is_none());
    match file {
        Some(file) => Ok(file),
        None => denied(FailureKind::NoSuch, format!("message {message}: no file that a peer offers")),
    }
}

/// Files that are offered or under way.
pub fn transfers(engine: &Engine, after: u64) -> Carried {
    let files = engine.store.files(after, TRANSFERS_MAX)?;
    let more = files.len() == TRANSFERS_MAX;
    let peers: HashMap<u64, Peer> = match files.is_empty() {
        true => HashMap::new(),
        false => engine.chats.iter().map(|(_, ongoing)| (ongoing.id, ongoing.peer())).collect(),
    };
    let transfer = |file: KeptFile| {
        let state = match file.stands {
            FileStands::Ours(_) => TransferState::Waiting,
            FileStands::Fetched(_) => TransferState::Sending,
            FileStands::Offered => TransferState::Offered,
            FileStands::Taken(_) | FileStands::Saved(_) | FileStands::Refused { .. } => {
                TransferState::Receiving
            }
        };
        let peer = peers.get(&file.chat).cloned()?;
        let (message, done) = (file.message, engine.files.done(file.message));
        Some(Transfer { message, peer, name: file.offer.name, size: file.offer.size, done, state })
    };
    Ok(Reply::Transfers { transfers: files.into_iter().filter_map(transfer).collect(), more })
}

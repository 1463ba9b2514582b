//! What a request comes to: a reply, or why it is denied; and what several requests answer alike.

use simp_control::{Failure, FailureKind, Reply, Request};
use simp_proto::StateError;
use simp_store::StoreError;

use crate::engine::Engine;
use crate::now::Now;

/// Why a request is not carried out.
#[derive(Debug)]
pub enum Denied {
    /// The client hears of it.
    Failure(Failure),
    /// The log cannot be read or written.
    Store(StoreError),
    /// It is not denied, only not carried out yet: it is in the next turn, in this form. Whoever hands requests in gives
    /// no further one of the same client into a turn with one that [may wait](crate::may_wait).
    NotYet(Box<Request>),
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<StoreError> for Denied {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<StateError> for Denied {
    fn from(error: StateError) -> Self {
        Self::Failure(Failure::new(FailureKind::Failed, error.to_string()))
    }
}

/// What a request comes to.
pub type Carried<T = Reply> = Result<T, Denied>;

/// A failure of this kind with this line: the client hears of it.
pub fn denied<T>(kind: FailureKind, line: impl Into<String>) -> Carried<T> {
    Err(Failure::new(kind, line).into())
}

/// The chat that was found has ended since, perhaps by this very request.
pub fn no_longer() -> Failure {
    Failure::new(FailureKind::NoSuch, "the chat has just ended")
}

/// The chat as it is, and after which entry to follow what becomes of it.
pub fn chat_reply(engine: &Engine, now: Now, key: usize) -> Carried {
    // Before the chat is settled: what comes of the request is after this entry, so that a follower sees it.
    let after = engine.store.last_id();
    let ongoing = engine.chats.get(key).ok_or_else(no_longer)?;
    Ok(Reply::Chat { chat: ongoing.info(now), after })
}

/// Whether this is the chat that was meant: its peer's address may be somebody else's by now.
pub fn is_still(engine: &Engine, key: usize, chat: Option<u64>) -> Carried<()> {
    match (chat, engine.chats.get(key)) {
        (Some(id), Some(ongoing)) if ongoing.id != id => {
            denied(FailureKind::NoSuch, format!("chat {id} is over ({} is in another)", ongoing.peer()))
        }
        _ => Ok(()),
    }
}

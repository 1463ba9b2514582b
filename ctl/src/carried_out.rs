//! What became of a request whose reply was lost with its simpd: asked again it is refused, because it was
//! carried out. Then the chats and the log tell.

use simp_control::{ChatInfo, Event, Filter, Kind, Reason, State, What};

use crate::chat;
use crate::client::Client;
use crate::history::{self, Piece};
use crate::names;
use crate::stop::Outcome;

/// The only chat with `who` that is open or about to be, and after which entry to follow it.
pub(crate) fn accepted(client: &mut Client, who: Option<&str>) -> Outcome<Option<(ChatInfo, u64)>> {
    let mut chats = chat::all(client)?;
    let is_accepted = |chat: &ChatInfo| matches!(chat.state, State::Accepting | State::Open);
    chats.retain(|chat| is_accepted(chat) && names::means(who, &chat.peer));
    let only = chats.pop().filter(|_| chats.is_empty());
    Ok(only.map(|chat| (chat.clone(), chat.chat)))
}

/// The last chat with `who` that was closed for this reason since then, and after which entry to follow it.
pub(crate) fn ended(
    client: &mut Client,
    who: Option<&str>,
    reason: Reason,
    since_ms: u64,
) -> Outcome<Option<(ChatInfo, u64)>> {
    let filter = Filter { kinds: vec![Kind::Closed], since_ms: Some(since_ms), ..Filter::default() };
    let closed = history::newest(client, &Piece::default(), &filter)?;
    let is_it = |event: &&Event| {
        matches!(event.what, What::Closed { reason: why, .. } if why == reason)
            && names::means(who, &event.peer)
    };
    closed.iter().find(is_it).map(|closed| Ok((as_closed(client, closed)?, closed.chat))).transpose()
}

/// The chat that ended with this entry.
fn as_closed(client: &mut Client, closed: &Event) -> Outcome<ChatInfo> {
    let its_own = Filter { chat: Some(closed.chat), ..Filter::default() };
    let first = Piece { before: Some(closed.chat + 1), most: 1, ..Piece::default() };
    let began = history::newest(client, &first, &its_own)?.pop();
    let since_ms = began.map_or(closed.at_ms, |began| began.at_ms);
    let (chat, peer) = (closed.chat, closed.peer.clone());
    Ok(ChatInfo { chat, peer, state: State::Closed, queued: 0, since_ms, note: None })
}

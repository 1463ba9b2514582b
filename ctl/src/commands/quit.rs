//! `quit`: leaves a chat and waits until it is closed. `decline` ends a request in the same way.

use std::time::Instant;

use simp_control::clock::now_ms;
use simp_control::error::{Outcome, fail};
use simp_control::{
    ChatInfo, Client, Event, FailureKind, Filter, FollowFrom, Kind, Piece, Reason, Request, State, What,
};

use super::connect::{Begun, begun};
use crate::args::QuitArgs;
use crate::names;
use crate::show::{Output, View};
use crate::when::deadline;

/// Leaves and waits until the chat is closed.
pub(super) fn run(client: &mut Client, output: &mut Output, args: &QuitArgs) -> Outcome {
    let deadline = deadline(args.timeout);
    let request = |who| Request::Quit { who, chat: None, now: args.now };
    let (chat, after) = end(client, args.who.as_deref(), deadline, Reason::Quit, request)?;
    let left = format!("the chat with {} is closing", chat.peer.address);
    let (chat, lost) = match closed(client, chat, after, deadline).map_err(|error| error.goes_on(&left))? {
        Ok(closed) => closed,
        Err(chat) => {
            let line = format!("{} has not confirmed the end yet (simpd keeps trying)", chat.peer.address);
            return Err(fail(FailureKind::NoAnswer, line));
        }
    };
    // The chat has ended in any case; the exit status says whether something was lost with it.
    output.show(&View::Ended(&chat))?;
    all_delivered(&lost)
}

/// Asks for the end of a chat or request. If simpd went away after that was done and before it said so, there is no
/// such chat any more, and the log says what became of it.
pub(super) fn end(
    client: &mut Client,
    who: Option<&str>,
    deadline: Option<Instant>,
    reason: Reason,
    request: impl Fn(Option<String>) -> Request,
) -> Outcome<Begun> {
    // The daemon's time is that at which its turn began, which may be a moment before we asked.
    let began_ms = now_ms().saturating_sub(1_000);
    client.insist(deadline, |client, again| {
        match names::ask(client, &mut who.map(str::to_owned), &request).and_then(begun) {
            Err(refused) if again && refused.is(FailureKind::NoSuch) => {
                ended(client, who, reason, began_ms)?.ok_or(refused)
            }
            outcome => outcome,
        }
    })
}

/// The last chat with `who` that was closed for this reason since then.
fn ended(client: &mut Client, who: Option<&str>, reason: Reason, since_ms: u64) -> Outcome<Option<Begun>> {
    let filter = Filter { kinds: vec![Kind::Closed], since_ms: Some(since_ms), ..Filter::default() };
    let is_it = |event: &&Event| {
        matches!(event.what, What::Closed { reason: why, .. } if why == reason)
            && names::means(who, &event.peer)
    };
    let closed = client.history(Piece::ALL, &filter)?;
    closed.iter().find(is_it).map(|closed| Ok((as_closed(client, closed)?, closed.chat))).transpose()
}

/// The chat that ended with this entry.
fn as_closed(client: &mut Client, closed: &Event) -> Outcome<ChatInfo> {
    // The id of a chat is that of its first entry, which the log may no longer have.
    let began = client.entry(closed.chat)?;
    let since_ms = began.map_or(closed.at_ms, |began| began.at_ms);
    let (chat, peer) = (closed.chat, closed.peer.clone());
    Ok(ChatInfo { chat, peer, state: State::Closed, queued: 0, since_ms, note: None })
}

/// Waits until the chat is closed: `Ok` with it as it is then and the messages that were not delivered, `Err` as it was
/// once the deadline has passed.
fn closed(
    client: &mut Client,
    chat: ChatInfo,
    after: u64,
    deadline: Option<Instant>,
) -> Outcome<Result<(ChatInfo, Vec<u64>), ChatInfo>> {
    let kinds = vec![Kind::Closed, Kind::Undelivered];
    client.follow(FollowFrom::After(after), Filter { kinds, chat: Some(chat.chat), ..Filter::default() })?;
    client.write()?;
    let mut lost = Vec::new();
    while let Some(event) = client.event(deadline)? {
        match event.what {
            What::Undelivered { message, .. } => lost.push(message),
            What::Closed { .. } => {
                let chat = ChatInfo { peer: event.peer, state: State::Closed, queued: 0, ..chat };
                return Ok(Ok((chat, lost)));
            }
            _ => (),
        }
    }
    Ok(Err(chat))
}

fn all_delivered(lost: &[u64]) -> Outcome {
    let ids: Vec<String> = lost.iter().map(u64::to_string).collect();
    match ids.as_slice() {
        [] => Ok(()),
        [id] => Err(fail(
            FailureKind::Undelivered,
            format!("not delivered: message {id} (it is kept in the log)"),
        )),
        ids => {
            let line = format!("not delivered: messages {} (they are kept in the log)", ids.join(", "));
            Err(fail(FailureKind::Undelivered, line))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaving_with_messages_undelivered_is_a_failure() {
        assert!(all_delivered(&[]).is_ok());
        let line = all_delivered(&[3, 5]).unwrap_err().to_string();
        assert_eq!(line, "not delivered: messages 3, 5 (they are kept in the log)");
    }
}

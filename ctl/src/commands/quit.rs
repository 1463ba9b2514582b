//! `quit`: leaves a chat and waits until it is closed. `decline` ends a request in the same way. `fates`: what became of what
//! was under way.

mod fates;

use std::time::{Duration, Instant};

use simp_control::clock::now_ms;
use simp_control::error::{Outcome, fail};
use simp_control::{
    ChatInfo, Client, Event, FailureKind, Filter, FollowFrom, Kind, Piece, Reason, Request, State, Transfer,
    TransferState, What, names, sleep,
};

use super::chats::files;
use super::connect::{Begun, begun};
use crate::args::QuitArgs;
use crate::show::{Output, View, complain, how_far};
use crate::when::deadline;
use fates::Fates;

/// Leaves and waits until the chat is closed.
pub(super) fn run(client: &mut Client, output: &mut Output, args: &QuitArgs) -> Outcome {
    let deadline = deadline(args.timeout);
    let request = |who| Request::Quit { who, chat: None, now: args.now };
    let (chat, after) = end(client, args.who.as_deref(), deadline, Reason::Quit, request)?;
    let left = format!("the chat with {} is closing", chat.peer.address);
    let wait = Wait { deadline, patience: patience(output) };
    let (chat, fates) = match closed(client, chat, after, wait).map_err(|error| error.goes_on(&left))? {
        Ok(closed) => closed,
        Err(chat) => {
            let line = format!("{} has not confirmed the end yet (simpd keeps trying)", chat.peer.address);
            return Err(fail(FailureKind::NoAnswer, line));
        }
    };
    // The chat has ended in any case; the exit status says whether something was lost with it.
    output.show(&View::Ended(&chat))?;
    fates.tell(client)
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
    Ok(ChatInfo {
        chat,
        peer,
        state: State::Closed,
        queued: 0,
        since_ms,
        note: None,
        ends_ms: None,
        secure: None,
    })
}

/// How long the end is waited for.
#[derive(Debug, Clone, Copy)]
struct Wait {
    deadline: Option<Instant>,
    /// What takes longer than this is explained.
    patience: Duration,
}

/// A person wonders soon. Whoever reads a file later wants to know only what did not come with the first copy.
fn patience(output: &Output) -> Duration {
    if output.has_person() { Duration::from_secs(1) } else { Duration::from_secs(5) }
}

/// Waits until the chat is closed, and says what for if that takes long: `Ok` with it as it is then and what became of its
/// messages, `Err` as it was once the deadline has passed.
fn closed(
    client: &mut Client,
    chat: ChatInfo,
    after: u64,
    wait: Wait,
) -> Outcome<Result<(ChatInfo, Fates), ChatInfo>> {
    let kinds = client.insist(wait.deadline, |client, _| client.kinds())?;
    let kinds = kinds.into_iter().filter(|kind| is_of_end(*kind)).collect();
    client.follow(FollowFrom::After(after), Filter { kinds, chat: Some(chat.chat), ..Filter::default() })?;
    client.write()?;
    let mut fates = Fates::default();
    let mut queued = chat.queued;
    let mut explain_at = Some(sleep::now() + wait.patience);
    loop {
        let until = wait.deadline.into_iter().chain(explain_at).min();
        let Some(event) = client.event(until)? else {
            if wait.deadline.is_some_and(|deadline| deadline <= sleep::now()) {
                return Ok(Err(chat));
            }
            explain_at = None;
            explain(client, chat.chat, wait.deadline)?;
            continue;
        };
        match event.what {
            What::Closed { .. } => {
                let chat = ChatInfo { peer: event.peer, state: State::Closed, queued: 0, ..chat };
                return Ok(Ok((chat, fates)));
            }
            what => fates.note(what),
        }
        queued = queued.saturating_sub(1);
        if queued == 0 {
            // From now on it is another thing that is waited for.
            explain_at = Some(sleep::now() + wait.patience);
        }
    }
}

/// Whether it says that a chat is over, or what became of something in it.
fn is_of_end(kind: Kind) -> bool {
    match kind {
        Kind::Closed | Kind::Delivered | Kind::Unconfirmed | Kind::Undelivered | Kind::FileFailed => true,
        Kind::Request
        | Kind::Inviting
        | Kind::Opened
        | Kind::Message
        | Kind::Queued
        | Kind::Error
        | Kind::File
        | Kind::FileSaved => false,
    }
}

/// Says what this chat waits for before it is closed.
fn explain(client: &mut Client, chat: u64, deadline: Option<Instant>) -> Outcome {
    let chats = client.insist(deadline, |client, _| client.chats())?;
    let Some(chat) = chats.iter().find(|info| info.chat == chat) else { return Ok(()) };
    let files = client.insist(deadline, |client, _| files(client))?;
    let is_its = |file: &&Transfer| file.peer.address == chat.peer.address && is_under_way(file.state);
    let files: Vec<_> = files.iter().filter(is_its).collect();
    complain(&waiting(chat, &files, now_ms()));
    Ok(())
}

/// Whether a chat that is left waits for such a file.
fn is_under_way(state: TransferState) -> bool {
    match state {
        TransferState::Receiving | TransferState::Sending => true,
        TransferState::Offered | TransferState::Waiting => false,
    }
}

/// What the chat waits for, in which these files are under way.
fn waiting(chat: &ChatInfo, files: &[&Transfer], now_ms: u64) -> String {
    let peer = &chat.peer;
    match (chat.queued, chat.ends_ms) {
        (0, None) if let [file, others @ ..] = files => {
            let others = match others.len() {
                0 => String::new(),
                1 => ", and for 1 more file".to_owned(),
                others => format!(", and for {others} more files"),
            };
            let (name, far) = (&file.name, how_far(file));
            match file.state {
                TransferState::Receiving | TransferState::Offered => {
                    format!("waiting for {name} of {peer} ({far}){others}")
                }
                TransferState::Sending | TransferState::Waiting => {
                    format!("waiting for {peer} to take {name} ({far}){others}")
                }
            }
        }
        (0, None) => format!("waiting for {peer} to acknowledge the end"),
        (0, Some(ends_ms)) => {
            let left = ends_ms.saturating_sub(now_ms).div_ceil(1_000);
            format!("waiting for {peer} to acknowledge the end (up to {left} s)")
        }
        (1, _) => format!("waiting for {peer} to take 1 message"),
        (queued, _) => format!("waiting for {peer} to take {queued} messages"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_control::Peer;

    #[test]
    fn what_an_end_waits_for_is_said_in_words() {
        let peer = Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() };
        let (state, since_ms, note) = (State::Closing, 0, None);
        for (queued, ends_ms, line) in [
            (2, None, "to take 2 messages"),
            (1, None, "to take 1 message"),
            (0, Some(34_999), "to acknowledge the end (up to 25 s)"),
            (0, Some(9_000), "to acknowledge the end (up to 0 s)"),
            (0, None, "to acknowledge the end"),
        ] {
            let chat = ChatInfo {
                chat: 1,
                peer: peer.clone(),
                state,
                queued,
                since_ms,
                note: note.clone(),
                ends_ms,
                secure: None,
            };
            assert_eq!(waiting(&chat, &[], 10_000), format!("waiting for bob@127.0.0.2:7777 {line}"));
        }
    }
}

//! The commands that begin, answer, end and list chats.

use std::time::{Duration, Instant};

use simp_control::{
    ChatInfo, Event, Failure, FailureKind, Filter, FollowFrom, Kind, Reason, Reply, Request, State, What,
};

use crate::args::{Accept, Connect, Decline, Quit};
use crate::carried_out;
use crate::client::Client;
use crate::clock::now_ms;
use crate::names;
use crate::output::{Output, Shown};
use crate::reconnect::insist;
use crate::stop::{Outcome, fail, unexpected};
use crate::when::deadline;

/// The daemon ends an invitation in time by itself; this much later we no longer count on it.
const GRACE: Duration = Duration::from_secs(2);

/// Invites and waits for the answer.
pub(crate) fn connect(client: &mut Client, output: &mut Output, args: &Connect) -> Outcome {
    let timeout_ms = args.timeout.map(|timeout| (timeout.as_millis() as u64).max(1));
    let deadline = deadline(args.timeout.map(|timeout| timeout + GRACE));
    let (chat, after) = insist(client, deadline, |client, _| {
        let address = names::address(client, &args.address)?;
        chat_of(client.ask(&Request::Connect { address, timeout_ms })?)
    })?;
    let invited = format!("{} is invited", chat.peer.address);
    match opened(client, chat, after, deadline).map_err(|stop| stop.goes_on(&invited))? {
        Ok(chat) => output.show(&Shown::Connected(&chat)),
        Err(chat) => Err(fail(FailureKind::NoAnswer, format!("{}: no answer", chat.peer.address))),
    }
}

/// Accepts and waits until the chat is open.
pub(crate) fn accept(client: &mut Client, output: &mut Output, args: &Accept) -> Outcome {
    let (who, deadline) = (args.who.as_deref(), deadline(args.timeout));
    let (chat, after) = insist(client, deadline, |client, again| {
        let refused = match answer(client, who, |who| Request::Accept { who }) {
            Err(stop) if again && stop.is(FailureKind::NoSuch) => stop,
            outcome => return outcome,
        };
        carried_out::accepted(client, who)?.ok_or(refused)
    })?;
    let accepted = format!("{} is accepted", chat.peer.address);
    match opened(client, chat, after, deadline).map_err(|stop| stop.goes_on(&accepted))? {
        Ok(chat) => output.show(&Shown::Connected(&chat)),
        Err(chat) => Err(fail(
            FailureKind::NoAnswer,
            format!("{} has not confirmed yet (simpd goes on trying)", chat.peer.address),
        )),
    }
}

/// Declines; the daemon tells the peer.
pub(crate) fn decline(client: &mut Client, output: &mut Output, args: &Decline) -> Outcome {
    let request = |who| Request::Decline { who };
    let (chat, _) = end(client, args.who.as_deref(), None, Reason::WeDeclined, request)?;
    // The reply shows it as it was; for us it is over, whether or not the peer has been told yet.
    output.show(&Shown::Ended(&ChatInfo { state: State::Closed, ..chat }))
}

/// Leaves and waits until the chat is closed.
pub(crate) fn quit(client: &mut Client, output: &mut Output, args: &Quit) -> Outcome {
    let deadline = deadline(args.timeout);
    let request = |who| Request::Quit { who, chat: None, now: args.now };
    let (chat, after) = end(client, args.who.as_deref(), deadline, Reason::Quit, request)?;
    let left = format!("the chat with {} is being left", chat.peer.address);
    let (chat, lost) = match closed(client, chat, after, deadline).map_err(|stop| stop.goes_on(&left))? {
        Ok(closed) => closed,
        Err(chat) => {
            let line = format!("{} is not told yet (simpd goes on trying)", chat.peer.address);
            return Err(fail(FailureKind::NoAnswer, line));
        }
    };
    output.show(&Shown::Ended(&chat))?;
    all_delivered(&lost)
}

/// Asks for the end of a chat or request. Where simpd went away after that was done and before it said so, the
/// log says so.
fn end(
    client: &mut Client,
    who: Option<&str>,
    deadline: Option<Instant>,
    reason: Reason,
    request: impl Fn(Option<String>) -> Request,
) -> Outcome<(ChatInfo, u64)> {
    // The daemon's time is that at which its turn began, which may be a moment before we asked.
    let began_ms = now_ms().saturating_sub(1_000);
    insist(client, deadline, |client, again| match answer(client, who, &request) {
        Err(stop) if again && stop.is(FailureKind::NoSuch) => {
            carried_out::ended(client, who, reason, began_ms)?.ok_or(stop)
        }
        outcome => outcome,
    })
}

fn answer(
    client: &mut Client,
    who: Option<&str>,
    request: impl Fn(Option<String>) -> Request,
) -> Outcome<(ChatInfo, u64)> {
    chat_of(names::ask(client, &mut who.map(str::to_owned), request)?)
}

/// Lists what waits for accept or decline.
pub(crate) fn requests(client: &mut Client, output: &mut Output) -> Outcome {
    output.show(&Shown::Chats(&waiting(client)?))
}

/// What waits for accept or decline.
pub(crate) fn waiting(client: &mut Client) -> Outcome<Vec<ChatInfo>> {
    let mut chats = all(client)?;
    chats.retain(|chat| chat.state == State::Invited);
    Ok(chats)
}

/// Lists all chats.
pub(crate) fn chats(client: &mut Client, output: &mut Output) -> Outcome {
    output.show(&Shown::Chats(&all(client)?))
}

/// All chats, requests and invitations.
pub(crate) fn all(client: &mut Client) -> Outcome<Vec<ChatInfo>> {
    let mut all: Vec<ChatInfo> = Vec::new();
    loop {
        let after = all.last().map_or(0, |chat| chat.chat);
        let Reply::Chats { chats, more } = client.ask(&Request::Chats { after })? else {
            return Err(unexpected());
        };
        all.extend(chats);
        if !more {
            return Ok(all);
        }
    }
}

fn chat_of(reply: Reply) -> Outcome<(ChatInfo, u64)> {
    match reply {
        Reply::Chat { chat, after } => Ok((chat, after)),
        _ => Err(unexpected()),
    }
}

fn follow(client: &mut Client, chat: &ChatInfo, after: u64, kinds: Vec<Kind>) -> Outcome {
    client.follow(FollowFrom::After(after), Filter { kinds, chat: Some(chat.chat), ..Filter::default() })?;
    client.write()
}

/// Waits until the chat is open: `Ok` with it as it is then, `Err` as it was once the deadline has passed.
///
/// # Errors
/// The chat was closed instead; the failure says why.
fn opened(
    client: &mut Client,
    chat: ChatInfo,
    after: u64,
    deadline: Option<Instant>,
) -> Outcome<Result<ChatInfo, ChatInfo>> {
    if chat.state == State::Open {
        return Ok(Ok(chat));
    }
    follow(client, &chat, after, vec![Kind::Opened, Kind::Closed])?;
    while let Some(Event { peer, what, .. }) = client.event(deadline)? {
        match what {
            What::Opened { note } => return Ok(Ok(ChatInfo { peer, state: State::Open, note, ..chat })),
            What::Closed { reason, text } => {
                return Err(not_opened(&peer.address, reason, text.as_deref()).into());
            }
            _ => (),
        }
    }
    Ok(Err(chat))
}

/// Waits until the chat is closed: `Ok` with it as it is then and the messages that were not delivered, `Err` as
/// it was once the deadline has passed.
fn closed(
    client: &mut Client,
    chat: ChatInfo,
    after: u64,
    deadline: Option<Instant>,
) -> Outcome<Result<(ChatInfo, Vec<u64>), ChatInfo>> {
    follow(client, &chat, after, vec![Kind::Closed, Kind::Undelivered])?;
    let mut lost = Vec::new();
    while let Some(event) = client.event(deadline)? {
        match event.what {
            What::Undelivered { message, .. } => lost.push(message),
            What::Closed { .. } => {
                return Ok(Ok((
                    ChatInfo { peer: event.peer, state: State::Closed, queued: 0, ..chat },
                    lost,
                )));
            }
            _ => (),
        }
    }
    Ok(Err(chat))
}

/// Why a chat that was to open is closed instead.
fn not_opened(address: &str, reason: Reason, text: Option<&str>) -> Failure {
    let (kind, line) = match reason {
        Reason::PeerDeclined => (FailureKind::Declined, format!("{address} declined")),
        Reason::PeerBusy => (FailureKind::Busy, format!("{address} is busy")),
        Reason::NoAnswer => (FailureKind::NoAnswer, format!("{address}: no answer")),
        Reason::PeerGone => (FailureKind::NoAnswer, format!("{address} no longer answers")),
        Reason::NobodyThere => {
            (FailureKind::Failed, format!("{address}: nobody listens there (is simpd running on that host?)"))
        }
        Reason::PeerQuit => (FailureKind::Failed, format!("{address} has left")),
        Reason::PeerRestarted => (FailureKind::Failed, format!("{address} was restarted")),
        Reason::Quit => {
            (FailureKind::Failed, format!("{address}: the invitation was taken back by simpctl quit"))
        }
        Reason::Withdrawn => (FailureKind::NoSuch, format!("{address} has taken its invitation back")),
        Reason::WeDeclined => (FailureKind::NoSuch, format!("{address}: the request was declined here")),
        Reason::RequestExpired => {
            (FailureKind::NoSuch, format!("{address}: the request was not answered in time"))
        }
        // Of messages in the outbox only.
        Reason::Cancelled | Reason::Expired | Reason::TooLong => {
            (FailureKind::Failed, format!("{address}: {reason}"))
        }
    };
    match text.filter(|text| !text.is_empty()) {
        Some(text) => Failure::new(kind, format!("{line}: {text}")),
        None => Failure::new(kind, line),
    }
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
    fn an_invitation_that_fails_says_how_and_why() {
        use FailureKind::{Busy, Declined, Failed, NoAnswer, NoSuch};
        for (reason, text, kind, line) in [
            (Reason::PeerDeclined, Some("not now"), Declined, "a:1 declined: not now"),
            (Reason::PeerDeclined, Some(""), Declined, "a:1 declined"),
            (Reason::PeerBusy, None, Busy, "a:1 is busy"),
            (Reason::NoAnswer, None, NoAnswer, "a:1: no answer"),
            (Reason::Withdrawn, None, NoSuch, "a:1 has taken its invitation back"),
            (Reason::NobodyThere, None, Failed, "a:1: nobody listens there (is simpd running on that host?)"),
        ] {
            assert_eq!(not_opened("a:1", reason, text), Failure::new(kind, line));
        }
    }

    #[test]
    fn leaving_with_messages_undelivered_is_a_failure() {
        assert!(all_delivered(&[]).is_ok());
        let line = all_delivered(&[3, 5]).unwrap_err().to_string();
        assert_eq!(line, "not delivered: messages 3, 5 (they are kept in the log)");
    }
}

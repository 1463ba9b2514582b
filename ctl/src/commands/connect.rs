//! `connect`: invites a peer and waits for its answer. Which failure an answer is, is decided here, for `accept` too.

use std::time::{Duration, Instant};

use simp_control::error::{Outcome, fail, unexpected};
use simp_control::{
    ChatInfo, Client, Event, Failure, FailureKind, Filter, FollowFrom, Kind, Reason, Reply, Request, State,
    What,
};

use crate::args::ConnectArgs;
use crate::names;
use crate::show::{Output, View};
use crate::when::deadline;

/// The daemon ends an invitation in time by itself; this much later we no longer count on it.
const GRACE: Duration = Duration::from_secs(2);

/// A chat, and the entry of the log after which it is to be followed.
pub(super) type Begun = (ChatInfo, u64);

/// Invites and waits for the answer.
pub(super) fn run(client: &mut Client, output: &mut Output, args: &ConnectArgs) -> Outcome {
    // A limit below a millisecond must not become none.
    let timeout_ms = args.timeout.map(|timeout| (timeout.as_millis() as u64).max(1));
    let deadline = deadline(args.timeout.map(|timeout| timeout + GRACE));
    let (chat, after) = client.insist(deadline, |client, _| {
        // Asked again, simpd answers with the chat that is there: inviting somebody twice is once.
        let address = names::address(client, &args.address)?;
        begun(client.ask(&Request::Connect { address, timeout_ms, secure: None })?)
    })?;
    let invited = format!("{} is invited", chat.peer.address);
    match opened(client, chat, after, deadline).map_err(|error| error.goes_on(&invited))? {
        Ok(chat) => output.show(&View::Connected(&chat)),
        Err(chat) => Err(fail(FailureKind::NoAnswer, format!("{}: no answer", chat.peer.address))),
    }
}

/// The reply to what begins, answers or ends a chat.
pub(super) fn begun(reply: Reply) -> Outcome<Begun> {
    match reply {
        Reply::Chat { chat, after } => Ok((chat, after)),
        _ => Err(unexpected()),
    }
}

/// Waits until the chat is open: `Ok` with it as it is then, `Err` as it was once the deadline has passed.
///
/// # Errors
/// The chat was closed instead; the failure says why.
pub(super) fn opened(
    client: &mut Client,
    chat: ChatInfo,
    after: u64,
    deadline: Option<Instant>,
) -> Outcome<Result<ChatInfo, ChatInfo>> {
    // Nothing more will be logged of one that is open already.
    if chat.state == State::Open {
        return Ok(Ok(chat));
    }
    let kinds = vec![Kind::Opened, Kind::Closed];
    client.follow(FollowFrom::After(after), Filter { kinds, chat: Some(chat.chat), ..Filter::default() })?;
    client.write()?;
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
        Reason::OtherKey => (FailureKind::OtherKey, format!("{address} has another key than before")),
        Reason::Withdrawn => (FailureKind::NoSuch, format!("{address} has withdrawn its invitation")),
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
        // Nobody has said this: our own system has not sent anything there.
        Some(text) if reason == Reason::NobodyThere => Failure::new(kind, format!("{address}: {text}")),
        Some(text) => Failure::new(kind, format!("{line}: {text}")),
        None => Failure::new(kind, line),
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
            (Reason::Withdrawn, None, NoSuch, "a:1 has withdrawn its invitation"),
            (Reason::NobodyThere, None, Failed, "a:1: nobody listens there (is simpd running on that host?)"),
            (Reason::NobodyThere, Some("no way leads there"), Failed, "a:1: no way leads there"),
        ] {
            assert_eq!(not_opened("a:1", reason, text), Failure::new(kind, line));
        }
    }
}

//! `connect`: invites a peer and waits for its answer. Which failure an answer is, is decided here, for `accept` too.

use std::time::{Duration, Instant};

use simp_control::error::{Outcome, fail, unexpected};
use simp_control::{
    ChatInfo, Client, Event, Failure, FailureKind, Filter, FollowFrom, KeyId, Kind, Reason, Reply, Request,
    State, What, names, sleep,
};

use crate::args::ConnectArgs;
use crate::show::{Output, View, complain};
use crate::when::deadline;

/// The daemon ends an invitation in time by itself; this much later we no longer count on it.
const GRACE: Duration = Duration::from_secs(2);

/// A person who waits longer wonders what for.
const PATIENCE: Duration = Duration::from_secs(1);

/// A chat, and the entry of the log after which it is to be followed.
pub(super) type Begun = (ChatInfo, u64);

/// Whether the chat has to be secure, or must not; `None` if it may be either.
///
/// # Errors
/// `usage` if it has to be both.
pub(super) fn check(args: &ConnectArgs) -> Outcome<Option<bool>> {
    match (args.secure, args.plain) {
        (true, true) => {
            Err(fail(FailureKind::Usage, "a chat is secure or plain: give only one of --secure and --plain"))
        }
        (true, false) => Ok(Some(true)),
        (false, true) => Ok(Some(false)),
        (false, false) => Ok(None),
    }
}

/// Invites and waits for the answer.
pub(super) fn run(
    client: &mut Client,
    output: &mut Output,
    args: &ConnectArgs,
    secure: Option<bool>,
) -> Outcome {
    // A limit below a millisecond must not become none.
    let timeout_ms = args.timeout.map(|timeout| (timeout.as_millis() as u64).max(1));
    let deadline = deadline(args.timeout.map(|timeout| timeout + GRACE));
    let (chat, after) = client.insist(deadline, |client, _| {
        // Asked again, simpd answers with the chat that is there: inviting somebody twice is once.
        let address = names::address(client, &args.address)?;
        begun(client.ask(&Request::Connect { address, timeout_ms, secure })?)
    })?;
    let invited = format!("{} is invited", chat.peer.address);
    let waiting =
        format!("waiting for {} to answer (to take the invitation back: simpctl quit)", chat.peer.address);
    let waiting = Some(waiting).filter(|_| output.has_person());
    match opened(client, chat, after, deadline, waiting).map_err(|error| error.goes_on(&invited))? {
        Ok(chat) => output.show(&View::Connected(&chat)),
        Err(chat) => Err(fail(FailureKind::NoAnswer, no_answer(&chat.peer.address))),
    }
}

/// The reply to what begins, answers or ends a chat.
pub(super) fn begun(reply: Reply) -> Outcome<Begun> {
    match reply {
        Reply::Chat { chat, after } => Ok((chat, after)),
        _ => Err(unexpected()),
    }
}

/// Waits until the chat is open, and says what for if that takes long, if there is somebody to tell: `Ok` with it as it is
/// then, `Err` as it was once the deadline has passed.
///
/// # Errors
/// The chat was closed instead; the failure says why.
pub(super) fn opened(
    client: &mut Client,
    chat: ChatInfo,
    after: u64,
    deadline: Option<Instant>,
    mut waiting: Option<String>,
) -> Outcome<Result<ChatInfo, ChatInfo>> {
    // Nothing more will be logged of one that is open already.
    if chat.state == State::Open {
        return Ok(Ok(chat));
    }
    let kinds = vec![Kind::Opened, Kind::Closed];
    client.follow(FollowFrom::After(after), Filter { kinds, chat: Some(chat.chat), ..Filter::default() })?;
    client.write()?;
    let soon = sleep::now() + PATIENCE;
    loop {
        let until = if waiting.is_some() { deadline.into_iter().chain([soon]).min() } else { deadline };
        let Some(Event { peer, secure, what, .. }) = client.event(until)? else {
            match waiting.take() {
                Some(line) if deadline.is_none_or(|deadline| soon < deadline) => complain(&line),
                _ => return Ok(Err(chat)),
            }
            continue;
        };
        match what {
            What::Opened { note } => {
                return Ok(Ok(ChatInfo { peer, state: State::Open, note, secure, ..chat }));
            }
            What::Closed { reason, text } => {
                // Without it the line says less, and is right all the same.
                let known = match reason {
                    Reason::OtherKey => client.key_of(&peer.address).ok().flatten(),
                    _ => None,
                };
                return Err(not_opened(&peer.address, reason, text.as_deref(), known).into());
            }
            _ => (),
        }
    }
}

/// Whoever is there is not who it was.
fn other_key(address: &str, found: Option<&str>, known: Option<KeyId>) -> Failure {
    let line = match (found, known) {
        (Some(found), Some(known)) => format!(
            "{address}: its key is {found}, not {known} as before (if that is right: simpctl keys forget {address})"
        ),
        (Some(found), None) => {
            format!("{address}: its key is {found}, not the one that is known (list them: simpctl keys)")
        }
        (None, _) => format!("{address} has another key than before (list them: simpctl keys)"),
    };
    Failure::new(FailureKind::OtherKey, line)
}

/// From here the two cannot be told apart.
fn no_answer(address: &str) -> String {
    format!("{address}: no answer (nobody has accepted, or a firewall closes its port or the one below)")
}

/// Why a chat that was to open is closed instead, with a peer of which this key is known.
fn not_opened(address: &str, reason: Reason, text: Option<&str>, known: Option<KeyId>) -> Failure {
    let (kind, line) = match reason {
        Reason::PeerDeclined => (FailureKind::Declined, format!("{address} declined")),
        Reason::PeerBusy => (FailureKind::Busy, format!("{address} is busy")),
        Reason::NoAnswer => (FailureKind::NoAnswer, no_answer(address)),
        Reason::PeerGone => (FailureKind::NoAnswer, format!("{address} no longer answers")),
        Reason::NobodyThere => {
            (FailureKind::Failed, format!("{address}: nobody listens there (is simpd running on that host?)"))
        }
        Reason::PeerQuit => (FailureKind::Failed, format!("{address} has left")),
        Reason::PeerRestarted => (FailureKind::Failed, format!("{address} was restarted")),
        Reason::Quit => {
            (FailureKind::Failed, format!("{address}: the invitation was taken back by simpctl quit"))
        }
        Reason::OtherKey => return other_key(address, text, known),
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
        let (old, new) = (KeyId::new([1; 32]), KeyId::new([2; 32]));
        let other = not_opened("a:1", Reason::OtherKey, Some(&new.to_string()), Some(old));
        let line =
            format!("a:1: its key is {new}, not {old} as before (if that is right: simpctl keys forget a:1)");
        assert_eq!(other, Failure::new(FailureKind::OtherKey, line));
        for (reason, text, kind, line) in [
            (
                Reason::OtherKey,
                Some("SHA256:x"),
                FailureKind::OtherKey,
                "a:1: its key is SHA256:x, not the one that is known (list them: simpctl keys)",
            ),
            (
                Reason::OtherKey,
                None,
                FailureKind::OtherKey,
                "a:1 has another key than before (list them: simpctl keys)",
            ),
            (Reason::PeerDeclined, Some("not now"), Declined, "a:1 declined: not now"),
            (Reason::PeerDeclined, Some(""), Declined, "a:1 declined"),
            (Reason::PeerBusy, None, Busy, "a:1 is busy"),
            (
                Reason::NoAnswer,
                None,
                NoAnswer,
                "a:1: no answer (nobody has accepted, or a firewall closes its port or the one below)",
            ),
            (Reason::Withdrawn, None, NoSuch, "a:1 has withdrawn its invitation"),
            (Reason::NobodyThere, None, Failed, "a:1: nobody listens there (is simpd running on that host?)"),
            (Reason::NobodyThere, Some("no way leads there"), Failed, "a:1: no way leads there"),
        ] {
            assert_eq!(not_opened("a:1", reason, text, None), Failure::new(kind, line));
        }
    }
}

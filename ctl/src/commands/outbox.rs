//! `outbox`: the messages that are kept until their peers have them, and taking some out.

mod cancel;

use simp_control::error::Outcome;
use simp_control::{ChatInfo, Client, Lookup, OutboxMessage, State};

use crate::args::{OutboxArgs, OutboxCommand};
use crate::show::{OutboxEntry, Output, View, WaitsFor};

/// What is wanted of the outbox.
pub(super) struct Wanted(Option<cancel::Which>);

/// Refuses what makes no sense.
pub(super) fn check(args: &OutboxArgs) -> Outcome<Wanted> {
    match &args.command {
        Some(OutboxCommand::Cancel(args)) => cancel::Which::read(args).map(Some).map(Wanted),
        None => Ok(Wanted(None)),
    }
}

/// Lists the messages, or takes some out.
pub(super) fn run(client: &mut Client, output: &mut Output, wanted: &Wanted) -> Outcome {
    if let Some(which) = &wanted.0 {
        return cancel::run(client, output, which);
    }
    let messages = client.outbox()?;
    let chats = client.chats()?;
    let status = client.status()?;
    let is_full = status.chats >= status.max_chats;
    let entry = |message| OutboxEntry { waits_for: waits_for(&message, &chats, is_full), message };
    output.show(&View::Outbox(&messages.into_iter().map(entry).collect::<Vec<_>>()))
}

fn waits_for(message: &OutboxMessage, chats: &[ChatInfo], is_full: bool) -> WaitsFor {
    let chat = chats.iter().find(|chat| chat.peer.address == message.peer.address);
    // The first that applies: a message that has its time waits for it, whatever becomes of its peer's chats.
    match chat.map(|chat| chat.state) {
        _ if message.lookup == Some(Lookup::Asked) => WaitsFor::Lookup,
        _ if message.next_ms.is_some() => WaitsFor::Next,
        Some(State::Accepting | State::Open | State::Closing) => WaitsFor::Turn,
        Some(State::Inviting) => WaitsFor::Answer,
        _ if is_full => WaitsFor::Room,
        // Invitations of the outbox are not among the chats.
        None | Some(State::Invited | State::Closed) => WaitsFor::Answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_control::Peer;

    #[test]
    fn what_a_message_waits_for_is_in_the_chats() {
        let peer = || Peer { user: String::new(), address: "127.0.0.2:7777".into() };
        let message = |next_ms| OutboxMessage {
            message: 7,
            peer: peer(),
            host: None,
            lookup: None,
            text: "hi".into(),
            at_ms: 0,
            expires_ms: None,
            tries: 0,
            reason: None,
            next_ms,
        };
        let chat = |state| {
            [ChatInfo {
                chat: 1,
                peer: peer(),
                state,
                queued: 0,
                since_ms: 0,
                note: None,
                ends_ms: None,
                secure: None,
            }]
        };
        assert_eq!(waits_for(&message(Some(1)), &[], true), WaitsFor::Next);
        assert_eq!(waits_for(&message(None), &[], false), WaitsFor::Answer);
        assert_eq!(waits_for(&message(None), &[], true), WaitsFor::Room);
        for (state, expected) in [
            (State::Inviting, WaitsFor::Answer),
            (State::Open, WaitsFor::Turn),
            (State::Invited, WaitsFor::Room),
        ] {
            assert_eq!(waits_for(&message(None), &chat(state), true), expected);
        }
    }
}

//! `outbox` and `resend`: the messages that are kept until their peers have them.

use simp_control::{ChatInfo, Event, FailureKind, Filter, Kind, OutboxMessage, Reply, Request, State, What};

use crate::args::{Outbox, OutboxCommand, Resend};
use crate::chat;
use crate::client::Client;
use crate::history::{self, Piece};
use crate::output::{Output, Shown};
use crate::send::even_unread;
use crate::stop::{Outcome, Stop, fail, unexpected};

/// A message in the outbox and what is going on with its peer.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) message: OutboxMessage,
    pub(crate) waits_for: WaitsFor,
}

/// What a message in the outbox waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// The next invitation, at its `next_ms`.
    Next,
    /// The peer's answer to an invitation.
    Answer,
    /// Its turn in a chat with the peer.
    Turn,
    /// The end of another chat, for there are as many as there may be.
    Room,
}

/// Lists the messages, or takes one out.
pub(crate) fn run(client: &mut Client, output: &mut Output, args: &Outbox) -> Outcome {
    match &args.command {
        Some(OutboxCommand::Cancel(args)) => {
            client.ask(&Request::Cancel { message: args.id })?;
            output.show(&Shown::Cancelled(args.id))
        }
        None => {
            let kept = list(client)?;
            output.show(&Shown::Outbox(&kept))
        }
    }
}

/// Puts the text of a message that was not delivered, or not confirmed, into the outbox.
pub(crate) fn resend(client: &mut Client, output: &mut Output, args: &Resend) -> Outcome {
    let expire_ms = args.expire.map(|expire| expire.as_millis() as u64);
    let request = Request::Resend { message: args.id, expire_ms };
    let Reply::Queued { message, chat } = client.ask(&request).map_err(|stop| not_known(stop, args.id))?
    else {
        return Err(unexpected());
    };
    // People are shown nothing, so that its text is only looked up for programs.
    let text = if output.is_json() { text(client, message)? } else { String::new() };
    even_unread(output.show(&Shown::Queued { message, chat, text: &text }))
}

fn list(client: &mut Client) -> Outcome<Vec<Kept>> {
    let messages = messages(client)?;
    let chats = chat::all(client)?;
    let Reply::Status(status) = client.ask(&Request::Status)? else { return Err(unexpected()) };
    let is_full = status.chats >= status.max_chats;
    let kept = |message| Kept { waits_for: waits_for(&message, &chats, is_full), message };
    Ok(messages.into_iter().map(kept).collect())
}

fn messages(client: &mut Client) -> Outcome<Vec<OutboxMessage>> {
    let mut all: Vec<OutboxMessage> = Vec::new();
    loop {
        let after = all.last().map_or(0, |message| message.message);
        let Reply::Outbox { messages, more } = client.ask(&Request::Outbox { after })? else {
            return Err(unexpected());
        };
        all.extend(messages);
        if !more {
            return Ok(all);
        }
    }
}

fn waits_for(message: &OutboxMessage, chats: &[ChatInfo], is_full: bool) -> WaitsFor {
    let chat = chats.iter().find(|chat| chat.peer.address == message.peer.address);
    match chat.map(|chat| chat.state) {
        _ if message.next_ms.is_some() => WaitsFor::Next,
        Some(State::Accepting | State::Open | State::Closing) => WaitsFor::Turn,
        Some(State::Inviting) => WaitsFor::Answer,
        _ if is_full => WaitsFor::Room,
        // Invitations of the outbox are not among the chats.
        None | Some(State::Invited | State::Closed) => WaitsFor::Answer,
    }
}

/// What a message of ours says.
fn text(client: &mut Client, id: u64) -> Outcome<String> {
    let piece = Piece { above: id.saturating_sub(1), before: Some(id.saturating_add(1)), most: 1 };
    let filter = Filter { kinds: vec![Kind::Queued], ..Filter::default() };
    match history::newest(client, &piece, &filter)?.pop() {
        Some(Event { what: What::Queued { text, .. }, .. }) => Ok(text),
        _ => Err(unexpected()),
    }
}

/// Where simpd went away before it answered: that the message may be in the outbox all the same.
fn not_known(stop: Stop, id: u64) -> Stop {
    match stop {
        Stop::Lost(lost) => {
            let what = format!("{lost}, and message {id} may be in its outbox");
            fail(FailureKind::NoDaemon, format!("{what} (start it again, then see: simpctl outbox)"))
        }
        stop => stop,
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
            text: "hi".into(),
            at_ms: 0,
            expires_ms: None,
            tries: 0,
            reason: None,
            next_ms,
        };
        let chat = |state| [ChatInfo { chat: 1, peer: peer(), state, queued: 0, since_ms: 0, note: None }];
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

//! `outbox` and `resend`: the messages that are kept until their peers have them.

use simp_proto::control::{
    ChatInfo, Event, FailureKind, Filter, Kind, OutboxMessage, Reply, Request, State, What,
};

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
    /// Where the chat or the invitation stands, while there is one.
    pub(crate) state: Option<State>,
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

/// Puts the text of an undelivered message into the outbox.
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
    let waits = messages.iter().all(|message| message.next_ms.is_some());
    let chats = if waits { Vec::new() } else { chat::all(client)? };
    Ok(messages.into_iter().map(|message| Kept { state: state(&chats, &message), message }).collect())
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

fn state(chats: &[ChatInfo], message: &OutboxMessage) -> Option<State> {
    let chat = chats.iter().find(|chat| chat.peer.address == message.peer.address);
    chat.filter(|_| message.next_ms.is_none()).map(|chat| chat.state)
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

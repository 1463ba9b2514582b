//! What clients want: which file carries out which request, and what each request is called and does. Requests that are
//! one thing share a file: `accept` declines too, `consumers` moves marks and forgets, `peers` forgets too; `stop` is
//! so little that it is here. `carried` is what all of them come to, `message_state` what became of a message.

mod accept;
mod cancel;
mod carried;
mod chats;
mod connect;
mod consumers;
mod follow;
mod hello;
mod history;
mod message_state;
mod outbox;
mod peers;
mod quit;
mod resend;
mod send;
mod status;

use simp_control::{Answer, Failure, FailureKind, Reply, Request};
use simp_store::StoreError;

use crate::engine::Engine;
use crate::inputs::{ClientId, Inputs};
use crate::now::Now;
use crate::outputs::Outputs;
use carried::{Carried, Denied};
use send::Draft;

/// Carries out a request. Its answer leaves after the commit. If the log could not be used, nothing of this turn
/// may stay.
pub fn carry_out(
    engine: &mut Engine,
    now: Now,
    inputs: &Inputs,
    client: ClientId,
    request: &Request,
    outputs: &mut Outputs,
) -> (Answer, Result<(), StoreError>) {
    // What reads is served also while nothing can be written.
    let refuses = engine.disk.refuses().filter(|_| writes(request));
    let carried = match refuses {
        Some(failure) => Err(failure.into()),
        None => look_up(engine, now, inputs, client, request, outputs),
    };
    match carried {
        Ok(reply) => (Answer::Reply(reply), Ok(())),
        Err(Denied::Failure(failure)) => (Answer::Failure(failure), Ok(())),
        // The turn is undone, and this answer with it, unless there is trouble already.
        Err(Denied::Store(error)) => {
            (Answer::Failure(Failure::new(FailureKind::Failed, error.to_string())), Err(error))
        }
    }
}

fn look_up(
    engine: &mut Engine,
    now: Now,
    inputs: &Inputs,
    client: ClientId,
    request: &Request,
    outputs: &mut Outputs,
) -> Carried {
    match request {
        Request::Hello { version } => hello::hello(engine, *version),
        Request::Status => Ok(status::status(engine, now, inputs.clients)),
        Request::Connect { address, timeout_ms } => connect::connect(engine, now, address, *timeout_ms),
        Request::Accept { who } => accept::accept(engine, now, who.as_deref()),
        Request::Decline { who } => accept::decline(engine, now, who.as_deref()),
        Request::Send { who, chat, text, queue, expire_ms, token, again_after } => {
            let (who, chat, token) = (who.as_deref(), *chat, *token);
            let (expire_ms, again_after) = (*expire_ms, *again_after);
            let draft = Draft { who, chat, text, is_kept: *queue, expire_ms, token, again_after };
            send::send(engine, now, &draft)
        }
        Request::Outbox { after } => outbox::outbox(engine, *after),
        Request::Cancel { message } => cancel::cancel(engine, now, *message),
        Request::Resend { message, expire_ms } => resend::resend(engine, now, *message, *expire_ms),
        Request::Quit { who, chat, now: at_once } => quit::quit(engine, now, who.as_deref(), *chat, *at_once),
        Request::Chats { after } => Ok(chats::chats(engine, *after)),
        Request::History { before, limit, filter } => history::history(engine, *before, *limit, filter),
        Request::Follow { from, filter } => follow::follow(engine, client, from, filter, outputs),
        Request::Seen { consumer, id } => consumers::seen(engine, consumer, *id),
        Request::Consumers => consumers::consumers(engine),
        Request::Forget { consumer } => consumers::forget(engine, consumer),
        Request::Peers { after } => peers::peers(engine, after),
        Request::ForgetPeer(forgotten) => peers::forget_peer(engine, forgotten),
        // The server ends after this turn, when the answer has been written.
        Request::Stop => {
            outputs.stops = true;
            Ok(Reply::Done)
        }
    }
}

/// What a request is called, on the wire as in the log of the program.
pub fn name(request: &Request) -> &'static str {
    traits(request).0
}

/// Whether a request changes the log, so that it cannot be carried out while that cannot be written.
pub fn writes(request: &Request) -> bool {
    traits(request).1 == Effect::Writes
}

/// Whether the answer to a request may be a list, which grows with what the daemon has: of such requests only one of
/// each client is taken in a turn.
pub fn has_long_answer(request: &Request) -> bool {
    traits(request).1 == Effect::Lists
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It changes the log.
    Writes,
    /// It reads, perhaps much.
    Lists,
    /// Neither.
    Little,
}

// One match without `_`: whoever adds a request has to decide here.
fn traits(request: &Request) -> (&'static str, Effect) {
    match request {
        Request::Connect { .. } => ("connect", Effect::Writes),
        Request::Accept { .. } => ("accept", Effect::Writes),
        Request::Decline { .. } => ("decline", Effect::Writes),
        Request::Send { .. } => ("send", Effect::Writes),
        Request::Cancel { .. } => ("cancel", Effect::Writes),
        Request::Resend { .. } => ("resend", Effect::Writes),
        Request::Quit { .. } => ("quit", Effect::Writes),
        Request::Seen { .. } => ("seen", Effect::Writes),
        Request::Forget { .. } => ("forget", Effect::Writes),
        Request::ForgetPeer(_) => ("forget_peer", Effect::Writes),
        Request::Status => ("status", Effect::Lists),
        Request::Outbox { .. } => ("outbox", Effect::Lists),
        Request::Chats { .. } => ("chats", Effect::Lists),
        Request::History { .. } => ("history", Effect::Lists),
        Request::Consumers => ("consumers", Effect::Lists),
        Request::Peers { .. } => ("peers", Effect::Lists),
        Request::Hello { .. } => ("hello", Effect::Little),
        Request::Follow { .. } => ("follow", Effect::Little),
        Request::Stop => ("stop", Effect::Little),
    }
}

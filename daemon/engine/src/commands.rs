//! What clients want: which file carries out which request, and what each request is called and does. Requests that are
//! one thing share a file: `accept` declines too, `consumers` moves marks and forgets, `peers` moves read marks and forgets, `keys` trusts and forgets, `files` takes and refuses, `hold_log` releases; `stop` is
//! so little that it is here. `carried` is what all of them come to, `message_state` what became of a message, or of many; `once` sends
//! one, unless one of its name was sent before.

mod accept;
mod cancel;
mod carried;
mod chats;
mod connect;
mod consumers;
mod files;
mod follow;
mod hello;
mod history;
mod hold_log;
mod keys;
mod message_state;
mod once;
mod outbox;
mod outbox_room;
mod peers;
mod quit;
mod resend;
mod rights;
mod send;
mod status;

use simp_control::{Answer, Failure, FailureKind, Reply, Request};
use simp_store::StoreError;

use crate::engine::Engine;
use crate::inputs::{ClientId, Inputs};
use crate::now::Now;
use crate::outputs::Outputs;
use carried::{Carried, Denied};
use files::FileDraft;
use send::Draft;

/// Carries out a request. Its answer leaves after the commit; one that needs a further turn has none yet. If the log could
/// not be used, nothing of this turn may stay.
pub fn carry_out(
    engine: &mut Engine,
    now: Now,
    inputs: &Inputs,
    client: ClientId,
    request: &Request,
    outputs: &mut Outputs,
) -> (Option<Answer>, Result<(), StoreError>) {
    // What reads is served also while nothing can be written.
    let rights = inputs.rights.get(&client).copied().unwrap_or_default();
    let denied = rights::refuses(rights, request, writes(request));
    let refuses = denied.or_else(|| engine.disk.refuses().filter(|_| writes(request)));
    let carried = match refuses {
        Some(failure) => Err(failure.into()),
        None => look_up(engine, now, inputs, client, request, outputs),
    };
    match carried {
        Ok(reply) => (Some(Answer::Reply(reply)), Ok(())),
        Err(Denied::Failure(failure)) => (Some(Answer::Failure(failure)), Ok(())),
        Err(Denied::NotYet(request)) => {
            outputs.not_yet.push((client, *request));
            (None, Ok(()))
        }
        // The turn is undone, and this answer with it, unless there is trouble already.
        Err(Denied::Store(error)) => {
            (Some(Answer::Failure(Failure::new(FailureKind::Failed, error.to_string()))), Err(error))
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
        Request::Status => status::status(engine, now, inputs.clients),
        Request::Connect { address, timeout_ms, secure } => {
            connect::connect(engine, now, address, *timeout_ms, *secure)
        }
        Request::Accept { who } => accept::accept(engine, now, who.as_deref()),
        Request::Decline { who } => accept::decline(engine, now, who.as_deref()),
        Request::Send { who, chat, text, queue, expire_ms, token, again_after, once, host, answers } => {
            let (who, once, chat, token) = (who.as_deref(), once.as_deref(), *chat, *token);
            let host = host.as_deref();
            let (expire_ms, again_after) = (*expire_ms, *again_after);
            let draft = Draft {
                who,
                chat,
                text,
                is_kept: *queue,
                expire_ms,
                token,
                again_after,
                once,
                host,
                answers: *answers,
            };
            once::send_once(engine, now, &draft)
        }
        Request::SendFile { who, chat, path, name, size, sha256, token, again_after } => {
            let (who, chat, token, again_after) = (who.as_deref(), *chat, *token, *again_after);
            let (size, sha256) = (*size, *sha256);
            files::send_file(
                engine,
                now,
                &FileDraft { who, chat, path, name, size, sha256, token, again_after },
            )
        }
        Request::TakeFile { message, folder } => files::take_file(engine, now, *message, folder),
        Request::RefuseFile { message, reason } => files::refuse_file(engine, now, *message, reason),
        Request::Transfers { after } => files::transfers(engine, *after),
        Request::Outbox { after } => outbox::outbox(engine, *after),
        Request::States { messages } => message_state::states(engine, messages),
        Request::Cancel { message } => cancel::cancel(engine, now, *message),
        Request::CancelAll { who, after } => cancel::cancel_all(engine, now, who.as_deref(), *after),
        Request::Resend { message, expire_ms } => resend::resend(engine, now, *message, *expire_ms),
        Request::Quit { who, chat, now: at_once } => quit::quit(engine, now, who.as_deref(), *chat, *at_once),
        Request::Chats { after } => Ok(chats::chats(engine, now, *after)),
        Request::History { before, limit, filter } => history::history(engine, *before, *limit, filter),
        Request::Follow { from, filter } => follow::follow(engine, client, from, filter, outputs),
        Request::Seen { consumer, id } => consumers::seen(engine, consumer, *id),
        Request::Consumers => consumers::consumers(engine),
        Request::Forget { consumer } => consumers::forget(engine, consumer),
        Request::Peers { after } => peers::peers(engine, after),
        Request::Read { address, id } => peers::read(engine, address, *id),
        Request::ForgetPeer(forgotten) => peers::forget_peer(engine, forgotten),
        Request::Keys { after } => keys::keys(engine, after),
        Request::TrustKeys { keys } => keys::trust_keys(engine, now, keys),
        Request::ForgetKey { who } => keys::forget_key(engine, who),
        Request::HoldLog => hold_log::hold_log(engine, now, client),
        Request::ReleaseLog => hold_log::release_log(engine, client),
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

/// How much carrying out a request may cost.
pub fn effort(request: &Request) -> Effort {
    traits(request).2
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It changes the log.
    Writes,
    /// It only reads.
    Reads,
}

/// How much a request may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Always little.
    Little,
    /// A look at each chat, unless it names one address.
    Names,
    /// As much as one request may: a list, or a search.
    Much,
}

// One match without `_`: whoever adds a request has to decide here.
fn traits(request: &Request) -> (&'static str, Effect, Effort) {
    use Effect::{Reads, Writes};
    use Effort::{Little, Much, Names};
    match request {
        Request::Connect { .. } => ("connect", Writes, Names),
        Request::Accept { .. } => ("accept", Writes, Names),
        Request::Decline { .. } => ("decline", Writes, Names),
        Request::Send { again_after: Some(_), .. } => ("send", Writes, Much),
        Request::Send { again_after: None, .. } => ("send", Writes, Names),
        Request::SendFile { again_after: Some(_), .. } => ("send_file", Writes, Much),
        Request::SendFile { again_after: None, .. } => ("send_file", Writes, Names),
        Request::TakeFile { .. } => ("take_file", Writes, Names),
        Request::RefuseFile { .. } => ("refuse_file", Writes, Names),
        Request::Transfers { .. } => ("transfers", Reads, Much),
        Request::Cancel { .. } => ("cancel", Writes, Names),
        Request::CancelAll { .. } => ("cancel_all", Writes, Much),
        Request::Resend { .. } => ("resend", Writes, Names),
        Request::Quit { .. } => ("quit", Writes, Names),
        Request::Seen { .. } => ("seen", Writes, Little),
        Request::Forget { .. } => ("forget", Writes, Little),
        Request::Read { .. } => ("read", Writes, Little),
        Request::ForgetPeer(_) => ("forget_peer", Writes, Much),
        Request::TrustKeys { .. } => ("trust_keys", Writes, Much),
        Request::ForgetKey { .. } => ("forget_key", Writes, Much),
        Request::HoldLog => ("hold_log", Writes, Much),
        Request::ReleaseLog => ("release_log", Reads, Little),
        Request::Keys { .. } => ("keys", Reads, Much),
        Request::Status => ("status", Reads, Names),
        Request::Outbox { .. } => ("outbox", Reads, Much),
        Request::States { .. } => ("states", Reads, Much),
        Request::Chats { .. } => ("chats", Reads, Much),
        Request::History { .. } => ("history", Reads, Much),
        Request::Consumers => ("consumers", Reads, Much),
        Request::Peers { .. } => ("peers", Reads, Much),
        Request::Hello { .. } => ("hello", Reads, Little),
        Request::Follow { .. } => ("follow", Reads, Little),
        Request::Stop => ("stop", Reads, Little),
    }
}

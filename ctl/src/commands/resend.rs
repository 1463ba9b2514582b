//! `resend`: sends a message again that was not delivered, or not confirmed.

use simp_control::error::{Error, Outcome, fail, unexpected};
use simp_control::{Client, Event, FailureKind, Reply, Request, What};

use super::queueing::even_unread;
use crate::args::ResendArgs;
use crate::show::{Output, View};

/// Puts the text of the message into the outbox, as a new one.
pub(super) fn run(client: &mut Client, output: &mut Output, args: &ResendArgs) -> Outcome {
    let expire_ms = args.expire.map(|expire| expire.as_millis() as u64);
    // Asked once only: a second time would queue it twice, for it has no token.
    let request = Request::Resend { message: args.id, expire_ms };
    let Reply::Queued { message, chat } = client.ask(&request).map_err(|error| not_known(error, args.id))?
    else {
        return Err(unexpected());
    };
    // It is queued, and nothing that happens now may make a failure of that to people, who are not shown its text.
    let text = if output.is_json() { text(client, message)? } else { String::new() };
    even_unread(output.show(&View::Queued { message, chat, text: &text, size: None }))
}

/// What a message of ours says.
fn text(client: &mut Client, id: u64) -> Outcome<String> {
    match client.entry(id)? {
        Some(Event { what: What::Queued { text, .. }, .. }) => Ok(text),
        _ => Err(unexpected()),
    }
}

/// If simpd went away before it answered: that the message may be in the outbox all the same.
fn not_known(error: Error, id: u64) -> Error {
    match error {
        Error::Lost(lost) => {
            let what = format!("{lost}, and message {id} may be in its outbox");
            fail(FailureKind::NoDaemon, format!("{what} (start it again, then see: simpctl outbox)"))
        }
        error => error,
    }
}

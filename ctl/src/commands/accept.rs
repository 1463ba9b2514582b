//! `accept`: accepts a request and waits until the chat is open.

use simp_control::error::{Outcome, fail};
use simp_control::{ChatInfo, Client, FailureKind, Request, State, names};

use super::connect::{Begun, begun, opened};
use crate::args::AcceptArgs;
use crate::show::{Output, View};
use crate::when::deadline;

/// Accepts and waits until the chat is open.
pub(super) fn run(client: &mut Client, output: &mut Output, args: &AcceptArgs) -> Outcome {
    let (who, deadline) = (args.who.as_deref(), deadline(args.timeout));
    let (chat, after) = client.insist(deadline, |client, again| {
        let reply = names::ask(client, &mut args.who.clone(), |who| Request::Accept { who });
        match reply.and_then(begun) {
            // simpd may have gone away after it was done and before it said so. Then there is no such request any more.
            Err(refused) if again && refused.is(FailureKind::NoSuch) => accepted(client, who)?.ok_or(refused),
            outcome => outcome,
        }
    })?;
    let accepted = format!("{} is accepted", chat.peer.address);
    match opened(client, chat, after, deadline, None).map_err(|error| error.goes_on(&accepted))? {
        Ok(chat) => output.show(&View::Connected(&chat)),
        Err(chat) => Err(fail(
            FailureKind::NoAnswer,
            format!("{} has not acknowledged yet (simpd keeps trying)", chat.peer.address),
        )),
    }
}

/// The only chat with `who` that is open or about to be.
fn accepted(client: &mut Client, who: Option<&str>) -> Outcome<Option<Begun>> {
    let mut chats = client.chats()?;
    let is_accepted = |chat: &ChatInfo| matches!(chat.state, State::Accepting | State::Open);
    chats.retain(|chat| is_accepted(chat) && names::means(who, &chat.peer));
    // With several nobody can say which one it was, and the refusal of simpd stands.
    let only = chats.pop().filter(|_| chats.is_empty());
    // The id of a chat is that of its first entry: what became of it comes after that.
    Ok(only.map(|chat| (chat.clone(), chat.chat)))
}

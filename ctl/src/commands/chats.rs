//! `chats` and `requests`: the chats, all of them or those that wait for accept or decline.

use simp_control::error::Outcome;
use simp_control::{ChatInfo, Client, State};

use crate::show::{Output, View};

/// Lists all chats.
pub(super) fn run(client: &mut Client, output: &mut Output) -> Outcome {
    output.show(&View::Chats(&client.chats()?))
}

/// Lists what waits for accept or decline.
pub(super) fn requests(client: &mut Client, output: &mut Output) -> Outcome {
    output.show(&View::Chats(&waiting(client)?))
}

/// What waits for accept or decline.
pub(super) fn waiting(client: &mut Client) -> Outcome<Vec<ChatInfo>> {
    let mut chats = client.chats()?;
    chats.retain(|chat| chat.state == State::Invited);
    Ok(chats)
}

//! `chats` and `requests`: the chats, all of them or those that wait for accept or decline.

use simp_control::error::Outcome;
use simp_control::{ChatInfo, Client, State, Transfer};

use crate::show::{ChatEntry, Output, View};

/// Lists all chats.
pub(super) fn run(client: &mut Client, output: &mut Output) -> Outcome {
    let chats = client.chats()?;
    show(output, chats, files(client)?)
}

/// Lists what waits for accept or decline.
pub(super) fn requests(client: &mut Client, output: &mut Output) -> Outcome {
    show(output, waiting(client)?, Vec::new())
}

/// What waits for accept or decline.
pub(super) fn waiting(client: &mut Client) -> Outcome<Vec<ChatInfo>> {
    let mut chats = client.chats()?;
    chats.retain(|chat| chat.state == State::Invited);
    Ok(chats)
}

/// The files that are offered or under way; none if simpd knows nothing of files.
pub(super) fn files(client: &mut Client) -> Outcome<Vec<Transfer>> {
    if client.can("files")? { client.transfers() } else { Ok(Vec::new()) }
}

fn show(output: &mut Output, chats: Vec<ChatInfo>, files: Vec<Transfer>) -> Outcome {
    let mut entries: Vec<_> = chats.into_iter().map(|chat| ChatEntry { chat, files: Vec::new() }).collect();
    for file in files {
        // There is one chat at most with each peer.
        let its = entries.iter_mut().find(|entry| entry.chat.peer.address == file.peer.address);
        if let Some(entry) = its {
            entry.files.push(file);
        }
    }
    output.show(&View::Chats(&entries))
}

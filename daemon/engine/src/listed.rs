//! How a chat is listed: what it counts as, and whether it waits to be settled. Only the roster changes that.

use simp_control::State;

use crate::machine::Machine;

/// What a chat counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Class {
    /// One of the `max_chats`.
    Chat,
    /// An invitation that waits for our user.
    Request,
    /// An invitation for the outbox; or no message goes either way any more, only the peer does not know it yet.
    #[default]
    Neither,
}

impl Class {
    /// That of a chat with this machine. `is_unlogged`: it is an invitation for the outbox.
    pub fn of(chat: &Machine, is_unlogged: bool) -> Self {
        match chat.state() {
            _ if chat.is_over_for_us() || chat.is_leaving() => Self::Neither,
            // Nobody sees it before it opens, and it takes no room from what people want.
            State::Inviting | State::Accepting if is_unlogged => Self::Neither,
            State::Invited => Self::Request,
            _ => Self::Chat,
        }
    }
}

/// How a chat is listed.
#[derive(Debug, Default)]
pub struct Listed {
    /// What it is counted as.
    pub class: Class,
    /// It waits to be settled.
    pub is_touched: bool,
    /// It is among the invitations.
    pub is_invitation: bool,
}

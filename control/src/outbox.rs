//! What `outbox` and `consumers` list.

use serde::{Deserialize, Serialize};

use super::{Peer, Reason};

/// A message that is kept until its peer has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxMessage {
    /// Its id.
    pub message: u64,
    /// Who is to have it.
    pub peer: Peer,
    /// What it says.
    pub text: String,
    /// When it was queued, in milliseconds since 1970.
    pub at_ms: u64,
    /// When it is given up, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// How often its peer has been invited in vain since this run of the daemon began.
    pub tries: u64,
    /// Why the last of these invitations, or the last chat, came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// When its peer is invited next, in milliseconds since 1970; absent while it is being invited, and while
    /// there is a chat with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_ms: Option<u64>,
}

/// A reader of the log whose place is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumer {
    /// Its name.
    pub name: String,
    /// The last entry that it is done with.
    pub seen: u64,
}

//! Chats and peers, as clients see them.

use std::fmt;

use serde::{Deserialize, Serialize};
use simp_proto::State;

/// The other side of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its user name; empty as long as it has told none.
    pub user: String,
    /// `ADDR:PORT`.
    pub address: String,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.user.is_empty() {
            f.write_str(&self.address)
        } else {
            write!(f, "{}@{}", self.user, self.address)
        }
    }
}

/// A chat, a request or an invitation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatInfo {
    /// Its id: that of the entry it began with.
    pub chat: u64,
    /// The other side.
    pub peer: Peer,
    /// Where it stands.
    pub state: State,
    /// Messages of ours that are not delivered yet.
    pub queued: u64,
    /// When it began, in milliseconds since 1970.
    pub since_ms: u64,
    /// What is special about how the peer speaks, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

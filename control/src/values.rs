//! The values that requests, answers and events are made of: peers, chats, messages that are kept, consumers.

use std::fmt;

use serde::{Deserialize, Serialize};
use simp_values::{KeyId, Reason, State};

use crate::bounded::name;
use crate::escape;
use crate::reasons;

/// The other side of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its user name; empty as long as it has told none.
    pub user: String,
    /// `ADDR:PORT`.
    pub address: String,
}

/// As programs read it: its name as it is.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.user.is_empty() {
            f.write_str(&self.address)
        } else {
            write!(f, "{}@{}", self.user, self.address)
        }
    }
}

impl Peer {
    /// As a line for people has it. The peer chooses its name, so one that could be taken for more stands between
    /// quotation marks.
    pub fn shown(&self) -> String {
        let address = escape::shown(&self.address);
        if self.user.is_empty() {
            address.into_owned()
        } else {
            format!("{}@{address}", escape::name(&self.user))
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
    /// When it is closed at the latest, in milliseconds since 1970, if the peer has been told of the end and has not
    /// acknowledged that yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_ms: Option<u64>,
    /// Who is proved to be there; `None` if the chat is plain, or nobody has been there yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secure: Option<Secure>,
}

/// With whom a chat is secure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secure {
    /// The peer's key.
    pub key: KeyId,
    /// It was known before this chat. Otherwise nobody but the peer says that it is the right one.
    pub known: bool,
}

/// A message that is kept until its peer has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxMessage {
    /// Its id.
    pub message: u64,
    /// Who is to have it. If it is for a host that is not found yet, its address is `host`.
    pub peer: Peer,
    /// The host that it is for, `HOST:PORT`; absent if it is for an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What becomes of the lookup of that host; absent if the last one has found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup: Option<Lookup>,
    /// What it says.
    pub text: String,
    /// When it was queued, in milliseconds since 1970.
    pub at_ms: u64,
    /// When it is given up, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// How many attempts to reach its peer have failed in a row, since this run began or a chat with it last opened. The end
    /// of that chat counts as one.
    pub tries: u64,
    /// Why the last of these invitations, or the last chat, came to nothing.
    #[serde(flatten, serialize_with = "reasons::tell_if_any", deserialize_with = "reasons::hear_if_any")]
    pub reason: Option<Reason>,
    /// When its peer is invited next, or looked up if it is not found yet, in milliseconds since 1970; absent while it is
    /// being invited or looked up, and while there is a chat with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_ms: Option<u64>,
}

/// What became of a message of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// It still waits, in a chat or in the outbox.
    Waiting,
    /// The peer has it.
    Delivered,
    /// It has left, and the peer does not say whether it has it.
    Unconfirmed,
    /// It was given up.
    Undelivered {
        /// Why.
        #[serde(flatten, serialize_with = "reasons::tell", deserialize_with = "reasons::hear")]
        reason: Reason,
    },
}

/// What becomes of the lookup of a host's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lookup {
    /// It is being looked up.
    Asked,
    /// The last lookup has come to nothing, for this reason.
    Failed(String),
}

/// A reader of the log whose place is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumer {
    /// Its name.
    pub name: String,
    /// The last entry that it is done with.
    pub seen: u64,
}

/// What is known of how a peer speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerInfo {
    /// The peer. If simpd.toml says how a whole host speaks, its address has no port.
    pub peer: Peer,
    /// Its habits, as simpd.toml has them: names separated by commas, or `plain`.
    pub dialect: String,
    /// What the user should know of it, one line each.
    pub notes: Vec<String>,
    /// When that was last kept, in milliseconds since 1970; absent if nothing was learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_ms: Option<u64>,
    /// simpd.toml says it: nothing is learned.
    pub pinned: bool,
    /// The last entry that the user has read of what this peer has written; absent if none was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<u64>,
}

/// A key that is known, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownKey {
    /// Whose: the peer's at this `ADDR:PORT`, or that of whoever has this user name.
    pub who: String,
    /// The key.
    pub key: KeyId,
    /// What its peer called itself there; empty if it has not been there.
    pub user: String,
    /// When it was last seen there, or trusted if that was later, in milliseconds since 1970.
    pub seen_ms: u64,
    /// Our user said so; otherwise the peer came with it.
    pub trusted: bool,
}

/// A key that our user trusts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// Whose: `ADDR` or `ADDR:PORT`, port 7777 if none is given; or a user name.
    #[serde(deserialize_with = "name")]
    pub who: String,
    /// The key.
    pub key: KeyId,
}

/// Whose way of speaking is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forgotten {
    /// That of everybody.
    All,
    /// That of whoever this means: a user name, `ADDR`, `ADDR:PORT` or `USER@ADDR:PORT`.
    #[serde(deserialize_with = "name")]
    Who(String),
}

/// A file that is offered or under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// The id of its `file`, or of its `queued` if it is ours.
    pub message: u64,
    /// The other side.
    pub peer: Peer,
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// How many of them have come, or have left, as far as is known.
    pub done: u64,
    /// Which way it goes.
    pub state: TransferState,
}

/// Where a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferState {
    /// The peer offers it, and nobody has taken it.
    Offered,
    /// It is being saved here.
    Receiving,
    /// It is ours, and the peer has not taken it.
    Waiting,
    /// It is ours, and the peer has taken it, and has it not yet.
    Sending,
}

//! Entries of the durable log, as clients see them.

use std::fmt;

use serde::{Deserialize, Serialize};
use simp_values::Reason;

use crate::reasons;
use crate::values::{Peer, Secure};

/// One entry of the durable log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Grows by one with each entry and is never used again.
    pub id: u64,
    /// When it was appended, in milliseconds since 1970.
    pub at_ms: u64,
    /// The chat it belongs to; 0 for what becomes of the outbox outside any chat.
    pub chat: u64,
    /// The other side of that chat.
    pub peer: Peer,
    /// Of a `request` and of an `opened`: with whom the chat is secure; `None` if it is plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secure: Option<Secure>,
    /// Of a `message`: the message of ours that it answers, if the peer's program has said so. Only in a secure chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<u64>,
    /// What happened.
    pub what: What,
}

/// What an entry of the log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A peer invites us.
    Request,
    /// We invited a peer.
    Inviting,
    /// The chat is open.
    Opened {
        /// What is special about how the peer speaks, if the user should know.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// The chat, the request or the invitation is over.
    Closed {
        /// Why.
        #[serde(flatten, serialize_with = "reasons::tell", deserialize_with = "reasons::hear")]
        reason: Reason,
        /// What the peer said to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// A message of the peer.
    Message {
        /// The text, exactly as it came, up to the daemon's `message_max`; then how much is missing.
        text: String,
    },
    /// A message of ours waits to be delivered. Its id is that of this entry.
    Queued {
        /// The text; of a file its name.
        text: String,
        /// The message that was not delivered, or not confirmed, and that it sends again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again: Option<u64>,
        /// The bytes of the file that it is; `None` if it is a text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
    },
    /// A message of ours is in the peer's hands.
    Delivered {
        /// Its id.
        message: u64,
    },
    /// A message of ours was not acknowledged and will not be sent again. The peer may have it all the same
    /// if only its acknowledgement was lost.
    Undelivered {
        /// Its id.
        message: u64,
        /// Why the chat ended, or why the message was given up.
        #[serde(flatten, serialize_with = "reasons::tell", deserialize_with = "reasons::hear")]
        reason: Reason,
    },
    /// A message of ours has left, and the peer is one that does not say whether it has it.
    Unconfirmed {
        /// Its id.
        message: u64,
    },
    /// The peer reports an error in an open chat.
    Error {
        /// Its words.
        text: String,
    },
    /// The peer offers a file. It waits until it is taken or refused, or the chat ends. Its id is that of this entry.
    File {
        /// Its name, without any folder.
        name: String,
        /// Its bytes.
        size: u64,
    },
    /// A file of the peer is here, whole.
    FileSaved {
        /// The id of its `file`.
        message: u64,
        /// Where it is.
        path: String,
        /// Its bytes.
        size: u64,
    },
    /// A file of the peer, or one of ours, came to nothing.
    FileFailed {
        /// The id of its `file`, or of its `queued`.
        message: u64,
        /// Why.
        why: String,
    },
}

impl What {
    /// What somebody wrote, if the entry holds that.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Message { text } | Self::Queued { text, .. } | Self::Error { text } => Some(text),
            Self::Closed { text, .. } => text.as_deref(),
            Self::File { name, .. } => Some(name),
            Self::FileFailed { why, .. } => Some(why),
            Self::FileSaved { path, .. } => Some(path),
            // Each by its name: a new entry with a peer's words in it must not be forgotten here.
            Self::Request
            | Self::Inviting
            | Self::Opened { .. }
            | Self::Delivered { .. }
            | Self::Unconfirmed { .. }
            | Self::Undelivered { .. } => None,
        }
    }

    /// The kind of this entry.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Request => Kind::Request,
            Self::Inviting => Kind::Inviting,
            Self::Opened { .. } => Kind::Opened,
            Self::Closed { .. } => Kind::Closed,
            Self::Message { .. } => Kind::Message,
            Self::Queued { .. } => Kind::Queued,
            Self::Delivered { .. } => Kind::Delivered,
            Self::Undelivered { .. } => Kind::Undelivered,
            Self::Error { .. } => Kind::Error,
            Self::Unconfirmed { .. } => Kind::Unconfirmed,
            Self::File { .. } => Kind::File,
            Self::FileSaved { .. } => Kind::FileSaved,
            Self::FileFailed { .. } => Kind::FileFailed,
        }
    }
}

/// The kinds of entries, to filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// [`What::Request`].
    Request,
    /// [`What::Inviting`].
    Inviting,
    /// [`What::Opened`].
    Opened,
    /// [`What::Closed`].
    Closed,
    /// [`What::Message`].
    Message,
    /// [`What::Queued`].
    Queued,
    /// [`What::Delivered`].
    Delivered,
    /// [`What::Undelivered`].
    Undelivered,
    /// [`What::Error`].
    Error,
    /// [`What::Unconfirmed`].
    Unconfirmed,
    /// [`What::File`].
    File,
    /// [`What::FileSaved`].
    FileSaved,
    /// [`What::FileFailed`].
    FileFailed,
}

impl Kind {
    /// All kinds. A kind's place here is its number in the log, so a new one goes to the end.
    pub const ALL: [Self; 13] = [
        Self::Request,
        Self::Inviting,
        Self::Opened,
        Self::Closed,
        Self::Message,
        Self::Queued,
        Self::Delivered,
        Self::Undelivered,
        Self::Error,
        Self::Unconfirmed,
        Self::File,
        Self::FileSaved,
        Self::FileFailed,
    ];

    /// Whether only a daemon with the feature `files` has entries of this kind. A client that names no kinds may be older,
    /// and gets none of these.
    pub fn is_of_files(self) -> bool {
        matches!(self, Self::File | Self::FileSaved | Self::FileFailed)
    }
}

/// As it is called in the control API.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

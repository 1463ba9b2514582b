//! What the daemon answers.

use serde::{Deserialize, Serialize};
use simp_values::KeyId;

use crate::epochs::Epochs;
use crate::event::Event;
use crate::failure::Failure;
use crate::log_id::LogId;
use crate::status::Status;
use crate::values::{ChatInfo, Consumer, KnownKey, MessageState, OutboxMessage, PeerInfo, Transfer};

/// What the daemon sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A request was carried out.
    Reply(Reply),
    /// A request was refused.
    Failure(Failure),
    /// An entry of the log, for a follower.
    Event(Event),
}

/// The same of what belongs to somebody else: so it is written without a copy.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerRef<'a> {
    /// [`Answer::Event`].
    Event(&'a Event),
}

/// The answer to a request that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// To `hello`.
    Hello {
        /// [`VERSION`](crate::VERSION) of the daemon.
        version: u32,
        /// [`MINOR`](crate::MINOR) of the daemon; 0 from an older one.
        #[serde(default)]
        minor: u32,
        /// The program's version.
        program: String,
        /// Where it receives: `ADDR:PORT`.
        address: String,
        /// The user it speaks for.
        user: String,
        /// Its log; `None` from an older simpd.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<LogId>,
        /// The newest epochs of that log; none from an older simpd.
        #[serde(default, skip_serializing_if = "Epochs::is_empty")]
        epochs: Epochs,
        /// What it is known by in secure chats; `None` if it has none, and from an older simpd.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<KeyId>,
        /// What it can do that not every simpd of this version can, by name; see [`FEATURES`](crate::FEATURES).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        features: Vec<String>,
    },
    /// To `status`.
    Status(Box<Status>),
    /// To `connect`, `accept`, `decline` and `quit`: the chat as it is now.
    Chat {
        /// The chat.
        chat: ChatInfo,
        /// Follow after this id for what becomes of it.
        after: u64,
    },
    /// To `send`, `send_file` and `resend`.
    Queued {
        /// The message's id: that of its `queued` entry.
        message: u64,
        /// The chat it is queued in; 0 for a message of the outbox, which may outlive chats.
        chat: u64,
    },
    /// To `outbox`.
    Outbox {
        /// The messages, oldest first.
        messages: Vec<OutboxMessage>,
        /// Whether there are more: ask again with `after`.
        more: bool,
    },
    /// To `states`.
    States {
        /// Of each message, in the order in which they were asked about; `None` of one that is not there, and of a file
        /// that does not wait any more.
        states: Vec<Option<MessageState>>,
    },
    /// To `cancel_all`.
    Cancelled {
        /// The messages that were taken out.
        messages: Vec<u64>,
        /// Those that are being delivered, and stay.
        in_flight: Vec<u64>,
        /// If there may be more: ask again with this as `after`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
    },
    /// To `consumers`.
    Consumers {
        /// By name.
        consumers: Vec<Consumer>,
    },
    /// To `peers`.
    Peers {
        /// By address, as a text.
        peers: Vec<PeerInfo>,
        /// Whether there are more: ask again with `after`.
        more: bool,
    },
    /// To `forget_peer`.
    Forgotten {
        /// Of how many peers something was forgotten.
        peers: u64,
    },
    /// To `keys`.
    Keys {
        /// By whose they are, as a text.
        keys: Vec<KnownKey>,
        /// Whether there are more: ask again with `after`.
        more: bool,
    },
    /// To `forget_key`.
    ForgottenKeys {
        /// How many were forgotten.
        keys: u64,
    },
    /// To `chats`.
    Chats {
        /// Open ones, requests and all others, in the order in which they began.
        chats: Vec<ChatInfo>,
        /// Whether there are more: ask again with `after`.
        more: bool,
    },
    /// To `history`.
    History {
        /// Newest first.
        events: Vec<Event>,
        /// If there may be older ones: ask again with this as `before`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        older: Option<u64>,
    },
    /// To `follow`.
    Following {
        /// Entries above this id come.
        after: u64,
    },
    /// To `transfers`.
    Transfers {
        /// By id.
        transfers: Vec<Transfer>,
        /// Whether there are more: ask again with `after`.
        more: bool,
    },
    /// To `hold_log`.
    HeldLog {
        /// Where the file is. The key of the daemon is in `key` beside it.
        path: String,
        /// Its bytes.
        bytes: u64,
    },
    /// To `seen`, `cancel`, `forget`, `trust_keys`, `take_file`, `refuse_file`, `release_log` and `stop`.
    Done,
}

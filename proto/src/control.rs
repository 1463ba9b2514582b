//! simpd's control API: what clients ask and what the daemon answers, as CBOR items in [frames](crate::frame).
//!
//! 1. The client connects to the daemon's Unix stream socket and sends [`Request::Hello`] with [`VERSION`].
//! 2. The daemon answers each request, in order and at once, with one [`Answer::Reply`] or
//!    [`Answer::Failure`]. What takes time is answered with the ids to follow.
//! 3. After [`Request::Follow`], an [`Answer::Event`] comes for each entry of the log that is asked for,
//!    between the answers to further requests.
//! 4. A client that breaks the framing, or speaks another version, gets an [`Answer::Failure`] and is dropped.
//!
//! `control.cddl` beside this file is the same as a schema, for clients in other languages.

mod event;
mod outbox;
mod peers;
mod status;
mod who;

pub use event::{Event, Kind, Reason, What};
pub use outbox::{Consumer, OutboxMessage};
pub use peers::{Forgotten, PeerInfo};
pub use status::{Counters, PeerNote, Refused, Status};
pub use who::Who;

use std::fmt;

use serde::{Deserialize, Serialize};

/// The version of this API. Client and daemon must have the same.
pub const VERSION: u32 = 4;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// First of all: which version the client speaks. Answered with [`Reply::Hello`].
    Hello {
        /// [`VERSION`].
        version: u32,
    },
    /// Answered with [`Reply::Status`].
    Status,
    /// Invite a peer. Answered with [`Reply::Chat`]; then follow its `opened` or `closed`.
    Connect {
        /// `ADDR` or `ADDR:PORT`; port 7777 where none is given. Names are the client's to resolve.
        address: String,
        /// How long the invitation lasts; the daemon's setting where it is absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_ms: Option<u64>,
    },
    /// Accept a request. Answered with [`Reply::Chat`]; then follow its `opened` or `closed`.
    Accept {
        /// Whose; may be absent where there is only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        who: Option<String>,
    },
    /// Decline a request. Answered with [`Reply::Chat`].
    Decline {
        /// Whose; may be absent where there is only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        who: Option<String>,
    },
    /// Send a text. Answered with [`Reply::Queued`] once it is durable; then follow its `delivered`,
    /// `unconfirmed` or `undelivered`.
    Send {
        /// In which chat; may be absent where there is only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        who: Option<String>,
        /// Only where that is still the chat with this id: whoever comes to the same address later is somebody else.
        /// Not with `queue`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chat: Option<u64>,
        /// 1 to 985 characters of ASCII.
        text: String,
        /// Keep it in the outbox until the peer has it, through as many chats as that takes. Where there is no
        /// chat, `who` is the address to invite.
        #[serde(default)]
        queue: bool,
        /// With `queue`: give it up as undelivered if its delivery has not begun after this long.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expire_ms: Option<u64>,
        /// Any number, chosen at random: kept with the message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<u64>,
        /// A message with this `token` may have been queued already, by an entry above this id: then it is not
        /// queued again, and the reply is the same. For a client whose connection broke before the reply came.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again_after: Option<u64>,
    },
    /// The messages in the outbox, oldest first. Answered with [`Reply::Outbox`].
    Outbox {
        /// Only those with a higher id.
        #[serde(default)]
        after: u64,
    },
    /// Take a message out of the outbox, as undelivered. Answered with [`Reply::Done`].
    Cancel {
        /// Its id.
        message: u64,
    },
    /// Put the text of a message that was not delivered, or not confirmed, into the outbox, as a new message to the
    /// same peer. Answered with [`Reply::Queued`].
    Resend {
        /// Its id.
        message: u64,
        /// As in `send`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expire_ms: Option<u64>,
    },
    /// End a chat, or take back an invitation. Answered with [`Reply::Chat`]; then follow its `closed`.
    Quit {
        /// Which; may be absent where there is only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        who: Option<String>,
        /// Only where that is still the chat with this id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chat: Option<u64>,
        /// Do not deliver first what is queued.
        #[serde(default)]
        now: bool,
    },
    /// The chats and requests, in the order in which they began. Answered with [`Reply::Chats`].
    Chats {
        /// Only those with a higher id.
        #[serde(default)]
        after: u64,
    },
    /// The newest entries of the log that pass the filter. Answered with [`Reply::History`], which may be
    /// only a part: the daemon looks through a bounded piece of the log at a time.
    History {
        /// Only entries with a lower id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<u64>,
        /// How many at most. The daemon may give fewer, to stay within a frame.
        limit: u32,
        /// Which entries.
        #[serde(default)]
        filter: Filter,
    },
    /// Stream the log from a place on. Answered with [`Reply::Following`], then with [`Answer::Event`]s.
    /// A second `follow` on a connection replaces the first.
    Follow {
        /// From where.
        from: From,
        /// Which entries.
        #[serde(default)]
        filter: Filter,
    },
    /// Moves a consumer's mark forward to this entry. Answered with [`Reply::Done`].
    Seen {
        /// The consumer's name.
        consumer: String,
        /// The last entry that it is done with.
        id: u64,
    },
    /// The consumers and their marks, by name. Answered with [`Reply::Consumers`].
    Consumers,
    /// Remove a consumer: its mark is forgotten. Answered with [`Reply::Done`].
    Forget {
        /// The consumer's name.
        consumer: String,
    },
    /// What is known of how peers speak, by address. Answered with [`Reply::Peers`].
    Peers {
        /// Only addresses that are greater than this, as texts.
        #[serde(default)]
        after: String,
    },
    /// Drop what was learned of how peers speak. Answered with [`Reply::Forgotten`].
    ForgetPeer(Forgotten),
    /// Stop the daemon; open chats are kept for its next start. Answered with [`Reply::Done`].
    Stop,
}

/// Where a follower begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// With the first entry above this id.
    After(u64),
    /// Behind the mark of this consumer; at the log's beginning where it has none yet.
    Consumer(String),
    /// With the next entry that is appended.
    End,
}

/// Which entries of the log a client wants. Empty: all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only these kinds; all where it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
    /// Only this chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<u64>,
    /// Only peers with this address, `ADDR:PORT` or user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// Only entries appended at this time or later, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// Only entries appended before this time, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
}

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

/// The answer to a request that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// To `hello`.
    Hello {
        /// [`VERSION`] of the daemon.
        version: u32,
        /// The program's version.
        program: String,
        /// Where it receives: `ADDR:PORT`.
        address: String,
        /// The user it speaks for.
        user: String,
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
    /// To `send` and `resend`.
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
        /// Where there may be older ones: ask again with this as `before`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        older: Option<u64>,
    },
    /// To `follow`.
    Following {
        /// Entries above this id come.
        after: u64,
    },
    /// To `seen`, `cancel`, `forget` and `stop`.
    Done,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{line}")]
pub struct Failure {
    /// What scripts decide by.
    pub kind: FailureKind,
    /// One line for a person, with the remedy where there is one. It may hold text from a peer.
    pub line: String,
}

impl Failure {
    /// A failure of this kind with this line.
    pub fn new(kind: FailureKind, line: impl Into<String>) -> Self {
        Self { kind, line: line.into() }
    }
}

/// The kinds of failure; simpctl's exit statuses are made of the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// It did not work; the line says why.
    Failed,
    /// The request makes no sense as it is.
    Usage,
    /// No simpd to talk to: none runs, no permission, another version.
    NoDaemon,
    /// The peer declined.
    Declined,
    /// The peer is in another chat.
    Busy,
    /// No answer within the time limit.
    NoAnswer,
    /// No such chat, request or peer.
    NoSuch,
    /// The peer is gone; the message is kept, not delivered.
    Undelivered,
}

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

/// Where a chat stands (SIMP 2, 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// We invited the peer and wait for its answer.
    Inviting,
    /// The peer invited us and waits for our answer: a request.
    Invited,
    /// We accepted and wait for the peer to confirm.
    Accepting,
    /// Messages go both ways.
    Open,
    /// We are leaving: what is queued is delivered, then the peer is told.
    Closing,
    /// Over.
    Closed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inviting => "inviting",
            Self::Invited => "invited",
            Self::Accepting => "accepting",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
        })
    }
}

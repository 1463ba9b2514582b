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

use std::fmt;

use serde::{Deserialize, Serialize};

/// The version of this API. Client and daemon must have the same.
pub const VERSION: u32 = 1;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// Send a text. Answered with [`Reply::Queued`] once it is durable; then follow its `delivered` or
    /// `undelivered`.
    Send {
        /// In which chat; may be absent where there is only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        who: Option<String>,
        /// 1 to 985 characters of ASCII.
        text: String,
    },
    /// End a chat, or take back an invitation. Answered with [`Reply::Chat`]; then follow its `closed`.
    Quit {
        /// Which; may be absent where there is only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        who: Option<String>,
        /// Do not deliver first what is queued.
        #[serde(default)]
        now: bool,
    },
    /// All chats and requests. Answered with [`Reply::Chats`].
    Chats,
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
    /// To `send`.
    Queued {
        /// The message's id: that of its `queued` entry.
        message: u64,
        /// The chat it is queued in.
        chat: u64,
    },
    /// To `chats`.
    Chats {
        /// Open ones, requests and all others, in the order in which they began.
        chats: Vec<ChatInfo>,
    },
    /// To `history`.
    History {
        /// Newest first.
        events: Vec<Event>,
        /// Where the daemon did not look through the whole log: ask again with this as `before`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        older: Option<u64>,
    },
    /// To `follow`.
    Following {
        /// Entries above this id come.
        after: u64,
    },
    /// To `seen` and `stop`.
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

/// One entry of the durable log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Grows by one with each entry and is never used again.
    pub id: u64,
    /// When it was appended, in milliseconds since 1970.
    pub at_ms: u64,
    /// The chat it belongs to.
    pub chat: u64,
    /// The other side of that chat.
    pub peer: Peer,
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
    Opened,
    /// The chat, the request or the invitation is over.
    Closed {
        /// Why.
        reason: Reason,
        /// What the peer said to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// A message of the peer.
    Message {
        /// The text, exactly as it came.
        text: String,
    },
    /// A message of ours waits to be delivered. Its id is that of this entry.
    Queued {
        /// The text.
        text: String,
    },
    /// A message of ours is in the peer's hands.
    Delivered {
        /// Its id.
        message: u64,
    },
    /// A message of ours was not acknowledged and will not be sent again. The peer may have it all the same
    /// where only its acknowledgement was lost.
    Undelivered {
        /// Its id.
        message: u64,
        /// Why the chat ended.
        reason: Reason,
    },
    /// The peer reports an error in an open chat.
    Error {
        /// Its words.
        text: String,
    },
}

impl What {
    /// What somebody wrote, where the entry holds that.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Message { text } | Self::Queued { text } | Self::Error { text } => Some(text),
            Self::Closed { text, .. } => text.as_deref(),
            Self::Request
            | Self::Inviting
            | Self::Opened
            | Self::Delivered { .. }
            | Self::Undelivered { .. } => None,
        }
    }

    /// The kind of this entry.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Request => Kind::Request,
            Self::Inviting => Kind::Inviting,
            Self::Opened => Kind::Opened,
            Self::Closed { .. } => Kind::Closed,
            Self::Message { .. } => Kind::Message,
            Self::Queued { .. } => Kind::Queued,
            Self::Delivered { .. } => Kind::Delivered,
            Self::Undelivered { .. } => Kind::Undelivered,
            Self::Error { .. } => Kind::Error,
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
}

impl Kind {
    /// All kinds. A kind's place here is its number in the log, so a new one goes to the end.
    pub const ALL: [Self; 9] = [
        Self::Request,
        Self::Inviting,
        Self::Opened,
        Self::Closed,
        Self::Message,
        Self::Queued,
        Self::Delivered,
        Self::Undelivered,
        Self::Error,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Inviting => "inviting",
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::Message => "message",
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Error => "error",
        })
    }
}

/// Why a chat, a request or an invitation is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// We left, or took the invitation back.
    #[serde(rename = "quit")]
    Quit,
    /// The peer left.
    #[serde(rename = "peer quit")]
    PeerQuit,
    /// We declined the request.
    #[serde(rename = "we declined")]
    WeDeclined,
    /// The peer declined our invitation.
    #[serde(rename = "peer declined")]
    PeerDeclined,
    /// The peer is in another chat.
    #[serde(rename = "peer busy")]
    PeerBusy,
    /// The peer took its invitation back.
    #[serde(rename = "withdrawn")]
    Withdrawn,
    /// Our invitation was not answered in time.
    #[serde(rename = "no answer")]
    NoAnswer,
    /// The request was not answered in time by us.
    #[serde(rename = "request expired")]
    RequestExpired,
    /// Nothing listens at the peer's address.
    #[serde(rename = "nobody there")]
    NobodyThere,
    /// The peer no longer acknowledges.
    #[serde(rename = "peer gone")]
    PeerGone,
    /// The peer forgot the chat and invites anew.
    #[serde(rename = "peer restarted")]
    PeerRestarted,
}

impl Reason {
    /// All reasons. A reason's place here is its number in the log, so a new one goes to the end.
    pub const ALL: [Self; 11] = [
        Self::Quit,
        Self::PeerQuit,
        Self::WeDeclined,
        Self::PeerDeclined,
        Self::PeerBusy,
        Self::Withdrawn,
        Self::NoAnswer,
        Self::RequestExpired,
        Self::NobodyThere,
        Self::PeerGone,
        Self::PeerRestarted,
    ];
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quit => "quit",
            Self::PeerQuit => "peer quit",
            Self::WeDeclined => "we declined",
            Self::PeerDeclined => "peer declined",
            Self::PeerBusy => "peer busy",
            Self::Withdrawn => "withdrawn",
            Self::NoAnswer => "no answer",
            Self::RequestExpired => "request expired",
            Self::NobodyThere => "nobody there",
            Self::PeerGone => "peer gone",
            Self::PeerRestarted => "peer restarted",
        })
    }
}

/// What `status` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub program: String,
    /// The daemon's process id.
    pub pid: u32,
    /// Where it receives: `ADDR:PORT`.
    pub address: String,
    /// The user it speaks for.
    pub user: String,
    /// Whose requests it accepts by itself: `ask`, `all` or a list.
    pub accept: String,
    /// Milliseconds since its start.
    pub uptime_ms: u64,
    /// Open chats.
    pub chats: u64,
    /// Most chats at a time.
    pub max_chats: u64,
    /// Requests that wait for an answer.
    pub requests: u64,
    /// Control connections.
    pub clients: u64,
    /// Counts since the start.
    pub counters: Counters,
    /// The newest entry of the log; 0 where it is empty.
    pub last_id: u64,
    /// Bytes the log has on disk.
    pub log_bytes: u64,
}

/// What the daemon counted since its start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Datagrams received.
    pub datagrams_in: u64,
    /// Datagrams transmitted.
    pub datagrams_out: u64,
    /// Datagrams that the system would not take.
    pub not_transmitted: u64,
    /// Of those transmitted, the ones that had been before.
    pub retransmitted: u64,
    /// Chat datagrams received again: acknowledged again, not shown again.
    pub duplicates: u64,
    /// Datagrams that changed nothing, for lack of a chat or in the wrong state.
    pub ignored: u64,
    /// Datagrams that make no sense as SIMP, by reason.
    pub refused: Refused,
    /// Commits of the log.
    pub commits: u64,
}

/// Datagrams that make no sense as SIMP, by reason, and answers we held back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Refused {
    /// Shorter than a header.
    pub short: u64,
    /// Unknown type.
    pub r#type: u64,
    /// Unknown operation.
    pub operation: u64,
    /// User is not printable ASCII.
    pub user: u64,
    /// From port 0, which cannot be answered.
    pub port: u64,
    /// Invitations and strays that got no answer because too many came at once.
    pub rate: u64,
}

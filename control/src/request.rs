//! What clients ask.

use serde::{Deserialize, Serialize};
use simp_values::Digest;

use crate::bounded::{name, optional_name};
use crate::event::Kind;
use crate::kinds::kinds;
use crate::values::{Forgotten, TrustedKey};

/// The version of the control API. Client and daemon must have the same. Within a version things are only added, so that
/// every client of 0.2 or later and every daemon of 0.2 or later understand each other: requests get entries and answers
/// get them, which clients ignore; no list of words that a client of 0.2 reads gets longer.
pub const VERSION: u32 = 4;

/// What was added to it: grows by one with each release that adds something. [`FEATURES`] says what that is.
pub const MINOR: u32 = 1;

/// What a daemon can do that an older one of this version cannot: `keys` is for the requests `keys`, `trust_keys` and
/// `forget_key`; `files` for `send_file`, `take_file`, `refuse_file` and `transfers`, and for the kinds of entries that
/// [`Kind::is_of_files`](crate::Kind::is_of_files) names; `search` for the `text` of a [`Filter`]; `read` for the request
/// `read`, and for `read` in what is known of a peer; `once` for the `once` of a `send`; `backup` for `hold_log` and
/// `release_log`; `states` for the request of that name; `health` for `not_leaving` and `waiting` in a
/// [`Status`](crate::Status); `takes` for the `takes` of a [`Failure`](crate::Failure); `take_back` for the `cancel` of a
/// message that waits in a chat; `answers` for the `answers` of a `send` and of an [`Event`](crate::Event); `hosts` for the `host` of a `send` and of a message in the outbox, and for the request
/// `cancel_all`.
pub const FEATURES: &[&str] = &[
    "keys",
    "files",
    "search",
    "read",
    "health",
    "once",
    "backup",
    "states",
    "takes",
    "take_back",
    "hosts",
    "answers",
];

/// Most messages that one request may ask about.
pub const STATES_MAX: usize = 100;

/// What a client asks. Whatever names a peer, an address or a consumer has at most [`NAME_MAX`](crate::NAME_MAX) bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// First of all: which version the client speaks. Answered with [`Reply::Hello`](crate::Reply::Hello).
    Hello {
        /// [`VERSION`](crate::VERSION).
        version: u32,
    },
    /// Answered with [`Reply::Status`](crate::Reply::Status).
    Status,
    /// Invite a peer. Answered with [`Reply::Chat`](crate::Reply::Chat); then follow its `opened` or `closed`.
    Connect {
        /// `ADDR` or `ADDR:PORT`; port 7777 if none is given. Names are the client's to resolve.
        #[serde(deserialize_with = "name")]
        address: String,
        /// How long the invitation lasts; the daemon's setting if it is absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_ms: Option<u64>,
        /// True: only a secure chat. False: only a plain one. Whichever it can be if it is absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secure: Option<bool>,
    },
    /// Accept a request. Answered with [`Reply::Chat`](crate::Reply::Chat); then follow its `opened` or `closed`.
    Accept {
        /// Whose; may be absent if there is only one.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_name")]
        who: Option<String>,
    },
    /// Decline a request. Answered with [`Reply::Chat`](crate::Reply::Chat).
    Decline {
        /// Whose; may be absent if there is only one.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_name")]
        who: Option<String>,
    },
    /// Send a text. Answered with [`Reply::Queued`](crate::Reply::Queued) once it is durable; then follow its
    /// `delivered`, `unconfirmed` or `undelivered`.
    Send {
        /// In which chat; may be absent if there is only one.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_name")]
        who: Option<String>,
        /// Only if that is still the chat with this id: whoever comes to the same address later is somebody else.
        /// Not with `queue`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chat: Option<u64>,
        /// 1 to 985 characters of ASCII.
        text: String,
        /// Keep it in the outbox until the peer has it, through as many chats as that takes. If there is no
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
        /// The client's own name for the message, which is known as long as the log has the message: the same text to the
        /// same peer under this name is not queued again, and the reply is the same, whatever became of it. Another text,
        /// or another peer, is refused.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_name")]
        once: Option<String>,
        /// The `message` of the peer in this chat that it answers: in a secure chat the peer's program knows that, too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answers: Option<u64>,
        /// With `queue`: the host that it is for, `HOST` or `HOST:PORT`, port 7777 if none is given. The daemon looks it up
        /// before each invitation. `who` is the address that it has now; absent if nobody can say that now.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_name")]
        host: Option<String>,
    },
    /// Offer a file to the peer of a secure chat. Answered with [`Reply::Queued`](crate::Reply::Queued) once that is
    /// durable; then follow its `delivered`, `undelivered` or `file_failed`. The file must stay as it is until then.
    SendFile {
        /// In which chat; may be absent if there is only one.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_name")]
        who: Option<String>,
        /// Only if that is still the chat with this id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chat: Option<u64>,
        /// Where it is: an absolute path that no link ends.
        path: String,
        /// What the peer is to call it.
        #[serde(deserialize_with = "name")]
        name: String,
        /// Its bytes.
        size: u64,
        /// Their SHA-256.
        sha256: Digest,
        /// As in `send`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<u64>,
        /// As in `send`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again_after: Option<u64>,
    },
    /// Save a file that a peer offers in this folder. Answered with [`Reply::Done`](crate::Reply::Done) once that is
    /// durable; then follow its `file_saved` or `file_failed`. Without effect on one that is being saved already.
    TakeFile {
        /// The id of its `file`.
        message: u64,
        /// An absolute path.
        folder: String,
    },
    /// Refuse a file that a peer offers. Answered with [`Reply::Done`](crate::Reply::Done).
    RefuseFile {
        /// The id of its `file`.
        message: u64,
        /// Why: the peer hears that.
        #[serde(deserialize_with = "name")]
        reason: String,
    },
    /// Files that are offered or under way, either way, by id. Answered with [`Reply::Transfers`](crate::Reply::Transfers).
    Transfers {
        /// Only those with a higher id.
        #[serde(default)]
        after: u64,
    },
    /// The messages in the outbox, oldest first. Answered with [`Reply::Outbox`](crate::Reply::Outbox).
    Outbox {
        /// Only those with a higher id.
        #[serde(default)]
        after: u64,
    },
    /// What became of these messages of ours, at most [`STATES_MAX`]. Answered with [`Reply::States`](crate::Reply::States).
    States {
        /// Their ids.
        messages: Vec<u64>,
    },
    /// Take a message back that has not left, as undelivered: out of the outbox, or out of the chat it waits in. Answered with [`Reply::Done`](crate::Reply::Done).
    Cancel {
        /// Its id.
        message: u64,
    },
    /// Take messages out of the outbox, as undelivered: all of them, or all that are for somebody. Answered with
    /// [`Reply::Cancelled`](crate::Reply::Cancelled), which may be only a part.
    CancelAll {
        /// Those for whoever this means: a user name, `ADDR`, `ADDR:PORT`, `USER@ADDR:PORT`; or those for this host: `HOST`,
        /// `HOST:PORT`. All if it is absent.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_name")]
        who: Option<String>,
        /// Only those with a higher id.
        #[serde(default)]
        after: u64,
    },
    /// Put the text of a message that was not delivered, or not confirmed, into the outbox, as a new message to the
    /// same peer. Answered with [`Reply::Queued`](crate::Reply::Queued).
    Resend {
        /// Its id.
        message: u64,
        /// As in `send`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expire_ms: Option<u64>,
    },
    /// End a chat, or take back an invitation. Answered with [`Reply::Chat`](crate::Reply::Chat); then follow its
    /// `closed`.
    Quit {
        /// Which; may be absent if there is only one.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_name")]
        who: Option<String>,
        /// Only if that is still the chat with this id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chat: Option<u64>,
        /// Do not deliver first what is queued.
        #[serde(default)]
        now: bool,
    },
    /// The chats and requests, in the order in which they began. Answered with [`Reply::Chats`](crate::Reply::Chats).
    Chats {
        /// Only those with a higher id.
        #[serde(default)]
        after: u64,
    },
    /// The newest entries of the log that pass the filter. Answered with [`Reply::History`](crate::Reply::History),
    /// which may be only a part: the daemon looks through a bounded piece of the log at a time.
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
    /// Stream the log from a place on. Answered with [`Reply::Following`](crate::Reply::Following), then with
    /// [`Answer::Event`](crate::Answer::Event)s. A second `follow` on a connection replaces the first.
    Follow {
        /// From where.
        from: FollowFrom,
        /// Which entries.
        #[serde(default)]
        filter: Filter,
    },
    /// Moves a consumer's mark forward to this entry. Answered with [`Reply::Done`](crate::Reply::Done).
    Seen {
        /// The consumer's name.
        #[serde(deserialize_with = "name")]
        consumer: String,
        /// The last entry that it is done with.
        id: u64,
    },
    /// The consumers and their marks, by name. Answered with [`Reply::Consumers`](crate::Reply::Consumers).
    Consumers,
    /// Remove a consumer: its mark is forgotten. Answered with [`Reply::Done`](crate::Reply::Done).
    Forget {
        /// The consumer's name.
        #[serde(deserialize_with = "name")]
        consumer: String,
    },
    /// What is known of how peers speak, by address. Answered with [`Reply::Peers`](crate::Reply::Peers).
    Peers {
        /// Only addresses that are greater than this, as texts.
        #[serde(default, deserialize_with = "name")]
        after: String,
    },
    /// The user has read what the peer at this address has written, up to this entry: moves the peer's read mark forward.
    /// Unlike the mark of a consumer, it holds no entry back. Answered with [`Reply::Done`](crate::Reply::Done).
    Read {
        /// `ADDR:PORT`.
        #[serde(deserialize_with = "name")]
        address: String,
        /// The last entry that was shown.
        id: u64,
    },
    /// Drop what was learned of how peers speak. Answered with [`Reply::Forgotten`](crate::Reply::Forgotten).
    ForgetPeer(Forgotten),
    /// The keys that are known, by whose they are. Answered with [`Reply::Keys`](crate::Reply::Keys).
    Keys {
        /// Only those of addresses and names that are greater than this, as texts.
        #[serde(default, deserialize_with = "name")]
        after: String,
    },
    /// Hold peers to these keys from now on, whatever keys they had: all of them or none. Answered with
    /// [`Reply::Done`](crate::Reply::Done).
    TrustKeys {
        /// Whose they are, and which.
        keys: Vec<TrustedKey>,
    },
    /// Drop the keys of a peer: whoever comes next may have another. Answered with
    /// [`Reply::ForgottenKeys`](crate::Reply::ForgottenKeys).
    ForgetKey {
        /// A user name, `ADDR`, `ADDR:PORT`, `USER@ADDR:PORT`, or a key.
        #[serde(deserialize_with = "name")]
        who: String,
    },
    /// Hold the file of the log as it is, for a backup, until `release_log` or until this connection ends: what is written
    /// meanwhile goes to another file. At most 10 min and 64 MiB long; one client at a time. Answered with
    /// [`Reply::HeldLog`](crate::Reply::HeldLog).
    HoldLog,
    /// The file has been copied. Answered with [`Reply::Done`](crate::Reply::Done) if it was held all the time; a copy is
    /// worth nothing otherwise.
    ReleaseLog,
    /// Stop the daemon; open chats are kept for its next start. Answered with [`Reply::Done`](crate::Reply::Done).
    Stop,
}

impl Request {
    /// Sends a text in the chat with `who`, or in the only one. No outbox, and no second attempt.
    pub fn send(who: Option<String>, text: impl Into<String>) -> Self {
        Self::Send {
            who,
            chat: None,
            text: text.into(),
            queue: false,
            expire_ms: None,
            token: None,
            again_after: None,
            once: None,
            answers: None,
            host: None,
        }
    }
}

/// Where a follower begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FollowFrom {
    /// With the first entry above this id.
    After(u64),
    /// After the mark of this consumer; at the log's beginning if it has none yet.
    #[serde(deserialize_with = "name")]
    Consumer(String),
    /// With the first entry above this id, on behalf of this consumer, whose mark may be behind it: how a client goes on
    /// that lost its connection.
    Resume {
        /// The consumer's name.
        #[serde(deserialize_with = "name")]
        consumer: String,
        /// The last entry that has come.
        after: u64,
    },
    /// With the next entry that is appended.
    End,
}

/// Which entries of the log a client wants. Empty: all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only these kinds, no more than there are; all if it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "kinds")]
    pub kinds: Vec<Kind>,
    /// Only this chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<u64>,
    /// Only peers with this address, `ADDR:PORT` or user name.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_name")]
    pub who: Option<String>,
    /// Only entries appended at this time or later, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// Only entries appended before this time, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// Only entries in which somebody's words contain this, upper and lower case being the same. Empty: all entries.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_name")]
    pub text: Option<String>,
}

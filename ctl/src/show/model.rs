//! What is shown, apart from how: `plain` and `json` are the two forms of it.

use simp_control::{
    ChatInfo, Consumer, Event, KeyId, KnownKey, MessageState, OutboxMessage, PeerInfo, Status, Transfer,
};
use simp_probe::Report;

/// What can be printed.
#[derive(Debug)]
pub(crate) enum View<'a> {
    /// An entry of the log as it comes.
    Event(&'a Event),
    /// The message that a peer has answered with, as one text of as many lines as it has.
    Answer(&'a Event),
    /// An entry of the log that is looked up, and if it is a message of ours what became of it.
    Entry { event: &'a Event, state: Option<MessageState> },
    /// A chat that is open now.
    Connected(&'a ChatInfo),
    /// A chat or request that is over now.
    Ended(&'a ChatInfo),
    /// A list of chats.
    Chats(&'a [ChatEntry]),
    /// A message of ours is in the peer's hands.
    Delivered(&'a Event),
    /// A file of a peer with this name is not saved.
    NotSaved { event: &'a Event, name: &'a str },
    /// A message of ours is on disk; with a size it is a file of so many bytes, and the text is its name.
    Queued { message: u64, chat: u64, text: &'a str, size: Option<u64> },
    /// What is kept until its peer has it.
    Outbox(&'a [OutboxEntry]),
    /// A message was taken out of the outbox.
    Cancelled(u64),
    /// Who reads the log; `last_id` is its newest entry.
    Consumers { consumers: &'a [Consumer], last_id: u64 },
    /// A consumer is forgotten.
    Removed(&'a str),
    /// How peers speak.
    Peers(&'a [PeerInfo]),
    /// What was known of so many peers, or so many keys, is forgotten.
    Forgotten(u64),
    /// What we are known by.
    Key(KeyId),
    /// What peers are known by.
    Keys(&'a [KnownKey]),
    /// The same as lines that can be read again.
    Exported(&'a [KnownKey]),
    /// So many keys are trusted.
    Trusted(u64),
    /// What the daemon says of itself.
    Status(&'a Status),
    /// What is wrong with it.
    Problems(&'a [Problem]),
    /// This daemon runs, or these: since now, with what it has said, or since before.
    Started { daemon: &'a str, said: Option<&'a str> },
    /// What there is; commands have to say for which daemon they are, or not.
    Overview { daemons: &'a [Daemon], must_be_named: bool },
    /// The log with this id, of so many bytes, is in this file.
    BackedUp { file: &'a str, bytes: u64, log: Option<&'a str> },
    /// This daemon has stopped.
    Stopped(&'a str),
    /// What was found out about a peer; people see the datagrams for every verdict if it is verbose, otherwise for
    /// those that fail.
    Probed { report: &'a Report, verbose: bool },
}

impl<'a> View<'a> {
    /// The entry of the log that it is, if it is one.
    pub(super) fn entry(&self) -> Option<&'a Event> {
        match self {
            Self::Event(event) | Self::Entry { event, .. } => Some(event),
            _ => None,
        }
    }
}

/// A chat, and the files that are offered or under way in it.
#[derive(Debug)]
pub(crate) struct ChatEntry {
    pub(crate) chat: ChatInfo,
    pub(crate) files: Vec<Transfer>,
}

/// How far a file of ours is, in bytes.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    pub(crate) message: u64,
    pub(crate) name: &'a str,
    pub(crate) done: u64,
    pub(crate) size: u64,
}

/// A message in the outbox and what is going on with its peer.
#[derive(Debug)]
pub(crate) struct OutboxEntry {
    pub(crate) message: OutboxMessage,
    pub(crate) waits_for: WaitsFor,
}

/// What a message in the outbox waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// The next invitation or lookup, at its `next_ms`.
    Next,
    /// The lookup of its host.
    Lookup,
    /// The peer's answer to an invitation.
    Answer,
    /// Its turn in a chat with the peer.
    Turn,
    /// The end of another chat, for there are as many as there may be.
    Room,
}

/// Something is wrong with a daemon.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// What kind of thing, for programs.
    pub(crate) kind: &'static str,
    /// What, with the remedy.
    pub(crate) line: String,
}

impl Problem {
    /// One of this kind.
    pub(crate) fn new(kind: &'static str, line: String) -> Self {
        Self { kind, line }
    }
}

/// A daemon that runs, and what goes on there.
#[derive(Debug)]
pub(crate) struct Daemon {
    /// What commands call it.
    pub(crate) name: String,
    pub(crate) status: Box<Status>,
    pub(crate) chats: Vec<ChatInfo>,
    /// `None` if it does not know.
    pub(crate) unread: Option<Unread>,
}

/// Messages and files that were not read; more than these if there may be older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unread {
    pub(crate) count: u64,
    pub(crate) may_be_more: bool,
}

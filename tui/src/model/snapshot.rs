//! What simpd says at the start, or when it came back with another log: all in one exchange.

use simp_control::{ChatInfo, Event, OutboxMessage, PeerInfo, Status};

/// How everything is.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) status: Status,
    pub(crate) can: Can,
    /// The newest entries of the log, newest first.
    pub(crate) page: Vec<Event>,
    /// Each of the lists with whether there is more of it.
    pub(crate) chats: (Vec<ChatInfo>, bool),
    pub(crate) outbox: (Vec<OutboxMessage>, bool),
    pub(crate) peers: (Vec<PeerInfo>, bool),
}

/// What an older simpd cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Can {
    pub(crate) search: bool,
    pub(crate) read: bool,
}

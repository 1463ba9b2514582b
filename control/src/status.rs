//! What `status` tells.

use serde::{Deserialize, Serialize};
use simp_values::KeyId;

use crate::log_id::LogId;
use crate::values::Peer;

/// What `status` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// The daemon's process id.
    pub pid: u32,
    /// Where it receives: `ADDR:PORT`.
    pub address: String,
    /// The user it speaks for.
    pub user: String,
    /// What it is known by in secure chats; `None` if it has none, and from an older simpd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// Whose requests it accepts by itself: `ask`, `all` or a list.
    pub accept: String,
    /// Milliseconds since its start.
    pub uptime_ms: u64,
    /// Chats and invitations that count against `max_chats`.
    pub chats: u64,
    /// Most chats at a time.
    pub max_chats: u64,
    /// Requests that wait for an answer.
    pub requests: u64,
    /// Control connections.
    pub clients: u64,
    /// Counts since the start.
    pub counters: Counters,
    /// The log, which all ids belong to; `None` from an older simpd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogId>,
    /// The newest entry of the log; 0 if it is empty.
    pub last_id: u64,
    /// The oldest entry that is kept; 0 if the log is empty.
    pub first_id: u64,
    /// Bytes the log has on disk.
    pub log_bytes: u64,
    /// Messages in the outbox.
    pub outbox: u64,
    /// What is special about the peers of open chats; of the first of them, if there are very many.
    pub notes: Vec<PeerNote>,
    /// What is wrong with the disk, or that no interface has the daemon's address: as long as it is so, all chats are
    /// paused, and nothing is received or sent. If it is the disk, what would have to be written is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Why all chats are plain, if the user wants it otherwise; absent if secure ones are possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain: Option<String>,
    /// Where datagrams do not leave this machine for, those for which that began first before others, and no more than 100.
    /// Empty from an older simpd, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_leaving: Vec<NotLeaving>,
    /// The oldest message that waits for each peer, the oldest of all first, and no more than 20. Empty from an older simpd,
    /// too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<OldestWaiting>,
}

/// Datagrams do not leave this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotLeaving {
    /// For whom: `ADDR:PORT`; none leave at all if it is `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// Why, with the remedy.
    pub why: String,
}

/// The oldest of our messages that wait for a peer. Files that are offered are none of them: they wait for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldestWaiting {
    /// Which peer.
    pub peer: Peer,
    /// The id of the message.
    pub message: u64,
    /// The chat that it waits in; `None` if it is in the outbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<u64>,
    /// When it was queued, in milliseconds since 1970.
    pub since_ms: u64,
}

/// What is special about how a peer speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerNote {
    /// Whose way of speaking.
    pub peer: Peer,
    /// What the user should know of it.
    pub note: String,
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
    /// Datagrams that changed nothing: for lack of a chat, in the wrong state, or while nothing can be written.
    pub ignored: u64,
    /// Datagrams that make no sense as SIMP, by reason.
    pub refused: Refused,
    /// Commits of the log.
    pub commits: u64,
}

/// Datagrams that make no sense as SIMP, by reason, answers we held back, and what we did not take.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Refused {
    /// Shorter than a header.
    pub short: u64,
    /// Unknown type.
    pub r#type: u64,
    /// Unknown operation.
    pub operation: u64,
    /// From port 0, which cannot be answered.
    pub port: u64,
    /// Invitations and strays that got no answer because too many came at once.
    pub rate: u64,
    /// Texts and invitations that were not taken, because their senders had used up what they may add to the log.
    #[serde(default)]
    pub budget: u64,
}

//! How peers speak, as `peers` lists it.

use serde::{Deserialize, Serialize};

use crate::Peer;

/// What is known of how a peer speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerInfo {
    /// The peer. Where simpd.toml says how a whole host speaks, its address has no port.
    pub peer: Peer,
    /// Its habits, as simpd.toml has them: names separated by commas, or `plain`.
    pub dialect: String,
    /// What the user should know of it, one line each.
    pub notes: Vec<String>,
    /// When that was last kept, in milliseconds since 1970; absent where nothing was learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_ms: Option<u64>,
    /// simpd.toml says it: nothing is learned.
    pub pinned: bool,
}

/// Whose way of speaking is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forgotten {
    /// That of everybody.
    All,
    /// That of whoever this means: a user name, `ADDR`, `ADDR:PORT` or `USER@ADDR:PORT`.
    Who(String),
}

//! Why a request was refused.

use serde::{Deserialize, Serialize};

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

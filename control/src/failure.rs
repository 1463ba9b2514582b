//! Why a request was refused.

use serde::{Deserialize, Serialize};

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{line}")]
pub struct Failure {
    /// What scripts decide by.
    pub kind: FailureKind,
    /// One line for a person, with the remedy if there is one. It may hold text from a peer.
    pub line: String,
    /// With a text that its peer does not take: which it takes. `None` also from an older simpd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes: Option<Takes>,
}

/// Which texts a peer takes. None of them is empty, or has a NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Takes {
    /// The longest, in bytes.
    pub bytes: u64,
    /// Only ASCII.
    pub ascii: bool,
}

impl Failure {
    /// A failure of this kind with this line.
    pub fn new(kind: FailureKind, line: impl Into<String>) -> Self {
        Self { kind, line: line.into(), takes: None }
    }

    /// A text that its peer, which takes these, does not take.
    pub fn of_text(takes: Takes, line: impl Into<String>) -> Self {
        Self { takes: Some(takes), ..Self::new(FailureKind::Usage, line) }
    }
}

/// The kinds of failure; the exit statuses of simpctl and simp-room are made of them.
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
    /// The message was given up: its reason says why. The log keeps it.
    Undelivered,
    /// Whoever is there is not who it was: it has another key than the one that is known.
    OtherKey,
}

impl FailureKind {
    /// The exit status of a program that ends with such a failure, as simpctl(1) lists them.
    pub fn exit_status(self) -> u8 {
        match self {
            // Scripts count on these: a number never gets another meaning.
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NoDaemon => 3,
            Self::Declined => 4,
            Self::Busy => 5,
            Self::NoAnswer => 6,
            Self::NoSuch => 7,
            Self::Undelivered => 8,
            Self::OtherKey => 9,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_failure_has_an_exit_status_of_its_own() {
        use FailureKind::{Busy, Declined, Failed, NoAnswer, NoDaemon, NoSuch, OtherKey, Undelivered, Usage};
        let kinds = [Failed, Usage, NoDaemon, Declined, Busy, NoAnswer, NoSuch, Undelivered, OtherKey];
        assert_eq!(kinds.map(FailureKind::exit_status), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
}

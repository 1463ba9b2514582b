//! Where a chat stands, and why it ends: the words that clients and the log use too.

use std::fmt;

use serde::{Deserialize, Serialize};

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

/// Why a chat, a request or an invitation is over, or a message was given up.
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
    /// The peer forgot the chat and invites again.
    #[serde(rename = "peer restarted")]
    PeerRestarted,
    /// The message was taken out of the outbox.
    #[serde(rename = "cancelled")]
    Cancelled,
    /// The message was in the outbox for as long as it was to be.
    #[serde(rename = "expired")]
    Expired,
    /// The message is longer than what its peer receives.
    #[serde(rename = "too long")]
    TooLong,
    /// Whoever answers there has another key than the peer.
    #[serde(rename = "other key")]
    OtherKey,
}

impl Reason {
    /// All reasons. A reason's place here is its number in the log, so a new one goes to the end.
    pub const ALL: [Self; 15] = [
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
        Self::Cancelled,
        Self::Expired,
        Self::TooLong,
        Self::OtherKey,
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
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::TooLong => "too long",
            Self::OtherKey => "other key",
        })
    }
}

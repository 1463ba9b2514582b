//! Where a secure chat stands.

use std::time::Instant;

use simp_values::Reason;

/// Where a chat stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// We invite.
    Inviting { expires: Instant, reach: Reach },
    /// We are invited.
    Invited { expires: Instant },
    /// Messages go both ways. `is_known`: the peer knows that it is open.
    Open { since: Instant, is_known: bool },
    /// What is queued is delivered first, and so are files that are under way.
    Draining(Carries),
    /// We have left, or declined, and wait for the peer to know; `untold`: why, if our user has not been told.
    Leaving { dead_at: Instant, untold: Option<Reason> },
    /// Over.
    Closed,
}

/// What goes on besides messages in a chat that is being left, and keeps it. Files go over channels of their own, so only
/// the caller knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// Nothing.
    Nothing,
    /// Files are under way, one way or the other.
    Files,
}

/// Whom our invitation has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nobody: there was no channel.
    Nobody,
    /// It has left, in an earlier run at least.
    Perhaps,
    /// The peer, which has said so.
    Peer,
}

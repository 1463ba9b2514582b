//! Where a chat stands, with what only matters there.

use std::time::Instant;

use simp_values::{Reason, State};

use crate::arq::Repeat;
use crate::moment::Moment;

/// Whom an invitation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Invitee {
    /// A peer that there was a chat with before: what comes may be of that.
    Known,
    /// Somebody new: all that comes is of this chat.
    Stranger,
    /// Its user is being asked.
    Ringing,
}

/// How the peer's invitation is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acceptance {
    /// By a SYN+ACK, from this moment on: before that, datagrams of an earlier chat with this peer may still be under way.
    SynAck {
        /// At once without one.
        from: Option<Moment>,
    },
    /// By a message (SIMP 7). At this moment the peer is told that our user is being asked, unless that has answered.
    RingAt(Moment),
    /// By a message. The peer was told that our user is being asked.
    Message,
}

/// What of ours opened the chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenedBy {
    /// ACK, to its SYN+ACK.
    Ack,
    /// SYN+ACK, to its SYN.
    SynAck,
    /// SYN+ACK and a bare ACK. Both may be lost: nothing has come since.
    BothUnheard,
}

/// Where a chat stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// We invited the peer and wait for its answer.
    Inviting {
        /// Our SYN.
        syn: Repeat,
        /// When the invitation ends.
        expires: Moment,
        /// Who it is for.
        invitee: Invitee,
    },
    /// The peer invited us, and our user has not answered.
    Invited {
        /// When the request ends.
        expires: Moment,
        /// What would accept it.
        acceptance: Acceptance,
    },
    /// We accepted and wait for the peer to confirm.
    Accepting {
        /// Our SYN+ACK.
        syn_ack: Repeat,
        /// When a bare ACK follows.
        ack_at: Option<Moment>,
    },
    /// Messages go both ways.
    Open {
        /// Unknown after a restart.
        since: Option<Moment>,
        /// What of ours opened it.
        opened_by: OpenedBy,
    },
    /// We are leaving, but first deliver what is queued. The rest is as in an open chat.
    Draining {
        /// As in an open chat.
        since: Option<Moment>,
        /// As in an open chat.
        opened_by: OpenedBy,
    },
    /// We are leaving and wait for the ACK of our FIN.
    Leaving {
        /// Our FIN.
        fin: Repeat,
        /// When the last one and its ACK are dead.
        dead_at: Moment,
        /// Why, if the user has not been told yet.
        untold: Option<Reason>,
    },
    /// Over.
    Closed,
}

impl Phase {
    /// As the user sees it.
    pub(super) fn state(self) -> State {
        match self {
            Self::Inviting { .. } => State::Inviting,
            Self::Invited { .. } => State::Invited,
            Self::Accepting { .. } => State::Accepting,
            Self::Open { .. } => State::Open,
            Self::Draining { .. } | Self::Leaving { .. } => State::Closing,
            Self::Closed => State::Closed,
        }
    }

    /// When the phase itself wants to be looked at.
    pub(super) fn deadline(self) -> Option<Instant> {
        let deadline = match self {
            Self::Inviting { syn, expires, .. } => Some(syn.due.min(expires)),
            Self::Invited { expires, acceptance: Acceptance::RingAt(at) } => Some(at.min(expires)),
            Self::Invited { expires, .. } => Some(expires),
            Self::Accepting { syn_ack, ack_at } => Some(ack_at.map_or(syn_ack.due, |at| at.min(syn_ack.due))),
            Self::Leaving { fin, .. } => Some(fin.due),
            Self::Open { .. } | Self::Draining { .. } | Self::Closed => None,
        };
        deadline.map(Moment::instant)
    }
}

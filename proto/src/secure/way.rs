//! How a chat reaches its peer: by one channel at a time, which is dialled again when it breaks and there is something to say.

use std::time::{Duration, Instant};

use super::frame::{ChannelId, Hello};

/// After a dial that came to nothing the next one is so much later, twice that after two, and so on.
const DIAL_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// But no later than this.
const DIAL_AGAIN_AT_MOST: Duration = Duration::from_secs(5);

/// The way to a peer.
#[derive(Debug)]
pub(super) enum Way {
    /// There is none, after so many attempts in vain. If something is to be said, it is dialled from this moment on.
    Away { dial_from: Instant, failures: u32 },
    /// We open a channel.
    Dialling { channel: ChannelId, failures: u32 },
    /// We have opened a channel, and wait for the peer's hello.
    Greeting { channel: ChannelId, failures: u32 },
    /// Both have said hello.
    Up { channel: ChannelId },
    /// The chat is over, and none is looked for.
    Ended,
}

/// A channel that the peer has opened while we open one: it is taken if ours comes to nothing.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) channel: ChannelId,
    pub(super) hello: Hello,
    pub(super) already: Vec<u64>,
}

impl Way {
    /// No way yet; it is dialled from this moment on.
    pub(super) fn from(dial_from: Instant) -> Self {
        Self::Away { dial_from, failures: 0 }
    }

    /// The channel in use.
    pub(super) fn channel(&self) -> Option<ChannelId> {
        match self {
            Self::Away { .. } | Self::Ended => None,
            Self::Dialling { channel, .. } | Self::Greeting { channel, .. } | Self::Up { channel } => {
                Some(*channel)
            }
        }
    }

    /// Whether both have said hello.
    pub(super) fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }

    /// When to dial, if something is to be said.
    pub(super) fn dial_from(&self) -> Option<Instant> {
        match self {
            Self::Away { dial_from, .. } => Some(*dial_from),
            Self::Dialling { .. } | Self::Greeting { .. } | Self::Up { .. } | Self::Ended => None,
        }
    }

    /// The channel has broken: one that was up is dialled again at once.
    pub(super) fn broken(&self, now: Instant) -> Self {
        match self {
            Self::Away { dial_from, failures } => Self::Away { dial_from: *dial_from, failures: *failures },
            Self::Up { .. } => Self::from(now),
            Self::Ended => Self::Ended,
            Self::Dialling { failures, .. } | Self::Greeting { failures, .. } => {
                let later = DIAL_AGAIN_AFTER * (1 << failures.min(&8));
                Self::Away { dial_from: now + later.min(DIAL_AGAIN_AT_MOST), failures: failures + 1 }
            }
        }
    }

    /// Attempts in vain since it was up.
    pub(super) fn failures(&self) -> u32 {
        match self {
            Self::Away { failures, .. }
            | Self::Dialling { failures, .. }
            | Self::Greeting { failures, .. } => *failures,
            Self::Up { .. } | Self::Ended => 0,
        }
    }

    /// Whether our hello may have reached the peer.
    pub(super) fn may_be_known(&self) -> bool {
        !matches!(self, Self::Away { failures: 0, .. } | Self::Dialling { failures: 0, .. })
    }
}

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
    /// We have opened a channel, and wait for the peer's hello since this moment.
    Greeting { channel: ChannelId, since: Instant, failures: u32 },
    /// Both have said hello, at this moment.
    Up { channel: ChannelId, since: Instant, failures: u32 },
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
            Self::Dialling { channel, .. } | Self::Greeting { channel, .. } | Self::Up { channel, .. } => {
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

    /// Both have said hello on this channel.
    pub(super) fn up(&self, now: Instant, channel: ChannelId) -> Self {
        Self::Up { channel, since: now, failures: self.failures() }
    }

    /// The channel has broken. One that was up for longer than we would have waited is dialled again at once; else
    /// a peer that breaks each channel would be dialled as fast as the network can.
    pub(super) fn broken(&self, now: Instant) -> Self {
        let (from, failures) = match self {
            Self::Away { dial_from, failures } => {
                return Self::Away { dial_from: *dial_from, failures: *failures };
            }
            Self::Ended => return Self::Ended,
            Self::Up { since, failures, .. } => (*since, failures),
            Self::Dialling { failures, .. } | Self::Greeting { failures, .. } => (now, failures),
        };
        match from + later(*failures) {
            dial_from if dial_from <= now => Self::from(now),
            dial_from => Self::Away { dial_from, failures: failures.saturating_add(1) },
        }
    }

    /// There is more to say than what could wait: it is dialled as soon as after other attempts in vain.
    pub(super) fn hurry(&mut self, now: Instant) {
        if let Self::Away { dial_from, failures } = self {
            let wait = failures.checked_sub(1).map_or(Duration::ZERO, later);
            *dial_from = (*dial_from).min(now + wait);
        }
    }

    /// Attempts in vain since it was up for long enough.
    pub(super) fn failures(&self) -> u32 {
        match self {
            Self::Away { failures, .. }
            | Self::Dialling { failures, .. }
            | Self::Greeting { failures, .. }
            | Self::Up { failures, .. } => *failures,
            Self::Ended => 0,
        }
    }
}

/// How much later after so many attempts in vain, and this one.
fn later(failures: u32) -> Duration {
    (DIAL_AGAIN_AFTER * (1 << failures.min(8))).min(DIAL_AGAIN_AT_MOST)
}

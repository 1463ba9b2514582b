//! What comes out of an endpoint.

use std::fmt;
use std::net::SocketAddr;

use simp_proto::secure::{ChannelId, Frame, KeyId};

/// What has become of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelEvent {
    /// One that we have opened has a link. The peer hears of the channel with the first frame.
    Opened {
        /// The channel.
        channel: ChannelId,
        /// The peer's key, which it has proved to have.
        key: KeyId,
    },
    /// A peer has opened one.
    Incoming {
        /// The channel, with an odd number.
        channel: ChannelId,
        /// The peer's key, which it has proved to have.
        key: KeyId,
        /// Where its datagrams come from.
        address: SocketAddr,
    },
    /// The peer has said something.
    Frame {
        /// The channel.
        channel: ChannelId,
        /// What it has said.
        frame: Frame,
    },
    /// The channel is about to be no more, as nothing has gone over its link for long. The peer was somewhere else by then.
    Moved {
        /// The channel.
        channel: ChannelId,
        /// Where the peer's datagrams came from last, which it has proved.
        address: SocketAddr,
    },
    /// The channel is no more. Nothing comes of it after this. Whether the peer has got what was written last is not known.
    Broken {
        /// The channel.
        channel: ChannelId,
        /// Why.
        why: Broken,
    },
}

impl ChannelEvent {
    /// The channel that it is of.
    pub fn channel(&self) -> ChannelId {
        match self {
            Self::Opened { channel, .. }
            | Self::Incoming { channel, .. }
            | Self::Frame { channel, .. }
            | Self::Moved { channel, .. }
            | Self::Broken { channel, .. } => *channel,
        }
    }
}

/// Why a channel is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The network says that nothing there can be reached.
    Unreachable,
    /// Nobody there has answered as a daemon with a key does.
    NoAnswer,
    /// Who is there has another key than it was to have: this one. It has heard nothing from the channel. This is also said
    /// of our own key, which no peer has.
    OtherKey(KeyId),
    /// The link is gone: it was idle, the peer has restarted or does not answer, or takes nothing of what is written.
    Lost,
    /// The peer has ended the channel.
    Ended,
    /// What came is no frame, or too long.
    Misused,
    /// The peer, or we, have too many links.
    Refused,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str("it cannot be reached"),
            Self::NoAnswer => f.write_str("no answer"),
            Self::OtherKey(key) => write!(f, "it has another key, {key}"),
            Self::Lost => f.write_str("the link is lost"),
            Self::Ended => f.write_str("the peer has ended it"),
            Self::Misused => f.write_str("the peer does not speak the protocol"),
            Self::Refused => f.write_str("there are too many links"),
        }
    }
}

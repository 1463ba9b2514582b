//! What comes out of an endpoint.

use std::net::SocketAddr;

use simp_proto::secure::{Broken, ChannelId, Frame, KeyId};

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

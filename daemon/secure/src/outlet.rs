//! Where links put what they have to say, until somebody asks.

use std::collections::VecDeque;

use simp_proto::secure::{Broken, ChannelId, KeyId};

use crate::channel::Channel;
use crate::channel_event::ChannelEvent;

/// A link, for as long as the endpoint lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LinkId(pub(crate) u64);

/// Where a link puts what it has to say.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) events: VecDeque<ChannelEvent>,
    /// Channels that may have frames, or have broken; each once.
    pub(crate) ready: VecDeque<ChannelId>,
    /// Channels that peers have opened since this was last taken.
    pub(crate) incoming: Vec<ChannelId>,
    /// The number of the next one.
    pub(crate) next_incoming: u64,
    /// Bytes of frames that are not whole, of all links.
    pub(crate) held: usize,
    /// Our own key.
    pub(crate) own: KeyId,
}

impl Outlet {
    /// With nothing in it.
    pub(crate) fn new(own: KeyId) -> Self {
        Self {
            events: VecDeque::new(),
            ready: VecDeque::new(),
            incoming: Vec::new(),
            next_incoming: 1,
            held: 0,
            own,
        }
    }

    /// A channel has broken.
    pub(crate) fn broken(&mut self, channel: ChannelId, why: Broken) {
        self.events.push_back(ChannelEvent::Broken { channel, why });
    }

    /// A channel is to be read.
    pub(crate) fn ready(&mut self, id: ChannelId, channel: &mut Channel) {
        if !std::mem::replace(&mut channel.is_ready, true) {
            self.ready.push_back(id);
        }
    }
}

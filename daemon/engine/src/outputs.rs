//! What a turn comes to.

use std::net::SocketAddr;

use simp_control::{Answer, Request};
use simp_proto::secure::{ChannelId, Frame, KeyId};
use simp_store::EntryFilter;

use crate::files::FileCommand;
use crate::inputs::ClientId;
use crate::transmits::Transmits;

/// What a turn comes to. All that it promises is committed.
#[derive(Debug, Default)]
pub struct Outputs {
    /// What leaves on the network.
    pub transmits: Transmits,
    /// What is to be done with channels, in this order.
    pub channels: Vec<ChannelCommand>,
    /// What is to be done with files, in this order.
    pub files: Vec<FileCommand>,
    /// Names of hosts that are to be looked up. One may be among them again before it was answered.
    pub lookups: Vec<String>,
    /// One for each request but those that are not carried out yet, those of each client in order.
    pub answers: Vec<(ClientId, Answer)>,
    /// Requests for the next turn, before any other of their clients.
    pub not_yet: Vec<(ClientId, Request)>,
    /// Clients that follow the log from now on. They read it at their own pace: see
    /// [`Engine::log`](crate::Engine::log).
    pub followers: Vec<(ClientId, Follower)>,
    /// A client has asked the daemon to stop.
    pub stops: bool,
}

/// What is to be done with a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelCommand {
    /// Open one to the peer at this address, which has this key if one is known.
    Open(ChannelId, SocketAddr, Option<KeyId>),
    /// This goes over it.
    Write(ChannelId, Frame),
    /// It ends after what goes over it.
    End(ChannelId),
    /// What comes over it is not read, or is again: meanwhile the peer can say only so much.
    Pause(ChannelId, bool),
    /// All end at once: what came over them is forgotten, and comes again over others.
    EndAll,
}

/// Who reads the log, and how far it is.
#[derive(Debug)]
pub struct Follower {
    /// Entries up to here have been given to it.
    pub cursor: u64,
    /// What it wants.
    pub wanted: EntryFilter,
    /// The newest entry that it wanted and was given.
    pub given: u64,
    /// The consumer that it reads for.
    pub consumer: Option<String>,
}

impl Outputs {
    /// None of it leaves, or all has left.
    pub(crate) fn clear(&mut self) {
        self.transmits.clear();
        self.channels.clear();
        self.files.clear();
        self.lookups.clear();
        self.answers.clear();
        self.not_yet.clear();
        self.followers.clear();
        self.stops = false;
    }
}

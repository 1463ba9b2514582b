//! Channels: which is of which chat, what came over them and waits, and what is to be done with them.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use simp_proto::secure::{ChannelId, Frame, KeyId};

use crate::outputs::ChannelCommand;

/// Whose a channel is.
#[derive(Debug, Clone, Copy)]
pub enum Owner {
    /// That of this chat. If the chat is over, whoever has its key since does not know the channel.
    Chat(usize),
    /// We have opened it for the files of the peer of this chat, by its id.
    Files(u64),
    /// The peer of this chat, by its id, has opened it for files of ours.
    Served(u64),
    /// A peer with this key has opened it from this address, and has said nothing.
    Stranger(KeyId, SocketAddr),
}

/// All channels.
#[derive(Debug, Default)]
pub struct Channels {
    owners: BTreeMap<ChannelId, Owner>,
    /// What came over them and has no room yet, in order.
    held: BTreeMap<ChannelId, VecDeque<Frame>>,
    is_timer_set: bool,
    /// How many we have opened.
    opened: u64,
    /// What is to be done with them.
    commands: Vec<ChannelCommand>,
}

impl Channels {
    /// The name of one that we are to open, for this owner: an even number. The other half is for those of peers.
    pub fn name(&mut self, owner: Owner) -> ChannelId {
        self.opened += 1;
        let channel = ChannelId(2 * self.opened);
        self.owners.insert(channel, owner);
        channel
    }

    /// It is opened to the peer at this address, which has this key if one is known.
    pub fn open(&mut self, channel: ChannelId, to: SocketAddr, key: Option<KeyId>) {
        self.commands.push(ChannelCommand::Open(channel, to, key));
    }

    /// A peer with this key has opened it, from this address.
    pub fn note_incoming(&mut self, channel: ChannelId, key: KeyId, from: SocketAddr) {
        self.owners.insert(channel, Owner::Stranger(key, from));
    }

    /// Whose it is.
    pub fn owner(&self, channel: ChannelId) -> Option<Owner> {
        self.owners.get(&channel).copied()
    }

    /// It is of this owner from now on.
    pub fn give(&mut self, channel: ChannelId, owner: Owner) {
        self.owners.insert(channel, owner);
    }

    /// This leaves over it.
    pub fn write(&mut self, channel: ChannelId, frame: Frame) {
        self.commands.push(ChannelCommand::Write(channel, frame));
    }

    /// It ends.
    pub fn end(&mut self, channel: ChannelId) {
        self.forget(channel);
        self.commands.push(ChannelCommand::End(channel));
    }

    /// This came over it and has no room yet. Returns whether a timer is to be set for what waits.
    pub fn hold(&mut self, channel: ChannelId, frame: Frame) -> bool {
        let held = self.held.entry(channel).or_default();
        if held.is_empty() {
            self.commands.push(ChannelCommand::Pause(channel, true));
        }
        held.push_back(frame);
        !std::mem::replace(&mut self.is_timer_set, true)
    }

    /// Whether something that came over it waits: nothing overtakes that.
    pub fn holds(&self, channel: ChannelId) -> bool {
        self.held.contains_key(&channel)
    }

    /// All that waits, which waits no longer: the time is over. Whatever is not [held](Self::hold) again is read on.
    pub fn take_held(&mut self) -> BTreeMap<ChannelId, VecDeque<Frame>> {
        self.is_timer_set = false;
        let resumed = self.held.keys().map(|channel| ChannelCommand::Pause(*channel, false));
        self.commands.extend(resumed);
        std::mem::take(&mut self.held)
    }

    /// Whether there is a timer for what waits.
    pub fn has_timer(&self) -> bool {
        self.is_timer_set
    }

    /// It is no more. Returns whose it was.
    pub fn forget(&mut self, channel: ChannelId) -> Option<Owner> {
        self.held.remove(&channel);
        self.owners.remove(&channel)
    }

    /// All end.
    pub fn end_all(&mut self) {
        self.owners.clear();
        self.held.clear();
        self.commands.clear();
        self.commands.push(ChannelCommand::EndAll);
    }

    /// What is to be done with them, in this order.
    pub fn take_commands(&mut self, commands: &mut Vec<ChannelCommand>) {
        commands.append(&mut self.commands);
    }
}

//! A peer at another address is the same peer if it has the same key: its chat goes on there, and what the outbox has for it
//! is delivered in the chat with it, wherever that is.

use std::net::SocketAddr;
use std::time::Duration;

use simp_control::{KeyId, State};
use simp_store::StoreError;

use crate::engine::Engine;
use crate::now::Now;
use crate::ongoing::{Ongoing, OutboxPart};

/// When whoever is where a peer has left is invited, if the outbox has something for that place.
const INVITE_AFTER: Duration = Duration::from_secs(1);

impl Engine {
    /// The peer of this chat is at this address now.
    pub(crate) fn roam(&mut self, now: Now, chat: usize, address: SocketAddr) -> Result<(), StoreError> {
        let is_there = self.chats.at(address).is_some();
        if is_there {
            return Ok(());
        }
        let from = self.chats.get(chat).map(|ongoing| ongoing.place.address());
        self.chats.roam(chat, address);
        // What the outbox has for where it was, and another chat had, waits for no chat any more.
        if let Some(from) = from.filter(|from| self.absent.has(*from) && self.chats.known_at(*from).is_none())
        {
            self.absent.invite_after(&mut self.wheel, now, from, INVITE_AFTER);
        }
        let Some(ongoing) = self.chats.get(chat) else { return Ok(()) };
        if let (State::Open, Some(key)) = (ongoing.chat.state(), ongoing.peer_key()) {
            self.store.note_key(now.ms, address, key, ongoing.chat.user())?;
        }
        match ongoing.row() {
            // A restart looks for it there.
            Some(row) => self.store.keep_chat(&row),
            None => Ok(()),
        }
    }

    /// Where the outbox has messages for the peer with this key that no chat delivers: at this address, or at one where it
    /// was before.
    pub(crate) fn awaited_at(
        &self,
        key: KeyId,
        address: SocketAddr,
    ) -> Result<Option<SocketAddr>, StoreError> {
        if self.absent.is_empty() {
            return Ok(None);
        }
        if self.absent.has(address) {
            return Ok(Some(address).filter(|address| self.is_awaited(*address)));
        }
        Ok(self.store.addresses_of(key)?.into_iter().find(|at| self.is_awaited(*at)))
    }

    /// The peer that we invite has this key. If the outbox has nothing for it here, but where it was before, that is
    /// delivered in this chat.
    pub(crate) fn bring_outbox(&mut self, now: Now, chat: usize, key: KeyId) -> Result<(), StoreError> {
        let is_free = |ongoing: &&Ongoing| {
            ongoing.outbox == OutboxPart::NotTakenUp && ongoing.place.moved_from().is_none()
        };
        let Some(ongoing) = self.chats.get(chat).filter(is_free) else { return Ok(()) };
        let address = ongoing.place.address();
        if self.absent.is_empty() || self.absent.has(address) {
            return Ok(());
        }
        let addresses = self.store.addresses_of(key)?;
        let Some(at) = addresses.into_iter().find(|at| self.absent.has(*at)) else { return Ok(()) };
        // Nobody is there any more.
        if let Some(other) = self.chats.for_outbox(at)
            && self.chats.take_invitation_back(now.instant, other)
        {
            self.settle(now, other)?;
            self.chats.change(other, |ongoing| ongoing.chat.abandon());
            self.settle_if_over(now, other)?;
        }
        if self.is_awaited(at) {
            self.chats.deliver_outbox_of(chat, at);
        }
        Ok(())
    }

    /// The chat that messages of the outbox for this address are delivered in: that with whoever is there, or else with
    /// whoever has the key of that place.
    pub(crate) fn chat_for_outbox(&self, address: SocketAddr) -> Result<Option<usize>, StoreError> {
        let there = self.chats.for_outbox(address);
        if there.is_some() {
            return Ok(there);
        }
        Ok(self.store.key_of(address)?.and_then(|key| self.chats.with_key(key)))
    }

    /// The chat that takes messages of the outbox for this address, now or once it is open: not one whose peer is there by
    /// now, and that has those for where it was invited.
    pub(crate) fn taker(&self, address: SocketAddr) -> Option<usize> {
        let takes =
            |ongoing: &Ongoing| ongoing.takes_kept_messages() && ongoing.place.outbox_at() == Some(address);
        self.chats.for_outbox(address).filter(|key| self.chats.get(*key).is_some_and(takes))
    }

    /// Where to invite a peer that the outbox knows at this address: by turns where it was seen last, and there, for it may
    /// be back.
    pub(crate) fn looked_for_at(&self, address: SocketAddr) -> Result<SocketAddr, StoreError> {
        let tries = self.absent.get(address).map_or(0, |absentee| absentee.tries);
        let key = if tries.is_multiple_of(2) { self.store.key_of(address)? } else { None };
        let Some(key) = key else { return Ok(address) };
        let last = self.store.addresses_of(key)?.into_iter().next();
        let is_free = |at: &SocketAddr| self.chats.at(*at).is_none() && !self.absent.has(*at);
        Ok(last.filter(is_free).unwrap_or(address))
    }
}

//! Messages for a host go to wherever it is found, and on to another address if it is found there later. One that fails to be
//! found is where it was last, if it ever was anywhere.

use std::net::SocketAddr;
use std::time::Duration;

use simp_control::{Address, HostName, LookupError, State, names};
use simp_store::{Recipient, StoreError};

use crate::absent::{Next, pause_of_lookups};
use crate::engine::Engine;
use crate::hosts::{Age, Whereabouts};
use crate::inputs::LookedUp;
use crate::now::Now;
use crate::ongoing::Ongoing;

/// A host whose messages no chat with it can take is looked up again after about this long.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(60);

impl Engine {
    /// Where a message is kept: a host is where its older messages are, and a peer that has a chat with us where that was
    /// begun.
    pub(crate) fn kept_for(&mut self, to: Recipient) -> Result<Recipient, StoreError> {
        let (host, address) = match to {
            Recipient::At(address) => return self.kept_at(address).map(Recipient::At),
            Recipient::Host(host, address) => (host, address),
        };
        let Some(known) = self.hosts.get(&host).map(|sought| sought.address()) else {
            let address = address.map(|address| self.kept_at(address)).transpose()?;
            return Ok(Recipient::Host(host, address));
        };
        // Somebody has found it elsewhere.
        if address.is_some() && address != known {
            self.hosts.ask(&host);
        }
        Ok(Recipient::Host(host, known))
    }

    /// A chat that has moved has the outbox of the address that was invited, by whichever of the two it is named.
    fn kept_at(&self, address: SocketAddr) -> Result<SocketAddr, StoreError> {
        let in_chat = self.chat_for_outbox(address)?.and_then(|key| self.chats.get(key));
        Ok(in_chat.map_or(address, |ongoing| ongoing.place.invited_at()))
    }

    /// A name was looked up.
    pub(crate) fn handle_lookup(&mut self, now: Now, looked_up: &LookedUp) -> Result<(), StoreError> {
        for host in self.hosts.named(&looked_up.name) {
            match self.address_of(&host, looked_up) {
                Ok(address) => {
                    self.hosts.note_found(&host);
                    self.find_host(now, &host, address)?;
                }
                Err(why) => self.miss_host(now, &host, why)?,
            }
        }
        Ok(())
    }

    /// Which of its addresses a host is at: the one that it was at before, if that is still one of them.
    fn address_of(&self, host: &HostName, looked_up: &LookedUp) -> Result<SocketAddr, String> {
        let found = looked_up.found.as_ref().map_err(LookupError::to_string)?;
        let known = self.hosts.get(host).and_then(|sought| sought.address());
        if let Some(known) = known.filter(|known| found.iter().any(|one| one.has(*known))) {
            return Ok(known);
        }
        let best = names::best(found, |ip| ip.is_ipv4() == self.address.is_ipv4());
        let best = best.ok_or_else(|| LookupError::Unknown.to_string())?;
        let address = Address { host: best, port: Some(host.port()) }.to_string();
        self.peer_address(&address).map_err(|failure| failure.line)
    }

    fn find_host(&mut self, now: Now, host: &HostName, address: SocketAddr) -> Result<(), StoreError> {
        let known = self.hosts.get(host).and_then(|sought| sought.address());
        // What is being delivered where it was is not torn away.
        if let Some(known) = known.filter(|known| *known == address || self.taker(*known).is_some()) {
            return self.go_on_to(now, host, known);
        }
        let to = self.kept_at(address)?;
        if known == Some(to) {
            return self.go_on_to(now, host, to);
        }
        if self.can_take(host, to)? {
            return self.move_messages(now, host, (known, to));
        }
        // Within a chat, messages leave in their order.
        let why = format!("the chat with {to} has newer ones, or is being left: these wait for its end");
        self.hosts.note_not_found(host, why);
        match known {
            None => self.hosts.ask_after(now, host, LOOK_AGAIN_AFTER),
            Some(known) => {
                self.hosts.set(host, Whereabouts::Known(known, Age::Old));
                self.absent.invite_after_about(&mut self.wheel, now, known, LOOK_AGAIN_AFTER);
            }
        }
        Ok(())
    }

    fn miss_host(&mut self, now: Now, host: &HostName, why: String) -> Result<(), StoreError> {
        tracing::debug!(%host, why, "not found");
        let tries = self.hosts.note_not_found(host, why);
        match self.hosts.get(host).map(|sought| sought.address()) {
            Some(Some(known)) => self.go_on_to(now, host, known),
            Some(None) => {
                let pause = self.absent.spread(pause_of_lookups(tries));
                self.hosts.ask_after(now, host, pause);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A host is where it was. Whoever is there is invited, if that has waited for this.
    fn go_on_to(&mut self, now: Now, host: &HostName, address: SocketAddr) -> Result<(), StoreError> {
        let waits = self.absent.get(address).is_some_and(|it| matches!(it.next, Next::Lookup { .. }));
        let age = if waits { Age::New } else { Age::Old };
        self.hosts.set(host, Whereabouts::Known(address, age));
        self.invite_if_looked_up(now, address)
    }

    fn invite_if_looked_up(&mut self, now: Now, address: SocketAddr) -> Result<(), StoreError> {
        let waits = self.absent.get(address).is_some_and(|it| matches!(it.next, Next::Lookup { .. }));
        if waits && !self.hosts.is_any_asked_at(address) {
            self.invite_absentee(now, address)?;
        }
        Ok(())
    }

    /// Whether the messages for a host can be kept for this address: not if a chat there has been given newer ones already, or
    /// is being left.
    fn can_take(&self, host: &HostName, address: SocketAddr) -> Result<bool, StoreError> {
        match self.taker(address).and_then(|key| self.chats.get(key)) {
            None => Ok(true),
            // We leave it as soon as it has delivered what it has.
            Some(chat) if chat.chat.state() == State::Closing => Ok(false),
            // It will take them up with all others.
            Some(chat) if !chat.has_taken_up_outbox() => Ok(true),
            Some(chat) => Ok(self.store.oldest_for(host)?.is_some_and(|oldest| oldest > chat.queue.loaded)),
        }
    }

    fn move_messages(
        &mut self,
        now: Now,
        host: &HostName,
        (from, to): (Option<SocketAddr>, SocketAddr),
    ) -> Result<(), StoreError> {
        let Some(messages) = self.hosts.get(host).map(|sought| sought.messages) else { return Ok(()) };
        tracing::info!(%host, peer = %to, messages, "found");
        self.store.move_outbox(host, to)?;
        let is_first = !self.absent.has(to);
        self.absent.add(to, messages);
        self.hosts.set(host, Whereabouts::Known(to, Age::New));
        if let Some(from) = from {
            self.absent.take_away(&mut self.wheel, from, messages);
            // Nobody is invited for nothing.
            match self.chats.for_outbox(from).filter(|_| !self.absent.has(from)) {
                Some(key) => _ = self.chats.take_invitation_back(now.instant, key),
                None => self.invite_if_looked_up(now, from)?,
            }
        }
        let is_open = |key: &usize| self.chats.get(*key).is_some_and(Ongoing::has_taken_up_outbox);
        match self.taker(to).filter(is_open) {
            Some(key) => self.hand_over_moved(now, key, host, (to, messages)),
            None if is_first => self.invite_absentee(now, to),
            None => Ok(()),
        }
    }

    /// Hands messages for a host to the open chat with it.
    fn hand_over_moved(
        &mut self,
        now: Now,
        key: usize,
        host: &HostName,
        (to, messages): (SocketAddr, u64),
    ) -> Result<(), StoreError> {
        let store = &mut self.store;
        let too_long =
            self.chats.change(key, |ongoing| ongoing.take_up_moved(store, now, (to, host), messages));
        for taken in too_long.transpose()?.unwrap_or_default() {
            self.absent.remove(&mut self.wheel, to, taken.message);
            self.hosts.remove(host);
        }
        self.absent.wait_for_chat(&mut self.wheel, to);
        Ok(())
    }
}

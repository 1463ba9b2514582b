//! The chats by address. Holds them, counts them, and knows which were touched; what they say goes
//! through `settle`, and what clients call them is `named`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use simp_control::{KeyId, State};
use simp_store::{Store, StoreError};
use slab::Slab;

use crate::by_address::ByAddress;
use crate::listed::{Class, Listed};
use crate::ongoing::{Ongoing, OutboxPart, RowState};

/// All chats.
#[derive(Debug, Default)]
pub struct Roster {
    entries: Slab<Ongoing>,
    by_address: ByAddress,
    /// Those that nobody has answered, neighbours beside each other.
    invitations: BTreeMap<SocketAddr, usize>,
    /// The secure ones by the keys of their peers, as far as these are known.
    by_key: HashMap<KeyId, usize>,
    /// Those whose peer answered from another port, by the address that was invited.
    moved: HashMap<SocketAddr, usize>,
    chats: usize,
    requests: usize,
    /// In the order in which they were touched. One that was settled since may still be among them.
    touched: VecDeque<usize>,
}

impl Roster {
    /// Adds a chat, touched. An older one with the same peer must have been removed.
    pub fn insert(&mut self, mut ongoing: Ongoing) -> usize {
        let (address, moved_from) = (ongoing.place.address(), ongoing.place.moved_from());
        ongoing.listed = Listed { is_touched: true, ..Listed::default() };
        let key = self.entries.insert(ongoing);
        self.touched.push_back(key);
        self.by_address.insert(address, key, address_of(&self.entries));
        self.moved.extend(moved_from.map(|from| (from, key)));
        self.recount(key);
        key
    }

    /// Removes a chat.
    pub fn remove(&mut self, key: usize) {
        let Some(ongoing) = self.entries.try_remove(key) else { return };
        self.by_address.remove(ongoing.place.address(), key);
        self.invitations.remove(&ongoing.place.address());
        // The peer may have another by now.
        let key_of_peer = ongoing.peer_key().filter(|it| self.by_key.get(it) == Some(&key));
        key_of_peer.and_then(|key_of_peer| self.by_key.remove(&key_of_peer));
        self.uncount(ongoing.listed.class);
        if let Some(from) = ongoing.place.moved_from() {
            self.moved.remove(&from);
            // Whoever has come there since may have what the outbox holds, unless it was without from the start.
            let other = self.at(from).and_then(|key| self.entries.get_mut(key));
            if let Some(other) = other.filter(|other| other.outbox == OutboxPart::NotTakenUp) {
                other.place.deliver_outbox_of(from);
            }
        }
    }

    /// The peer of an invitation has answered from this address, which has no chat.
    pub fn move_to(&mut self, key: usize, to: SocketAddr) {
        if let Some(from) = self.change_address(key, to) {
            self.moved.insert(from, key);
        }
    }

    /// Returns the address that it had.
    fn change_address(&mut self, key: usize, to: SocketAddr) -> Option<SocketAddr> {
        let ongoing = self.entries.get_mut(key)?;
        let from = ongoing.place.address();
        ongoing.place.move_to(to);
        if ongoing.listed.is_invitation {
            self.invitations.remove(&from);
            self.invitations.insert(to, key);
        }
        self.by_address.remove(from, key);
        self.by_address.insert(to, key, address_of(&self.entries));
        Some(from)
    }

    /// The peer of a secure chat is at this address now, which has no chat. The outbox knows it by the first.
    pub fn roam(&mut self, key: usize, to: SocketAddr) {
        self.change_address(key, to);
        let Some(ongoing) = self.entries.get_mut(key) else { return };
        if let Some(at) = ongoing.place.outbox_at() {
            // It may be back where it was.
            self.moved.remove(&at);
            self.moved.extend(ongoing.place.moved_from().map(|from| (from, key)));
        }
    }

    /// What the outbox has for this address, and no chat delivers, is delivered in this chat.
    pub fn deliver_outbox_of(&mut self, key: usize, at: SocketAddr) {
        let Some(ongoing) = self.entries.get_mut(key) else { return };
        ongoing.place.deliver_outbox_of(at);
        self.moved.extend(ongoing.place.moved_from().map(|from| (from, key)));
    }

    /// The key of the chat with the peer that has this key.
    pub fn with_key(&self, key: KeyId) -> Option<usize> {
        self.by_key.get(&key).copied()
    }

    /// Changes a chat and marks it as touched: whatever happens to a chat, happens in here. How it counts is right from
    /// here on, all else once it is settled.
    ///
    /// Some change one without marking it, and leave nothing to settle: [`settling`](Self::settling) is what touched
    /// chats are for, [`keeping`](Self::keeping) changes what is noted of a chat, [`move_to`](Self::move_to) and
    /// [`roam`](Self::roam) its address, and [`deliver_outbox_of`](Self::deliver_outbox_of) and [`remove`](Self::remove)
    /// may give it the outbox of an address.
    pub fn change<T>(&mut self, key: usize, change: impl FnOnce(&mut Ongoing) -> T) -> Option<T> {
        let ongoing = self.entries.get_mut(key)?;
        // Once in the queue is enough: it is settled with all that has happened to it by then.
        if !std::mem::replace(&mut ongoing.listed.is_touched, true) {
            self.touched.push_back(key);
        }
        let changed = change(ongoing);
        self.recount(key);
        Some(changed)
    }

    /// What keeps a chat has changed outside of it: it is settled.
    pub fn touch(&mut self, key: usize) {
        self.change(key, |_| ());
    }

    /// The next chat to be settled.
    pub fn next_touched(&mut self) -> Option<usize> {
        let entries = &self.entries;
        std::iter::from_fn(|| self.touched.pop_front())
            .find(|key| entries.get(*key).is_some_and(|ongoing| ongoing.listed.is_touched))
    }

    /// A chat that is being settled, which is all that may be done with it: it is touched no longer.
    pub fn settling(&mut self, key: usize) -> Option<&mut Ongoing> {
        let ongoing = self.entries.get_mut(key)?;
        ongoing.listed.is_touched = false;
        Some(ongoing)
    }

    /// Those that are kept anew: whether they are touched does not change.
    pub fn keeping(&mut self) -> impl Iterator<Item = &mut Ongoing> {
        self.entries.iter_mut().map(|(_, ongoing)| ongoing)
    }

    /// Writes down where all chats that had messages stand, so that a start has little to read.
    pub fn keep(&mut self, store: &mut Store) -> Result<(), StoreError> {
        self.keep_some(store, 0, usize::MAX)?;
        store.set_kept(store.last_id())
    }

    /// The same from this key on, for so many chats; returns where to go on, if there are more.
    pub fn keep_some(
        &mut self,
        store: &mut Store,
        from: usize,
        most: usize,
    ) -> Result<Option<usize>, StoreError> {
        let mut kept = 0;
        for key in from..self.entries.capacity() {
            let Some(ongoing) =
                self.entries.get_mut(key).filter(|ongoing| ongoing.noted.row == RowState::Outdated)
            else {
                continue;
            };
            if kept == most {
                return Ok(Some(key));
            }
            if let Some(row) = ongoing.row() {
                store.keep_chat(&row)?;
            }
            ongoing.noted.row = RowState::Current;
            kept += 1;
        }
        Ok(None)
    }

    /// Takes an invitation for the outbox back. False if this chat is none.
    pub fn take_invitation_back(&mut self, now: Instant, key: usize) -> bool {
        self.get(key).is_some_and(Ongoing::is_unlogged)
            && self.change(key, |ongoing| ongoing.chat.close(now, true).is_ok()) == Some(true)
    }

    /// Leaves a chat that only the outbox wanted and that has delivered everything, for a chat that somebody wants.
    pub fn leave_idle(&mut self, now: Instant) {
        let idle = self.iter().find(|(_, ongoing)| ongoing.leave_at().is_some()).map(|(key, _)| key);
        if let Some(key) = idle {
            // It is open, for only then it is to be left.
            self.change(key, |ongoing| _ = ongoing.chat.close(now, false));
        }
    }

    /// Chats that only the outbox wanted are left sooner, or later, than was thought: settling them says when.
    pub fn touch_idle(&mut self) {
        let idle = self.iter().filter(|(_, ongoing)| ongoing.leave_at().is_some());
        for key in idle.map(|(key, _)| key).collect::<Vec<_>>() {
            self.change(key, |_| {});
        }
    }

    /// Counts a chat anew after its state may have changed.
    pub fn recount(&mut self, key: usize) {
        let Some(ongoing) = self.entries.get_mut(key) else { return };
        if let Some(key_of_peer) = ongoing.peer_key() {
            self.by_key.insert(key_of_peer, key);
        }
        let is_invitation = matches!(ongoing.chat.state(), State::Inviting | State::Invited);
        if std::mem::replace(&mut ongoing.listed.is_invitation, is_invitation) != is_invitation {
            let address = ongoing.place.address();
            match is_invitation {
                true => _ = self.invitations.insert(address, key),
                false => _ = self.invitations.remove(&address),
            }
        }
        let class = Class::of(&ongoing.chat, ongoing.is_unlogged());
        let was = std::mem::replace(&mut ongoing.listed.class, class);
        match class {
            Class::Chat => self.chats += 1,
            Class::Request => self.requests += 1,
            Class::Neither => {}
        }
        // Last, so that no count is ever below zero.
        self.uncount(was);
    }

    fn uncount(&mut self, class: Class) {
        match class {
            Class::Chat => self.chats -= 1,
            Class::Request => self.requests -= 1,
            Class::Neither => {}
        }
    }

    /// The chat with this key.
    pub fn get(&self, key: usize) -> Option<&Ongoing> {
        self.entries.get(key)
    }

    /// The key of the chat with the peer at this address.
    pub fn at(&self, address: SocketAddr) -> Option<usize> {
        self.by_address.get(address, address_of(&self.entries))
    }

    /// The key of the chat with the peer at this address, or with the one that was invited there and answered from
    /// another port.
    pub fn known_at(&self, address: SocketAddr) -> Option<usize> {
        self.at(address).or_else(|| self.moved.get(&address).copied())
    }

    /// The keys of both, if they are two.
    pub fn all_known_at(&self, address: SocketAddr) -> impl Iterator<Item = usize> + use<> {
        [self.at(address), self.moved.get(&address).copied()].into_iter().flatten()
    }

    /// The key of the chat in which the outbox's messages for this address are delivered.
    pub fn for_outbox(&self, address: SocketAddr) -> Option<usize> {
        self.moved.get(&address).copied().or_else(|| self.at(address))
    }

    /// The key of our invitation to this host, if there is exactly one.
    pub fn only_invitation_to(&self, ip: IpAddr) -> Option<usize> {
        let mut invitations = self
            .within(ip, ip)
            .filter(|(_, ongoing)| ongoing.chat.state() == State::Inviting)
            .map(|(key, _)| key);
        invitations.next().filter(|_| invitations.next().is_none())
    }

    /// Invitations of either side, from the first of these addresses to the last.
    fn within(&self, first: IpAddr, last: IpAddr) -> impl Iterator<Item = (usize, &Ongoing)> {
        // They are neighbours: a host with few chats costs no look at all others.
        let from = self.invitations.range(SocketAddr::new(first, 0)..);
        let keys = from.take_while(move |(address, _)| address.ip() <= last).map(|(_, key)| *key);
        keys.filter_map(|key| Some((key, self.get(key)?)))
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Ongoing)> {
        self.entries.iter()
    }

    /// How many there are, whatever they count as.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many count against `max_chats`.
    pub fn count(&self) -> usize {
        self.chats
    }

    /// Requests from the first of these addresses to the last.
    pub fn requests_within(
        &self,
        (first, last): (IpAddr, IpAddr),
    ) -> impl Iterator<Item = (usize, &Ongoing)> {
        requests(self.within(first, last))
    }

    /// All requests.
    pub fn all_requests(&self) -> impl Iterator<Item = (usize, &Ongoing)> {
        requests(self.iter())
    }

    /// How many requests wait for an answer.
    pub fn requests(&self) -> usize {
        self.requests
    }
}

/// The address of the peer of each chat.
fn address_of(entries: &Slab<Ongoing>) -> impl Fn(usize) -> Option<SocketAddr> {
    |key| entries.get(key).map(|ongoing| ongoing.place.address())
}

fn requests<'a>(
    ongoings: impl Iterator<Item = (usize, &'a Ongoing)>,
) -> impl Iterator<Item = (usize, &'a Ongoing)> {
    ongoings.filter(|(_, ongoing)| ongoing.chat.state() == State::Invited)
}

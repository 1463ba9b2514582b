//! The chats by address. Holds them and finds them; what they say goes through the server.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use simp_control::{ChatInfo, Failure, FailureKind, Peer, PeerNote, State, Who};
use simp_proto::{Chat, Dialect};
use slab::Slab;

use crate::store::KeptChat;
use crate::wheel::TimerId;

/// Most chats that a failure lists by name.
const NAMES_MAX: usize = 10;

/// A chat and what the daemon knows of it besides.
#[derive(Debug)]
pub struct Entry {
    /// Its id in the log; 0 until the entry that it begins with is appended. An invitation for the outbox has
    /// none before it opens: most come to nothing.
    pub id: u64,
    /// The peer.
    pub address: SocketAddr,
    /// Which of our addresses the peer addressed, where we receive on several.
    pub local: Option<IpAddr>,
    /// When it began, in milliseconds since 1970.
    pub since_ms: u64,
    /// The machine.
    pub chat: Chat,
    /// The timer that is set for it, and for when.
    pub timer: Option<(Instant, TimerId)>,
    /// Waiting messages that only the log holds, not the machine.
    pub backlog: u64,
    /// The newest message that the machine was given.
    pub loaded: u64,
    /// The newest message that is delivered or given up.
    pub settled: u64,
    /// It had messages since it was kept.
    pub progressed: bool,
    /// When it ends if it is not answered, in milliseconds since 1970.
    pub expires_ms: Option<u64>,
    /// The outbox's messages for this peer are among those that wait.
    pub has_outbox: bool,
    /// Where the outbox knows the peer: its address, or the one that was invited where it answered from another port.
    /// `None` where what is kept for this address is delivered in another chat.
    pub outbox_at: Option<SocketAddr>,
    /// Nobody but the outbox wanted it.
    pub for_outbox: bool,
    /// When we leave it by ourselves.
    pub leave_at: Option<Instant>,
    /// What was last kept of how the peer speaks; `None` where nothing was in this chat.
    pub learned: Option<Dialect>,
    /// simpd.toml says how the peer speaks: nothing is kept of it.
    pub is_pinned: bool,
}

impl Entry {
    /// Whether it is an invitation for the outbox, which nobody sees.
    pub fn is_unlogged(&self) -> bool {
        self.id == 0
    }

    /// The address that was invited, where the peer answered from another port of it.
    pub fn moved_from(&self) -> Option<SocketAddr> {
        self.outbox_at.filter(|at| *at != self.address)
    }

    /// Where the peer is invited: its address, or where it was invited before it answered from another port.
    pub fn invited_at(&self) -> SocketAddr {
        self.outbox_at.unwrap_or(self.address)
    }

    /// The other side, as entries of the log name it.
    pub fn peer(&self) -> Peer {
        Peer { user: self.chat.user().as_str().to_owned(), address: self.address.to_string() }
    }

    /// What is special about how the peer speaks, as far as is known.
    pub fn note(&self) -> Option<String> {
        let notes: Vec<_> = self.chat.dialect().notes().collect();
        (!notes.is_empty()).then(|| notes.join("; "))
    }

    /// What a client is told of it.
    pub fn info(&self) -> ChatInfo {
        ChatInfo {
            chat: self.id,
            peer: self.peer(),
            state: self.chat.state(),
            queued: self.chat.unacknowledged() as u64 + self.backlog,
            since_ms: self.since_ms,
            note: self.note(),
        }
    }

    /// What is kept of it across restarts; `None` where it is over for our user, or not in the log.
    pub fn kept(&self) -> Option<KeptChat> {
        self.chat.snapshot().filter(|_| !self.is_unlogged()).map(|snapshot| KeptChat {
            chat: self.id,
            address: self.address,
            since_ms: self.since_ms,
            settled: self.settled,
            expires_ms: self.expires_ms,
            for_outbox: self.for_outbox,
            outbox_at: self.outbox_at,
            snapshot,
        })
    }

    fn is_shown(&self) -> bool {
        !self.is_unlogged() && !self.chat.is_over_for_us()
    }

    fn class(&self) -> Class {
        match self.chat.state() {
            _ if self.is_unlogged() || self.chat.is_over_for_us() || self.chat.is_leaving() => Class::Neither,
            State::Invited => Class::Request,
            _ => Class::Chat,
        }
    }
}

/// What an entry counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// One of the `max_chats`.
    Chat,
    /// An invitation that waits for our user.
    Request,
    /// An invitation for the outbox; or no message goes either way any more, only the peer does not know it yet.
    Neither,
}

/// All chats.
#[derive(Debug, Default)]
pub struct Chats {
    entries: Slab<(Class, Entry)>,
    by_address: BTreeMap<SocketAddr, usize>,
    /// Those whose peer answered from another port, by the address that was invited.
    moved: HashMap<SocketAddr, usize>,
    chats: usize,
    requests: usize,
}

impl Chats {
    /// Adds a chat. An older one with the same peer must have been removed.
    pub fn insert(&mut self, entry: Entry) -> usize {
        let (address, moved_from) = (entry.address, entry.moved_from());
        let key = self.entries.insert((Class::Neither, entry));
        self.by_address.insert(address, key);
        self.moved.extend(moved_from.map(|from| (from, key)));
        self.recount(key);
        key
    }

    /// Removes a chat.
    pub fn remove(&mut self, key: usize) -> Option<Entry> {
        let (class, entry) = self.entries.try_remove(key)?;
        self.by_address.remove(&entry.address);
        self.uncount(class);
        if let Some(from) = entry.moved_from() {
            self.moved.remove(&from);
            // Whoever has come there since may have what the outbox holds, unless it was without from the start.
            if let Some(other) = self.at(from).and_then(|key| self.get_mut(key))
                && !other.has_outbox
            {
                other.outbox_at = Some(from);
            }
        }
        Some(entry)
    }

    /// The peer of an invitation has answered from this address, which has no chat.
    pub fn move_to(&mut self, key: usize, to: SocketAddr) {
        let Some((_, entry)) = self.entries.get_mut(key) else { return };
        let from = std::mem::replace(&mut entry.address, to);
        self.by_address.remove(&from);
        self.by_address.insert(to, key);
        self.moved.insert(from, key);
    }

    /// Counts a chat anew after its state may have changed.
    pub fn recount(&mut self, key: usize) {
        let Some((class, entry)) = self.entries.get_mut(key) else { return };
        let was = std::mem::replace(class, entry.class());
        match *class {
            Class::Chat => self.chats += 1,
            Class::Request => self.requests += 1,
            Class::Neither => {}
        }
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
    pub fn get_mut(&mut self, key: usize) -> Option<&mut Entry> {
        self.entries.get_mut(key).map(|(_, entry)| entry)
    }

    /// The key of the chat with the peer at this address.
    pub fn at(&self, address: SocketAddr) -> Option<usize> {
        self.by_address.get(&address).copied()
    }

    /// The key of the chat with the peer at this address, or with the one that was invited there and answered from
    /// another port.
    pub fn known_at(&self, address: SocketAddr) -> Option<usize> {
        self.at(address).or_else(|| self.moved.get(&address).copied())
    }

    /// The key of the chat in which the outbox's messages for this address are delivered.
    pub fn for_outbox(&self, address: SocketAddr) -> Option<usize> {
        self.moved.get(&address).copied().or_else(|| self.at(address))
    }

    /// The key of our invitation to this host, where there is exactly one.
    pub fn only_invitation_to(&self, ip: IpAddr) -> Option<usize> {
        let mut invitations =
            self.of_host(ip).filter(|(_, entry)| entry.chat.state() == State::Inviting).map(|(key, _)| key);
        invitations.next().filter(|_| invitations.next().is_none())
    }

    fn of_host(&self, ip: IpAddr) -> impl Iterator<Item = (usize, &Entry)> {
        let from = self.by_address.range(SocketAddr::new(ip, 0)..);
        let keys = from.take_while(move |(address, _)| address.ip() == ip).map(|(_, key)| *key);
        keys.filter_map(|key| Some((key, &self.entries.get(key)?.1)))
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Entry)> {
        self.entries.iter().map(|(key, (_, entry))| (key, entry))
    }

    /// All of them, in no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut().map(|(_, (_, entry))| entry)
    }

    /// How many count against `max_chats`.
    pub fn count(&self) -> usize {
        self.chats
    }

    /// How many requests of this host wait for an answer.
    pub fn requests_of(&self, ip: IpAddr) -> usize {
        self.of_host(ip).filter(|(_, entry)| entry.chat.state() == State::Invited).count()
    }

    /// How many requests wait for an answer.
    pub fn requests(&self) -> usize {
        self.requests
    }

    /// What a client is told of those that are not over and have ids above `after`, oldest first.
    pub fn list(&self, after: u64) -> Vec<ChatInfo> {
        let here = self.iter().filter(|(_, entry)| entry.id > after && entry.is_shown());
        let mut list: Vec<_> = here.map(|(_, entry)| entry.info()).collect();
        list.sort_by_key(|info| info.chat);
        list
    }

    /// What is special about the peers of open chats, of at most so many: those that began first.
    pub fn notes(&self, limit: usize) -> Vec<PeerNote> {
        let open = self.iter().filter(|(_, entry)| entry.chat.state() == State::Open);
        let mut special: Vec<_> =
            open.filter_map(|(_, entry)| Some((entry.id, entry.peer(), entry.note()?))).collect();
        special.sort_by_key(|(id, ..)| *id);
        special.into_iter().take(limit).map(|(_, peer, note)| PeerNote { peer, note }).collect()
    }

    /// Whether there is one that `who` means among those in a state that fits.
    pub fn is_any(&self, who: Option<&str>, fits: impl Fn(State) -> bool) -> bool {
        let named = who.map(Who::parse);
        let is_one =
            |entry: &Entry| fits(entry.chat.state()) && entry.is_shown() && is_meant(entry, named.as_ref());
        self.iter().any(|(_, entry)| is_one(entry))
    }

    /// The one that `who` means among those in a state that fits, or the only such one without `who`.
    ///
    /// # Errors
    /// [`FailureKind::NoSuch`] where there is none, or more than one; the line lists them. `none` is the
    /// line where there are none at all, and `flag` what to choose with.
    pub fn find(
        &self,
        who: Option<&str>,
        fits: impl Fn(State) -> bool,
        none: &str,
        flag: &str,
    ) -> Result<usize, Failure> {
        let fits = |entry: &Entry| fits(entry.chat.state()) && entry.is_shown();
        let named = who.map(Who::parse);
        // What names one address names one chat, whatever the number of chats.
        let one = named.as_ref().and_then(Who::address).and_then(|address| self.known_at(address));
        if let Some((key, (_, entry))) = one.and_then(|key| Some((key, self.entries.get(key)?)))
            && fits(entry)
            && is_meant(entry, named.as_ref())
        {
            return Ok(key);
        }
        let mut meant = self.iter().filter(|(_, entry)| fits(entry) && is_meant(entry, named.as_ref()));
        let line = match (meant.next(), meant.next(), who) {
            (Some((key, _)), None, _) => return Ok(key),
            (Some(one), Some(other), _) => {
                let names = names([one, other].into_iter().chain(meant));
                format!("which one of {names}? (choose with {flag})")
            }
            (None, _, Some(who)) if self.iter().any(|(_, entry)| fits(entry)) => {
                format!("{who}: not among {}", names(self.iter().filter(|(_, entry)| fits(entry))))
            }
            (None, ..) => none.to_owned(),
        };
        Err(Failure::new(FailureKind::NoSuch, line))
    }
}

/// Whether this one is meant; without a name each one is. Where it was invited is as good as where it answered from.
fn is_meant(entry: &Entry, who: Option<&Who>) -> bool {
    let user = entry.chat.user();
    who.is_none_or(|who| {
        who.means(user.as_str(), entry.address) || who.means(user.as_str(), entry.invited_at())
    })
}

/// The first of them by name, and how many more there are.
fn names<'a>(entries: impl Iterator<Item = (usize, &'a Entry)>) -> String {
    let mut ids: Vec<_> = entries.map(|(_, entry)| (entry.id, entry)).collect();
    ids.sort_by_key(|(id, _)| *id);
    let more = ids.len().saturating_sub(NAMES_MAX);
    let names: Vec<_> = ids.iter().take(NAMES_MAX).map(|(_, entry)| entry.peer().to_string()).collect();
    if more == 0 { names.join(", ") } else { format!("{} and {more} more", names.join(", ")) }
}

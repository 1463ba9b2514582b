//! The chats by address. Holds them and finds them; what they say goes through the server.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use simp_proto::Chat;
use simp_proto::control::{ChatInfo, Failure, FailureKind, Peer, State, Who};
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
    /// Nobody but the outbox wanted it.
    pub for_outbox: bool,
    /// When we leave it by ourselves.
    pub leave_at: Option<Instant>,
}

impl Entry {
    /// Whether it is an invitation for the outbox, which nobody sees.
    pub fn is_unlogged(&self) -> bool {
        self.id == 0
    }

    /// The other side, as entries of the log name it.
    pub fn peer(&self) -> Peer {
        Peer { user: self.chat.user().as_str().to_owned(), address: self.address.to_string() }
    }

    /// What a client is told of it.
    pub fn info(&self) -> ChatInfo {
        ChatInfo {
            chat: self.id,
            peer: self.peer(),
            state: self.chat.state(),
            queued: self.chat.unacknowledged() as u64 + self.backlog,
            since_ms: self.since_ms,
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
    by_address: HashMap<SocketAddr, usize>,
    chats: usize,
    requests: usize,
}

impl Chats {
    /// Adds a chat. An older one with the same peer must have been removed.
    pub fn insert(&mut self, entry: Entry) -> usize {
        let address = entry.address;
        let key = self.entries.insert((Class::Neither, entry));
        self.by_address.insert(address, key);
        self.recount(key);
        key
    }

    /// Removes a chat.
    pub fn remove(&mut self, key: usize) -> Option<Entry> {
        let (class, entry) = self.entries.try_remove(key)?;
        self.by_address.remove(&entry.address);
        self.uncount(class);
        Some(entry)
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
        let of_it = |entry: &Entry| entry.address.ip() == ip && entry.chat.state() == State::Invited;
        self.iter().filter(|(_, entry)| of_it(entry)).count()
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
        let one = named.as_ref().and_then(Who::address).and_then(|address| self.at(address));
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

/// Whether this one is meant; without a name each one is.
fn is_meant(entry: &Entry, who: Option<&Who>) -> bool {
    who.is_none_or(|who| who.means(entry.chat.user().as_str(), entry.address))
}

/// The first of them by name, and how many more there are.
fn names<'a>(entries: impl Iterator<Item = (usize, &'a Entry)>) -> String {
    let mut ids: Vec<_> = entries.map(|(_, entry)| (entry.id, entry)).collect();
    ids.sort_by_key(|(id, _)| *id);
    let more = ids.len().saturating_sub(NAMES_MAX);
    let names: Vec<_> = ids.iter().take(NAMES_MAX).map(|(_, entry)| entry.peer().to_string()).collect();
    if more == 0 { names.join(", ") } else { format!("{} and {more} more", names.join(", ")) }
}

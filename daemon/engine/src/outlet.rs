//! How much may leave in a turn, and who waits for the network to take more. Bytes wait with the server only if they had
//! left the engine already; all else waits in its chat, where it is made once it can leave, so it takes no memory here.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;

use simp_proto::Pending;

use crate::inputs::Link;

/// Most datagrams that are given out in one turn. If the network takes few, they are in the way of what is urgent in the
/// next: each time that it stops, half as many are given out, and twice as many again once it takes all.
const AT_ONCE_MAX: usize = 512;
const AT_ONCE_MIN: usize = 32;

/// While nothing can leave, most last words of chats that are over: nobody repeats them, but anybody can cause some.
const LAST_WORDS_MAX: usize = 1_024;

/// A number of datagrams.
#[derive(Debug)]
struct AtOnce(usize);

impl Default for AtOnce {
    fn default() -> Self {
        Self(AT_ONCE_MAX)
    }
}

/// The way out.
#[derive(Debug, Default)]
pub struct Outlet {
    link: Link,
    /// How many may leave in one turn.
    at_once: AtOnce,
    /// How many more may leave in this turn.
    room: usize,
    /// How many more last words may wait with the server.
    last_words: usize,
    /// Chats whose peers wait for an answer, in the order in which they came.
    urgent: VecDeque<usize>,
    /// All others.
    patient: VecDeque<usize>,
    /// Where a chat stands. One that stood there before may still be in a queue.
    waits: HashMap<usize, Pending>,
    /// What waits with the server, by where it goes.
    held: HashMap<SocketAddr, Held>,
    /// Where chats were over in this turn. Whether their last words have left is known in the next.
    over: HashSet<SocketAddr>,
}

/// Datagrams to one address that wait with the server.
#[derive(Debug, Default)]
struct Held {
    count: usize,
    /// The chat that some of them are of is over.
    outlives_chat: bool,
}

/// What it means that a datagram has left that waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Others wait that go to the same address.
    More,
    /// It was the last of them.
    Last {
        /// Some were of a chat that is over.
        outlived_chat: bool,
    },
}

impl Outlet {
    /// A turn begins, with a network that takes datagrams or does not.
    pub fn begin_turn(&mut self, link: Link) {
        match (self.link, link) {
            (Link::Free, Link::Busy) => self.at_once.0 = (self.at_once.0 / 2).max(AT_ONCE_MIN),
            (Link::Free, Link::Free) if self.room == 0 => {
                self.at_once.0 = (self.at_once.0 * 2).min(AT_ONCE_MAX);
            }
            _ => {}
        }
        (self.link, self.room) = (link, 0);
        if link == Link::Free {
            (self.room, self.last_words) = (self.at_once.0, LAST_WORDS_MAX);
        }
    }

    /// Whether an interface has our address.
    pub fn has_address(&self) -> bool {
        self.link != Link::NoAddress
    }

    /// Whether something may leave.
    pub fn has_room(&self) -> bool {
        self.room > 0
    }

    /// One leaves.
    pub fn take(&mut self) {
        self.room = self.room.saturating_sub(1);
    }

    /// Whether what a chat that is over has still to say may be given out.
    pub fn takes_last_words(&mut self) -> bool {
        let takes = self.has_room() || self.last_words > 0;
        if !self.has_room() {
            self.last_words = self.last_words.saturating_sub(1);
        }
        takes
    }

    /// A chat has this to say, and waits for its turn.
    pub fn wait(&mut self, key: usize, pending: Pending) {
        let before = self.waits.insert(key, pending);
        match pending {
            Pending::Control if before != Some(Pending::Control) => self.urgent.push_back(key),
            Pending::Message if before.is_none() => self.patient.push_back(key),
            Pending::Control | Pending::Message | Pending::Nothing => {}
        }
    }

    /// A datagram waits with the server.
    pub fn note_held(&mut self, to: SocketAddr) {
        let held = self.held.entry(to).or_default();
        held.count += 1;
        held.outlives_chat |= self.over.contains(&to);
    }

    /// One that waited has left.
    pub fn note_left(&mut self, to: SocketAddr) -> Left {
        let Some(held) = self.held.get_mut(&to) else { return Left::More };
        held.count -= 1;
        let (count, outlived_chat) = (held.count, held.outlives_chat);
        if count > 0 {
            return Left::More;
        }
        self.held.remove(&to);
        Left::Last { outlived_chat }
    }

    /// The chat with the peer at this address is over.
    pub fn note_over(&mut self, address: SocketAddr) {
        self.over.insert(address);
        if let Some(held) = self.held.get_mut(&address) {
            held.outlives_chat = true;
        }
    }

    /// Whether something of a chat that is over is still to leave for this address.
    pub fn outlives_chat(&self, address: SocketAddr) -> bool {
        let may_wait = self.link != Link::Free && self.over.contains(&address);
        may_wait || self.held.get(&address).is_some_and(|held| held.outlives_chat)
    }

    /// All is known of the turns before this one.
    pub fn forget_over(&mut self) {
        self.over.clear();
    }

    /// The chat whose turn it is, if something may leave.
    pub fn next(&mut self) -> Option<usize> {
        while self.has_room() {
            let key = self.urgent.pop_front().or_else(|| self.patient.pop_front())?;
            if self.waits.remove(&key).is_some() {
                return Some(key);
            }
        }
        None
    }

    /// Whether this chat, or what it has given out, waits for something.
    pub fn holds(&self, key: usize, address: SocketAddr) -> bool {
        self.waits.contains_key(&key) || self.held.contains_key(&address)
    }

    /// Whether somebody waits who need not.
    pub fn has_more(&self) -> bool {
        self.link == Link::Free && !self.waits.is_empty()
    }

    /// No chat waits any more: all are made anew. What the server has goes on waiting.
    pub fn clear(&mut self) {
        self.urgent.clear();
        self.patient.clear();
        self.waits.clear();
        self.over.clear();
    }
}

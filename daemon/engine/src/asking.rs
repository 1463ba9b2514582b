//! Who is asked whether anybody is there, and who waits for the room that this may bring. Most are never asked: only while
//! there are as many chats as allowed, and somebody is to be let in.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use simp_control::State;
use simp_proto::Datagram;

use crate::inputs::Origin;
use crate::ongoing::{Ongoing, WantedBy};
use crate::roster::Roster;
use crate::standing::Unanswered;

/// Peers that are asked at the same time, at most.
const ASKED_MAX: usize = 64;

/// Newcomers that wait at the same time, at most: then the oldest goes.
const NEWCOMERS_MAX: usize = 64;

/// However many come, all chats are looked through only so often.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// An invitation that waits for room.
#[derive(Debug)]
pub struct Newcomer {
    /// Where it came from.
    pub origin: Origin,
    /// It.
    pub syn: Datagram,
}

/// Who is asked whether it is there, and for whom.
#[derive(Debug, Default)]
pub struct Asking {
    /// Their chats. One that has answered or is over may still be among them.
    asked: Vec<usize>,
    /// Chats that may make room, the first to go last: those whose peers said something when they were asked, and did not
    /// answer. One that has answered since or is over may still be among them.
    unsure: Vec<usize>,
    newcomers: VecDeque<Newcomer>,
    /// No earlier than this all chats are looked through again.
    look_from: Option<Instant>,
}

impl Asking {
    /// Looks for those that may make room and asks all that have proved nothing, unless that was done a moment ago and
    /// nobody has been let in since.
    pub fn ask_unproved(&mut self, now: Instant, chats: &mut Roster) {
        if self.look_from.is_some_and(|from| now < from) {
            return;
        }
        self.look_from = Some(now + LOOK_EVERY);
        self.unsure = unsure(chats);
        let unproved = chats.iter().filter(|(_, ongoing)| ongoing.may_be_asked(now));
        let mut unproved: Vec<_> = unproved.map(|(key, ongoing)| (ongoing.times.since_ms, key)).collect();
        // The oldest first: whoever came a moment ago has had less time to show that it is there.
        unproved.sort_unstable();
        let room = ASKED_MAX.saturating_sub(self.count_asked(chats));
        let asked = unproved
            .into_iter()
            .filter(|(_, key)| chats.change(*key, |ongoing| ongoing.ask(now)) == Some(true));
        self.asked.extend(asked.take(room).map(|(_, key)| key));
    }

    /// Something has changed: somebody has been let in, or all that were asked have had their time.
    pub fn look_anew(&mut self) {
        self.look_from = None;
    }

    /// The chat that makes room first, of those that did when all were looked through.
    pub fn least_sure(&mut self, chats: &Roster) -> Option<usize> {
        let is_unsure = |key: &usize| chats.get(*key).is_some_and(|ongoing| ongoing.sureness().is_some());
        std::iter::from_fn(|| self.unsure.pop()).find(is_unsure)
    }

    /// How many are being asked; all others are forgotten.
    fn count_asked(&mut self, chats: &Roster) -> usize {
        self.asked.retain(|key| chats.get(*key).is_some_and(|ongoing| ongoing.standing.is_asked()));
        self.asked.len()
    }

    /// Whether somebody is being asked.
    pub fn is_any_asked(&mut self, chats: &Roster) -> bool {
        self.count_asked(chats) > 0
    }

    /// Lets a newcomer wait. Returns whether another one has to go for it, and is forgotten.
    pub fn add(&mut self, newcomer: Newcomer) -> bool {
        // A copy of its SYN changes nothing.
        self.forget(newcomer.origin.from);
        let is_full = self.newcomers.len() >= NEWCOMERS_MAX;
        if is_full {
            self.newcomers.pop_front();
        }
        self.newcomers.push_back(newcomer);
        is_full
    }

    /// The newcomer that has waited longest, which waits no longer.
    pub fn next(&mut self) -> Option<Newcomer> {
        self.newcomers.pop_front()
    }

    /// Whoever invited us from this address has taken it back.
    pub fn forget(&mut self, from: SocketAddr) {
        self.newcomers.retain(|newcomer| newcomer.origin.from != from);
    }

    /// Whether somebody waits for room.
    pub fn is_any_waiting(&self) -> bool {
        !self.newcomers.is_empty()
    }
}

/// Chats whose peers may not be there, the surest first: with the most messages acknowledged, and of these the first that
/// came.
fn unsure(chats: &Roster) -> Vec<usize> {
    let sureness =
        |(key, ongoing): (usize, &Ongoing)| Some((ongoing.sureness()?, ongoing.times.since_ms, key));
    let mut unsure: Vec<_> = chats.iter().filter_map(sureness).collect();
    unsure.sort_unstable_by_key(|(acknowledged, since, key)| (Reverse(*acknowledged), *since, *key));
    unsure.into_iter().map(|(.., key)| key).collect()
}

impl Ongoing {
    /// How many messages its peer has acknowledged, if it may make room for another all the same.
    fn sureness(&self) -> Option<u8> {
        self.standing.acknowledged_if_unsure().filter(|_| self.may_make_room())
    }

    /// Whether it may make room, unless its peer is there: nobody here wanted it, nothing under way will tell, and what
    /// asks the peer can leave.
    fn may_make_room(&self) -> bool {
        let is_quiet = match self.chat.state() {
            State::Accepting => true,
            State::Open => self.chat.unacknowledged() == 0 && self.queue.in_log == 0,
            State::Inviting | State::Invited | State::Closing | State::Closed => false,
        };
        self.wanted_by == WantedBy::Peer && is_quiet && !self.chat.is_held_back()
    }

    fn may_be_asked(&self, now: Instant) -> bool {
        self.may_make_room() && self.standing.may_be_asked(now)
    }

    /// Asks whether its peer is there. Returns whether it was asked.
    fn ask(&mut self, now: Instant) -> bool {
        match self.chat.state() {
            State::Accepting => self.standing.wait_for_answer(now),
            _ if self.chat.ask(now) => self.standing.ask(now),
            _ => return false,
        }
        true
    }

    /// Its peer has been asked, and the time to answer may be over.
    pub fn miss_answer(&mut self, now: Instant) {
        match self.standing.unanswered(now) {
            // What could not leave has not been asked.
            _ if self.chat.is_held_back() => {}
            Some(Unanswered::AskAgain) => _ = self.chat.ask(now),
            Some(Unanswered::Gone) => self.chat.end_unanswered(now),
            // It gives way if a newcomer finds no other place.
            Some(Unanswered::Unsure) | None => {}
        }
    }
}

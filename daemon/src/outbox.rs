//! Whom the outbox has messages for, and when each of them is invited next. The messages themselves are in the
//! log.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use simp_control::Reason;

use crate::wheel::TimerId;

/// The longest pause between two invitations.
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// The longest where somebody has declined.
const PAUSE_MAX_DECLINED: Duration = Duration::from_secs(3_600);

/// What a peer with messages in the outbox waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Its next invitation.
    Due {
        /// When, in milliseconds since 1970.
        ms: u64,
        /// The timer that is set for it.
        timer: TimerId,
    },
    /// Room for one more chat.
    Room,
    /// What becomes of the chat with it, which may be no more than an invitation.
    Chat,
}

/// A peer with messages in the outbox.
#[derive(Debug)]
pub struct Absent {
    /// How many.
    pub messages: u64,
    /// Invitations in vain since the last chat.
    pub tries: u32,
    /// Why the last one, or the last chat, came to nothing.
    pub reason: Option<Reason>,
    /// What it waits for.
    pub next: Next,
}

/// All of them.
#[derive(Debug)]
pub struct Outbox {
    peers: BTreeMap<SocketAddr, Absent>,
    /// The timers of messages that are given up at some time.
    expiries: HashMap<u64, TimerId>,
    random: u64,
}

impl Outbox {
    /// Empty. `random` is any number; it spreads invitations over time.
    pub fn new(random: u64) -> Self {
        Self { peers: BTreeMap::new(), expiries: HashMap::new(), random: random | 1 }
    }

    /// How many messages there are.
    pub fn messages(&self) -> u64 {
        self.peers.values().map(|absent| absent.messages).sum()
    }

    /// Whether there are messages for the peer at this address.
    pub fn has(&self, address: SocketAddr) -> bool {
        self.peers.contains_key(&address)
    }

    /// A peer that has messages.
    pub fn get(&self, address: SocketAddr) -> Option<&Absent> {
        self.peers.get(&address)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, address: SocketAddr) -> Option<&mut Absent> {
        self.peers.get_mut(&address)
    }

    /// The addresses that wait for this.
    pub fn waiting_for(&self, next: Next) -> Vec<SocketAddr> {
        self.peers.iter().filter(|(_, absent)| absent.next == next).map(|(address, _)| *address).collect()
    }

    /// There are more messages for a peer; they wait for a chat until told otherwise.
    pub fn add(&mut self, address: SocketAddr, messages: u64) {
        let new = Absent { messages: 0, tries: 0, reason: None, next: Next::Chat };
        self.peers.entry(address).or_insert(new).messages += messages;
    }

    /// A message is no longer in it. Returns the timers that it leaves: its own, and that of its peer's next
    /// invitation where it was the last.
    pub fn remove(&mut self, address: SocketAddr, message: u64) -> [Option<TimerId>; 2] {
        let expiry = self.expiries.remove(&message);
        let Some(absent) = self.peers.get_mut(&address) else { return [expiry, None] };
        absent.messages = absent.messages.saturating_sub(1);
        if absent.messages > 0 {
            return [expiry, None];
        }
        let due = match self.peers.remove(&address).map(|absent| absent.next) {
            Some(Next::Due { timer, .. }) => Some(timer),
            Some(Next::Room | Next::Chat) | None => None,
        };
        [expiry, due]
    }

    /// A message is given up when this timer expires. Returns the timer it replaces.
    pub fn set_expiry(&mut self, message: u64, timer: TimerId) -> Option<TimerId> {
        self.expiries.insert(message, timer)
    }

    /// Forgets everything and returns all timers.
    pub fn clear(&mut self) -> Vec<TimerId> {
        let due = std::mem::take(&mut self.peers).into_values().filter_map(|absent| match absent.next {
            Next::Due { timer, .. } => Some(timer),
            Next::Room | Next::Chat => None,
        });
        due.chain(std::mem::take(&mut self.expiries).into_values()).collect()
    }

    /// A length of time, a quarter shorter to a quarter longer: many who wait for the same must not all come
    /// back at the same moment.
    pub fn spread(&mut self, pause: Duration) -> Duration {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        pause * 3 / 4 + pause / 2 * (self.random % 1_024) as u32 / 1_024
    }
}

/// How long to wait before a peer is invited again: twice as long each time. Soon where only a program is
/// missing, later where a person may be asked again.
pub fn pause(reason: Option<Reason>, tries: u32) -> Duration {
    let (first, longest) = match reason {
        Some(Reason::PeerDeclined) => (Duration::from_secs(300), PAUSE_MAX_DECLINED),
        Some(Reason::NoAnswer | Reason::Quit | Reason::PeerQuit) => (Duration::from_secs(60), PAUSE_MAX),
        // Nothing of the old chat is under way any more then.
        Some(Reason::PeerBusy | Reason::PeerGone | Reason::PeerRestarted) => {
            (Duration::from_secs(10), PAUSE_MAX)
        }
        _ => (Duration::from_secs(1), PAUSE_MAX),
    };
    let doublings = tries.saturating_sub(1).min(16);
    (first * (1 << doublings)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded_and_a_person_is_not_pestered() {
        let seconds = |reason, tries| pause(Some(reason), tries).as_secs();
        assert_eq!([1, 2, 3, 4].map(|tries| seconds(Reason::NobodyThere, tries)), [1, 2, 4, 8]);
        assert_eq!(seconds(Reason::NobodyThere, u32::MAX), 600);
        assert_eq!([1, 2, 5, 99].map(|tries| seconds(Reason::PeerDeclined, tries)), [300, 600, 3_600, 3_600]);
        assert_eq!([1, 2].map(|tries| seconds(Reason::NoAnswer, tries)), [60, 120]);
    }

    #[test]
    fn pauses_are_spread_by_a_quarter_both_ways() {
        let mut outbox = Outbox::new(7);
        let pauses: Vec<u128> =
            (0..1_000).map(|_| outbox.spread(Duration::from_secs(8)).as_millis()).collect();
        let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
        assert!((6_000..6_100).contains(least) && (9_900..=10_000).contains(most), "{least} to {most}");
    }
}

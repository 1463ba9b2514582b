//! Peers that the outbox has messages for: what each of them waits for, and the timers of both. The messages
//! themselves are in the log, and who invites is `reinvite`.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use simp_control::Reason;

use crate::now::Now;
use crate::timer::{Timer, Timers};
use crate::wheel::{TimerId, Wheel};

/// The longest pause between two invitations.
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// The longest after somebody has declined.
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
    /// The lookup of a host that is perhaps elsewhere by now, but no longer than this timer.
    Lookup {
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
pub struct Absentee {
    /// How many.
    pub messages: u64,
    /// Attempts in vain since a chat with it last opened; the end of that chat is the first.
    pub tries: u32,
    /// Why the last one, or the last chat, came to nothing.
    pub reason: Option<Reason>,
    /// What it waits for.
    pub next: Next,
}

/// Whether some of them wait for room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomWanted {
    /// None does.
    No,
    /// The first has begun to since this was last looked at.
    Newly,
    /// Some do.
    Yes,
}

/// All of them.
#[derive(Debug)]
pub struct Absentees {
    peers: BTreeMap<SocketAddr, Absentee>,
    /// The timers of messages that are given up at some time.
    expiries: HashMap<u64, TimerId>,
    /// When they are, apart from all other timers: a message whose time is over is given up before anything else
    /// happens, or it might be delivered in the very turn in which a machine wakes up.
    expiring: Wheel<u64>,
    /// Whether some wait for room for one more chat.
    pub room: RoomWanted,
    /// Whether there was no room when this was last looked at.
    pub was_full: bool,
    random: u64,
}

impl Absentees {
    /// None. `random` is any number; it spreads invitations over time.
    pub fn new(now: Instant, random: u64) -> Self {
        let (peers, expiries, expiring) = (BTreeMap::new(), HashMap::new(), Wheel::new(now));
        // Xorshift would stay at zero for ever.
        Self { peers, expiries, expiring, room: RoomWanted::No, was_full: false, random: random | 1 }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// Where they are to go.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.peers.keys().copied()
    }

    /// Whether there are messages for the peer at this address.
    pub fn has(&self, address: SocketAddr) -> bool {
        self.peers.contains_key(&address)
    }

    /// A peer that has messages.
    pub fn get(&self, address: SocketAddr) -> Option<&Absentee> {
        self.peers.get(&address)
    }

    /// The addresses that wait for this.
    pub fn waiting_for(&self, next: Next) -> Vec<SocketAddr> {
        self.peers.iter().filter(|(_, absentee)| absentee.next == next).map(|(address, _)| *address).collect()
    }

    /// Whether some wait for room for one more chat.
    pub fn is_room_wanted(&self) -> bool {
        self.room != RoomWanted::No
    }

    /// There are more messages for a peer. It is not invited by that.
    pub fn add(&mut self, address: SocketAddr, messages: u64) {
        // Whoever adds it decides at once what it waits for: `Chat` needs no timer until then.
        let new = Absentee { messages: 0, tries: 0, reason: None, next: Next::Chat };
        self.peers.entry(address).or_insert(new).messages += messages;
    }

    /// A message is no longer in the outbox. With its last one, a peer is invited no more.
    pub fn remove(&mut self, wheel: &mut Timers, address: SocketAddr, message: u64) {
        self.forget_expiry(message);
        self.take_away(wheel, address, 1);
    }

    /// So many messages are for somebody else. With its last one, a peer is invited no more.
    pub fn take_away(&mut self, wheel: &mut Timers, address: SocketAddr, messages: u64) {
        let Some(absentee) = self.peers.get_mut(&address) else { return };
        absentee.messages = absentee.messages.saturating_sub(messages);
        if absentee.messages == 0 {
            // Its timer goes with it: nobody is invited for nothing.
            self.wait(wheel, address, Next::Chat);
            self.peers.remove(&address);
        }
    }

    /// A message is no longer given up at some moment.
    pub fn forget_expiry(&mut self, message: u64) {
        if let Some(expiry) = self.expiries.remove(&message) {
            self.expiring.cancel(expiry);
        }
    }

    /// A message is given up at this moment.
    pub fn set_expiry(&mut self, message: u64, at: Instant) {
        if let Some(replaced) = self.expiries.insert(message, self.expiring.set(at, message)) {
            self.expiring.cancel(replaced);
        }
    }

    /// The next message whose time is over; its timer is gone.
    pub fn pop_expired(&mut self, now: Instant) -> Option<u64> {
        self.expiring.pop_expired(now)
    }

    /// When the time of the next message is over.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.expiring.next()
    }

    /// How many messages are given up at some time.
    pub fn expiring(&self) -> usize {
        self.expiring.len()
    }

    /// Forgets everything, and all timers.
    pub fn clear(&mut self, wheel: &mut Timers) {
        for absentee in std::mem::take(&mut self.peers).into_values() {
            cancel(wheel, absentee.next);
        }
        std::mem::take(&mut self.expiries).into_values().for_each(|expiry| self.expiring.cancel(expiry));
        self.room = RoomWanted::No;
    }

    /// A chat with this peer has opened.
    pub fn has_come(&mut self, wheel: &mut Timers, address: SocketAddr) {
        if let Some(absentee) = self.peers.get_mut(&address) {
            (absentee.tries, absentee.reason) = (0, None);
            self.wait(wheel, address, Next::Chat);
        }
    }

    /// A chat with this peer is over, or an invitation came to nothing: it is invited again after a pause.
    pub fn came_to_nothing(&mut self, wheel: &mut Timers, now: Now, address: SocketAddr, reason: Reason) {
        let Some(absentee) = self.peers.get_mut(&address) else { return };
        // The end of a chat counts too. Opening it has set the count to zero, so that pauses begin anew with its end.
        absentee.tries = absentee.tries.saturating_add(1);
        absentee.reason = Some(reason);
        let pause = pause(reason, absentee.tries);
        self.invite_after_about(wheel, now, address, pause);
    }

    /// A peer is invited after about this long.
    pub fn invite_after_about(&mut self, wheel: &mut Timers, now: Now, address: SocketAddr, pause: Duration) {
        // Many may wait for one peer, or for one daemon that was off: they must not all come back at one moment.
        let pause = self.spread(pause);
        self.invite_after(wheel, now, address, pause);
    }

    /// A peer is invited after this long.
    pub fn invite_after(&mut self, wheel: &mut Timers, now: Now, address: SocketAddr, pause: Duration) {
        let timer = wheel.set(now.instant + pause, Timer::Invite(address));
        self.wait(wheel, address, Next::Due { ms: now.ms + pause.as_millis() as u64, timer });
    }

    /// A peer is invited once there is room for one more chat.
    pub fn wait_for_room(&mut self, wheel: &mut Timers, address: SocketAddr) {
        // Idle chats are left sooner from now on; once that has been seen to, it need not be again.
        if self.has(address) && self.room == RoomWanted::No {
            self.room = RoomWanted::Newly;
        }
        self.wait(wheel, address, Next::Room);
    }

    /// A peer waits for what becomes of a chat with it.
    pub fn wait_for_chat(&mut self, wheel: &mut Timers, address: SocketAddr) {
        self.wait(wheel, address, Next::Chat);
    }

    fn wait(&mut self, wheel: &mut Timers, address: SocketAddr, next: Next) {
        let Some(absentee) = self.peers.get_mut(&address) else { return };
        cancel(wheel, std::mem::replace(&mut absentee.next, next));
    }

    /// A peer waits until the hosts that are at its address have been looked up, or so long.
    pub fn wait_for_lookup(&mut self, wheel: &mut Timers, now: Now, address: SocketAddr, patience: Duration) {
        let timer = wheel.set(now.instant + patience, Timer::Invite(address));
        self.wait(wheel, address, Next::Lookup { timer });
    }

    /// A length of time, a quarter shorter to a quarter longer (xorshift).
    pub fn spread(&mut self, pause: Duration) -> Duration {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        pause * 3 / 4 + pause / 2 * (self.random % 1_024) as u32 / 1_024
    }
}

fn cancel(wheel: &mut Timers, next: Next) {
    match next {
        Next::Due { timer, .. } | Next::Lookup { timer } => wheel.cancel(timer),
        Next::Room | Next::Chat => {}
    }
}

/// How long to wait before a host is looked up again that was not found so often.
pub fn pause_of_lookups(tries: u32) -> Duration {
    // Nobody is asked who would mind: only a server, and a table perhaps.
    pause(Reason::NobodyThere, tries)
}

/// How long to wait before a peer is invited again: twice as long each time. Soon if only a program is
/// missing, later if a person may be asked again.
fn pause(reason: Reason, tries: u32) -> Duration {
    let (first, longest) = match reason {
        Reason::PeerDeclined => (Duration::from_secs(300), PAUSE_MAX_DECLINED),
        Reason::NoAnswer | Reason::Quit | Reason::PeerQuit | Reason::OtherKey => {
            (Duration::from_secs(60), PAUSE_MAX)
        }
        // Nothing of the old chat is under way any more by then.
        Reason::PeerBusy | Reason::PeerGone | Reason::PeerRestarted => (Duration::from_secs(10), PAUSE_MAX),
        _ => (Duration::from_secs(1), PAUSE_MAX),
    };
    // More doublings would overflow, and are beyond the longest pause anyway.
    let doublings = tries.saturating_sub(1).min(16);
    (first * (1 << doublings)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded_and_a_person_is_not_pestered() {
        let seconds = |reason, tries| pause(reason, tries).as_secs();
        assert_eq!([1, 2, 3, 4].map(|tries| seconds(Reason::NobodyThere, tries)), [1, 2, 4, 8]);
        assert_eq!(seconds(Reason::NobodyThere, u32::MAX), 600);
        assert_eq!([1, 2, 5, 99].map(|tries| seconds(Reason::PeerDeclined, tries)), [300, 600, 3_600, 3_600]);
        assert_eq!([1, 2].map(|tries| seconds(Reason::NoAnswer, tries)), [60, 120]);
    }

    #[test]
    fn pauses_are_spread_by_a_quarter_both_ways() {
        let mut absent = Absentees::new(Instant::now(), 7);
        let pauses: Vec<u128> =
            (0..1_000).map(|_| absent.spread(Duration::from_secs(8)).as_millis()).collect();
        let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
        assert!((6_000..6_100).contains(least) && (9_900..=10_000).contains(most), "{least} to {most}");
    }
}

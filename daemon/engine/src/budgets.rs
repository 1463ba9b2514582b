//! What others may add to the log. Whoever has used up what it may is treated as if the network had lost its datagram: a
//! message is not acknowledged, and comes again; an invitation gets no answer, and comes again.
//!
//! Each entry counts as its text and [`ENTRY_BYTES`] more, so that what bounds bytes bounds entries too. What is used up
//! comes back with time. It is counted by host, for ports and names are free; where an address is forged, what all
//! strangers may add together is the bound.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

use simp_proto::{ChatEvent, Moment, Operation, Reason};

/// What an entry takes on the disk besides its text, about.
const ENTRY_BYTES: u64 = 128;

/// What an invitation comes to at most, if it comes to nothing: a request, perhaps an opening, an end with words.
const INVITATION_BYTES: u64 = 4 * ENTRY_BYTES;

/// How much at once, in seconds' worth: of the messages of one host, of its invitations and errors, and of the invitations
/// of all. The last is that long because a room's members all come back at one moment.
const MESSAGES_AT_ONCE: u64 = 4;
const KNOCKS_AT_ONCE: u64 = 16;
const INVITATIONS_OF_ALL_AT_ONCE: u64 = 512;

/// So much more for hosts that were seen to be there: what is forged does not use that up.
const INVITATIONS_OF_GUESTS_AT_ONCE: u64 = 128;

/// Most hosts of which that is known: then the first is forgotten.
const GUESTS_MAX: usize = 4_096;

/// With more hosts than this, and than twice those left the last time, those that have used up nothing are forgotten.
const SOME: usize = 1_024;

/// How many bytes others may add to the log, for each second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// One host, with messages in chats.
    pub peer: u64,
    /// All strangers together, with invitations; and one host, with these and with errors in chats.
    pub strangers: u64,
}

/// Who has added something to the log, or wants to.
#[derive(Debug, Clone, Copy)]
pub struct Sender {
    /// Its host.
    pub ip: IpAddr,
    /// Whether it is sure to be there. All others together may add what one host may: their addresses may be forged.
    pub is_established: bool,
}

/// What the datagrams of a peer have added to the log, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Added {
    messages: u64,
    errors: u64,
    /// A chat that the peer began costs nothing while it is open: these are as many as may be, and each has an end. Below
    /// zero if one has opened.
    visits: i64,
}

impl Added {
    /// Notes what this event of a chat adds.
    pub fn note(&mut self, event: &ChatEvent) {
        match event {
            ChatEvent::Message { text, .. } => self.messages += ENTRY_BYTES + text.len() as u64,
            // It is kept besides.
            ChatEvent::File { offer, .. } => self.messages += 2 * (ENTRY_BYTES + offer.name.len() as u64),
            ChatEvent::Error { text } => self.errors += ENTRY_BYTES + text.len() as u64,
            _ => {}
        }
    }

    /// Whether a chat of a peer has opened or ended.
    pub fn is_of_visit(&self) -> bool {
        self.visits != 0
    }

    /// The same of a chat that our user did not ask for.
    pub fn note_visit(&mut self, event: &ChatEvent) {
        match event {
            ChatEvent::Opened => self.visits -= INVITATION_BYTES as i64,
            // It has not opened: what it has used up stays so.
            ChatEvent::Closed { reason: Reason::Withdrawn | Reason::RequestExpired, .. } => {}
            ChatEvent::Closed { .. } => self.visits += INVITATION_BYTES as i64,
            _ => {}
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { peer: 1 << 20, strangers: 8_192 }
    }
}

/// What is used up and not come back yet.
#[derive(Debug, Clone, Copy)]
struct Account {
    bytes: u64,
    at: Moment,
}

impl Account {
    fn new(now: Instant) -> Self {
        Self { bytes: 0, at: now.into() }
    }

    /// What is used up by now, if so much comes back in a second.
    fn used(&mut self, now: Instant, per_second: u64) -> u64 {
        let now = Moment::from(now);
        let ms = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let back = ms.saturating_mul(per_second) / 1_000;
        // Only whole bytes are counted, so that many looks within one of them lose nothing.
        if back > 0 {
            self.bytes = self.bytes.saturating_sub(back);
            self.at = now;
        }
        self.bytes
    }
}

/// What one host has used up.
#[derive(Debug)]
struct Host {
    messages: Account,
    /// Invitations and errors: whoever knocks once more is not heard better.
    knocks: Account,
}

/// Hosts that were seen to be there in this run, in the order in which they were.
#[derive(Debug, Default)]
struct Guests {
    order: VecDeque<IpAddr>,
    all: HashSet<IpAddr>,
}

impl Guests {
    fn note(&mut self, host: IpAddr) {
        if !self.all.insert(host) {
            return;
        }
        self.order.push_back(host);
        if self.order.len() > GUESTS_MAX
            && let Some(first) = self.order.pop_front()
        {
            self.all.remove(&first);
        }
    }
}

/// What everybody has used up.
#[derive(Debug)]
pub struct Budgets {
    guests: Guests,
    invitations: Account,
    /// Messages of all whose addresses may be forged.
    unproved: Account,
    hosts: HashMap<IpAddr, Host>,
    /// How many hosts there were after some were forgotten last.
    left: usize,
}

impl Budgets {
    /// Nobody has used up anything yet.
    pub fn new(now: Instant) -> Self {
        Self {
            guests: Guests::default(),
            invitations: Account::new(now),
            unproved: Account::new(now),
            hosts: HashMap::new(),
            left: 0,
        }
    }

    /// This host is there: hardly anybody can have sent blindly what it sent.
    pub fn note_guest(&mut self, ip: IpAddr) {
        self.guests.note(of_host(ip));
    }

    /// Whether an invitation from this host may have its place in the log, which is then used up. That of somebody our
    /// user expects does not depend on what strangers do.
    pub fn take_invitation(&mut self, now: Instant, from: IpAddr, budget: Budget, is_expected: bool) -> bool {
        let per_second = budget.strangers;
        let has_room = |used: u64, seconds: u64| used + INVITATION_BYTES <= per_second * seconds;
        let at_once = match self.guests.all.contains(&of_host(from)) {
            true => INVITATIONS_OF_ALL_AT_ONCE + INVITATIONS_OF_GUESTS_AT_ONCE,
            false => INVITATIONS_OF_ALL_AT_ONCE,
        };
        let is_used_up = !has_room(self.invitations.used(now, per_second), at_once);
        if is_used_up && !is_expected {
            return false;
        }
        let host = self.host(now, from, budget);
        if !has_room(host.knocks.used(now, per_second), KNOCKS_AT_ONCE) {
            return false;
        }
        host.knocks.bytes += INVITATION_BYTES;
        if !is_expected {
            self.invitations.bytes += INVITATION_BYTES;
        }
        true
    }

    /// Whether the text of a datagram from this sender may have its place in the log.
    pub fn has_room(&mut self, now: Instant, from: Sender, budget: Budget, operation: Operation) -> bool {
        let host = self.hosts.get_mut(&of_host(from.ip));
        match operation {
            // A SYN has one too, with some peers: a line (SIMP 7).
            Operation::Chat | Operation::Syn => {
                let most = budget.peer * MESSAGES_AT_ONCE;
                host.is_none_or(|host| host.messages.used(now, budget.peer) < most)
                    && (from.is_established || self.unproved.used(now, budget.peer) < most)
            }
            Operation::Err => host.is_none_or(|host| {
                host.knocks.used(now, budget.strangers) < budget.strangers * KNOCKS_AT_ONCE
            }),
            // These end something: there is no second one.
            Operation::SynAck | Operation::Ack | Operation::Fin | Operation::ErrFin | Operation::FinAck => {
                true
            }
        }
    }

    /// This sender has added to the log. It may be more than there was room for, by what a turn takes: that is made up for
    /// later.
    pub fn note_added(
        &mut self,
        now: Instant,
        from: Sender,
        budget: Budget,
        added: Added,
        is_expected: bool,
    ) {
        if added == Added::default() {
            return;
        }
        if !is_expected {
            self.invitations.bytes =
                self.invitations.used(now, budget.strangers).saturating_add_signed(added.visits);
        }
        if !from.is_established {
            self.unproved.bytes = self.unproved.used(now, budget.peer) + added.messages;
        }
        let host = self.host(now, from.ip, budget);
        host.messages.bytes = host.messages.used(now, budget.peer) + added.messages;
        let knocks = host.knocks.used(now, budget.strangers) + added.errors;
        host.knocks.bytes = knocks.saturating_add_signed(added.visits);
    }

    fn host(&mut self, now: Instant, ip: IpAddr, budget: Budget) -> &mut Host {
        if self.hosts.len() >= SOME.max(2 * self.left) {
            self.hosts.retain(|_, host| {
                host.messages.used(now, budget.peer) > 0 || host.knocks.used(now, budget.strangers) > 0
            });
            self.left = self.hosts.len();
        }
        self.hosts
            .entry(of_host(ip))
            .or_insert_with(|| Host { messages: Account::new(now), knocks: Account::new(now) })
    }
}

/// What an attacker cannot vary at will: an address, or of an IPv6 address the network, for a host has all of that.
fn of_host(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const BUDGET: Budget = Budget { peer: 1_000, strangers: 5_120 };

    fn host(n: u32) -> IpAddr {
        (0x7f00_0000 + n).to_be_bytes().into()
    }

    fn sender(ip: IpAddr) -> Sender {
        Sender { ip, is_established: true }
    }

    fn taken(budgets: &mut Budgets, now: Instant, from: impl Fn(u32) -> IpAddr, is_expected: bool) -> usize {
        (0..50_000).filter(|n| budgets.take_invitation(now, from(*n), BUDGET, is_expected)).count()
    }

    #[test]
    fn invitations_of_one_host_are_bounded_and_so_are_those_of_all() {
        let start = Instant::now();
        let mut budgets = Budgets::new(start);
        let later = start + Duration::from_secs(1);
        // 5,120 bytes are ten invitations.
        assert_eq!(taken(&mut budgets, start, |_| host(1), false), 160);
        assert_eq!(taken(&mut budgets, later, |_| host(1), false), 10);
        assert_eq!(taken(&mut budgets, later, host, false), 5_120 - 160);
        assert_eq!(taken(&mut budgets, later, |n| host(1_000_000 + n), false), 0);
        // Whoever is expected comes in all the same, but is not free to flood either.
        assert_eq!(taken(&mut budgets, later, |_| host(2_000_000), true), 160);
    }

    #[test]
    fn hosts_that_were_seen_to_be_there_have_a_part_that_strangers_cannot_use_up() {
        let start = Instant::now();
        let mut budgets = Budgets::new(start);
        assert_eq!(taken(&mut budgets, start, host, false), 5_120);
        budgets.note_guest(host(1_000_000));
        assert_eq!(taken(&mut budgets, start, |_| host(1_000_000), false), 160);
        assert_eq!(taken(&mut budgets, start, |_| host(1_000_001), false), 0);
        (2_000_000..2_000_000 + GUESTS_MAX as u32).for_each(|n| budgets.note_guest(host(n)));
        assert_eq!((budgets.guests.all.len(), budgets.guests.order.len()), (GUESTS_MAX, GUESTS_MAX));
        assert_eq!(taken(&mut budgets, start, |n| host(2_000_000 + n), false), 1_280 - 160);
    }

    #[test]
    fn all_addresses_of_an_ipv6_network_are_one_host() {
        let start = Instant::now();
        let at = |n: u32| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, (n >> 16) as u16, n as u16));
        let mut budgets = Budgets::new(start);
        assert_eq!(taken(&mut budgets, start, at, false), 160);
        budgets.note_added(
            start,
            sender(at(1)),
            BUDGET,
            Added { messages: 4_000, ..Added::default() },
            false,
        );
        assert!(!budgets.has_room(start, sender(at(2)), BUDGET, Operation::Chat));
    }

    #[test]
    fn texts_have_room_until_so_many_bytes_are_used_up_and_again_with_time() {
        for (operation, at_once) in [(Operation::Chat, 4_000), (Operation::Err, 81_920)] {
            let start = Instant::now();
            let mut budgets = Budgets::new(start);
            let mut has_room = |ms, bytes| {
                let now = start + Duration::from_millis(ms);
                let has_room = budgets.has_room(now, sender(host(1)), BUDGET, operation);
                let added = match operation {
                    Operation::Chat => Added { messages: bytes, ..Added::default() },
                    _ => Added { errors: bytes, ..Added::default() },
                };
                budgets.note_added(now, sender(host(1)), BUDGET, added, false);
                has_room
            };
            assert!(has_room(0, at_once - 1));
            // The last one may be longer than what is left.
            assert!(has_room(0, 1));
            assert!(!has_room(0, 0));
            assert!(has_room(1, 0));
            assert!(budgets.has_room(start, sender(host(2)), BUDGET, operation));
        }
    }

    #[test]
    fn all_whose_addresses_may_be_forged_have_the_room_of_one_host_and_leave_others_theirs() {
        let start = Instant::now();
        let mut budgets = Budgets::new(start);
        let forged = |n| Sender { ip: host(n), is_established: false };
        for n in 0..4 {
            assert!(budgets.has_room(start, forged(n), BUDGET, Operation::Chat));
            budgets.note_added(
                start,
                forged(n),
                BUDGET,
                Added { messages: 1_000, ..Added::default() },
                false,
            );
        }
        assert!(!budgets.has_room(start, forged(9), BUDGET, Operation::Chat));
        assert!(budgets.has_room(start, sender(host(9)), BUDGET, Operation::Chat));
        assert!(budgets.has_room(start + Duration::from_secs(1), forged(9), BUDGET, Operation::Chat));
    }

    #[test]
    fn hosts_that_have_used_up_nothing_are_forgotten() {
        let start = Instant::now();
        let mut budgets = Budgets::new(start);
        for n in 0..100_000 {
            let now = start + Duration::from_millis(u64::from(n));
            budgets.note_added(
                now,
                sender(host(n)),
                BUDGET,
                Added { messages: 100, ..Added::default() },
                false,
            );
        }
        assert!(budgets.hosts.len() <= 2 * SOME, "{}", budgets.hosts.len());
    }
}

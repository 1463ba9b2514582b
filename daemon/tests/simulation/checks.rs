//! What is promised once everything has come to rest, from the logs of the hosts. Nothing here changes the world.

use std::collections::BTreeMap;

use simp_control::{Event, Kind, Reason, State, What};
use simp_store::Backlog;

use super::world::World;
use super::{HOSTS, NAMES, address};
use crate::driver::Driver;

/// What was seen in a run, or in many.
#[derive(Debug, Default)]
pub struct Seen {
    pub delivered: usize,
    pub undelivered: usize,
    pub unconfirmed: usize,
    /// Messages of the outbox that came more than once.
    pub outbox_again: usize,
    /// Hosts whose logs came back from backups.
    pub restored: usize,
}

impl Seen {
    pub fn add(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.undelivered += other.undelivered;
        self.unconfirmed += other.unconfirmed;
        self.outbox_again += other.outbox_again;
        self.restored += other.restored;
    }
}

/// Checks what is promised, when everything has come to rest.
pub fn check(world: &World) -> Seen {
    let restored = (0..HOSTS).filter(|host| world.is_restored(*host)).count();
    let mut seen = Seen { restored, ..Seen::default() };
    let drivers = || world.hosts.iter().map(|host| host.driver.as_ref().unwrap());
    let logs: Vec<Vec<Event>> = drivers().map(Driver::log).collect();
    for driver in drivers() {
        driver.check();
        assert_eq!(driver.store().outbox(0, 1).unwrap().0, [], "nothing waits in the outbox");
        for chat in driver.store().kept_chats().unwrap() {
            let backlog = Backlog { chat: Some(chat.chat), outbox: None };
            let waiting = driver.store().queued(backlog, chat.settled).unwrap();
            assert_eq!((chat.machine.state(), waiting), (State::Open, 0), "nothing waits");
        }
    }
    for (host, log) in logs.iter().enumerate() {
        assert!(log.iter().map(|event| event.id).eq(1..=log.len() as u64), "ids grow by one");
        let outcomes = outcomes(log, &mut seen);
        let queued = log.iter().filter(|event| event.what.kind() == Kind::Queued);
        assert!(outcomes.into_iter().eq(queued.map(|event| (event.id, 1))), "each message has one outcome");
        for other in (0..HOSTS).filter(|other| *other != host) {
            let lost = [host, other].map(|host| world.is_restored(host));
            seen.outbox_again += check_direction((log, lost[0]), (&logs[other], lost[1]), (host, other));
        }
    }
    seen
}

/// How many outcomes each message of ours has.
fn outcomes(log: &[Event], seen: &mut Seen) -> BTreeMap<u64, usize> {
    let mut outcomes: BTreeMap<u64, usize> = BTreeMap::new();
    for event in log {
        let (count, message) = match event.what {
            What::Delivered { message } => (&mut seen.delivered, message),
            What::Undelivered { message, .. } => (&mut seen.undelivered, message),
            What::Unconfirmed { message } => (&mut seen.unconfirmed, message),
            _ => continue,
        };
        *count += 1;
        *outcomes.entry(message).or_default() += 1;
    }
    outcomes
}

/// What one host sent and what the other has, of whose logs a part may be lost. Returns how often a message of the outbox
/// came once more.
fn check_direction(
    (from_log, has_lost): (&[Event], bool),
    (to_log, has_lost_too): (&[Event], bool),
    (from, to): (usize, usize),
) -> usize {
    // One for a host that was not found has its name.
    let name = format!("{}:7777", NAMES[to]);
    let (from, to) = (address(from).to_string(), address(to).to_string());
    let came: Vec<&str> = to_log
        .iter()
        .filter(|event| event.peer.address == from && event.what.kind() == Kind::Message)
        .filter_map(|event| event.what.text())
        .collect();
    let number = |text: &str| text.get(1..).unwrap().parse::<u64>().unwrap();
    let sent: BTreeMap<u64, &str> = from_log
        .iter()
        .filter(|event| {
            let is_for_it = event.peer.address == to || event.peer.address == name;
            is_for_it && event.what.kind() == Kind::Queued
        })
        .filter_map(|event| Some((event.id, event.what.text()?)))
        .collect();
    for event in from_log.iter().filter(|event| event.peer.address == to) {
        if let What::Delivered { message } = event.what
            && !has_lost_too
        {
            let text = sent[&message];
            assert!(came.contains(&text), "{from} -> {to}: {text} was reported as delivered, and is lost");
        }
    }
    for event in from_log.iter().filter(|event| event.peer.address == to) {
        // One of the outbox may have left in an earlier chat, which broke.
        if let What::Undelivered { message, reason: Reason::Cancelled } = event.what
            && let text = sent[&message]
            && text.starts_with('m')
            && sent.values().filter(|other| **other == text).count() == 1
        {
            assert!(!came.contains(&text), "{from} -> {to}: {text} was taken back, and came");
        }
    }
    assert!(
        has_lost || came.iter().all(|text| sent.values().any(|sent| sent == text)),
        "nothing comes from nowhere"
    );
    let in_chats: Vec<u64> =
        came.iter().filter(|text| text.starts_with('m')).map(|text| number(text)).collect();
    let is_resent = |n: u64| sent.values().filter(|text| number(text) == n).count() > 1;
    let once: Vec<u64> = in_chats.iter().copied().filter(|n| !is_resent(*n)).collect();
    let wrong: Vec<_> = once.windows(2).filter(|pair| pair[0] >= pair[1]).collect();
    assert!(wrong.is_empty(), "{from} -> {to}: twice or late: {wrong:?} of {once:?}");
    let queued: Vec<u64> =
        came.iter().filter(|text| text.starts_with('q')).map(|text| number(text)).collect();
    let mut distinct = queued.clone();
    distinct.sort_unstable();
    distinct.dedup();
    queued.len() - distinct.len()
}

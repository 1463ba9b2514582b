//! What must hold between any two turns, and what is promised when everything has come to rest, from the logs of
//! the hosts. Nothing here changes the world.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use simp_control::{Event, Kind, State, What};

use super::super::Exchange;
use super::world::{Host, World};
use super::{HOSTS, address};
use crate::outbox::Next;
use crate::store::{Of, Wanted};

/// What was seen in a run, or in many.
#[derive(Debug, Default)]
pub struct Seen {
    pub delivered: usize,
    pub undelivered: usize,
    pub unconfirmed: usize,
    /// First messages of a chat that came twice, because the number that the peer wants was tried.
    pub tried: usize,
    /// Messages of the outbox that came more than once.
    pub outbox_again: usize,
}

/// Checks what must hold between any two turns.
pub fn check_turn(exchange: &Exchange) {
    let mut timers = 0;
    for (_, entry) in exchange.chats.iter() {
        let held = entry.chat.unacknowledged() as u64 + entry.backlog;
        let state = entry.chat.state();
        let of = match state {
            State::Accepting | State::Open => of_all(entry.id, entry.address),
            State::Closing if !entry.chat.is_leaving() => of_all(entry.id, entry.address),
            _ => Of { chat: Some(entry.id).filter(|id| *id > 0), outbox: None },
        };
        let waits = exchange.store.queued(of, entry.settled).unwrap();
        assert_eq!(held, waits, "{} {state}: what waits is what the log has", entry.address);
        assert!(entry.backlog == 0 || entry.chat.unacknowledged() > 0, "more is loaded in time");
        let is_idle = state == State::Open && held == 0 && !entry.for_outbox;
        assert!(is_idle || entry.timer.is_some(), "{} {state}: nothing wakes it up", entry.address);
        timers += usize::from(entry.timer.is_some());
    }
    let peers = exchange.store.outbox_peers().unwrap();
    assert_eq!(exchange.outbox.messages(), peers.iter().map(|(_, messages)| messages).sum::<u64>());
    for (address, messages) in peers {
        let absent = exchange.outbox.get(address).unwrap();
        assert_eq!(absent.messages, messages);
        match absent.next {
            Next::Due { .. } => timers += 1,
            Next::Room => assert!(exchange.is_full(), "{address} waits for room, and there is some"),
            Next::Chat => assert!(exchange.chats.at(address).is_some(), "{address} is never invited again"),
        }
    }
    timers += exchange.store.expiring().unwrap().len();
    assert_eq!(exchange.wheel.len(), timers, "each timer is of something, and each message expires");
}

fn of_all(chat: u64, address: SocketAddr) -> Of {
    Of { chat: Some(chat).filter(|chat| *chat > 0), outbox: Some(address) }
}

/// Checks what is promised, when everything has come to rest.
pub fn check(world: &World) -> Seen {
    let mut seen = Seen::default();
    let logs: Vec<Vec<Event>> = world.hosts.iter().map(log).collect();
    for (host, log) in logs.iter().enumerate() {
        assert!(log.iter().map(|event| event.id).eq(1..=log.len() as u64), "ids grow by one");
        let exchange = world.hosts[host].exchange.as_ref().unwrap();
        assert!(exchange.outbox.messages() == 0 && exchange.store.outbox(0, 1).unwrap().is_empty());
        for (_, entry) in exchange.chats.iter() {
            assert_eq!((entry.chat.state(), entry.info().queued), (State::Open, 0), "nothing waits");
        }
        let mut outcomes: BTreeMap<u64, usize> = BTreeMap::new();
        for event in log {
            match event.what {
                What::Delivered { message } => {
                    seen.delivered += 1;
                    *outcomes.entry(message).or_default() += 1;
                }
                What::Undelivered { message, .. } => {
                    seen.undelivered += 1;
                    *outcomes.entry(message).or_default() += 1;
                }
                What::Unconfirmed { message } => {
                    seen.unconfirmed += 1;
                    *outcomes.entry(message).or_default() += 1;
                }
                _ => {}
            }
        }
        let queued = log.iter().filter(|event| event.what.kind() == Kind::Queued);
        assert!(outcomes.into_iter().eq(queued.map(|event| (event.id, 1))), "each message has one outcome");
        for other in (0..HOSTS).filter(|other| *other != host) {
            let tried = &world.hosts[host].tried[other];
            let (again, twice) = check_direction(log, &logs[other], (host, other), tried);
            seen.outbox_again += again;
            seen.tried += twice;
        }
    }
    seen
}

/// What one host sent and what the other has. Returns how often a message of the outbox came once more, and how often
/// one that was transmitted with both numbers.
fn check_direction(
    from_log: &[Event],
    to_log: &[Event],
    (from, to): (usize, usize),
    tried: &BTreeSet<String>,
) -> (usize, usize) {
    let (from, to) = (address(from).to_string(), address(to).to_string());
    let came: Vec<&str> = to_log
        .iter()
        .filter(|event| event.peer.address == from && event.what.kind() == Kind::Message)
        .filter_map(|event| event.what.text())
        .collect();
    let number = |text: &str| text.get(1..).unwrap().parse::<u64>().unwrap();
    let sent: BTreeMap<u64, &str> = from_log
        .iter()
        .filter(|event| event.peer.address == to && event.what.kind() == Kind::Queued)
        .filter_map(|event| Some((event.id, event.what.text()?)))
        .collect();
    for event in from_log.iter().filter(|event| event.peer.address == to) {
        if let What::Delivered { message } = event.what {
            let text = sent[&message];
            assert!(came.contains(&text), "{from} -> {to}: {text} was told as delivered, and is lost");
        }
    }
    assert!(came.iter().all(|text| sent.values().any(|sent| sent == text)), "nothing comes from nowhere");
    let in_chats: Vec<u64> =
        came.iter().filter(|text| text.starts_with('m')).map(|text| number(text)).collect();
    let is_resent = |n: u64| sent.values().filter(|text| number(text) == n).count() > 1;
    let once: Vec<u64> = in_chats.iter().copied().filter(|n| !is_resent(*n)).collect();
    let (twice, wrong): (Vec<_>, Vec<_>) = once
        .windows(2)
        .filter(|pair| pair[0] >= pair[1])
        .partition(|pair| pair[0] == pair[1] && tried.contains(&format!("m{}", pair[0])));
    assert!(wrong.is_empty(), "{from} -> {to}: twice or late: {wrong:?} of {once:?}");
    let queued: Vec<u64> =
        came.iter().filter(|text| text.starts_with('q')).map(|text| number(text)).collect();
    let mut distinct = queued.clone();
    distinct.sort_unstable();
    distinct.dedup();
    (queued.len() - distinct.len(), twice.len())
}

fn log(host: &Host) -> Vec<Event> {
    let store = &host.exchange.as_ref().unwrap().store;
    let (mut events, mut after) = (Vec::new(), 0);
    while after < store.last_id() {
        let (read, looked) = store.read(after, usize::MAX, &Wanted::default()).unwrap();
        events.extend(read);
        after = looked;
    }
    events
}

//! A real simpd that goes on with what a loss of power left.

use std::collections::HashMap;
use std::net::SocketAddr;

use simp_control::{FollowFrom, Kind, What};
use simp_proto::Operation;

use super::disk::Image;
use super::log::{Entry, Log};
use super::{log_folder, relative_log_folder};
use crate::harness::{Daemon, Peer, TestClient, World};

/// Number of the first address on which one is started.
const FIRST_HOST: u8 = 10;

/// So many of the newest entries are compared with what a client is told; the whole log was compared before.
const NEWEST: usize = 20;

/// A datagram: what it is for, its bit, its text.
type Says = (Operation, u8, Vec<u8>);

/// One simpd, with the chat as its log has it.
struct Resumed {
    to: String,
    _daemon: Daemon,
    follower: TestClient,
    entries: usize,
    /// What it still has to transmit; nothing is known of that where the chat was not open yet.
    expected: Option<Vec<Says>>,
    /// Its first message that is not delivered, and the bit of that.
    waiting: Option<(u64, u8)>,
}

/// Starts simpd on each of these disks, all at the same time. The peer sends the last message that is in the log
/// once more: it is acknowledged and not shown. And simpd's first message that is not delivered leaves again,
/// under its own bit. Returns how many there were.
pub fn resume(world: &World, last: &Log, disks: &[Image]) -> usize {
    let bob = world.peer(2, "bob");
    let mut all = HashMap::new();
    for (host, disk) in (FIRST_HOST..).zip(disks) {
        disk.write(&relative_log_folder(world, 1), &log_folder(world, host));
        let address: SocketAddr = (world.address(host) + ":7777").parse().unwrap();
        all.insert(address, Resumed::start(world, host, last, &bob));
    }
    while all.values().any(|one| one.expected.as_ref().is_some_and(|says| !says.is_empty())) {
        let (datagram, from) = bob.receive_from();
        let one = all.get_mut(&from).unwrap();
        let Some(expected) = &mut one.expected else { continue };
        let says = (datagram.operation, datagram.seq, datagram.payload);
        let place = expected.iter().position(|other| *other == says);
        expected.remove(place.unwrap_or_else(|| panic!("{from} says {says:?} and not one of {expected:?}")));
    }
    for one in all.values_mut() {
        one.settle(&bob);
    }
    all.len()
}

impl Resumed {
    fn start(world: &World, host: u8, last: &Log, bob: &Peer) -> Self {
        let daemon = world.start(host, &["--user", "alice", "--accept", "all"]);
        let to = world.address(host);
        let entries = daemon.client().status().last_id as usize;
        let mut follower = daemon.client();
        let newest = entries.saturating_sub(NEWEST);
        follower.follow(FollowFrom::After(newest as u64));
        let entries = &last.entries[..entries];
        for entry in &entries[newest..] {
            let event = follower.event();
            assert!(entry.is(&event), "{event:?} is told, the log has {entry:?}");
        }
        let of_kind = |kind| entries.iter().filter(move |entry: &&Entry| entry.kind == kind as i64);
        let (mut expected, mut waiting) = (None, None);
        if of_kind(Kind::Opened).next().is_some() {
            let mut says = Vec::new();
            if let Some(message) = of_kind(Kind::Message).next_back() {
                let (seq, text) = (message.seq.unwrap(), message.text.clone().unwrap());
                bob.send(&to, Operation::Chat, seq, text.as_bytes());
                says.push((Operation::Ack, seq, Vec::new()));
            }
            let delivered = of_kind(Kind::Delivered).count();
            if let Some(message) = of_kind(Kind::Queued).nth(delivered) {
                let seq = (delivered % 2) as u8;
                says.push((Operation::Chat, seq, message.text.clone().unwrap().into_bytes()));
                waiting = Some((message.id, seq));
            }
            expected = Some(says);
        }
        Self { to, _daemon: daemon, follower, entries: entries.len(), expected, waiting }
    }

    /// What comes to its log next is that its message is delivered.
    fn settle(&mut self, bob: &Peer) {
        if let Some((message, seq)) = self.waiting {
            bob.send(&self.to, Operation::Ack, seq, b"");
            let event = self.follower.event();
            assert_eq!((event.id, event.what), (self.entries as u64 + 1, What::Delivered { message }));
        } else if self.expected.is_some() {
            assert_eq!(self.follower.status().last_id, self.entries as u64);
        }
    }
}

//! Which doors are there: each renews its lease every few seconds, and one that is not renewed for a while is gone. Its clock
//! does not matter, only ours, by which nothing has come.

use std::collections::BTreeMap;

use crate::cluster::Lease;

/// How often a door renews its lease, in milliseconds.
pub const RENEWED_EVERY_MS: u64 = 5_000;

/// A door whose lease was not renewed for so many milliseconds is gone.
const GONE_AFTER_MS: u64 = 15_000;

/// The leases of the other doors.
#[derive(Debug, Default)]
pub struct Leases {
    doors: BTreeMap<String, Held>,
}

/// A door's lease.
#[derive(Debug)]
pub struct Held {
    /// As it was renewed last.
    pub lease: Lease,
    /// When that was, on the steady clock.
    renewed_ms: u64,
    /// Whether it is there.
    pub is_here: bool,
}

impl Leases {
    /// A door has renewed its lease.
    pub fn renewed(&mut self, now_ms: u64, door: String, lease: Lease) {
        self.doors.insert(door, Held { lease, renewed_ms: now_ms, is_here: true });
    }

    /// A door is not one any more.
    pub fn removed(&mut self, door: &str) {
        self.doors.remove(door);
    }

    /// Nothing was heard for a while, of no door: each has its time from now on.
    pub fn begin(&mut self, now_ms: u64) {
        self.doors.values_mut().for_each(|held| held.renewed_ms = now_ms);
    }

    /// The doors that are gone since this was asked last.
    pub fn take_gone(&mut self, now_ms: u64) -> Vec<String> {
        let late = |held: &Held| held.is_here && held.renewed_ms + GONE_AFTER_MS <= now_ms;
        let gone = self.doors.iter_mut().filter(|(_, held)| late(held));
        gone.map(|(door, held)| {
            held.is_here = false;
            door.clone()
        })
        .collect()
    }

    /// When the next of them is gone, on the steady clock.
    pub fn next_ms(&self) -> Option<u64> {
        let here = self.doors.values().filter(|held| held.is_here);
        here.map(|held| held.renewed_ms + GONE_AFTER_MS).min()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Held)> {
        self.doors.iter()
    }

    /// One of them.
    pub fn get(&self, door: &str) -> Option<&Held> {
        self.doors.get(door)
    }
}

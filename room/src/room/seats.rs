//! Who is inside, at any door: what comes of all that was posted so far, so it is the same at every door.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::member::Member;

/// Somebody inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Its name.
    pub name: String,
    /// At which door.
    pub door: String,
    /// In which chat of that door's simpd.
    pub chat: u64,
    /// Where it is, as that simpd names it.
    pub address: String,
    /// Since when, in milliseconds since 1970 by the clock of that door.
    pub since_ms: u64,
}

impl Seat {
    /// That of a member at this door; `None` for one that is not inside.
    pub fn of(door: &str, chat: u64, member: &Member) -> Option<Self> {
        member.is_inside().then(|| Self {
            name: member.name.clone(),
            door: door.to_owned(),
            chat,
            address: member.address.clone(),
            since_ms: member.since_ms,
        })
    }

    /// What it is found by: its name in lower case.
    pub fn key(&self) -> String {
        self.name.to_ascii_lowercase()
    }
}

/// All who are inside.
#[derive(Debug, Default)]
pub struct Seats {
    /// The door that we are.
    door: String,
    /// By name in lower case.
    seats: BTreeMap<String, Seat>,
    /// How many of them are at other doors.
    elsewhere: usize,
}

impl Seats {
    /// For this door.
    pub fn new(door: &str, seats: impl IntoIterator<Item = Seat>) -> Self {
        let mut all = Self { door: door.to_owned(), ..Self::default() };
        seats.into_iter().for_each(|seat| drop(all.insert(seat)));
        all
    }

    /// The door that we are; empty if there is only one.
    pub fn door(&self) -> &str {
        &self.door
    }

    /// Whoever has this name.
    pub fn get(&self, name: &str) -> Option<&Seat> {
        self.seats.get(&name.to_ascii_lowercase())
    }

    /// Whether somebody is at another door.
    pub fn is_elsewhere(&self, seat: &Seat) -> bool {
        seat.door != self.door
    }

    /// Those at other doors, by name.
    pub fn elsewhere(&self) -> impl Iterator<Item = &Seat> {
        // With one door this is asked for each line, and there is nobody.
        let all = (self.elsewhere > 0).then_some(&self.seats);
        all.into_iter().flat_map(BTreeMap::values).filter(|seat| self.is_elsewhere(seat))
    }

    /// How many there are at other doors.
    pub fn count_elsewhere(&self) -> usize {
        self.elsewhere
    }

    /// Those at this door, by name.
    pub fn at(&self, door: &str) -> Vec<Seat> {
        self.seats.values().filter(|seat| seat.door == door).cloned().collect()
    }

    /// Somebody has this seat. Gives whoever had the name.
    pub fn insert(&mut self, seat: Seat) -> Option<Seat> {
        self.elsewhere += usize::from(self.is_elsewhere(&seat));
        let before = self.seats.insert(seat.key(), seat);
        self.uncount(before)
    }

    /// Nobody has this name.
    pub fn remove(&mut self, name: &str) -> Option<Seat> {
        let before = self.seats.remove(&name.to_ascii_lowercase());
        self.uncount(before)
    }

    fn uncount(&mut self, before: Option<Seat>) -> Option<Seat> {
        let was_elsewhere = before.as_ref().is_some_and(|seat| self.is_elsewhere(seat));
        self.elsewhere -= usize::from(was_elsewhere);
        before
    }
}

//! The other doors of the room: who is inside there, whether they can be reached, and what becomes of a name that is wanted at
//! two of them.

use super::base::{Reach, Room, UNREACHED};
use super::login::Unusable;
use super::notices::Notice;
use super::posts::Post;
use super::seats::Seat;

/// A door tells of so many members in one post: a server takes 1 MiB at a time.
const TOLD_AT_ONCE: usize = 1_000;

/// And when it does not any more.
const REACHED: &str = "* the other doors are there again";

impl Room {
    /// Whether what is posted reaches the other doors from now on.
    pub fn reaches(&mut self, is_reached: bool) {
        let reach = if is_reached { Reach::All } else { Reach::Waits };
        if std::mem::replace(&mut self.reach, reach) != reach {
            self.tell_all(if is_reached { REACHED } else { UNREACHED });
        }
    }

    /// How many are inside at this door.
    pub fn count_inside(&self) -> usize {
        self.by_name.len()
    }

    /// So many bytes of what was posted wait for the other doors.
    pub fn waits(&mut self, bytes: usize) {
        self.waiting = bytes;
    }

    /// Tells the other doors who is inside at this one. `asks`: they are to do the same.
    pub fn post_here(&mut self, now_ms: u64, asks: bool) {
        let door = self.seats.door();
        let mut here: Vec<_> =
            self.members.iter().filter_map(|(chat, member)| Seat::of(door, *chat, member)).collect();
        here.sort_by_cached_key(Seat::key);
        let mut from = String::new();
        loop {
            let rest = here.split_off(here.len().min(TOLD_AT_ONCE));
            let until = rest.first().map(Seat::key);
            let is_last = until.is_none();
            self.post(now_ms, Post::Here { seats: here, from, until: until.clone(), asks: asks && is_last });
            let Some(next) = until else { return };
            (here, from) = (rest, next);
        }
    }

    /// Some of what this door has posted is gone for good: nobody knows what it was.
    pub fn lost(&mut self, now_ms: u64, door: &str) {
        self.tell_all(&format!("* some lines from the door {door} are lost: the server has them no more"));
        self.post_here(now_ms, true);
    }

    /// Some doors are gone: nobody who can speak for them has been heard of for too long.
    pub fn missed(&mut self, now_ms: u64, door: &str) {
        if !self.seats.at(door).is_empty() {
            self.post(now_ms, Post::Gone { door: door.to_owned() });
        }
    }

    pub(super) fn heard_entered(&mut self, now_ms: u64, door: &str, seat: Seat, is_proved: bool) {
        let seat = Seat { door: door.to_owned(), ..seat };
        if Unusable::of(&seat.name).is_some() {
            return;
        }
        let holder = self.seats.get(&seat.name).filter(|holder| holder.door != door).cloned();
        match holder {
            // Two came at the same time, at two doors.
            Some(holder) if !is_proved => {
                let name = holder.name;
                let words = format!("that name is in use: choose another, or wait until {name} leaves");
                self.dismiss_own(now_ms, &seat, &words);
            }
            Some(holder) => {
                self.take(seat);
                self.dismiss_own(now_ms, &holder, "you came in from elsewhere: goodbye");
            }
            None => {
                let name = seat.name.clone();
                self.take(seat);
                self.note(now_ms, Notice::joined(name));
            }
        }
    }

    pub(super) fn heard_left(&mut self, now_ms: u64, door: &str, name: &str, chat: u64) {
        // Not if somebody has come in from elsewhere meanwhile.
        if self.seats.get(name).is_some_and(|seat| (seat.door.as_str(), seat.chat) == (door, chat)) {
            self.leave(now_ms, name);
        }
    }

    /// Of the names from the one to the other, these are inside at that door.
    pub(super) fn heard_here(
        &mut self,
        now_ms: u64,
        door: &str,
        seats: Vec<Seat>,
        (from, until): (&str, Option<&str>),
    ) {
        let is_told = |seat: &Seat| {
            let key = seat.key();
            from <= key.as_str() && until.is_none_or(|until| key.as_str() < until)
        };
        for seat in self.seats.at(door).into_iter().filter(is_told) {
            if !seats.iter().any(|here| here.name.eq_ignore_ascii_case(&seat.name)) {
                self.leave(now_ms, &seat.name);
            }
        }
        for seat in seats.into_iter().filter(|seat| Unusable::of(&seat.name).is_none()) {
            let seat = Seat { door: door.to_owned(), ..seat };
            match self.seats.get(&seat.name).map(|holder| holder.door == door) {
                // That one came in when this door was taken for gone.
                Some(false) => {
                    self.dismiss_own(now_ms, &seat, "somebody came in with your name elsewhere: goodbye");
                }
                Some(true) => self.take(seat),
                None => {
                    let joined = self.seats.is_elsewhere(&seat).then(|| Notice::joined(seat.name.clone()));
                    self.take(seat);
                    joined.into_iter().for_each(|notice| self.note(now_ms, notice));
                }
            }
        }
    }

    pub(super) fn heard_gone(&mut self, now_ms: u64, door: &str) {
        let seats = self.seats.at(door);
        // It is us, and we are not gone: the others are told so, and our members have not left.
        if door == self.seats.door() {
            seats.iter().for_each(|seat| drop(self.free(&seat.name)));
            return self.post_here(now_ms, false);
        }
        for seat in seats {
            self.leave(now_ms, &seat.name);
        }
    }

    fn take(&mut self, seat: Seat) {
        self.changes.seats.insert(seat.key());
        self.seats.insert(seat);
    }

    fn leave(&mut self, now_ms: u64, name: &str) {
        if let Some(seat) = self.free(name) {
            self.note(now_ms, Notice::left(seat.name));
        }
    }

    fn free(&mut self, name: &str) -> Option<Seat> {
        self.changes.seats.insert(name.to_ascii_lowercase());
        self.seats.remove(name)
    }

    /// Whoever has this seat leaves, if it is at this door.
    fn dismiss_own(&mut self, now_ms: u64, seat: &Seat, words: &str) {
        let is_inside =
            self.members.get(&seat.chat).is_some_and(|member| member.is_inside() && member.name == seat.name);
        if !self.seats.is_elsewhere(seat) && is_inside {
            self.dismiss(now_ms, seat.chat, words);
        }
    }
}

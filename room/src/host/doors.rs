//! The room as one of several doors: what the server between them tells becomes of the room what simpd tells does, and what
//! the room posts goes there.

use std::sync::mpsc::Sender;

use simp_control::error::{Error, Outcome, fail};
use simp_control::{FailureKind, escape};

use super::leases::{Leases, RENEWED_EVERY_MS};
use super::{Host, Turn};
use crate::cluster::{AccountRecord, Ask, Asks, BanRecord, Key, Lease, Look, Registered, Registration, Told};
use crate::link::{Heard, Link, StoredLink};
use crate::now::Now;
use crate::room::{Computed, DoorInfo, DoorsStatus, OrderResult};
use crate::simpd::Simpd;

/// A stream with more posts than this is trimmed, to so many.
const TRIMMED_ABOVE: u64 = 20_000;
const TRIMMED_TO: u64 = 10_000;

/// A stream that is half full is trimmed to so many.
const TRIMMED_HARD_TO: u64 = 2_000;

/// The doors of a room, as one of them knows them.
pub struct Doors {
    link: Link,
    asks: Asks,
    leases: Leases,
    /// The run of this process.
    run: String,
    beat: u64,
    /// When its own lease is renewed, on the steady clock; `None` while the server is away.
    renews_ms: Option<u64>,
    look: Look,
    /// The place that the server was told of last.
    told: u64,
    records: Records,
    /// Why the server is away.
    away: Option<String>,
    /// Posts that no door has written.
    strange: u64,
}

/// What this door knows of accounts, bans and the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Records {
    /// Not yet all that there are.
    Coming,
    /// The same, and the server has lost what this door knows.
    Lost,
    /// All.
    Known,
}

impl Doors {
    /// This door, by name and id, where it was. What it asks goes to `asks`.
    pub fn new(door: String, id: String, run: String, stored: StoredLink, asks: Asks) -> Self {
        Self {
            link: Link::new(door, id, stored),
            asks,
            leases: Leases::default(),
            run,
            beat: 0,
            renews_ms: None,
            look: Look::default(),
            told: 0,
            records: Records::Coming,
            away: None,
            strange: 0,
        }
    }

    /// Whether it knows who may come in, or will not soon.
    pub fn is_ready(&self) -> bool {
        self.records == Records::Known || self.away.is_some()
    }

    /// The link to the stream.
    pub fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Whether this run has heard all that an earlier one can have heard.
    pub fn has_caught_up(&self) -> bool {
        self.link.has_caught_up()
    }

    /// Whether all that it has posted is in the stream, and heard there.
    #[cfg(test)]
    pub fn is_heard(&self) -> bool {
        self.link.works() && self.link.waiting() == 0
    }

    /// Why nothing can be asked; `None` if it can.
    pub fn trouble(&self) -> Option<&String> {
        self.away.as_ref()
    }

    /// When something is to be done although nothing happens, on the steady clock.
    pub fn next_ms(&self) -> Option<u64> {
        self.renews_ms.and_then(|renews_ms| self.leases.next_ms().into_iter().chain([renews_ms]).min())
    }

    /// Asks for all that was to be asked, now that it is stored why.
    pub fn ask(&mut self) {
        if self.link.works() && self.link.place() > self.told {
            self.told = self.link.place();
            self.link.ask(Ask::Heard(self.told));
        }
        for ask in self.link.take_asks() {
            // The thread that takes them lives as long as we do.
            let _ = self.asks.send(ask);
        }
    }

    /// Writes a record, or removes it, and then gives the operator this answer.
    pub fn keep(&mut self, key: Key, value: Option<Vec<u8>>, answer: (Sender<OrderResult>, OrderResult)) {
        self.link.ask(Ask::Keep { key, value, answer: Some(answer) });
    }

    /// What an operator is told of all doors.
    pub fn status(&self, simpd: String, inside: u64) -> DoorsStatus {
        let info = |door: &str, lease: &Lease, state: &str| DoorInfo {
            door: door.to_owned(),
            simpd: lease.simpd.clone(),
            inside: lease.inside,
            lag: self.look.last.saturating_sub(lease.place),
            state: state.to_owned(),
        };
        let state = if self.away.is_some() { "cut off" } else { "here" };
        let own = info(self.link.door(), &self.lease(simpd, inside), state);
        // Of the others nothing is known while the server is away.
        let state = |is_here| match (&self.away, is_here) {
            (Some(_), _) => "unknown",
            (None, true) => "here",
            (None, false) => "gone",
        };
        let others = self.leases.iter().map(|(door, held)| info(door, &held.lease, state(held.is_here)));
        let mut doors: Vec<_> = others.chain([own]).collect();
        doors.sort_by(|one, other| one.door.cmp(&other.door));
        DoorsStatus {
            doors,
            posts: self.look.posts,
            bytes: self.look.bytes,
            max_bytes: self.look.max_bytes,
            waiting: self.link.waiting() as u64,
            strange: self.strange,
        }
    }

    /// Whether a door that an operator wants removed is gone.
    pub fn is_gone(&self, door: &str) -> Option<bool> {
        self.leases.get(door).map(|held| !held.is_here)
    }

    fn lease(&self, simpd: String, inside: u64) -> Lease {
        let (id, run) = (self.link.id().to_owned(), self.run.clone());
        Lease { id, run, simpd, inside, place: self.link.place(), beat: self.beat }
    }

    /// Renews the lease, if it is time.
    pub fn renew(&mut self, now_ms: u64, simpd: String, inside: u64) {
        if self.renews_ms.is_some_and(|renews_ms| renews_ms <= now_ms) {
            self.renews_ms = Some(now_ms + RENEWED_EVERY_MS);
            self.beat += 1;
            let lease = self.lease(simpd, inside);
            self.link.ask(Ask::Renew(lease));
        }
    }

    /// Removes from the stream what all doors have, if there is much. One of them does it.
    fn trim(&mut self) {
        let Look { posts, bytes, max_bytes, last, first, .. } = self.look;
        let most = if bytes > max_bytes / 2 { TRIMMED_HARD_TO } else { TRIMMED_ABOVE };
        let others = || self.leases.iter();
        let is_first =
            others().filter(|(_, held)| held.is_here).all(|(door, _)| self.link.door() < door.as_str());
        if posts <= most || !is_first {
            return;
        }
        // A door that is gone needs what it has not heard, until an operator says that it is not one any more.
        let heard =
            others().map(|(_, held)| held.lease.place).chain([self.link.place()]).min().unwrap_or_default();
        let through = heard.min(last.saturating_sub(most.min(TRIMMED_TO)));
        if through >= first {
            self.link.ask(Ask::Trim(through));
        }
    }
}

impl<S: Simpd> Host<S> {
    /// The server between the doors tells something.
    ///
    /// # Errors
    /// If the store cannot be read, or another process is this door.
    pub(super) fn handle_told(&mut self, now: Now, turn: &mut Turn, told: Told) -> Outcome {
        let Some(doors) = &mut self.doors else { return Ok(()) };
        match told {
            Told::Began(session, look) => {
                doors.away = None;
                doors.renews_ms = Some(now.steady_ms);
                doors.leases.begin(now.steady_ms);
                doors.records =
                    if doors.link.began(session, &look) { Records::Lost } else { Records::Coming };
                doors.look = look;
            }
            Told::Away(why) => {
                doors.link.is_away();
                (doors.away, doors.renews_ms) = (Some(why), None);
                self.room.reaches(false);
            }
            Told::Post(place, body) => self.hear(now.wall_ms, place, &body),
            Told::Record(revision, key, value) => {
                doors.link.knows(revision);
                self.take_record(now, turn, key, value);
            }
            Told::Synced => {
                if std::mem::replace(&mut doors.records, Records::Known) == Records::Lost {
                    let records = self.store.records()?;
                    doors.link.ask(Ask::Restore(records));
                }
            }
            Told::Looked(look) => {
                if doors.link.looked_again(&look) {
                    let records = self.store.records()?;
                    doors.link.ask(Ask::Restore(records));
                }
                doors.look = look;
                doors.trim();
            }
            Told::Registered(registration, registered) => {
                self.take_account(now, turn, *registration, registered);
            }
            Told::Stolen(simpd) => return Err(stolen(doors.link.door(), &simpd)),
        }
        self.reach(now.wall_ms);
        Ok(())
    }

    /// Says so if the other doors can be reached from now on.
    fn reach(&mut self, now_ms: u64) {
        let Some(doors) = &mut self.doors else { return };
        if doors.link.works() {
            self.room.reaches(true);
            if doors.link.take_greeting() {
                self.room.post_here(now_ms, true);
            }
        }
    }

    fn hear(&mut self, now_ms: u64, place: u64, body: &[u8]) {
        let Some(doors) = &mut self.doors else { return };
        match doors.link.heard(place, body) {
            Heard::Nothing => {}
            Heard::Nonsense => doors.strange += 1,
            Heard::Post(door, post) => self.room.heard_post(now_ms, &door, post),
            Heard::AfterLoss(door, post) => {
                self.room.lost(now_ms, &door);
                self.room.heard_post(now_ms, &door, post);
            }
        }
    }

    fn take_record(&mut self, now: Now, turn: &mut Turn, key: Key, value: Option<Vec<u8>>) {
        let Some(doors) = &mut self.doors else { return };
        match (&key, &value) {
            (Key::Door(door), _) if door == doors.link.door() => {}
            (Key::Door(door), Some(value)) => {
                if let Ok(lease) = serde_json::from_slice(value) {
                    doors.leases.renewed(now.steady_ms, door.clone(), lease);
                }
            }
            (Key::Door(door), None) => {
                doors.leases.removed(door);
                self.room.missed(now.wall_ms, door);
            }
            (Key::Topic, value) => {
                let topic = value.as_ref().and_then(|value| serde_json::from_slice::<String>(value).ok());
                self.room.set_topic(&escape::ascii(&topic.unwrap_or_default()));
            }
            (Key::Ban(_), Some(value)) => {
                if let Ok(BanRecord { who, why }) = serde_json::from_slice(value) {
                    self.room.banned(now.wall_ms, &who, &why);
                }
            }
            (Key::Ban(_) | Key::Account(_), _) => {}
        }
        turn.deeds.records.push((key, value));
    }

    fn take_account(
        &mut self,
        now: Now,
        turn: &mut Turn,
        registration: Registration,
        registered: Registered,
    ) {
        let Registration { chat, event, password, account } = registration;
        let computed = match registered {
            Registered::Made => {
                let value = serde_json::to_vec(&account).unwrap_or_default();
                turn.deeds.records.push((Key::account(&account.name), Some(value)));
                Computed::Registered(true)
            }
            Registered::Taken => Computed::Registered(false),
            Registered::Unknown => unregistered(),
        };
        self.room.computed(now.wall_ms, chat, (event, password), computed);
    }

    /// An account is to be made, at all doors or none.
    pub(super) fn register(&mut self, now_ms: u64, registration: Registration) {
        let Some(doors) = &mut self.doors else { return };
        match doors.away {
            None => doors.link.ask(Ask::Register(Box::new(registration))),
            Some(_) => {
                let Registration { chat, event, password, .. } = registration;
                self.room.computed(now_ms, chat, (event, password), unregistered());
            }
        }
    }

    /// Does what is due.
    pub(super) fn doors_due(&mut self, now: Now) {
        let Some(doors) = &mut self.doors else { return };
        let inside = self.room.count_inside() as u64;
        doors.renew(now.steady_ms, self.simpd.name(), inside);
        if doors.away.is_none() {
            for door in doors.leases.take_gone(now.steady_ms) {
                self.room.missed(now.wall_ms, &door);
            }
        }
    }
}

/// An account of now.
pub fn account(name: String, hash: String, now_ms: u64) -> AccountRecord {
    AccountRecord { name, hash, since_ms: now_ms }
}

fn unregistered() -> Computed {
    Computed::Failed(
        "no new accounts can be made right now, as the other doors cannot be reached: come again later"
            .to_owned(),
    )
}

fn stolen(door: &str, simpd: &str) -> Error {
    let line = format!(
        "another simp-room is the door {door} of this room now, on simpd {simpd}: it has a copy of this one's folder (run each door with a folder and a --door of its own)"
    );
    fail(FailureKind::Failed, line)
}

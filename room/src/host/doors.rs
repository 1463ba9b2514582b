//! The room as one of several doors: what the server between them tells becomes of the room what simpd tells does, and what
//! the room posts goes there.

use simp_control::error::{Error, Outcome, fail};
use simp_control::{FailureKind, escape};

use super::{Host, Turn};
use crate::cluster::{Ask, BanRecord, Key, Registered, Registration, Told};
use crate::doors::Doors;
use crate::link::Heard;
use crate::now::Now;
use crate::room::{Computed, UNREGISTERED};
use crate::simpd::Simpd;

impl<S: Simpd> Host<S> {
    /// The server between the doors tells something.
    ///
    /// # Errors
    /// If the store cannot be read, or another process is this door.
    pub(super) fn handle_told(&mut self, now: Now, turn: &mut Turn, told: Told) -> Outcome {
        let Some(doors) = &mut self.doors else { return Ok(()) };
        match told {
            Told::Began(session, look) => doors.began(now.steady_ms, session, look),
            Told::Away(why) => {
                turn.answers.extend(self.orders.delay(&why));
                doors.is_away(why);
                self.room.reaches(false);
            }
            Told::Post(place, body) => self.hear(now.wall_ms, place, &body),
            Told::Record(revision, key, value) => {
                doors.link_mut().knows(revision);
                self.take_record(now, turn, key, value)?;
            }
            Told::Synced => {
                if doors.synced() {
                    self.restore()?;
                }
            }
            Told::Looked(look) => {
                if doors.looked(look) {
                    self.restore()?;
                }
            }
            Told::Registered(registration, registered) => {
                self.take_account(now, turn, *registration, registered);
            }
            Told::Stolen(simpd) => return Err(stolen(doors.link_mut().door(), &simpd)),
        }
        self.reach(now.wall_ms);
        Ok(())
    }

    /// Says so if the other doors can be reached from now on.
    fn reach(&mut self, now_ms: u64) {
        let Some(link) = self.doors.as_mut().filter(|doors| doors.reaches()).map(Doors::link_mut) else {
            return;
        };
        let greets = link.take_greeting();
        self.room.reaches(true);
        if greets {
            self.room.post_here(now_ms, true);
        }
    }

    /// The server has lost the records that this door knows.
    fn restore(&mut self) -> Outcome {
        let records = self.store.records()?;
        if let Some(doors) = &mut self.doors {
            doors.link_mut().ask(Ask::Restore(records));
        }
        Ok(())
    }

    fn hear(&mut self, now_ms: u64, place: u64, body: &[u8]) {
        let Some(doors) = &mut self.doors else { return };
        match doors.heard(place, body) {
            Heard::Nothing | Heard::Nonsense => {}
            Heard::Post(door, post) => self.room.heard_post(now_ms, &door, post),
            Heard::AfterLoss(door, post) => {
                self.room.lost(now_ms, &door);
                self.room.heard_post(now_ms, &door, post);
            }
        }
    }

    fn take_record(&mut self, now: Now, turn: &mut Turn, key: Key, value: Option<Vec<u8>>) -> Outcome {
        let Some(doors) = &mut self.doors else { return Ok(()) };
        match (&key, &value) {
            (Key::Door(door), lease) => {
                if doors.take_lease(now.steady_ms, door, lease.as_deref()) {
                    self.room.missed(now.wall_ms, door);
                }
            }
            (Key::Topic, value) => {
                let topic = value.as_ref().and_then(|value| serde_json::from_slice::<String>(value).ok());
                self.room.set_topic(&escape::ascii(&topic.unwrap_or_default()));
            }
            // Stored before anybody is sent away: they may come again at once.
            (Key::Ban(_), Some(value)) => {
                if let Ok(BanRecord { who, why }) = serde_json::from_slice(value) {
                    self.store.ban(&who, &why)?;
                    self.room.banned(now.wall_ms, &who, &why);
                }
            }
            (Key::Ban(who), None) => drop(self.store.lift_ban(who)?),
            (Key::Account(_), _) => {}
        }
        // Leases are not kept: each run hears them anew.
        if !matches!(key, Key::Door(_)) {
            turn.deeds.records.push((key, value));
        }
        Ok(())
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
        match doors.trouble() {
            None => doors.link_mut().ask(Ask::Register(Box::new(registration))),
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
        for door in doors.take_gone(now.steady_ms) {
            self.room.missed(now.wall_ms, &door);
        }
    }
}

fn unregistered() -> Computed {
    Computed::Failed(UNREGISTERED.to_owned())
}

fn stolen(door: &str, simpd: &str) -> Error {
    let line = format!(
        "another simp-room is the door {door} of this room now, on simpd {simpd}: it has a copy of this one's folder (run each door with a folder and a --door of its own)"
    );
    fail(FailureKind::Failed, line)
}

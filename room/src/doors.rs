//! A room as one of several doors: its link to the stream, its lease and those of the others, and what it knows of the records
//! that all share.

mod leases;

use std::sync::mpsc::Sender;

use crate::cluster::{Ask, Asks, Key, Lease, Look};
use crate::link::{Heard, Link, StoredLink};
use crate::room::{DoorInfo, DoorsStatus, OrderResult};
use leases::{Leases, RENEWED_EVERY_MS};

/// A stream with more posts than this is trimmed, to so many.
const TRIMMED_ABOVE: u64 = 20_000;
const TRIMMED_TO: u64 = 10_000;

/// A stream that is half full is trimmed to so many.
const TRIMMED_HARD_TO: u64 = 2_000;

/// The server is told of so many posts at a time that they are dealt with, and of all when the lease is renewed: to do so for
/// each costs both sides as much as the post. It must be far fewer than it tells before it waits for that.
const HEARD_EVERY: u64 = 64;

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
    /// All posts up to this place are known by the server to be dealt with in this session.
    told: u64,
    records: Records,
    /// Why the server is away, or takes nothing.
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

    /// A session begins.
    pub fn began(&mut self, now_ms: u64, session: u64, look: Look) {
        if !look.is_full {
            self.away = None;
        }
        self.renews_ms = Some(now_ms);
        self.leases.begin(now_ms);
        self.records = if self.link.began(session, &look) { Records::Lost } else { Records::Coming };
        self.look = look;
        // Another stream begins anew.
        self.told = self.link.place();
    }

    /// The server is away, for this reason.
    pub fn is_away(&mut self, why: String) {
        self.link.is_away();
        (self.away, self.renews_ms) = (Some(why), None);
    }

    /// Stream and bucket are so. Whether the records that this door knows are to be written again.
    pub fn looked(&mut self, look: Look) -> bool {
        let has_lost = self.link.looked_again(&look);
        self.look = look;
        self.trim();
        has_lost
    }

    /// All records are known. Whether those that this door knows are to be written again.
    pub fn synced(&mut self) -> bool {
        std::mem::replace(&mut self.records, Records::Known) == Records::Lost
    }

    /// What is at this place of the stream.
    pub fn heard(&mut self, place: u64, body: &[u8]) -> Heard {
        let heard = self.link.heard(place, body);
        self.strange += u64::from(heard == Heard::Nonsense);
        heard
    }

    /// The lease of a door was written, or removed. Whether it is not a door any more.
    pub fn take_lease(&mut self, now_ms: u64, door: &str, lease: Option<&[u8]>) -> bool {
        if door == self.link.door() {
            return false;
        }
        match lease {
            None => self.leases.removed(door),
            Some(lease) => {
                if let Ok(lease) = serde_json::from_slice(lease) {
                    self.leases.renewed(now_ms, door.to_owned(), lease);
                }
            }
        }
        lease.is_none()
    }

    /// The doors that are gone since this was asked last.
    pub fn take_gone(&mut self, now_ms: u64) -> Vec<String> {
        // While the server is away nothing is known of them.
        if self.away.is_some() { Vec::new() } else { self.leases.take_gone(now_ms) }
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

    /// Whether the server is away.
    pub fn is_cut_off(&self) -> bool {
        self.renews_ms.is_none()
    }

    /// Whether what is posted reaches the other doors.
    pub fn reaches(&self) -> bool {
        self.away.is_none() && self.link.works()
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
        self.ask_heard(HEARD_EVERY);
        for ask in self.link.take_asks() {
            // The thread that takes them lives as long as we do.
            let _ = self.asks.send(ask);
        }
    }

    /// Says how far this door is, if it is so many posts further than the server knows.
    fn ask_heard(&mut self, every: u64) {
        let place = self.link.place();
        if place >= self.told + every {
            self.told = place;
            self.link.ask(Ask::Heard(place));
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
        let is_away = self.is_cut_off();
        let state = if is_away { "cut off" } else { "here" };
        let own = info(self.link.door(), &self.lease(simpd, inside), state);
        // Of the others nothing is known while the server is away.
        let state = |is_here| match (is_away, is_here) {
            (true, _) => "unknown",
            (false, true) => "here",
            (false, false) => "gone",
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
            self.ask_heard(1);
        }
    }

    /// Removes from the stream what all doors have, if there is much. One of them does it.
    fn trim(&mut self) {
        let Look { posts, bytes, max_bytes, last, first, .. } = self.look;
        let most = if bytes > max_bytes / 2 { TRIMMED_HARD_TO } else { TRIMMED_ABOVE };
        let others = || self.leases.iter();
        let is_first =
            others().filter(|(_, held)| held.is_here).all(|(door, _)| self.link.door() < door.as_str());
        // Until all records are told, nobody knows of which doors there are.
        if posts <= most || !is_first || self.records != Records::Known {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// All that is asked once this door has heard posts up to this place, without those before them.
    fn asked(
        doors: &mut Doors,
        asks: &mut tokio::sync::mpsc::UnboundedReceiver<Ask>,
        posts: &[u64],
    ) -> Vec<u64> {
        for place in posts {
            doors.heard(*place, b"nonsense");
            doors.ask();
        }
        let mut heard = Vec::new();
        while let Ok(ask) = asks.try_recv() {
            heard.extend(match ask {
                Ask::Heard(place) => Some(place),
                _ => None,
            });
        }
        heard
    }

    #[test]
    fn the_server_hears_how_far_a_door_is_while_it_catches_up_and_in_another_stream() {
        let (ask, mut asks) = tokio::sync::mpsc::unbounded_channel();
        let mut doors = Doors::new("north".into(), "id".into(), "run".into(), StoredLink::default(), ask);
        let look = |stream: &str, last| Look { stream: stream.into(), last, ..Look::default() };
        doors.began(0, 1, look("first", 1_000));
        let posts: Vec<u64> = (1..=200).collect();
        assert_eq!(asked(&mut doors, &mut asks, &posts), [64, 128, 192]);
        // It says the rest with its lease.
        doors.renew(0, "127.0.0.1:7777".into(), 0);
        assert_eq!(asked(&mut doors, &mut asks, &[200]), [200]);
        doors.began(0, 2, look("second", 300));
        assert_eq!(asked(&mut doors, &mut asks, &posts), [64, 128, 192]);
    }

    #[test]
    fn nothing_is_trimmed_before_it_is_known_which_doors_need_it() {
        let (asks, mut asked) = tokio::sync::mpsc::unbounded_channel();
        let mut doors =
            Doors::new("north".to_owned(), "id".to_owned(), "run".to_owned(), StoredLink::default(), asks);
        let look = Look { first: 1, last: 30_000, posts: 30_000, max_bytes: 1 << 28, ..Look::default() };
        let mut trims = |doors: &mut Doors| {
            doors.ask();
            let asked = std::iter::from_fn(|| asked.try_recv().ok());
            asked.filter_map(|ask| if let Ask::Trim(place) = ask { Some(place) } else { None }).last()
        };
        doors.began(0, 1, look.clone());
        doors.heard(30_000, b"");
        doors.looked(look.clone());
        assert_eq!(trims(&mut doors), None);
        // A door that is gone for long, and has yet to hear of most.
        let lease = Lease {
            id: "id2".to_owned(),
            run: "run".to_owned(),
            simpd: "127.0.0.1:7777".to_owned(),
            inside: 0,
            place: 70,
            beat: 1,
        };
        doors.take_lease(0, "south", Some(&serde_json::to_vec(&lease).unwrap()));
        doors.take_gone(60_000);
        doors.synced();
        doors.looked(look);
        assert_eq!(trims(&mut doors), Some(70));
    }
}

//! What a door has posted and has heard of its room's stream: every post of every door once, in the order of the stream,
//! whatever becomes of the connection, of the server, and of the door itself.
//!
//! - Each door numbers its posts, and keeps them before it publishes them. It hears its own posts like those of others.
//! - What was heard before is dropped. What has come before its turn is passed over: its publisher hears that too, and
//!   publishes it again ([`Envelope::attempt`]).
//! - If numbers are missing that their publisher has heard ([`Envelope::through`]), the server has lost them.
//! - A session begins with what is in the stream already. Only then is known what has to be published again.

mod stored;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::cluster::{Ask, Look, Outgoing, Subject};
use crate::room::Post;
use stored::Past;
pub use stored::{LinkChanges, Mark, StoredLink};

/// So many posts that were heard are kept, and so many bytes of them: another stream needs them again.
const KEPT_MAX: usize = 1_000;
const KEPT_BYTES_MAX: usize = 1 << 20;

/// So many posts of the past does a new door read, for those that newcomers are shown.
const PAST: u64 = 2_000;

/// So many other doors are remembered: far more than a room has.
const ORIGINS_MAX: usize = 1_000;

/// What counts posts is below this: what JSON has exactly (RFC 8259, 6).
const NUMBER_MAX: u64 = 1 << 53;

/// A post as it is in the stream.
#[derive(Debug, Serialize, Deserialize)]
struct Envelope<'a> {
    /// The door's name.
    door: Cow<'a, str>,
    /// The door's id: its numbers are its own.
    id: Cow<'a, str>,
    /// The number of the post, from 1.
    n: u64,
    /// All of the door's posts up to this one were in this stream when it published this.
    through: u64,
    /// How often the door has published its posts anew because one of them had come too early.
    attempt: u64,
    /// The post.
    post: Cow<'a, Post>,
}

/// A post of our own.
#[derive(Debug, Clone)]
struct Own {
    n: u64,
    post: Post,
    /// How long it is as JSON.
    bytes: usize,
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Session {
    /// The server is away.
    Away,
    /// What is in the stream up to this place may be ours.
    Reads(u64),
    /// What is posted is published.
    Works,
}

/// What comes of something that was told.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing that was not known.
    Nothing,
    /// A post of this door.
    Post(String, Post),
    /// The same, and the server has lost some before it.
    AfterLoss(String, Post),
    /// What no door has written.
    Nonsense,
}

/// How far a link was when the stream was looked at before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Before {
    place: u64,
    /// The number of its own last post.
    last: u64,
}

/// A door's link to the stream.
#[derive(Debug)]
pub struct Link {
    door: String,
    id: String,
    session: Session,
    /// The other doors must be told who is inside at this one, and tell the same.
    greets: bool,
    mark: Mark,
    /// The revision of the last record that this run knows. Leases are not stored, so each run has to be told all records.
    revision: u64,
    /// What an earlier run has heard and not stored is in the stream up to this place.
    past_until: u64,
    before: Before,
    /// Who has heard all up to this place has heard all of its own posts up to this one, unless they are lost.
    due: Option<(u64, u64)>,
    /// Its own posts, the oldest first, with their numbers; those after [`Mark::through`] wait.
    posts: VecDeque<Own>,
    /// The number of the last of them.
    last: u64,
    attempt: u64,
    /// How many bytes of them wait, and how many were heard.
    waiting: usize,
    kept: usize,
    origins: HashMap<String, u64>,
    changes: LinkChanges,
    asks: Vec<Ask>,
}

impl Link {
    /// Goes on where the door with this name and id was.
    pub fn new(door: String, id: String, stored: StoredLink) -> Self {
        let StoredLink { mut mark, posts, origins } = stored;
        if mark.past == Past::Read {
            mark.past = Past::Unread;
        }
        let own = posts.into_iter().map(|(n, post)| {
            let bytes = json(&post).len();
            Own { n, post, bytes }
        });
        let posts: VecDeque<Own> = own.collect();
        let heard = origins.get(&id).copied().unwrap_or_default();
        let last = posts.back().map_or(0, |own| own.n).max(heard);
        let bytes = |is_heard| {
            posts.iter().filter(|own| (own.n <= mark.through) == is_heard).map(|own| own.bytes).sum()
        };
        Self {
            waiting: bytes(false),
            kept: bytes(true),
            door,
            id,
            session: Session::Away,
            greets: true,
            revision: 0,
            past_until: 0,
            before: Before::default(),
            due: None,
            mark,
            posts,
            last,
            attempt: 0,
            origins,
            changes: LinkChanges::default(),
            asks: Vec::new(),
        }
    }

    /// The door's name.
    pub fn door(&self) -> &str {
        &self.door
    }

    /// The door's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether what is posted is published at once.
    pub fn works(&self) -> bool {
        self.session == Session::Works
    }

    /// Whether this run has heard all that an earlier one can have heard and not stored.
    pub fn has_caught_up(&self) -> bool {
        self.mark.past == Past::Read
    }

    /// Nothing is left of an earlier run.
    pub fn has_no_past(&mut self) {
        self.mark.past = Past::Read;
    }

    /// The place of the last post that was dealt with.
    pub fn place(&self) -> u64 {
        self.mark.place
    }

    /// Whether the other doors are to be told who is inside at this one, and to tell the same: once after the start, and
    /// after the stream has lost something.
    pub fn take_greeting(&mut self) -> bool {
        std::mem::take(&mut self.greets)
    }

    /// How many bytes of posts wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// What is to be asked, once what changed is stored.
    pub fn take_asks(&mut self) -> Vec<Ask> {
        std::mem::take(&mut self.asks)
    }

    /// Asks for something else.
    pub fn ask(&mut self, ask: Ask) {
        self.asks.push(ask);
    }

    /// What must be stored; `None` if nothing has changed.
    pub fn take_changes(&mut self) -> Option<LinkChanges> {
        let LinkChanges { posts, origins, mark: stored, .. } = std::mem::take(&mut self.changes);
        self.changes.mark.clone_from(&self.mark);
        let first = self.posts.front().map_or(self.last + 1, |own| own.n);
        let has_changed = stored != self.mark || !posts.is_empty() || !origins.is_empty();
        has_changed.then(|| LinkChanges { mark: self.mark.clone(), posts, first, origins })
    }

    /// A session begins. Whether the records that this door knows are to be written again, for the server has lost its own.
    pub fn began(&mut self, session: u64, look: &Look) -> bool {
        let is_new = self.mark.stream.is_empty();
        if is_new {
            self.mark.place = look.last.saturating_sub(PAST);
            self.mark.new_until = look.last;
        } else if self.mark.stream != look.stream {
            (self.mark.place, self.mark.new_until) = (0, 0);
            self.post_again();
        } else if look.last < self.mark.place {
            // It was put back to what it was before.
            self.mark.place = look.last;
            self.post_again();
        }
        self.skip(look);
        (self.before, self.due) = (Before::default(), None);
        let has_lost = self.looked(look);
        if self.mark.bucket != look.bucket {
            self.revision = 0;
        }
        self.mark.stream.clone_from(&look.stream);
        self.mark.bucket.clone_from(&look.bucket);
        (self.session, self.past_until) = (Session::Reads(look.last), look.last);
        self.asks.push(Ask::Follow { session, place: self.mark.place, revision: self.revision });
        self.read_on();
        has_lost
    }

    /// Stream and bucket are so, some seconds after they were looked at last. Whether the records that this door knows are
    /// to be written again.
    pub fn looked_again(&mut self, look: &Look) -> bool {
        self.skip(look);
        let before = std::mem::replace(&mut self.before, Before { place: self.mark.place, last: self.last });
        // All that was published when it was looked at before is there by now.
        self.due = Some((look.last, before.last));
        if matches!(self.session, Session::Reads(_)) && before.place == self.mark.place {
            // Somebody has removed from the stream what was to come, or it takes long.
            self.works_now();
        }
        self.read_on();
        self.looked(look)
    }

    fn looked(&mut self, look: &Look) -> bool {
        let is_other = !self.mark.bucket.is_empty() && self.mark.bucket != look.bucket;
        let has_lost = is_other || look.records < self.mark.records;
        self.mark.records = look.records;
        has_lost
    }

    /// The session is over.
    pub fn is_away(&mut self) {
        self.session = Session::Away;
    }

    /// A record of this revision is known.
    pub fn knows(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }

    /// Posts something, when it can.
    pub fn post(&mut self, post: Post) {
        self.last += 1;
        let json = json(&post);
        let own = Own { n: self.last, post, bytes: json.len() };
        self.waiting += own.bytes;
        self.changes.posts.push((own.n, json));
        if self.works() {
            self.asks.push(self.published(&own));
        }
        self.posts.push_back(own);
    }

    /// What is at this place of the stream.
    pub fn heard(&mut self, place: u64, body: &[u8]) -> Heard {
        if place > self.mark.place + 1 {
            // The stream has lost those between.
            self.loses_past();
        }
        self.mark.place = self.mark.place.max(place);
        let heard = match serde_json::from_slice::<Envelope<'_>>(body) {
            Ok(envelope) => self.opened(place, envelope),
            Err(_) => Heard::Nonsense,
        };
        self.read_on();
        heard
    }

    fn opened(&mut self, place: u64, envelope: Envelope<'_>) -> Heard {
        let Envelope { door, id, n, through, attempt, post } = envelope;
        let (door, id, post) = (door.into_owned(), id.into_owned(), post.into_owned());
        // No door comes so far.
        if !(1..NUMBER_MAX).contains(&n) || through >= NUMBER_MAX || attempt >= NUMBER_MAX {
            return Heard::Nonsense;
        }
        if id == self.id {
            self.heard_own(n, attempt);
        }
        let known = self.origins.get(&id).copied();
        if known.is_none() && self.origins.len() >= ORIGINS_MAX {
            return Heard::Nonsense;
        }
        let known = known.unwrap_or_else(|| match place <= self.mark.new_until {
            // What this door did not read may have been on its way when this was published.
            true => n - 1,
            // Of a door that is new to this one, what it had heard then is past.
            false => through.min(n - 1),
        });
        // What was heard before; or what its publisher hears too early as well, and publishes again.
        if n <= known || (n > known + 1 && n > through + 1) {
            return Heard::Nothing;
        }
        self.origins.insert(id.clone(), n);
        self.changes.origins.insert(id, n);
        if n > known + 1 { Heard::AfterLoss(door, post) } else { Heard::Post(door, post) }
    }

    fn heard_own(&mut self, n: u64, attempt: u64) {
        if n > self.last {
            // Of a run after the one that an older copy of our store is of.
            (self.last, self.mark.through) = (n, n);
            self.posts.clear();
            (self.waiting, self.kept) = (0, 0);
        } else if n == self.mark.through + 1 {
            self.mark.through = n;
            let heard =
                self.posts.binary_search_by_key(&n, |own| own.n).ok().and_then(|at| self.posts.get(at));
            let bytes = heard.map_or(0, |own| own.bytes);
            (self.waiting, self.kept) = (self.waiting - bytes, self.kept + bytes);
            self.keep_less();
        } else if n > self.mark.through && attempt >= self.attempt {
            self.attempt = attempt + 1;
            self.publish_waiting();
        }
    }

    /// Goes on if all that was in the stream at some time is read.
    fn read_on(&mut self) {
        if self.mark.past == Past::Unread && self.mark.place >= self.past_until {
            self.mark.past = Past::Read;
        }
        if matches!(self.session, Session::Reads(until) if self.mark.place >= until) {
            self.works_now();
        }
        if let Some((_, own)) = self.due.take_if(|(place, _)| *place <= self.mark.place)
            && own > self.mark.through
        {
            // Somebody has removed it from the stream before it was heard.
            self.attempt += 1;
            self.publish_waiting();
        }
    }

    fn works_now(&mut self) {
        self.session = Session::Works;
        self.publish_waiting();
    }

    /// The stream has lost what this door had published: others may not have heard all of it.
    fn post_again(&mut self) {
        self.greets = true;
        self.loses_past();
        self.mark.through = self.posts.front().map_or(self.last, |own| own.n - 1);
        (self.waiting, self.kept) = (self.waiting + self.kept, 0);
    }

    /// What was before the first post in the stream does not come any more.
    fn skip(&mut self, look: &Look) {
        let before = look.first.saturating_sub(1);
        if before > self.mark.place {
            self.mark.place = before;
            self.loses_past();
        }
    }

    fn loses_past(&mut self) {
        if self.mark.past == Past::Unread {
            self.mark.past = Past::Lost;
        }
    }

    fn publish_waiting(&mut self) {
        if self.works() {
            let waits = self.posts.iter().filter(|own| own.n > self.mark.through);
            let published: Vec<_> = waits.map(|own| self.published(own)).collect();
            self.asks.extend(published);
        }
    }

    fn published(&self, own: &Own) -> Ask {
        let subject = match own.post {
            Post::Public { .. } => Subject::Public,
            Post::Direct { .. } => Subject::Door(self.door.clone()),
            _ => Subject::News,
        };
        let (n, attempt) = (own.n, self.attempt);
        let again = if attempt == 0 { String::new() } else { format!(".{attempt}") };
        let envelope = Envelope {
            door: Cow::from(&self.door),
            id: Cow::from(&self.id),
            n,
            through: self.mark.through,
            attempt,
            post: Cow::Borrowed(&own.post),
        };
        Ask::Publish(Outgoing {
            id: format!("{}.{n}{again}", self.id),
            subject,
            body: json(&envelope).into_bytes(),
        })
    }

    /// Forgets the oldest posts that were heard, if there are many.
    fn keep_less(&mut self) {
        let mut count = self.posts.partition_point(|own| own.n <= self.mark.through);
        while count > KEPT_MAX || self.kept > KEPT_BYTES_MAX {
            let Some(oldest) = self.posts.pop_front() else { break };
            (count, self.kept) = (count - 1, self.kept - oldest.bytes);
        }
    }
}

/// Who tells of the time before this was a door.
pub fn past_of(id: &str) -> String {
    format!("{id}-past")
}

/// Public lines of a time when the room had one door, as this one, as posts.
pub fn past(door: &str, id: &str, lines: &[String]) -> Vec<Outgoing> {
    let id = past_of(id);
    let post = |(line, n): (&String, u64)| {
        let post = Post::Past { line: line.clone() };
        let envelope = Envelope {
            door: Cow::from(door),
            id: Cow::from(&id),
            n,
            through: n - 1,
            attempt: 0,
            post: Cow::Owned(post),
        };
        Outgoing { id: format!("{id}.{n}"), subject: Subject::News, body: json(&envelope).into_bytes() }
    };
    lines.iter().zip(1..).map(post).collect()
}

/// What is ours, as JSON.
fn json(what: &impl Serialize) -> String {
    serde_json::to_string(what).unwrap_or_default()
}

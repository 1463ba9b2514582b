//! Reading the log: forwards for followers, backwards for history.

use rusqlite::Row;
use simp_control::frame::LONGEST_TEXT;
use simp_control::{Event, Filter, Kind, Peer, Who};

use crate::error::StoreError;
use crate::rows::number;
use crate::runs::{self, FIRST_OF_SEVERAL};
use crate::store::Store;

/// Most entries that [`Store::read`] looks at in one call, so that a filter which finds nothing does not hold
/// the loop up.
pub(crate) const SCAN: u64 = 2_048;

/// With so many bytes of entries no more are read in one call: long texts must not hold the loop up either, and what a
/// client does not take at once must not take up much memory.
pub const BYTES_PER_READ: usize = 64 << 10;

/// With so many bytes of texts no further ones are searched in one call: more than half of it takes a single text.
pub(crate) const SEARCHED_PER_READ: usize = 512 << 10;

/// What an entry takes besides its text, about.
const ENTRY_BYTES: usize = 256;

/// What is read in one call has at most so many bytes, about: the longest text, which comes alone. It is one frame for a
/// client, which has room for some more.
const BYTES_MAX: usize = LONGEST_TEXT + ENTRY_BYTES;

/// Which entries a reader wants. Empty: all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// One bit per place in `Kind::ALL`; 0 stands for all.
    kinds: u32,
    chat: Option<u64>,
    who: Option<Who>,
    since_ms: Option<u64>,
    until_ms: Option<u64>,
    /// In lower case.
    text: Option<String>,
}

impl EntryFilter {
    /// The entries that a client's filter lets pass. One that names no kinds may be older than those of files.
    pub fn new(filter: &Filter) -> Self {
        let all = Kind::ALL.into_iter().filter(|kind| !kind.is_of_files()).collect::<Vec<_>>();
        let kinds = if filter.kinds.is_empty() { &all } else { &filter.kinds };
        Self {
            kinds: kinds.iter().fold(0, |bits, kind| bits | 1 << number(*kind)),
            chat: filter.chat,
            who: filter.who.as_deref().map(Who::parse),
            since_ms: filter.since_ms,
            until_ms: filter.until_ms,
            text: filter.text.as_deref().filter(|text| !text.is_empty()).map(str::to_lowercase),
        }
    }

    /// The only chat of which it lets entries pass, if it names one.
    pub fn chat(&self) -> Option<u64> {
        self.chat
    }

    /// Whether this entry is wanted.
    pub fn matches(&self, event: &Event) -> bool {
        self.matches_head(event) && self.is_said_in(event)
    }

    /// The same but for what is said in it.
    fn matches_head(&self, event: &Event) -> bool {
        self.matches_numbers(event.at_ms, number(event.what.kind()), event.chat)
            && self.who.as_ref().is_none_or(|who| who.is(&event.peer))
    }

    fn is_said_in(&self, event: &Event) -> bool {
        let Some(wanted) = &self.text else { return true };
        event.what.text().is_some_and(|text| text.to_lowercase().contains(wanted))
    }

    /// Whether an entry may be wanted that is in the row with this [`HEAD`], which stands for several or for one.
    fn wants_of(&self, head: &Row<'_>, is_of_several: bool) -> rusqlite::Result<bool> {
        let (at, kind) = (head.get::<_, i64>(1)? as u64, head.get(2)?);
        if is_of_several {
            // The others may be of other chats.
            return Ok(self.matches_moment(at, kind));
        }
        if !self.matches_numbers(at, kind, head.get::<_, i64>(3)? as u64) {
            return Ok(false);
        }
        let Some(who) = &self.who else { return Ok(true) };
        Ok(who.is(&Peer { address: head.get(4)?, user: head.get(5)? }))
    }

    fn matches_numbers(&self, at_ms: u64, kind: i64, chat: u64) -> bool {
        self.matches_moment(at_ms, kind) && self.chat.is_none_or(|wanted| wanted == chat)
    }

    fn matches_moment(&self, at_ms: u64, kind: i64) -> bool {
        (self.kinds == 0 || self.kinds >> kind & 1 == 1)
            && self.since_ms.is_none_or(|since| at_ms >= since)
            && self.until_ms.is_none_or(|until| at_ms < until)
    }
}

/// What filters ask for, of a row that may stand for several entries: no text. Then comes [`FIRST_OF_SEVERAL`].
const HEAD: &str = "id, at, kind, chat, address, user";

/// Which way the log is read, and from where.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// What is above this.
    Up(u64),
    /// What is below this.
    Down(u64),
}

impl Way {
    /// Rows in this order, from the first that has entries which are asked for.
    fn sql(self) -> String {
        let (from, order) = match self {
            Self::Up(_) => ("id > ?1", "id"),
            // The last of a row may be too new, and those before it not.
            Self::Down(_) => ("id <= coalesce((SELECT min(id) FROM events WHERE id >= ?1), ?1)", "id DESC"),
        };
        format!("SELECT {HEAD}, {FIRST_OF_SEVERAL} FROM events WHERE {from} ORDER BY {order}")
    }

    fn from(self) -> u64 {
        let (Self::Up(from) | Self::Down(from)) = self;
        from
    }

    fn asks_for(self, id: u64) -> bool {
        match self {
            Self::Up(after) => id > after,
            Self::Down(before) => id < before,
        }
    }
}

/// How far a search is.
struct Search<'a> {
    way: Way,
    wanted: &'a EntryFilter,
    limit: usize,
    events: Vec<Event>,
    /// What they take.
    bytes: usize,
    /// Texts that were looked through.
    searched: usize,
    looked_at: u64,
    /// The last entry that was looked at.
    last: Option<u64>,
}

/// Whether a search goes on.
#[derive(Debug, PartialEq, Eq)]
enum Goes {
    On,
    /// Not in this call: there may be more.
    NoFurther,
}

impl Search<'_> {
    /// Looks at the entries in a row.
    fn look(&mut self, log: &Store, head: &Row<'_>) -> rusqlite::Result<Goes> {
        let (id, first) = (head.get::<_, i64>(0)? as u64, head.get::<_, Option<i64>>(6)?);
        let first = first.map(|first| first as u64);
        // Of an entry that is not wanted no text is read.
        if !self.wanted.wants_of(head, first.is_some())? {
            let last = match self.way {
                Way::Up(_) => id,
                Way::Down(_) => first.unwrap_or(id),
            };
            return Ok(if self.way.asks_for(last) { self.note(last) } else { Goes::On });
        }
        // One that cannot be read is an error to whoever asks, not a gap.
        let mut events = log.row(id)?;
        if let Way::Down(_) = self.way {
            events.reverse();
        }
        for event in events {
            if self.way.asks_for(event.id) && self.take(event) == Goes::NoFurther {
                return Ok(Goes::NoFurther);
            }
        }
        Ok(Goes::On)
    }

    fn take(&mut self, event: Event) -> Goes {
        let id = event.id;
        if self.wanted.matches_head(&event) {
            let length = event.what.text().map_or(0, str::len);
            self.searched += length;
            if self.wanted.is_said_in(&event) {
                self.bytes += ENTRY_BYTES + length;
                if self.bytes > BYTES_MAX && !self.events.is_empty() {
                    return Goes::NoFurther;
                }
                self.events.push(event);
            }
        }
        self.note(id)
    }

    /// Everything up to this entry was looked at.
    fn note(&mut self, last: u64) -> Goes {
        self.looked_at += 1;
        self.last = Some(last);
        let is_enough = self.events.len() >= self.limit
            || self.bytes >= BYTES_PER_READ
            || self.searched >= SEARCHED_PER_READ;
        if self.looked_at == SCAN || is_enough { Goes::NoFurther } else { Goes::On }
    }
}

/// What a search has found, and how far it came.
struct Found {
    events: Vec<Event>,
    /// The last entry that was looked at, if there may be more.
    stopped_at: Option<u64>,
}

impl Store {
    /// Entries above `after` that are wanted, oldest first, at most `limit`, no further ones after [`BYTES_PER_READ`], and
    /// never more than a frame has room for; and the id up to which the log was looked through. Call again from there until that is the
    /// newest. In a turn that has appended entries, these are among them before they are committed: the answer leaves
    /// after the commit.
    pub fn read(
        &self,
        after: u64,
        limit: usize,
        wanted: &EntryFilter,
    ) -> Result<(Vec<Event>, u64), StoreError> {
        let found = self.search(Way::Up(after.min(self.extent.last_id)), limit, wanted)?;
        Ok((found.events, found.stopped_at.unwrap_or(self.extent.last_id)))
    }

    /// Entries below `before` that are wanted, newest first, at most `limit`, no further ones after [`BYTES_PER_READ`], and
    /// never more than a frame has room for; and where to look on for older ones, if the log was not looked through to its beginning.
    pub fn history(
        &self,
        before: u64,
        limit: usize,
        wanted: &EntryFilter,
    ) -> Result<(Vec<Event>, Option<u64>), StoreError> {
        let found = self.search(Way::Down(before.min(self.extent.last_id + 1)), limit, wanted)?;
        Ok((found.events, found.stopped_at.filter(|id| *id > self.extent.first_id)))
    }

    fn search(&self, way: Way, limit: usize, wanted: &EntryFilter) -> Result<Found, StoreError> {
        if limit == 0 {
            return Ok(Found { events: Vec::new(), stopped_at: None });
        }
        let way = match (way, &wanted.who) {
            (_, None) => way,
            (Way::Up(after), Some(who)) => Way::Up(self.pass_up(after, who)?),
            (Way::Down(before), Some(who)) => Way::Down(self.pass_down(before, who)?),
        };
        let events = Vec::new();
        let mut search =
            Search { way, wanted, limit, events, bytes: 0, searched: 0, looked_at: 0, last: None };
        let goes = self.ok(self.db()?.prepare_cached(&way.sql()).and_then(|mut query| {
            let mut rows = query.query([way.from() as i64])?;
            while let Some(head) = rows.next()? {
                if search.look(self, head)? == Goes::NoFurther {
                    return Ok(Goes::NoFurther);
                }
            }
            Ok(Goes::On)
        }))?;
        Ok(Found { events: search.events, stopped_at: search.last.filter(|_| goes == Goes::NoFurther) })
    }

    /// The entries in the row with this id, in ascending order.
    fn row(&self, id: u64) -> rusqlite::Result<Vec<Event>> {
        self.aside()
            .prepare_cached("SELECT * FROM events WHERE id = ?1")?
            .query_row([id as i64], runs::events)
    }
}

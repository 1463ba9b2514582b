//! Reading the log: forwards for followers, backwards for history.

use rusqlite::Row;
use simp_control::frame::LONGEST_TEXT;
use simp_control::{Event, Filter, Kind, Peer, Who};

use crate::error::StoreError;
use crate::rows::{event, number};
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
        self.matches_numbers(event.at_ms, number(event.what.kind()), event.chat)
            && self.who.as_ref().is_none_or(|who| who.is(&event.peer))
            && self.is_said_in(event)
    }

    fn is_said_in(&self, event: &Event) -> bool {
        let Some(wanted) = &self.text else { return true };
        event.what.text().is_some_and(|text| text.to_lowercase().contains(wanted))
    }

    /// The same for the [`HEAD`] of one, but for what is said in it.
    fn wants(&self, head: &Row<'_>) -> rusqlite::Result<bool> {
        let (at, chat) = (head.get::<_, i64>(1)? as u64, head.get::<_, i64>(3)? as u64);
        if !self.matches_numbers(at, head.get(2)?, chat) {
            return Ok(false);
        }
        let Some(who) = &self.who else { return Ok(true) };
        Ok(who.is(&Peer { address: head.get(4)?, user: head.get(5)? }))
    }

    fn matches_numbers(&self, at_ms: u64, kind: i64, chat: u64) -> bool {
        (self.kinds == 0 || self.kinds >> kind & 1 == 1)
            && self.chat.is_none_or(|wanted| wanted == chat)
            && self.since_ms.is_none_or(|since| at_ms >= since)
            && self.until_ms.is_none_or(|until| at_ms < until)
    }
}

/// The first so many columns of an entry: what filters ask for. The text comes after them, and may be long.
const HEAD: &str = "id, at, kind, chat, address, user";

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
        let sql = format!("SELECT {HEAD} FROM events WHERE id > ?1 ORDER BY id");
        let found = self.search(&sql, after.min(self.extent.last_id), limit, wanted)?;
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
        let sql = format!("SELECT {HEAD} FROM events WHERE id < ?1 ORDER BY id DESC");
        let found = self.search(&sql, before.min(self.extent.last_id + 1), limit, wanted)?;
        Ok((found.events, found.stopped_at.filter(|id| *id > self.extent.first_id)))
    }

    fn search(&self, sql: &str, from: u64, limit: usize, wanted: &EntryFilter) -> Result<Found, StoreError> {
        let (mut events, mut bytes) = (Vec::new(), 0);
        if limit == 0 {
            return Ok(Found { events, stopped_at: None });
        }
        let stopped_at = self.ok(self.db.prepare_cached(sql).and_then(|mut query| {
            let mut rows = query.query([from as i64])?;
            let (mut looked_at, mut searched, mut last) = (0, 0, None);
            while let Some(head) = rows.next()? {
                let id: i64 = head.get(0)?;
                // Of an entry that is not wanted no text is read.
                if wanted.wants(head)? {
                    // One that cannot be read is an error to whoever asks, not a gap.
                    let event = self.entry(id)?;
                    let length = event.what.text().map_or(0, str::len);
                    searched += length;
                    if wanted.is_said_in(&event) {
                        bytes += ENTRY_BYTES + length;
                        if bytes > BYTES_MAX && !events.is_empty() {
                            return Ok(last);
                        }
                        events.push(event);
                    }
                }
                looked_at += 1;
                last = Some(id as u64);
                let is_enough =
                    events.len() >= limit || bytes >= BYTES_PER_READ || searched >= SEARCHED_PER_READ;
                if looked_at == SCAN || is_enough {
                    return Ok(last);
                }
            }
            Ok(None)
        }))?;
        Ok(Found { events, stopped_at })
    }

    fn entry(&self, id: i64) -> rusqlite::Result<Event> {
        self.db.prepare_cached("SELECT * FROM events WHERE id = ?1")?.query_row([id], event)
    }
}

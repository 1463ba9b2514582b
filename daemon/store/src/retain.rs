//! Giving space free: entries that are no longer to be kept.

use rusqlite::{OptionalExtension as _, params};

use crate::error::StoreError;
use crate::read::SCAN;
use crate::runs::FIRST_OF_SEVERAL;
use crate::store::Store;

/// Free pages that are left in the file for the next entries.
const FREE_PAGES_KEPT: i64 = 64;

/// With so many more, no further entry is removed until they are given back: SQLite finds a page by going through the
/// list of free ones, so that a long list makes each of its pages dear.
const SPARE_PAGES_MAX: u64 = 2_048;

/// Most pages given back in one turn, if the list of free ones is no longer than it should be.
const PAGES_PER_TURN: u64 = 1_024;

/// Bytes of texts after which a turn removes no further entry: each page of a long text is freed by itself.
const REMOVED_PER_TURN: u64 = 1 << 20;

/// What may be removed although it would be kept otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Discard {
    /// What a consumer has not read.
    pub unread: bool,
    /// Messages that were given up and not sent again.
    pub undelivered: bool,
}

/// What becomes of a message that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenUp {
    /// It stays until it is sent again, whatever its age.
    Stays,
    /// It goes as all else does: nobody wanted the chat, and nobody may have been there.
    Goes,
}

impl GivenUp {
    /// What its `undelivered` entry has beside it.
    pub fn extra(self) -> Option<u64> {
        (self == Self::Goes).then_some(1)
    }
}

/// A piece of the log, as ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Entries above this.
    pub after: u64,
    /// Up to this one.
    pub until: u64,
}

impl Span {
    /// The part whose ages are looked at in one turn.
    pub fn first_part(self) -> Self {
        Self { until: self.until.min(self.after + SCAN), ..self }
    }
}

/// How old the entries of a piece of the log are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// The newest that is old. Those before it are at least as old, whatever their times say: a clock may
    /// jump, ids do not.
    pub newest_old: Option<u64>,
    /// Whether one is younger than that, and not from the future.
    pub any_young: bool,
}

/// What was removed of a piece of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// The entries up to this one were gone through.
    pub until: u64,
    /// How many of them had to stay.
    pub stayed: u64,
}

/// What stays, whatever its age: messages that still wait, in a chat or in the outbox, and that one of those was taken
/// back, as long as the chat counts it among them; unless they are to be
/// discarded, messages that were given up and not sent again, if they are such as [stay](GivenUp), and what no
/// consumer has read. The newest entry stays too, so that no id is used again. If there is no consumer, messages
/// count as unread.
const REMOVE: &str = "
    DELETE FROM events WHERE id > ?1 AND id <= ?2
    AND NOT (kind = 5 AND (
        EXISTS (SELECT 1 FROM outbox WHERE message = events.id)
        OR EXISTS (SELECT 1 FROM chats WHERE chats.chat = events.chat AND settled < events.id)))
    AND NOT (kind = 7 AND EXISTS (SELECT 1 FROM chats WHERE chats.chat = events.chat AND settled < events.message))
    AND (?3 OR NOT (
        (kind = 5 AND EXISTS (SELECT 1 FROM events AS u
                WHERE u.kind = 7 AND u.message = events.id AND u.seq IS NULL)
            AND NOT EXISTS (SELECT 1 FROM events AS a
                WHERE a.kind = 5 AND a.message IS NOT NULL AND a.message = events.id))
        OR (kind = 7 AND seq IS NULL AND NOT EXISTS (SELECT 1 FROM events AS a
                WHERE a.kind = 5 AND a.message IS NOT NULL AND a.message = events.message))))
    AND (?4 OR (
        id <= coalesce((SELECT min(seen) FROM consumers), ?2)
        AND (kind <> 4 OR EXISTS (SELECT 1 FROM consumers))))";

/// Of several entries in one row, those go that the statement above would remove if each had a row.
fn cut() -> String {
    let until = "min(?1, CASE WHEN ?2 THEN ?1 ELSE coalesce((SELECT min(seen) FROM consumers), ?1) END)";
    format!(
        "UPDATE events SET first = 1 + {until}
        WHERE id = (SELECT id FROM events WHERE id > ?1 ORDER BY id LIMIT 1) AND {FIRST_OF_SEVERAL} <= {until}
        AND (kind <> 4 OR ?2 OR EXISTS (SELECT 1 FROM consumers))"
    )
}

impl Store {
    /// The entries that may be removed at all: a start needs those after the last kept state, and the newest
    /// says which id comes next. Nothing that some consumer has not read is among them, unless that may be discarded.
    pub fn removable(&self, discard: Discard) -> Result<Span, StoreError> {
        let oldest = "SELECT min(seen) FROM consumers";
        let read = match discard.unread {
            true => None,
            false => self.ok(self.db()?.query_row(oldest, [], |row| row.get::<_, Option<i64>>(0)))?,
        };
        let until = self.extent.kept_through.min(self.extent.last_id.saturating_sub(1));
        let until = read.map_or(until, |read| until.min(read as u64));
        Ok(Span { after: self.extent.first_id.saturating_sub(1), until })
    }

    /// How old the entries are: old ones were appended at `old_ms` or before.
    pub fn ages(&self, span: Span, old_ms: u64, now_ms: u64) -> Result<Ages, StoreError> {
        // Entries after `now_ms` were written while the clock was wrong: they say nothing of their age.
        // The row after the last may have some of them.
        let sql = format!(
            "SELECT max(CASE WHEN at <= ?3 THEN min(id, ?2) END), count(CASE WHEN at > ?3 AND at <= ?4 THEN 1 END)
                FROM events WHERE id > ?1 AND id <= coalesce((SELECT min(id) FROM events WHERE id >= ?2), ?2)
                AND (id <= ?2 OR {FIRST_OF_SEVERAL} <= ?2)"
        );
        let values = params![span.after as i64, span.until as i64, old_ms as i64, now_ms as i64];
        self.ok(self.db()?.prepare_cached(&sql).and_then(|mut query| {
            query.query_row(values, |row| {
                let newest_old = row.get::<_, Option<i64>>(0)?.map(|id| id as u64);
                Ok(Ages { newest_old, any_young: row.get::<_, i64>(1)? > 0 })
            })
        }))
    }

    /// Removes the first entries of a piece of the log, as many as one turn may, but those that must stay.
    pub fn remove(&mut self, span: Span, discard: Discard) -> Result<Removed, StoreError> {
        let (until, entries) = self.first_entries(span)?;
        self.begin()?;
        let values = params![span.after as i64, until as i64, discard.undelivered, discard.unread];
        let removed = self.write(REMOVE, values)? as u64;
        let cut = self.write(&cut(), params![until as i64, discard.unread])?;
        if removed > 0 {
            self.drop_names(span.after, until)?;
        }
        if removed > 0 || cut > 0 {
            self.extent.first_id = self.ok(self.oldest_entry())?;
            self.drop_pieces(span.after, until)?;
        }
        Ok(Removed { until, stayed: entries - removed })
    }

    /// The id of the oldest entry; 0 if there is none.
    pub(crate) fn oldest_entry(&self) -> rusqlite::Result<u64> {
        let sql = format!("SELECT coalesce({FIRST_OF_SEVERAL}, id) FROM events ORDER BY id LIMIT 1");
        let oldest = self.aside().query_row(&sql, [], |row| row.get::<_, i64>(0)).optional()?;
        Ok(oldest.unwrap_or_default() as u64)
    }

    /// How far the first entries of a piece reach that one turn may remove, and how many they are.
    fn first_entries(&self, span: Span) -> Result<(u64, u64), StoreError> {
        // Ids may be far apart where nearly all are gone. Of a text only its length is read: its pages are not.
        let sql = "SELECT id, octet_length(text) FROM events WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3";
        self.ok(self.db()?.prepare_cached(sql).and_then(|mut query| {
            let mut rows = query.query([span.after as i64, span.until as i64, SCAN as i64])?;
            let (mut entries, mut bytes) = (0, 0);
            while let Some(row) = rows.next()? {
                entries += 1;
                bytes += row.get::<_, Option<i64>>(1)?.unwrap_or_default() as u64;
                if entries == SCAN || bytes >= REMOVED_PER_TURN {
                    return Ok((row.get::<_, i64>(0)? as u64, entries));
                }
            }
            Ok((span.until, entries))
        }))
    }

    /// How many free pages of the file can be given back to the disk.
    pub fn spare_pages(&self) -> Result<u64, StoreError> {
        let free: i64 = self.ok(self.db()?.pragma_query_value(None, "freelist_count", |row| row.get(0)))?;
        // Pages that are given back are taken again with the next entries, and that costs more.
        Ok((free - FREE_PAGES_KEPT).max(0) as u64)
    }

    /// Whether they should be given back before further entries are removed.
    pub fn has_many_spare_pages(&self) -> Result<bool, StoreError> {
        Ok(self.spare_pages()? > SPARE_PAGES_MAX)
    }

    /// Gives some free pages of the file back to the disk, which has them after the next checkpoint. Returns
    /// whether there may be more.
    pub fn shrink(&mut self) -> Result<bool, StoreError> {
        let spare = self.spare_pages()?;
        if spare == 0 {
            return Ok(false);
        }
        // Of a longer list, which an earlier version may have left, fewer: each of them costs a look at more of it.
        let too_long = spare.div_ceil(SPARE_PAGES_MAX * 2);
        let spare = spare.min((PAGES_PER_TURN / too_long).max(64));
        self.begin()?;
        // A pragma takes no parameters. Each step of it gives one page back, as a row without columns: whoever executes
        // it once gives back one.
        let pragma = format!("PRAGMA incremental_vacuum({spare})");
        self.ok(self.db()?.prepare(&pragma).and_then(|mut vacuum| {
            let mut pages = vacuum.query([])?;
            while pages.next()?.is_some() {}
            Ok(())
        }))?;
        Ok(true)
    }
}

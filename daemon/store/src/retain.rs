//! Giving space free: entries that are no longer to be kept.

use rusqlite::params;

use crate::error::StoreError;
use crate::read::SCAN;
use crate::schema::PAGE_BYTES;
use crate::store::Store;

/// Free pages that are left in the file for the next entries.
const FREE_PAGES_KEPT: i64 = 64;

/// Most pages given back in one turn.
const PAGES_PER_TURN: i64 = 1_024;

/// What may be removed although it would be kept otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Discard {
    /// What a consumer has not read.
    pub unread: bool,
    /// Messages that were given up and not sent again.
    pub undelivered: bool,
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
    /// The part that is looked at in one turn.
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

/// What stays, whatever its age: messages that still wait, in a chat or in the outbox; unless they are to be
/// discarded, messages that were given up and not sent again, and what no consumer has read. The newest entry
/// stays too, so that no id is used again. If there is no consumer, messages count as unread.
const REMOVE: &str = "
    DELETE FROM events WHERE id > ?1 AND id <= ?2
    AND NOT (kind = 5 AND (
        EXISTS (SELECT 1 FROM outbox WHERE message = events.id)
        OR EXISTS (SELECT 1 FROM chats WHERE chats.chat = events.chat AND settled < events.id)))
    AND (?3 OR NOT (
        (kind = 5 AND EXISTS (SELECT 1 FROM events AS u WHERE u.kind = 7 AND u.message = events.id)
            AND NOT EXISTS (SELECT 1 FROM events AS a
                WHERE a.kind = 5 AND a.message IS NOT NULL AND a.message = events.id))
        OR (kind = 7 AND NOT EXISTS (SELECT 1 FROM events AS a
                WHERE a.kind = 5 AND a.message IS NOT NULL AND a.message = events.message))))
    AND (?4 OR (
        id <= coalesce((SELECT min(seen) FROM consumers), ?2)
        AND (kind <> 4 OR EXISTS (SELECT 1 FROM consumers))))";

impl Store {
    /// The entries that may be removed at all: a start needs those after the last kept state, and the newest
    /// says which id comes next.
    pub fn removable(&self) -> Span {
        let until = self.extent.kept_through.min(self.extent.last_id.saturating_sub(1));
        Span { after: self.extent.first_id.saturating_sub(1), until }
    }

    /// How old the entries are: old ones were appended at `old_ms` or before.
    pub fn ages(&self, span: Span, old_ms: u64, now_ms: u64) -> Result<Ages, StoreError> {
        // Entries after `now_ms` were written while the clock was wrong: they say nothing of their age.
        let sql =
            "SELECT max(CASE WHEN at <= ?3 THEN id END), count(CASE WHEN at > ?3 AND at <= ?4 THEN 1 END)
                   FROM events WHERE id > ?1 AND id <= ?2";
        let values = params![span.after as i64, span.until as i64, old_ms as i64, now_ms as i64];
        self.ok(self.db.prepare_cached(sql).and_then(|mut query| {
            query.query_row(values, |row| {
                let newest_old = row.get::<_, Option<i64>>(0)?.map(|id| id as u64);
                Ok(Ages { newest_old, any_young: row.get::<_, i64>(1)? > 0 })
            })
        }))
    }

    /// Removes the entries of a piece of the log, but those that must stay. Returns how many went.
    pub fn remove(&mut self, span: Span, discard: Discard) -> Result<usize, StoreError> {
        self.begin()?;
        let values = params![span.after as i64, span.until as i64, discard.undelivered, discard.unread];
        let removed = self.write(REMOVE, values)?;
        // About eight entries fill a page, which is written once for all of them.
        self.written += removed as u64 * PAGE_BYTES / 8;
        if removed > 0 {
            let oldest =
                self.db.query_row("SELECT coalesce(min(id), 0) FROM events", [], |row| row.get::<_, i64>(0));
            self.extent.first_id = self.ok(oldest)? as u64;
        }
        Ok(removed)
    }

    /// Gives some free pages of the file back to the disk, which has them after the next checkpoint. Returns
    /// whether there are more.
    pub fn shrink(&mut self) -> Result<bool, StoreError> {
        let free: i64 = self.ok(self.db.pragma_query_value(None, "freelist_count", |row| row.get(0)))?;
        // Pages that are given back are taken again with the next entries, and that costs more.
        let spare = (free - FREE_PAGES_KEPT).clamp(0, PAGES_PER_TURN);
        if spare == 0 {
            return Ok(false);
        }
        self.begin()?;
        // A pragma takes no parameters. Each step of it gives one page back, as a row without columns: whoever executes
        // it once gives back one.
        let pragma = format!("PRAGMA incremental_vacuum({spare})");
        self.ok(self.db.prepare(&pragma).and_then(|mut vacuum| {
            let mut pages = vacuum.query([])?;
            while pages.next()?.is_some() {}
            Ok(())
        }))?;
        self.written += spare as u64 * PAGE_BYTES;
        Ok(true)
    }
}

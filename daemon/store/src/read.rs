//! Reading the log: forwards for followers, backwards for history.

use std::fmt::Write as _;

use simp_control::{Event, Filter, Who};

use crate::error::StoreError;
use crate::rows::{event, number};
use crate::store::Store;

/// Most entries that [`Store::read`] looks at in one call, so that a filter which finds nothing does not hold
/// the loop up.
pub(crate) const SCAN: u64 = 2_048;

/// Which entries a reader wants. Empty: all.
#[derive(Debug, Clone, Default)]
pub struct EntryFilter {
    /// One bit per place in `Kind::ALL`; 0 stands for all.
    kinds: u32,
    chat: Option<u64>,
    who: Option<Who>,
    since_ms: Option<u64>,
    until_ms: Option<u64>,
}

impl EntryFilter {
    /// The entries that a client's filter lets pass.
    pub fn new(filter: &Filter) -> Self {
        Self {
            kinds: filter.kinds.iter().fold(0, |bits, kind| bits | 1 << number(*kind)),
            chat: filter.chat,
            who: filter.who.as_deref().map(Who::parse),
            since_ms: filter.since_ms,
            until_ms: filter.until_ms,
        }
    }

    /// Whether this entry is wanted.
    pub fn matches(&self, event: &Event) -> bool {
        (self.kinds == 0 || self.kinds >> number(event.what.kind()) & 1 == 1)
            && self.chat.is_none_or(|chat| chat == event.chat)
            && self.since_ms.is_none_or(|since| event.at_ms >= since)
            && self.until_ms.is_none_or(|until| event.at_ms < until)
            && self.who.as_ref().is_none_or(|who| who.is(&event.peer))
    }
}

impl Store {
    /// Entries above `after` that are wanted, oldest first, at most `limit`; and the id up to which
    /// the log was looked through. Call again from there until that is the newest. In a turn that has
    /// appended entries, these are among them before they are committed: the answer leaves after the commit.
    pub fn read(
        &self,
        after: u64,
        limit: usize,
        wanted: &EntryFilter,
    ) -> Result<(Vec<Event>, u64), StoreError> {
        let after = after.max(self.extent.first_id.saturating_sub(1));
        let until = self.extent.last_id.min(after + SCAN);
        let rows = self.select("id > ?1 AND id <= ?2", "ASC", [after, until], limit, wanted)?;
        // What was cut off by the limit is looked at with the next call.
        let looked = if rows.len() == limit { rows.last().map_or(until, |event| event.id) } else { until };
        Ok((rows, looked))
    }

    /// Entries below `before` that are wanted, newest first, at most `limit`; and where to look on
    /// for older ones, if the log was not looked through to its beginning.
    pub fn history(
        &self,
        before: u64,
        limit: usize,
        wanted: &EntryFilter,
    ) -> Result<(Vec<Event>, Option<u64>), StoreError> {
        // From the newest on: a client that begins with the largest number looks through nothing that is not there.
        let before = before.min(self.extent.last_id + 1);
        let above = before.saturating_sub(SCAN + 1);
        let rows = self.select("id > ?1 AND id < ?2", "DESC", [above, before], limit, wanted)?;
        let lowest = if rows.len() == limit { rows.last().map_or(1, |event| event.id) } else { above + 1 };
        Ok((rows, (lowest > self.extent.first_id.max(1)).then_some(lowest)))
    }

    fn select(
        &self,
        range: &str,
        order: &str,
        ids: [u64; 2],
        limit: usize,
        wanted: &EntryFilter,
    ) -> Result<Vec<Event>, StoreError> {
        let mut sql = format!("SELECT * FROM events WHERE {range}");
        // Numbers only: nothing that a client wrote becomes part of the statement.
        if let Some(chat) = wanted.chat {
            let _ = write!(sql, " AND chat = {}", chat as i64);
        }
        if wanted.kinds != 0 {
            let _ = write!(sql, " AND {} >> kind & 1", wanted.kinds);
        }
        let _ = write!(sql, " ORDER BY id {order}");
        self.ok(self.db.prepare_cached(&sql).and_then(|mut query| {
            query
                .query_map(ids.map(|id| id.min(i64::MAX as u64) as i64), event)?
                // A row that cannot be read is an error to whoever asks, not a gap.
                .filter(|event| event.as_ref().map_or(true, |event| wanted.matches(event)))
                .take(limit)
                .collect()
        }))
    }
}

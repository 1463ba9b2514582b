//! How much the write-ahead log has, and when that is enough to copy it back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::Connection;

use crate::error::StoreError;

/// The write-ahead log is copied back once so many pages were written to it. The more, the longer a turn waits for that, and
/// the fewer, the more turns do. It is not truncated then: a commit that overwrites is twice as fast on disk as one that
/// makes the file grow.
const CHECKPOINT_PAGES: u32 = 2_048;

/// How much the write-ahead log has.
#[derive(Debug)]
pub(crate) struct WriteAhead {
    /// In pages, since it was copied back and begun anew, as SQLite tells after each commit.
    pages: Arc<AtomicU32>,
    /// With so many it is copied back.
    due_at: u32,
}

impl Default for WriteAhead {
    fn default() -> Self {
        Self { pages: Arc::default(), due_at: CHECKPOINT_PAGES }
    }
}

impl WriteAhead {
    /// From now on it is known. Whatever says when SQLite is to copy it back by itself takes its place.
    pub(crate) fn watch(&self, db: &mut Connection) -> rusqlite::Result<()> {
        let pages = Arc::clone(&self.pages);
        db.wal_hook(Some(move |_: &mut _, now| {
            pages.store(u32::try_from(now).unwrap_or_default(), Ordering::Relaxed);
            Ok(())
        }))
    }

    /// Whether it is to be copied back.
    pub(crate) fn is_due(&self) -> bool {
        self.pages.load(Ordering::Relaxed) >= self.due_at
    }

    /// It was copied back, and begins anew with the next commit; or could not be, and is tried again after as much again.
    pub(crate) fn note_tried<T>(&mut self, tried: &Result<T, StoreError>) {
        if tried.is_ok() {
            self.pages.store(0, Ordering::Relaxed);
        }
        self.due_at = self.pages.load(Ordering::Relaxed).saturating_add(CHECKPOINT_PAGES);
    }
}

//! How much the write-ahead log has, when that is enough to copy it back, and that a commit finds room in it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::Connection;

use crate::error::StoreError;

/// The write-ahead log is copied back once so many pages were written to it. The more, the longer a turn waits for that, and
/// the fewer, the more turns do. It is not truncated then: a commit that overwrites is twice as fast on disk as one that
/// makes the file grow.
const CHECKPOINT_PAGES: u32 = 2_048;

/// The file is made longer by so much at a time, for the same reason,
const GROWTH: usize = 64 << 10;

/// and as soon as it has less room than this: most turns write less.
const ROOM: u64 = 8 << 10;

/// What SQLite puts at its beginning, and before each page.
const HEADER: u64 = 32;
const PAGE_HEADER: u64 = 24;

/// How much the write-ahead log has.
#[derive(Debug)]
pub(crate) struct WriteAhead {
    /// In pages, since it was copied back and begun anew, as SQLite tells after each commit.
    pages: Arc<AtomicU32>,
    /// With so many it is copied back.
    due_at: u32,
    page_bytes: u64,
    /// The file has at least so many bytes. If it could not be made longer, that is not tried again until it was copied back:
    /// then this is as many as there are.
    length: u64,
}

impl Default for WriteAhead {
    fn default() -> Self {
        Self { pages: Arc::default(), due_at: CHECKPOINT_PAGES, page_bytes: 0, length: 0 }
    }
}

impl WriteAhead {
    /// From now on it is known. Whatever says when SQLite is to copy it back by itself takes its place.
    pub(crate) fn watch(&mut self, db: &mut Connection) -> rusqlite::Result<()> {
        self.page_bytes = db.pragma_query_value(None, "page_size", |row| row.get::<_, i64>(0))? as u64;
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
        // It may have been cut off.
        self.length = 0;
    }

    /// Whether the next commit would make the file longer.
    pub(crate) fn lacks_room(&self) -> bool {
        self.wanted() > self.length
    }

    /// Makes the file at `path` longer. Zeros are no pages: whoever reads it stops there.
    pub(crate) fn make_room(&mut self, path: &Path) {
        // If it cannot be, SQLite does it with each commit, and says why it cannot.
        self.length = grow(path, self.wanted()).unwrap_or(u64::MAX);
    }

    fn wanted(&self) -> u64 {
        let pages = u64::from(self.pages.load(Ordering::Relaxed));
        HEADER + pages * (PAGE_HEADER + self.page_bytes) + ROOM
    }
}

/// Adds to the file if it is shorter than this; returns how long it is.
fn grow(path: &Path, wanted: u64) -> io::Result<u64> {
    let file = File::options().write(true).open(path)?;
    let length = file.metadata()?.len();
    if length >= wanted {
        return Ok(length);
    }
    // At its end, where nothing of SQLite is.
    file.write_all_at(&[0; GROWTH], length)?;
    Ok(length + GROWTH as u64)
}

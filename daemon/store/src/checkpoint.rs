//! When the write-ahead log is copied back into the file of the log. While somebody copies that file it is held: all that
//! is written stays in the write-ahead log, so that the copy is the log of one moment.

use std::mem;
use std::path::PathBuf;

use crate::error::StoreError;
use crate::hold::Hold;
use crate::store::Store;

/// The write-ahead log of a file that is held has at most about so many bytes. To copy more of them back would hold
/// everybody up.
pub const HELD_BYTES_MAX: u64 = 64 << 20;

/// The file of the log, which does not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
}

/// What became of a wish to hold the file.
#[derive(Debug)]
pub enum Holding {
    /// It is held.
    Held(HeldFile),
    /// It is with the next commit: ask again in the next turn.
    NotYet,
    /// It cannot be.
    Failed(StoreError),
}

impl Store {
    /// Holds the file of the log as it is, until [`end_hold`](Self::end_hold).
    ///
    /// # Errors
    /// [`StoreError`] if nothing can be written in this turn.
    pub fn hold(&mut self) -> Result<Holding, StoreError> {
        match mem::take(&mut self.hold) {
            Hold::Failed(error) => Ok(Holding::Failed(error)),
            Hold::Held => match std::fs::metadata(&self.path) {
                Ok(file) => {
                    self.hold = Hold::Held;
                    Ok(Holding::Held(HeldFile { path: self.path.clone(), bytes: file.len() }))
                }
                // Somebody has moved it away. What is open goes on.
                Err(error) => Ok(Holding::Failed(StoreError::of_system(&self.path, &error))),
            },
            Hold::No | Hold::Wanted => {
                // So that there is a commit.
                self.begin()?;
                self.hold = Hold::Wanted;
                Ok(Holding::NotYet)
            }
        }
    }

    /// Whether the file has not changed since it was held.
    pub fn is_held(&self) -> bool {
        matches!(self.hold, Hold::Held)
    }

    /// The file may change again. Without effect on one that is only to be held.
    pub fn end_hold(&mut self) {
        match self.hold {
            Hold::No | Hold::Wanted => return,
            Hold::Failed(_) => {}
            // What has gathered meanwhile takes up room.
            Hold::Held => self.tidy_up_next = true,
        }
        self.hold = Hold::No;
    }

    /// A commit that was to come has not.
    pub(crate) fn forget_wish_to_hold(&mut self) {
        if let Hold::Wanted = self.hold {
            self.hold = Hold::No;
        }
    }

    /// Lets the next commit [tidy up](Self::tidy_up), so that there is one.
    pub fn tidy_up_with_commit(&mut self) -> Result<(), StoreError> {
        self.tidy_up_next = true;
        self.begin()
    }

    /// Copies the write-ahead log back and gives its space free, so that the next start finds one file.
    pub fn tidy_up(&self) -> Result<(), StoreError> {
        self.checkpoint("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    /// After a commit: what is committed is safe whatever comes of this.
    pub(crate) fn tend_file(&mut self) {
        match mem::take(&mut self.hold) {
            Hold::Held if self.wal_bytes() < HELD_BYTES_MAX => {
                self.hold = Hold::Held;
                return;
            }
            Hold::Held => {
                let limit = HELD_BYTES_MAX >> 20;
                tracing::warn!("a backup is given up: {limit} MiB were written to the log meanwhile");
                self.tidy_up_next = true;
            }
            Hold::Wanted => {
                self.tidy_up_next = false;
                let tidied = self.tidy_up();
                self.wal.note_tried(&tidied);
                self.hold = tidied.map_or_else(Hold::Failed, |()| Hold::Held);
                return;
            }
            other @ (Hold::No | Hold::Failed(_)) => self.hold = other,
        }
        let empties = mem::take(&mut self.tidy_up_next);
        if !empties && !self.wal.is_due() {
            if self.wal.lacks_room() {
                self.wal.make_room(&self.wal_path());
            }
            return;
        }
        let tidied = if empties { self.tidy_up() } else { self.checkpoint("PRAGMA wal_checkpoint(PASSIVE)") };
        self.wal.note_tried(&tidied);
        if let Err(error) = tidied {
            tracing::warn!("the log cannot be checkpointed: {error}");
        }
    }

    fn checkpoint(&self, pragma: &str) -> Result<(), StoreError> {
        let is_busy = self.ok(self.db()?.query_row(pragma, [], |row| row.get::<_, bool>(0)))?;
        if is_busy { Err(StoreError::Busy(self.path.clone())) } else { Ok(()) }
    }

    /// How long the write-ahead log is.
    fn wal_bytes(&self) -> u64 {
        std::fs::metadata(self.wal_path()).map_or(0, |file| file.len())
    }

    pub(crate) fn wal_path(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push("-wal");
        path.into()
    }
}

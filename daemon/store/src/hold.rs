//! Whether the file of the log is held as it is, while somebody copies it.

use crate::error::StoreError;

/// Whether the file is held.
#[derive(Debug, Default)]
pub(crate) enum Hold {
    /// It changes whenever the write-ahead log is copied back.
    #[default]
    No,
    /// That is done with the next commit, and then no more.
    Wanted,
    /// The file has all that was committed until this began, and does not change.
    Held,
    /// The write-ahead log could not be copied back.
    Failed(StoreError),
}

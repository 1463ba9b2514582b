//! The log cannot be written: what is told of it.

use std::time::Duration;

use crate::store::StoreError;

/// What keeps the log from being written.
#[derive(Debug)]
pub struct Trouble {
    /// What is wrong, and what to do.
    pub error: String,
}

impl Trouble {
    /// How often the log is tried again.
    pub const TRY_EVERY: Duration = Duration::from_secs(1);

    /// What this error means for those who come.
    pub fn new(error: &StoreError) -> Self {
        Self { error: error.to_string() }
    }

    /// What a client is told whose request would have to be written.
    pub fn line(&self) -> String {
        format!("nothing was changed: {}", self.error)
    }
}

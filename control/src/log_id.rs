//! Which log: what the ids of entries belong to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The id of a log, which it has for good and no other log has: 128 random bits, written as 32 hexadecimal digits. The
/// id of an entry means something only together with it, for every log counts from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogId(String);

impl LogId {
    /// The log with this id, as it was written down.
    pub fn new(digits: impl Into<String>) -> Self {
        Self(digits.into())
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

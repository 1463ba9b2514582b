//! What there is to know of a backup.

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

/// The format of the archive. A reader refuses a later one.
pub const FORMAT: u32 = 1;

/// What a backup is of. What is not known in it is ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of the program that made it.
    pub version: String,
    /// Where the daemon received.
    pub address: String,
    /// Whom it spoke for.
    pub user: String,
    /// The id of its log; none from an old daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// When it was made, as RFC 3339.
    pub at: String,
    /// The key as it is in the archive.
    pub key: Sum,
    /// The log.
    pub log_db: Sum,
}

/// What the bytes of a file come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// How many there are.
    pub bytes: u64,
    /// Their SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// Bytes that are summed up as they go by.
pub(crate) struct Summing {
    bytes: u64,
    digest: Context,
}

impl Summing {
    pub(crate) fn begin() -> Self {
        Self { bytes: 0, digest: Context::new(&SHA256) }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.digest.update(bytes);
    }

    pub(crate) fn end(self) -> Sum {
        let digits = self.digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Sum { bytes: self.bytes, sha256: digits }
    }
}

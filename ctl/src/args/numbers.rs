//! Numbers as arguments.

use simp_service::arguments::whole;

/// Reads a number of entries or lines.
pub(super) fn number<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    whole(text, 0, u32::MAX.into())
}

/// Reads a number of bytes.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    whole(text, 0, i64::MAX as u64)
}

/// Reads the id of a message.
pub(super) fn id(text: &str) -> Result<u64, String> {
    whole(text, 0, u64::MAX).map_err(|_| "an id is a whole number, as history and outbox list it".to_owned())
}

/// Reads how often something is tried.
pub(super) fn times(text: &str) -> Result<u32, String> {
    whole(text, 1, u32::MAX.into())
}

/// Reads how many things are done at a time.
pub(super) fn at_once(text: &str) -> Result<u32, String> {
    whole(text, 1, 256)
}

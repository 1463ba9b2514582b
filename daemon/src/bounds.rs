//! Settings that are numbers with bounds: how much others may add, and how much may wait.

use simp_control::frame::LONGEST_TEXT;
use simp_engine::{Budget, OutboxMax};
use simp_service::arguments;

use crate::settings::{ConfigError, Said, Settings};

/// Most bytes of a text that a user can allow in secure chats: with what belongs to it, it fits a frame of the control API.
pub const SECURE_TEXT_MOST: u64 = LONGEST_TEXT as u64;

/// Most messages that a user can let wait in the outbox.
const OUTBOX_MOST: u64 = 10_000_000;

/// How much the outbox may hold.
///
/// # Errors
/// One of its settings makes no sense.
pub fn outbox(file: &mut Settings) -> Result<OutboxMax, ConfigError> {
    let default = OutboxMax::default();
    let mut most = |name, default, (from, to)| Ok(whole(file.number(name)?, from, to)?.unwrap_or(default));
    Ok(OutboxMax {
        messages: most("outbox_max", default.messages, (1, OUTBOX_MOST))?,
        peer: most("outbox_peer_max", default.peer, (1, OUTBOX_MOST))?,
        bytes: most("outbox_bytes", default.bytes, (SECURE_TEXT_MOST, 1 << 40))?,
    })
}

/// How much others may add to the log.
///
/// # Errors
/// One of its settings makes no sense.
pub fn budget(file: &mut Settings) -> Result<Budget, ConfigError> {
    let default = Budget::default();
    let mut bytes = |name, default| Ok(whole(file.number(name)?, 1_024, 1 << 40)?.unwrap_or(default));
    Ok(Budget {
        peer: bytes("peer_bytes", default.peer)?,
        strangers: bytes("stranger_bytes", default.strangers)?,
    })
}

/// A whole number between these.
///
/// # Errors
/// It is something else.
pub fn whole(said: Option<Said>, least: u64, most: u64) -> Result<Option<u64>, ConfigError> {
    let Some(said) = said else { return Ok(None) };
    arguments::whole(&said.value, least, most).map(Some).map_err(|expected| said.is_no(expected))
}

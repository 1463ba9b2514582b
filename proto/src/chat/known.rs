//! What is known of a peer before a chat with it begins.

use crate::dialect::Dialect;

/// What a chat begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// How the peer speaks, or whoever was heard of last on its host.
    pub dialect: Dialect,
    /// Our user has said how: whatever the peer shows, nothing is learned.
    pub is_pinned: bool,
    /// There was no chat with the peer before: all that it sends is of this one.
    pub is_stranger: bool,
}

/// A peer that there was a chat with before.
impl From<Dialect> for Known {
    fn from(dialect: Dialect) -> Self {
        Self { dialect, ..Self::default() }
    }
}

//! Writing down where chats stand, a part of them in each turn, so that a start has little to read.

use simp_store::{Store, StoreError};

use crate::roster::Roster;

/// Most chats that one turn writes down.
const CHATS_PER_TURN: usize = 128;

/// How far that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keeping {
    /// Nothing is to be written down.
    #[default]
    Idle,
    /// The chats are gone through.
    Under {
        /// They are kept as of this entry at least, once that is done.
        through: u64,
        /// The key from which on.
        next: usize,
    },
}

impl Keeping {
    /// This turn's part. Returns whether all chats are kept as of the first turn of it.
    pub fn step(&mut self, chats: &mut Roster, store: &mut Store) -> Result<bool, StoreError> {
        let (through, next) = match *self {
            Self::Idle => (store.last_id(), 0),
            Self::Under { through, next } => (through, next),
        };
        *self = match chats.keep_some(store, next, CHATS_PER_TURN)? {
            Some(next) => Self::Under { through, next },
            None => {
                store.set_kept(through)?;
                Self::Idle
            }
        };
        Ok(*self == Self::Idle)
    }
}

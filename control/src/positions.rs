//! Which log a client speaks of, and where an entry is in it, for whoever keeps that and comes back later.

use crate::client::Client;
use crate::epochs::Position;
use crate::log_id::LogId;

impl Client {
    /// The log that all ids are of; `None` as long as no daemon has named it.
    pub fn log(&self) -> Option<&LogId> {
        self.log.id.as_ref()
    }

    /// Where an entry of the log is that this connection has told of, for whoever keeps that and comes back later.
    pub fn position_of(&self, entry: u64) -> Position {
        self.log.position(entry)
    }

    /// Whether the entry at this position is in the log, or was before it was removed, as far as can be said.
    pub fn has(&self, position: Position) -> bool {
        self.log.has(position)
    }

    /// A log without the entry at this position is another one from now on. What comes on this connection counts by itself.
    pub fn rely_on(&mut self, position: Position) {
        self.log.know(position);
    }
}

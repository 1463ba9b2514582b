//! What a client knows of the log: which it is, and up to which entry it must be the one that was there.

use crate::answer::{Answer, Reply};
use crate::epochs::{Epochs, Position};
use crate::log_id::LogId;

/// The log that all ids are of which a client was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownLog {
    /// `None` as long as no daemon has named it.
    pub(crate) id: Option<LogId>,
    epochs: Epochs,
    /// The newest entry that the client knows of.
    newest: Position,
}

impl KnownLog {
    /// A daemon says which log it has. Returns whether the entries that the client knows are in it.
    pub(crate) fn greet(&mut self, id: Option<LogId>, epochs: Epochs) -> bool {
        // An older simpd does not say which log it has.
        let is_other = id.is_some() && self.id.is_some() && id != self.id;
        let is_same = !is_other && epochs.have(self.newest);
        (self.id, self.epochs) = (id.or(self.id.take()), epochs);
        is_same
    }

    /// The client goes by the entry at this position from now on.
    pub(crate) fn know(&mut self, position: Position) {
        if position.id > self.newest.id {
            self.newest = position;
        }
    }

    /// The same for the entry that an answer of the daemon names which was greeted last.
    pub(crate) fn note(&mut self, answer: &Answer) {
        let named = match answer {
            Answer::Event(event) => event.id,
            Answer::Reply(Reply::Chat { after, .. } | Reply::Following { after }) => *after,
            Answer::Reply(Reply::Queued { message, .. }) => *message,
            Answer::Reply(_) | Answer::Failure(_) => return,
        };
        self.know(self.position(named));
    }

    /// It is another one, of which the client knows no entry.
    pub(crate) fn forget(&mut self) {
        self.newest = Position::default();
    }

    /// Where an entry of it is.
    pub(crate) fn position(&self, entry: u64) -> Position {
        self.epochs.position(entry)
    }

    /// Whether an entry at this position is in it.
    pub(crate) fn has(&self, position: Position) -> bool {
        self.epochs.have(position)
    }
}

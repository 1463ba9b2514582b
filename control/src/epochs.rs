//! Which entries a log has in common with copies of it: what makes a place in a log that of no other.

use serde::{Deserialize, Serialize};

/// A stretch of a log: what one run of simpd appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// A random number, drawn at the start of that run: a copy of the log that goes on for itself has another from there on.
    pub id: u64,
    /// The entries above this id, until the next epoch begins.
    pub after: u64,
}

/// The newest epochs of a log, oldest first. Two logs have the same entries up to the end of an epoch that is in both.
/// None from an older simpd.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epochs(Vec<Epoch>);

/// An entry of a log that has a past: it is not the one that has the same id in a copy that went its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// The entry; 0 is before the first.
    pub id: u64,
    /// An epoch that it is in, or before; `None` if none is known.
    pub epoch: Option<u64>,
}

impl Epochs {
    /// These, which must be in order.
    pub fn new(epochs: Vec<Epoch>) -> Self {
        Self(epochs)
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where the entry with this id is.
    pub fn position(&self, id: u64) -> Position {
        // The first that reaches so far: an epoch is kept only if something was appended in it, so that one which has
        // just begun says nothing of what was there before.
        let epoch = self.spans().find(|(_, until)| id <= *until).map(|(epoch, _)| epoch);
        Position { id, epoch: epoch.filter(|_| id > 0) }
    }

    /// Whether the entry at this position is one of this log, or was before it was removed, as far as can be said.
    pub fn have(&self, position: Position) -> bool {
        let Some(wanted) = position.epoch.filter(|_| !self.is_empty()) else { return true };
        self.spans().any(|(epoch, until)| epoch == wanted && position.id <= until)
    }

    /// Each epoch and the last id that can be in it.
    fn spans(&self) -> impl Iterator<Item = (u64, u64)> {
        let ends = self.0.iter().skip(1).map(|next| next.after).chain([u64::MAX]);
        self.0.iter().map(|epoch| epoch.id).zip(ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(epochs: &[(u64, u64)]) -> Epochs {
        Epochs::new(epochs.iter().map(|(id, after)| Epoch { id: *id, after: *after }).collect())
    }

    #[test]
    fn a_copy_has_what_was_there_when_it_was_made_and_nothing_of_what_came_then() {
        // The copy was made at entry 40, in the middle of the second run.
        let (original, copy) = (log(&[(1, 0), (2, 30), (3, 50)]), log(&[(1, 0), (2, 30), (9, 40)]));
        for (id, is_in_copy) in
            [(0, true), (1, true), (30, true), (31, true), (40, true), (41, false), (50, false), (51, false)]
        {
            let position = original.position(id);
            assert!(original.have(position), "{id}");
            assert_eq!(copy.have(position), is_in_copy, "{id}");
        }
        // And the other way round.
        assert_eq!([40, 41].map(|id| original.have(copy.position(id))), [true, false]);
    }

    #[test]
    fn a_run_that_appended_nothing_leaves_no_trace_and_takes_no_position_with_it() {
        let (before, after) = (log(&[(1, 0), (2, 30)]), log(&[(1, 0), (3, 30)]));
        assert!(after.have(before.position(30)));
        assert!(!after.have(before.position(31)));
    }

    #[test]
    fn what_is_older_than_all_known_epochs_is_before_the_first_of_them() {
        let (all, newest) = (log(&[(1, 0), (2, 30), (3, 50)]), log(&[(2, 30), (3, 50)]));
        assert!(all.have(newest.position(7)));
        assert!(!newest.have(all.position(7)), "its epoch is forgotten");
    }

    #[test]
    fn without_epochs_nothing_speaks_against_a_position() {
        let (older, newer) = (Epochs::default(), log(&[(1, 0)]));
        assert_eq!(older.position(7), Position { id: 7, epoch: None });
        assert!(newer.have(older.position(7)) && older.have(newer.position(7)));
    }
}

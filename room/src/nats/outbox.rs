//! What is to be told, for as long as the room has no place for it.

use std::collections::VecDeque;
use std::sync::mpsc::TrySendError;
use std::time::Duration;

use super::end::{End, Result};
use crate::cluster::Told;

/// A room that has no place is asked again after this.
pub const PAUSE: Duration = Duration::from_millis(2);

/// What is to be told, in its order.
pub struct Outbox<Tell> {
    tell: Tell,
    waiting: VecDeque<Told>,
}

impl<Tell: FnMut(Told) -> std::result::Result<(), TrySendError<Told>>> Outbox<Tell> {
    /// Tells it so.
    pub fn new(tell: Tell) -> Self {
        Self { tell, waiting: VecDeque::new() }
    }

    /// Tells this after all that waits.
    pub fn push(&mut self, told: Told) {
        self.waiting.push_back(told);
    }

    /// Tells as much as there is a place for, and whether that is all.
    ///
    /// # Errors
    /// [`End::Closed`] if nobody is there any more.
    pub fn empty(&mut self) -> Result<bool> {
        while let Some(told) = self.waiting.pop_front() {
            match (self.tell)(told) {
                Ok(()) => {}
                Err(TrySendError::Full(told)) => {
                    self.waiting.push_front(told);
                    return Ok(false);
                }
                Err(TrySendError::Disconnected(_)) => return Err(End::Closed),
            }
        }
        Ok(true)
    }
}

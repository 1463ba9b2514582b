//! What somebody waits for an answer to.

use std::sync::mpsc::Sender;

use crate::cluster::{Ask, Registered, Registration, Told};
use crate::room::OrderResult;

/// Who waits.
pub enum Owed {
    /// Somebody who wants an account.
    Registration(Box<Registration>),
    /// An operator, and what it is told if it is done.
    Answer(Sender<OrderResult>, OrderResult),
}

impl Owed {
    /// Who waits for the answer to something that is not asked.
    pub fn of(ask: Ask) -> Option<Self> {
        match ask {
            Ask::Register(registration) => Some(Self::Registration(registration)),
            Ask::Keep { answer: Some((to, done)), .. } => Some(Self::Answer(to, done)),
            _ => None,
        }
    }

    /// Answers that it is not known what became of it, and why; or gives what the room is to be told.
    pub fn fail(self, line: &str) -> Option<Told> {
        match self {
            Self::Registration(registration) => Some(Told::Registered(registration, Registered::Unknown)),
            Self::Answer(to, _) => {
                // Whoever does not wait any more does not want to know.
                let _ = to.send(OrderResult::Failed(line.to_owned()));
                None
            }
        }
    }
}

//! A connection beside the one that follows the log, whose answers would queue up after events that may take long.

use std::time::Instant;

use simp_control::Client;
use simp_control::error::{Error, Outcome};

/// Such a connection. There is none before the first question, and after one was lost.
#[derive(Default)]
pub(super) struct Aside(Option<Client>);

impl Aside {
    /// Asks on it, again and again if simpd goes away meanwhile.
    pub(super) fn ask<T>(
        &mut self,
        client: &mut Client,
        deadline: Option<Instant>,
        mut ask: impl FnMut(&mut Client) -> Outcome<T>,
    ) -> Outcome<T> {
        client.insist(deadline, |client, _| {
            let mut connection = self.0.take().map_or_else(|| client.another(), Ok)?;
            let told = ask(&mut connection);
            // After one that is lost the next attempt is with another.
            self.0 = Some(connection).filter(|_| !matches!(told, Err(Error::Lost(_))));
            told
        })
    }

    /// The next question is asked on another one.
    pub(super) fn drop(&mut self) {
        self.0 = None;
    }
}

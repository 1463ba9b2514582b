//! The simpd that the page is for, and which log it has: what a page has shown means nothing once that is another.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use simp_control::error::{Error, Outcome};
use simp_control::{Client, LogId, Position};

/// The way to simpd. Each request and each stream has a connection of its own: one that is slow keeps none waiting.
pub struct Bridge {
    socket: PathBuf,
    log: Mutex<Log>,
}

/// The log that all ids are of which pages were told.
struct Log {
    /// Grows by one as often as it is another. Only this goes to pages: it is shorter than an id, and tells copies apart.
    number: u64,
    id: Option<LogId>,
    /// The newest entry that a page was told of.
    newest: Position,
}

impl Bridge {
    /// Finds the simpd as every client does. Gives its address too, `ADDR:PORT`.
    ///
    /// # Errors
    /// `no_daemon` with the remedy, or `usage` if the name makes no sense.
    pub fn find(named: Option<String>) -> Outcome<(Self, String)> {
        let mut client = Client::find(named)?;
        let address = client.address()?.to_owned();
        let log = Log { number: 1, id: client.log().cloned(), newest: Position::default() };
        Ok((Self { socket: client.socket().path.clone(), log: Mutex::new(log) }, address))
    }

    /// A new connection, greeted, and the number of the log that simpd has now.
    ///
    /// # Errors
    /// `no_daemon`, if there is no simpd now that we understand.
    pub fn client(&self) -> Outcome<(Client, u64)> {
        let mut client = Client::at(&self.socket)?;
        client.rely_on(self.log().newest);
        let is_same = match client.address() {
            Ok(_) => true,
            // The client can be used: what it knew is forgotten.
            Err(Error::OtherLog(_)) => false,
            Err(error) => return Err(error),
        };
        let number = self.log().greet(is_same, client.log());
        Ok((client, number))
    }

    /// A page was told of this entry of the log with this number.
    pub fn told(&self, number: u64, position: Position) {
        let mut log = self.log();
        if log.number == number && log.newest.id < position.id {
            log.newest = position;
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    /// Takes which log simpd has, and whether it has the newest entry that pages know. Gives its number.
    fn greet(&mut self, has_newest: bool, id: Option<&LogId>) -> u64 {
        if !has_newest || self.id.as_ref() != id {
            self.number += 1;
            self.newest = Position::default();
            self.id = id.cloned();
        }
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_its_number_until_it_is_another() {
        let (one, other) = (LogId::new("1"), LogId::new("2"));
        let position = Position { id: 7, epoch: Some(3) };
        let mut log = Log { number: 1, id: Some(one.clone()), newest: position };
        assert_eq!(log.greet(true, Some(&one)), 1);
        assert_eq!(log.newest, position);
        assert_eq!(log.greet(true, Some(&other)), 2);
        assert_eq!(log.newest, Position::default());
        log.newest = position;
        // A copy of it that went its own way has the same id.
        assert_eq!(log.greet(false, Some(&other)), 3);
        assert_eq!((log.newest, log.greet(true, Some(&other))), (Position::default(), 3));
    }
}

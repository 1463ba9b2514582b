//! Every simpd of this user that runs, for whoever does not mean a certain one.

use crate::client::Client;
use crate::error::Outcome;
use crate::find;

/// A client of each, in the order of their names; nothing has been asked of them yet.
///
/// # Errors
/// `no_daemon`: none can be reached, but one may run; the line says why, with the remedy.
pub fn all() -> Outcome<Vec<Client>> {
    match find::running() {
        (none, Some(error)) if none.is_empty() => Err(error),
        (running, _) => running.into_iter().map(Client::new).collect(),
    }
}

//! Reaches simpd, and says so if it goes away, is back, or does not answer.

use simp_control::error::Outcome;
use simp_control::{Client, find, homes};

use crate::show::complain;

/// The simpd that `-d` names, or `$SIMP_DAEMON`, or the only one that runs.
///
/// # Errors
/// `no_daemon` with the remedy, or `usage` if the name makes no sense.
pub(crate) fn simpd(named: Option<String>) -> Outcome<Client> {
    let is_named = named.is_some() || find::variable()?.is_some();
    let mut client = Client::find(named)?;
    if !is_named {
        // It is the only one here, but the variables may mean that of somebody else.
        homes::ignored_places().for_each(|ignored| complain(&ignored.to_string()));
    }
    client.tell(|simpd, contact| complain(&contact.line(simpd)));
    Ok(client)
}

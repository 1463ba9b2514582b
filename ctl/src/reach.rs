//! Reaches simpd, and says so if it goes away, is back, or does not answer.

use simp_control::error::{Outcome, fail};
use simp_control::{Client, FailureKind, find, homes};

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

/// Fails if the simpd has not this of the [`FEATURES`](simp_control::FEATURES); `lacks` is what its user is told then.
///
/// # Errors
/// `no_daemon` with the remedy.
pub(crate) fn require(client: &mut Client, feature: &str, lacks: &str) -> Outcome {
    if client.can(feature)? {
        return Ok(());
    }
    let name = &client.socket().name;
    let remedy = "install simpctl and simpd from the same release, and restart simpd";
    Err(fail(FailureKind::NoDaemon, format!("simpd on {name} {lacks} ({remedy})")))
}

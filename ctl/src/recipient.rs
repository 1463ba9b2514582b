//! Whom a message for the outbox is meant for: what a user typed, or the host of that name.

use simp_control::error::{Error, Outcome};
use simp_control::names::{address, who};
use simp_control::{Client, FailureKind, Reply, Request};

/// Asks with `named` as it was typed, which may be an address that simpd has nothing to do with yet: if nobody is called
/// so, asks once more with the address that [`address`] finds.
pub(crate) fn ask_or_resolve(
    client: &mut Client,
    named: &mut Option<String>,
    request: impl Fn(Option<String>) -> Request,
) -> Outcome<Reply> {
    let refused = match client.ask(&request(who(named.as_deref())?)) {
        Err(error) if error.is(FailureKind::NoSuch) => error,
        outcome => return outcome,
    };
    match named.as_deref().map(|typed| address(client, typed)) {
        Some(Ok(address)) => client.ask(&request(Some(named.insert(address).clone()))),
        Some(Err(Error::Lost(lost))) => Err(lost.into()),
        // Nobody is meant, or it is not clear who.
        Some(Err(error)) if error.is(FailureKind::NoSuch) => Err(error),
        // It can be no host either; simpd says what it may be.
        Some(Err(_)) | None => Err(refused),
    }
}

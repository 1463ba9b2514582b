//! Whom a message for the outbox is meant for: what a user typed, or the host of that name.

use simp_control::error::{Error, Outcome, fail};
use simp_control::names::{address, who};
use simp_control::{Client, FailureKind, Reply, Request};

/// Asks with `named` as it was typed, which may be an address that simpd has nothing to do with yet: if nobody is called
/// so, but a host is, asks once more with the address that [`address`] finds.
pub(crate) fn ask_or_resolve(
    client: &mut Client,
    named: &mut Option<String>,
    request: impl Fn(Option<String>) -> Request,
) -> Outcome<Reply> {
    let refused = match client.ask(&request(who(named.as_deref())?)) {
        Err(error) if error.is(FailureKind::NoSuch) => error,
        outcome => return outcome,
    };
    match named.as_deref().map(|typed| (typed, address(client, typed))) {
        Some((_, Ok(address))) => client.ask(&request(Some(named.insert(address).clone()))),
        Some((_, Err(Error::Lost(lost)))) => Err(lost.into()),
        Some((typed, Err(error))) if error.is(FailureKind::NoSuch) => {
            let line = format!(
                "{typed}: neither a user in a chat nor a known host (give the address: send --queue -t ADDR)"
            );
            Err(fail(FailureKind::NoSuch, line))
        }
        // It can be no host either; simpd says what it may be.
        Some((_, Err(_))) | None => Err(refused),
    }
}

//! Whom messages for the outbox are meant for: what a user typed, or the host of that name.

use std::time::{Duration, Instant};

use simp_control::error::{Outcome, fail};
use simp_control::names::{Meant, meant, who};
use simp_control::{Client, FailureKind, HostName, LookupError, Reply, Request};

use crate::show::complain;

/// A host is looked up again for a message that comes so much later: what reads from a pipe may go on for years.
const GOOD_FOR: Duration = Duration::from_secs(60);

/// Whom the messages of one run are for.
pub(crate) struct Recipient {
    who: Option<String>,
    /// The host, and when it was looked up.
    host: Option<(HostName, Instant)>,
}

impl Recipient {
    /// As it was typed.
    pub(crate) fn new(typed: Option<String>) -> Self {
        Self { who: typed, host: None }
    }

    /// Asks simpd with what was typed, which may be an address that it has nothing to do with yet: if nobody is called so,
    /// asks once more with the peer that is known by this name, or with the host. `request` is given who it is, and the
    /// host.
    pub(crate) fn ask(
        &mut self,
        client: &mut Client,
        request: impl Fn(Option<String>, Option<String>) -> Request,
    ) -> Outcome<Reply> {
        if let Some((host, looked_up)) = &self.host {
            if looked_up.elapsed() > GOOD_FOR {
                let host = host.clone();
                self.find(client, &host.to_string())?;
            }
        } else {
            let refused = match client.ask(&request(who(self.who.as_deref())?, None)) {
                Err(error) if error.is(FailureKind::NoSuch) => error,
                outcome => return outcome,
            };
            let Some(typed) = self.who.clone() else { return Err(refused) };
            match self.find(client, &typed) {
                // It can be no host either; simpd says what it may be.
                Err(error) if error.is(FailureKind::Usage) => return Err(refused),
                found => found?,
            }
        }
        let host = self.host.as_ref().map(|(host, _)| host.to_string());
        client.ask(&request(self.who.clone(), host))
    }

    fn find(&mut self, client: &mut Client, typed: &str) -> Outcome {
        let (host, address) = match meant(client, typed)? {
            Meant::Address(address) => {
                *self = Self::new(Some(address));
                return Ok(());
            }
            Meant::Host(host, address) => (host, address),
        };
        let unfound = format!("{}: {}", host.name(), LookupError::NoAnswer);
        if !client.can("hosts")? {
            // An older simpd keeps messages for addresses only.
            let address = address.ok_or_else(|| fail(FailureKind::NoSuch, unfound))?;
            *self = Self::new(Some(address));
            return Ok(());
        }
        let is_first = self.host.is_none();
        if address.is_none() && is_first {
            complain(&format!("{unfound}; simpd keeps trying, and the message with it"));
        }
        *self = Self { who: address, host: Some((host, Instant::now())) };
        Ok(())
    }
}

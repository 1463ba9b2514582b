//! `outbox cancel`: takes messages out of the outbox: one by its id, those for somebody, or all.

use std::collections::BTreeSet;

use simp_control::error::{Outcome, fail, unexpected};
use simp_control::{Client, FailureKind, Reply, Request, names};

use crate::args::CancelArgs;
use crate::commands::queueing::even_unread;
use crate::reach::require;
use crate::show::{Output, View};

/// Which messages are to be taken out.
pub(super) enum Which {
    /// The one with this id.
    One(u64),
    /// Those for this peer or host.
    For(String),
    /// All.
    All,
}

/// What was done.
#[derive(Default)]
struct Done {
    taken: u64,
    /// By id: a message may be found by two names of its peer.
    in_flight: BTreeSet<u64>,
}

impl Which {
    /// What the arguments say.
    ///
    /// # Errors
    /// `usage` if they say two things, or nothing.
    pub(super) fn read(args: &CancelArgs) -> Outcome<Self> {
        match (&args.which, args.all) {
            (Some(_), true) => {
                Err(fail(FailureKind::Usage, "--all takes all messages out: give it or WHICH, not both"))
            }
            (None, false) => {
                let line = "which messages? (give an id, whom they are for, or --all; see: simpctl outbox)";
                Err(fail(FailureKind::Usage, line))
            }
            (None, true) => Ok(Self::All),
            // No peer is called so: it would be an address, which has more than digits.
            (Some(word), false) if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) => {
                let too_large = || {
                    fail(
                        FailureKind::NoSuch,
                        format!("message {word}: no such message (see: simpctl outbox)"),
                    )
                };
                word.parse().map(Self::One).map_err(|_| too_large())
            }
            (Some(word), false) => Ok(Self::For(word.clone())),
        }
    }
}

/// Takes them out.
pub(super) fn run(client: &mut Client, output: &mut Output, which: &Which) -> Outcome {
    let typed = match which {
        Which::One(message) => {
            client.ask(&Request::Cancel { message: *message })?;
            return output.show(&View::Cancelled(*message));
        }
        Which::For(typed) => Some(typed.as_str()),
        Which::All => None,
    };
    require(client, "hosts", "can only take out one message at a time, by its id")?;
    let mut done = Done::default();
    for who in known(client, typed)? {
        done.take_out(client, output, who.as_deref())?;
    }
    if done.is_nothing() {
        // They may be kept for the addresses of a host, by which nobody knows it here.
        for address in typed.map(names::addresses).unwrap_or_default() {
            done.take_out(client, output, Some(&address))?;
        }
    }
    done.outcome(typed)
}

/// The names under which somebody's messages may be kept: that which was typed, and where the peer is that is called so.
fn known(client: &mut Client, typed: Option<&str>) -> Outcome<Vec<Option<String>>> {
    let typed = names::who(typed)?;
    let address = match &typed {
        Some(name) => names::known(client, name)?,
        None => None,
    };
    Ok([Some(typed), address.map(Some)].into_iter().flatten().collect())
}

impl Done {
    fn take_out(&mut self, client: &mut Client, output: &mut Output, who: Option<&str>) -> Outcome {
        let mut after = 0;
        loop {
            let who = who.map(str::to_owned);
            let reply = client.ask(&Request::CancelAll { who, after })?;
            let Reply::Cancelled { messages, in_flight, after: rest } = reply else {
                return Err(unexpected());
            };
            self.taken += messages.len() as u64;
            for message in messages {
                even_unread(output.show(&View::Cancelled(message)))?;
            }
            self.in_flight.extend(in_flight);
            match rest {
                Some(rest) => after = rest,
                None => return Ok(()),
            }
        }
    }

    /// What is told of it, if not all that was meant could be taken out.
    fn outcome(&self, typed: Option<&str>) -> Outcome {
        let in_flight = "already being delivered (see: simpctl outbox)";
        let (kind, line) = match (self.in_flight.first(), typed) {
            (None, None) if self.is_nothing() => (FailureKind::NoSuch, "the outbox is empty".to_owned()),
            (None, Some(typed)) if self.is_nothing() => {
                let none = "the outbox has nothing for a peer or host of this name (see: simpctl outbox)";
                (FailureKind::NoSuch, format!("{typed}: {none}"))
            }
            (None, _) => return Ok(()),
            (Some(one), _) if self.in_flight.len() == 1 => {
                (FailureKind::Failed, format!("message {one} is {in_flight}"))
            }
            (Some(_), _) => {
                (FailureKind::Failed, format!("{} messages are {in_flight}", self.in_flight.len()))
            }
        };
        Err(fail(kind, line))
    }

    fn is_nothing(&self) -> bool {
        self.taken == 0 && self.in_flight.is_empty()
    }
}

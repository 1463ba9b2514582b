//! `status`: what simpd is and what it counted; what is wrong with it; the same as metrics.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use simp_control::clock::now_ms;
use simp_control::error::{Error, Outcome, fail};
use simp_control::{Address, Client, FailureKind, Status, find, places};

use super::health;
use crate::args::StatusArgs;
use crate::reach;
use crate::show::{Output, View, metrics};

/// How long a message may wait for its peer, unless `--max-age` says otherwise.
const MAX_AGE: Duration = Duration::from_secs(3_600);

/// What is to be printed.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    /// Everything.
    All,
    /// What is wrong, if messages may wait so long.
    Problems(Duration),
    /// Metrics.
    Metrics,
}

/// What the arguments ask for.
///
/// # Errors
/// `usage` if they contradict each other.
pub(super) fn wanted(args: &StatusArgs, is_json: bool) -> Outcome<Wanted> {
    let wrong = match (args.check, args.prometheus) {
        (true, true) => "--check says what is wrong, and --prometheus all there is: give only one of them",
        (_, true) if is_json => {
            "--prometheus has a form of its own, so that --json means nothing (leave one out)"
        }
        (false, _) if args.max_age.is_some() => "--max-age needs --check: nothing else has a limit",
        (true, false) => return Ok(Wanted::Problems(args.max_age.unwrap_or(MAX_AGE))),
        (false, true) => return Ok(Wanted::Metrics),
        (false, false) => return Ok(Wanted::All),
    };
    Err(fail(FailureKind::Usage, wrong))
}

/// Shows it.
pub(super) fn run(
    simpd: impl FnOnce() -> Outcome<Client>,
    named: Option<String>,
    output: &mut Output,
    wanted: Wanted,
) -> Outcome {
    let max_age = match wanted {
        Wanted::All => return output.show(&View::Status(&*simpd()?.status()?)),
        Wanted::Metrics => return print_metrics(simpd, named, output),
        Wanted::Problems(max_age) => max_age,
    };
    let mut client = simpd()?;
    let problems = health::problems(&*health(&mut client)?, now_ms(), max_age);
    if !problems.is_empty() {
        output.note_bad();
    }
    output.show(&View::Problems(&problems))
}

fn health(client: &mut Client) -> Outcome<Box<Status>> {
    reach::require(client, "health", "does not say how it is")?;
    client.status()
}

/// Whoever collects metrics wants to have one also of a simpd that is not there.
fn print_metrics(
    simpd: impl FnOnce() -> Outcome<Client>,
    named: Option<String>,
    output: &mut Output,
) -> Outcome {
    match simpd().and_then(|mut client| health(&mut client)) {
        Ok(status) => {
            let name = status.address.parse().ok().map(places::daemon_name);
            output.raw(&metrics(name.as_deref(), Some(&status), now_ms()))
        }
        Err(error) if error.is(FailureKind::NoDaemon) || matches!(error, Error::Lost(_)) => {
            let named = named.map_or_else(find::variable, |named| Ok(Some(named)))?;
            let name = named.as_deref().and_then(address).map(places::daemon_name);
            output.raw(&metrics(name.as_deref(), None, now_ms()))?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// The address of a simpd that is named by it, or by the path of its socket.
fn address(named: &str) -> Option<SocketAddr> {
    let stem = match named.contains('/') {
        true => Path::new(named).file_stem()?.to_str()?,
        false => named,
    };
    Address::parse_complete(stem).ok()
}

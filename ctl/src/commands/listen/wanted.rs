//! Which entries of the log are listened for.

use std::time::{Duration, Instant};

use simp_control::error::{Outcome, fail};
use simp_control::{Client, FailureKind, Filter, Kind};

use super::meanwhile;
use crate::args::ListenArgs;

/// The kinds of entries that are followed: those that are listened for, and what a person is told of besides.
pub(super) fn kinds(
    client: &mut Client,
    args: &ListenArgs,
    has_person: bool,
    deadline: Option<Instant>,
) -> Outcome<Vec<Kind>> {
    let mut kinds = client.insist(deadline, |client, _| client.kinds())?;
    if !args.all {
        let meanwhile = if has_person { meanwhile::KINDS.as_slice() } else { &[] };
        kinds.retain(|kind| is_for(args, *kind) || meanwhile.contains(kind));
    }
    Ok(kinds)
}

/// Whether what is listened for is of this kind.
pub(super) fn is_for(args: &ListenArgs, kind: Kind) -> bool {
    match kind {
        Kind::Message => true,
        // A command is run for what somebody has said.
        Kind::File => args.exec.is_none(),
        Kind::FileSaved | Kind::FileFailed => args.save.is_some(),
        _ => false,
    }
}

/// The filter without what is told besides what is listened for.
pub(super) fn counted(args: &ListenArgs, filter: &Filter) -> Filter {
    let is_counted = |kind: &Kind| match kind {
        // Those that somebody else is offered, or fails to save, count for nothing here.
        Kind::File | Kind::FileFailed if args.save.is_some() => false,
        kind => is_for(args, *kind),
    };
    let kinds = filter.kinds.iter().copied().filter(|kind| args.all || is_counted(kind)).collect();
    Filter { kinds, ..filter.clone() }
}

/// What it comes to that the time is over after so many messages.
pub(super) fn time_over(args: &ListenArgs, count: u64) -> Outcome {
    let limit = args.timeout.unwrap_or(Duration::ZERO).as_secs_f64();
    match args.number {
        // Without a number the time is how long to listen, not how long to wait.
        None if count > 0 => Ok(()),
        Some(number) if count > 0 => {
            let line = format!("only {count} of {number} messages within {limit} s");
            Err(fail(FailureKind::NoAnswer, line))
        }
        _ => Err(fail(FailureKind::NoAnswer, format!("no message within {limit} s"))),
    }
}

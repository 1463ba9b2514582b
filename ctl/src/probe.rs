//! Checks any SIMP daemon against the specification, clause by clause, over UDP and without a simpd of ours.
//!
//! - `clauses`: what is checked. `wire`: datagrams as bytes. `link`: the sockets.
//! - `stage`: what all scenes stand on. `scenes`: what is done, and which clauses that shows.
//! - `findings`: the verdicts. `report`: how they are shown. `console`: what the person is told meanwhile.

mod clauses;
mod console;
mod findings;
mod link;
pub(crate) mod report;
mod scenes;
mod stage;
mod wire;

pub(crate) use findings::Report;

use std::time::Duration;

use simp_control::FailureKind;

use crate::args::Probe;
use crate::names;
use crate::output::{Output, Shown};
use crate::stop::{Outcome, fail};
use clauses::Wanted;
use console::Console;
use findings::Findings;
use link::{Link, Side};
use stage::{Chat, Stage, USER};

/// How long the person has for each thing, unless `--timeout` says otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Probes, and shows what came of it.
///
/// # Errors
/// `failed` where a clause fails, or nobody is there; `no_answer` where nothing came at all.
pub(crate) fn run(output: &mut Output, args: &Probe) -> Outcome {
    let wanted = Wanted::parse(args.only.as_deref())?;
    let peer = names::peer(&args.address)?;
    let link = Link::open(peer, args.from.as_deref())?;
    let timeout = args.timeout.unwrap_or(TIMEOUT);
    let console = Console::new(link.address(Side::Ours), USER, timeout);
    console.announce(peer, &wanted);
    let (findings, chat) = (Findings::default(), Chat::default());
    let mut stage = Stage { link, findings, console, wanted, timeout, chat, is_judging: true };
    let played = stage.play();
    stage.console.clear();
    played?;
    if !stage.link.heard() {
        let why = "no answer to anything (is a SIMP daemon there, and does a firewall let it through?)";
        return Err(fail(FailureKind::NoAnswer, format!("{peer}: {why}")));
    }
    let report = stage.findings.report(peer, &stage.wanted, args.verbose);
    output.show(&Shown::Probed(&report))?;
    report.outcome()
}

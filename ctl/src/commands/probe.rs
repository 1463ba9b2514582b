//! `probe`: checks a SIMP daemon against the specification. The probe speaks with it directly, and needs no simpd of
//! ours.

use std::time::Duration;

use simp_control::error::Outcome;
use simp_control::names;
use simp_probe::Selection;

use crate::args::ProbeArgs;
use crate::show::{Output, View};

/// How long the person has for each thing, unless `--timeout` says otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Probes, and shows what came of it.
///
/// # Errors
/// `failed` if a clause fails, or nobody is there; `no_answer` if nothing came at all.
pub(super) fn run(output: &mut Output, args: &ProbeArgs) -> Outcome {
    let wanted = Selection::parse(args.only.as_deref())?;
    let peer = names::peer(&args.address)?;
    let report = simp_probe::probe(peer, args.from.as_deref(), wanted, args.timeout.unwrap_or(TIMEOUT))?;
    // The report comes first: the exit status says only that some clause failed.
    output.show(&View::Probed { report: &report, verbose: args.verbose })?;
    report.outcome()
}

//! Which arguments of `listen` make no sense together.

use simp_control::FailureKind;
use simp_control::error::{Outcome, fail};

use crate::args::ListenArgs;

/// Whether the arguments make sense, before a simpd is reached.
pub(crate) fn check(args: &ListenArgs, is_json: bool) -> Outcome {
    let wrong = match &args.exec {
        Some(command) if is_blank(command) => {
            Some("--exec needs a command: an empty one would mark every message as seen")
        }
        Some(_) if is_json => Some("--exec prints no messages, so that --json means nothing (leave one out)"),
        Some(_) if args.save.is_some() => {
            Some("--exec prints nothing of what --save does (run two: each has a --consumer of its own)")
        }
        _ if args.format.is_some() && (args.text || is_json || args.exec.is_some()) => {
            Some("--format says how to print a message: it goes with none of --json, --text and --exec")
        }
        Some(_) => of_commands(args),
        None => without_command(args),
    };
    let starts = [args.new, args.since.is_some(), args.last.is_some()];
    let wrong = match starts.iter().filter(|says| **says).count() {
        0 | 1 => wrong,
        _ => Some("--new, --since and --last say where to begin: only one of them can be given"),
    };
    wrong.map_or(Ok(()), |wrong| Err(fail(FailureKind::Usage, wrong)))
}

/// What is wrong in what is said of commands.
fn of_commands(args: &ListenArgs) -> Option<&'static str> {
    match &args.exec_failed {
        Some(command) if is_blank(command) => Some("--exec-failed needs a command"),
        Some(_) if args.exec_tries.is_none() => {
            Some("--exec-failed needs --exec-tries: without it no message is given up")
        }
        _ if args.reply && args.all => {
            Some("--reply answers messages, and --all is for other events too (leave one out)")
        }
        _ => None,
    }
}

/// What is wrong in the arguments of a run without commands.
fn without_command(args: &ListenArgs) -> Option<&'static str> {
    let given = [
        (args.exec_timeout.is_some(), "--exec-timeout is about commands, and needs --exec CMD"),
        (args.exec_tries.is_some(), "--exec-tries is about commands, and needs --exec CMD"),
        (args.exec_failed.is_some(), "--exec-failed is about commands, and needs --exec CMD"),
        (args.reply, "--reply is about commands, and needs --exec CMD"),
        (args.jobs.is_some(), "--jobs is about commands, and needs --exec CMD"),
        (args.save.as_deref() == Some(""), "--save: no folder given (this one: --save .)"),
        (args.max_size.is_some() && args.save.is_none(), "--max-size is about files, and needs --save DIR"),
    ];
    given.into_iter().find_map(|(is_wrong, line)| is_wrong.then_some(line))
}

fn is_blank(command: &str) -> bool {
    command.trim().is_empty()
}

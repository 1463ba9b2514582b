//! simpctl: what people and shell scripts talk to simpd with.
//!
//! One subcommand per run, and nothing in the background: reach the daemon, ask, wait for a definite outcome, print it,
//! and say it in the exit status. Everything that takes time happens in the daemon; what a command waits for is an
//! entry of the daemon's log that it follows, also through a restart of the daemon. The client that does so is
//! simp-control's, and so are the kinds of failure with their exit statuses.
//!
//! - `args`: the command line. `help`: how its help is printed. `when`, `recipient`, `stdin`: what users type.
//! - `fit`: what is made of a text that its peer does not take. `key_line`: keys as lines of files. `turns`: how commands
//!   that run side by side wait for each other.
//! - `commands`: one file per subcommand. `reach`: how they come by their simpd.
//! - `show`: all printing.

mod args;
mod commands;
mod fit;
mod help;
mod key_line;
mod reach;
mod recipient;
mod show;
mod stdin;
mod turns;
mod when;

use std::process::ExitCode;

use argh::ArgsInfo as _;
use simp_control::FailureKind;
use simp_control::error::{Error, Outcome, fail};
use simp_service::arguments::{self, Early};
use simp_service::ending;
use simp_service::words::Words;

use args::Args;
use show::{Format, Output};

/// Runs the program with the process's arguments and gives its exit status.
pub fn main() -> ExitCode {
    // A command keeps nothing that it would have to put away: what it began goes on in simpd.
    let _for_good = ending::by_signals();
    let words = Words::sort(&Args::get_args_info(), arguments::typed());
    // Both also if the rest makes no sense: a program that asks for JSON gets its error as JSON, unless it reads a stream.
    let format = if words.has("--json") { Format::Json } else { Format::Plain };
    let mut output = Output::new(format, args::amount(&words));
    let outcome = match arguments::parse("simpctl", &words) {
        Ok(args) => run(args, &mut output),
        Err(Early::Help(text)) => output.raw(&help::page(&text, &words)),
        Err(Early::Usage(line)) => Err(fail(FailureKind::Usage, line)),
    };
    match outcome.and_then(|()| output.flush()) {
        Ok(()) => ExitCode::from(output.exit_status()),
        Err(error) => failed(error, &mut output),
    }
}

/// Says why, and gives the exit status that says so too.
fn failed(error: Error, output: &mut Output) -> ExitCode {
    let Some(failure) = error.failure() else { return ExitCode::SUCCESS };
    show::complain(&failure.line);
    // The line on stderr is out already; a reader of stdout that is gone changes nothing.
    let _ = output.failure(&failure).and_then(|()| output.flush());
    ExitCode::from(failure.kind.exit_status())
}

fn run(args: Args, output: &mut Output) -> Outcome {
    if args.version {
        return output.raw(concat!("simpctl ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    match args.command {
        Some(command) => commands::run(&command, args.daemon, output),
        None => commands::overview::run(output, args.daemon),
    }
}

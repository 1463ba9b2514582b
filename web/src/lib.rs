//! simp-web: chats in the browser, for the user of a simpd.
//!
//! The program is a thin bridge: the page speaks the control API as JSON, and all that makes a chat of it is in the page
//! (`web/page/`). What it gives is no more than simpctl gives, and only to whoever has its token.
//!
//! - `args`: the command line. `files`: how others find one that runs. `open`: the browser. `output`: lines in the terminal.
//! - `serve`: the program, its sockets and connections. `site`: which URL is what.
//! - `door`: who gets in. `secret`: by what. `page`: what is embedded.
//! - `bridge`: simpd, and which log it has. `asking`: one request. `stream`: events as they come.

mod args;
mod asking;
mod bridge;
mod door;
mod downloads;
mod files;
mod open;
mod output;
mod page;
mod secret;
mod serve;
mod site;
mod stream;

use std::process::ExitCode;

use simp_control::FailureKind;
use simp_control::error::{Outcome, fail};
use simp_control::homes;
use simp_service::arguments::{self, Early};
use simp_service::ending::{self, Ending};

use args::{Args, Command};
use output::{print, say};

/// Runs the program with the process's arguments and gives its exit status.
pub fn main() -> ExitCode {
    let ending = ending::by_signals();
    let outcome = match arguments::read::<Args>("simp-web") {
        Ok(args) => carry_out(args, ending),
        Err(Early::Help(help)) => print(help.trim_end()),
        Err(Early::Usage(line)) => Err(fail(FailureKind::Usage, line)),
    };
    match outcome.err().and_then(|error| error.failure()) {
        None => ExitCode::SUCCESS,
        Some(failure) => {
            say(&failure.line);
            ExitCode::from(failure.kind.exit_status())
        }
    }
}

fn carry_out(args: Args, ending: Ending) -> Outcome {
    if args.version {
        return print(concat!("simp-web ", env!("CARGO_PKG_VERSION")));
    }
    // The folder of somebody else may be meant.
    homes::ignored_places().for_each(|ignored| say(&ignored.to_string()));
    match args.command {
        Some(Command::Open(_)) if args.has_place() => {
            Err(fail(FailureKind::Usage, "open takes none of --listen, --socket and --origin"))
        }
        Some(Command::Open(_)) => open::run(args.daemon),
        None => {
            let place = args.place().map_err(|why| fail(FailureKind::Usage, why))?;
            serve::run(args.daemon, &place, ending)
        }
    }
}

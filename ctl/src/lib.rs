//! simpctl: what people and shell scripts talk to simpd with.
//!
//! One subcommand per run, and nothing in the background: find the daemon's socket (`find`), ask, wait for
//! a definite outcome, print it, and say it in the exit status. Everything that takes time happens in the
//! daemon; what a command waits for is an entry of the daemon's log that it follows, also through a restart of
//! the daemon (`reconnect`).
//!
//! Other programs that talk to simpd share with it how the daemon is found ([`find`]), how it is talked to
//! ([`client`]), how they end ([`stop`]), how they print what peers wrote
//! ([`escape`]) and when ([`clock`]).

mod args;
mod carried_out;
mod chat;
pub mod client;
pub mod clock;
mod completions;
mod connection;
mod consumers;
pub mod escape;
mod exec;
pub mod find;
mod globals;
mod help;
mod history;
mod json;
mod lines;
mod listen;
mod mark;
mod names;
mod outbox;
mod output;
mod peers;
mod plain;
mod probe;
mod reconnect;
mod send;
pub mod stop;
mod when;

use std::process::ExitCode;

use simp_control::{FailureKind, Reply, Request};

use args::{Args, Command};
use client::Client;
use globals::Globals;
use output::{Format, Output, Shown};
use stop::{Outcome, Stop, fail, status, unexpected};

/// Runs the program with the process's arguments and gives its exit status.
pub fn main() -> ExitCode {
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let globals = Globals::take(words);
    let mut output = Output::new(if globals.json() { Format::Json } else { Format::Plain });
    let outcome = match Args::parse(&globals) {
        Ok(args) => run(args, &mut output),
        Err(early) => help::print(&early, &globals, &mut output),
    };
    match outcome.and_then(|()| output.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => failed(stop, &mut output),
    }
}

/// Says why, and gives the exit status that says so too.
fn failed(stop: Stop, output: &mut Output) -> ExitCode {
    let Some(failure) = stop.failure() else { return ExitCode::SUCCESS };
    output::complain(&failure.line);
    // The line on stderr is out already; a reader of stdout that is gone changes nothing.
    let _ = output.failure(&failure).and_then(|()| output.flush());
    ExitCode::from(status(failure.kind))
}

fn run(args: Args, output: &mut Output) -> Outcome {
    if args.version {
        return output.raw(concat!("simpctl ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    let Some(command) = args.command else {
        return Err(fail(FailureKind::Usage, "which command? (see simpctl --help)"));
    };
    if let Command::Completions(asked) = &command {
        return output.raw(&completions::script(&asked.shell)?);
    }
    // It speaks with the other daemon itself, and needs none of ours.
    if let Command::Probe(args) = &command {
        return probe::run(output, args);
    }
    // What can be refused without the daemon is refused before it is looked for.
    if let Command::Send(send) = &command {
        send::check(send)?;
    }
    if let Command::Peers(args) = &command {
        peers::check(args)?;
    }
    let mut client = Client::new(find::daemon(args.daemon)?)?;
    dispatch(&mut client, output, &command)
}

fn dispatch(client: &mut Client, output: &mut Output, command: &Command) -> Outcome {
    match command {
        Command::Connect(args) => chat::connect(client, output, args),
        Command::Accept(args) => chat::accept(client, output, args),
        Command::Decline(args) => chat::decline(client, output, args),
        Command::Quit(args) => chat::quit(client, output, args),
        Command::Requests(_) => chat::requests(client, output),
        Command::Chats(_) => chat::chats(client, output),
        Command::Send(args) => send::run(client, output, args),
        Command::Listen(args) => listen::run(client, output, args),
        Command::Outbox(args) => outbox::run(client, output, args),
        Command::Resend(args) => outbox::resend(client, output, args),
        Command::Consumers(args) => consumers::run(client, output, args),
        Command::Peers(args) => peers::run(client, output, args),
        Command::History(args) => history::run(client, output, args),
        Command::Status(_) => match client.ask(&Request::Status)? {
            Reply::Status(status) => output.show(&Shown::Status(&status)),
            _ => Err(unexpected()),
        },
        Command::Stop(_) => {
            client.ask(&Request::Stop)?;
            client.wait_for_end()?;
            output.show(&Shown::Stopped(&client.place().name))
        }
        Command::Probe(_) | Command::Completions(_) => Ok(()),
    }
}

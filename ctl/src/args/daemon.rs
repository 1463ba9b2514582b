//! The commands that start a simpd, stop it, and show how it is.

use argh::{ArgsInfo, FromArgs};

/// Start simpd in the background, unless it runs already.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    note = "ADDR is the address of this machine that peers reach it at, with a port unless that is 7777. Without it, that which -d or $SIMP_DAEMON names, or simpd.toml, or from which this machine reaches others."
)]
#[argh(
    note = "Without ADDR, any simpd of yours that runs will do. JSON: daemon, and whether it was started."
)]
#[argh(subcommand, name = "start", help_triggers("-h", "--help"))]
pub(crate) struct StartArgs {
    /// the name that peers see (default: your login name)
    #[argh(option, arg_name = "name")]
    pub(crate) user: Option<String>,
    /// where to receive
    #[argh(positional)]
    pub(crate) address: Option<String>,
}

/// Stop simpd and wait until it is gone.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "It keeps its open chats for its next start. JSON: the daemon, as stopped.")]
#[argh(subcommand, name = "stop", help_triggers("-h", "--help"))]
pub(crate) struct StopArgs {}

/// Show the state of simpd and its counters.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "A name and a value per line. JSON: one object.")]
#[argh(subcommand, name = "status", help_triggers("-h", "--help"))]
pub(crate) struct StatusArgs {}

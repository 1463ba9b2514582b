//! The commands that start a simpd, stop it, and show how it is.

use std::time::Duration;

use argh::{ArgsInfo, FromArgs};

use crate::when::lasting;

/// Start simpd in the background, unless it runs already.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    note = "ADDR is the address of this machine that peers reach it at, with a port unless that is 7777. Without it, that which -d or $SIMP_DAEMON names, or simpd.toml, or the one of the only log there is; if there is no log, the one from which this machine reaches others."
)]
#[argh(
    note = "The options are those of simpd. What is given is remembered for the address, and holds for later starts without it."
)]
#[argh(
    note = "Without ADDR, any simpd of yours that runs will do. JSON: daemon, and whether it was started."
)]
#[argh(subcommand, name = "start", help_triggers("-h", "--help"))]
pub(crate) struct StartArgs {
    /// the name that peers see (default: your login name)
    #[argh(option, arg_name = "name")]
    pub(crate) user: Option<String>,
    /// maximum number of chats at a time (default: 1)
    #[argh(option, arg_name = "n")]
    pub(crate) max_chats: Option<String>,
    /// whose requests to accept without asking: ask (none), all, or names, addresses and keys separated by commas
    #[argh(option, arg_name = "who")]
    pub(crate) accept: Option<String>,
    /// where to receive
    #[argh(positional)]
    pub(crate) address: Option<String>,
}

/// Stop simpd and wait until it is gone.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "It keeps its open chats for its next start. JSON: the daemon, as stopped.")]
#[argh(subcommand, name = "stop", help_triggers("-h", "--help"))]
pub(crate) struct StopArgs {}

/// Copy the log and the key of simpd into a file, while simpd goes on.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    note = "FILE is a tar archive, for you alone: whoever has it can be you. Nothing is overwritten. A FILE of - is standard output, for a pipe. simpd --restore FILE takes it back, here or on another machine."
)]
#[argh(note = "JSON: the file, as backup, its bytes, and the id of the log.")]
#[argh(subcommand, name = "backup", help_triggers("-h", "--help"))]
pub(crate) struct BackupArgs {
    /// the file to make, or -
    #[argh(positional)]
    pub(crate) file: String,
}

/// Show the state of simpd and its counters.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "A name and a value per line. JSON: one object.")]
#[argh(
    note = "--check prints nothing and ends with 0 if all is well; otherwise it prints a line for each thing that is wrong, with its remedy, and ends with 1. JSON: ok, and problems with problem and line."
)]
#[argh(
    note = "--prometheus prints the text format of Prometheus, for the node exporter; if there is no simpd, simp_up 0."
)]
#[argh(subcommand, name = "status", help_triggers("-h", "--help"))]
pub(crate) struct StatusArgs {
    /// only what is wrong
    #[argh(switch)]
    pub(crate) check: bool,
    /// with --check: how long a message may wait for its peer (default: 1h)
    #[argh(option, arg_name = "time", from_str_fn(lasting))]
    pub(crate) max_age: Option<Duration>,
    /// print metrics for Prometheus
    #[argh(switch)]
    pub(crate) prometheus: bool,
}

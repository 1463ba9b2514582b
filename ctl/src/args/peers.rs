//! The command about how peers speak.

use argh::{ArgsInfo, FromArgs};

/// List how peers speak, or forget what was learned.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    note = "One per line, without a heading: address, user, how long ago it was learned (or pinned, if simpd.toml sets it), habits, what they mean for you."
)]
#[argh(note = "JSON: per peer peer, dialect, notes, seen, pinned.")]
#[argh(subcommand, name = "peers", help_triggers("-h", "--help"))]
pub(crate) struct PeersArgs {
    #[argh(subcommand)]
    pub(crate) command: Option<PeersCommand>,
}

/// What to do with what is known of peers.
#[derive(FromArgs, ArgsInfo)]
#[argh(subcommand)]
pub(crate) enum PeersCommand {
    Forget(ForgetArgs),
}

/// Forget how a peer speaks; the next chat learns it anew.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "An open chat is not affected. JSON: how many peers, as forgotten.")]
#[argh(subcommand, name = "forget", help_triggers("-h", "--help"))]
pub(crate) struct ForgetArgs {
    /// every peer
    #[argh(switch)]
    pub(crate) all: bool,
    /// which peer: a user name, ADDR, ADDR:PORT, USER@ADDR[:PORT] or a host name
    #[argh(positional)]
    pub(crate) who: Option<String>,
}

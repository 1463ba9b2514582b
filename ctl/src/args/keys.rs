//! The commands about keys.

use argh::{ArgsInfo, FromArgs};

/// Print the key that peers know this simpd by in secure chats.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "JSON: the key, as key.")]
#[argh(subcommand, name = "key", help_triggers("-h", "--help"))]
pub(crate) struct KeyArgs {}

/// List the keys that peers are known by, trust one, forget some, or carry them to other hosts.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    note = "One per line, without a heading: address or name, key, user, how long ago it was seen, and trusted if you have said so."
)]
#[argh(note = "JSON: per key who, key, user, seen, trusted.")]
#[argh(subcommand, name = "keys", help_triggers("-h", "--help"))]
pub(crate) struct KeysArgs {
    #[argh(subcommand)]
    pub(crate) command: Option<KeysCommand>,
}

/// What to do with the keys.
#[derive(FromArgs, ArgsInfo)]
#[argh(subcommand)]
pub(crate) enum KeysCommand {
    Trust(TrustArgs),
    Forget(ForgetKeyArgs),
    Export(ExportArgs),
    Import(ImportArgs),
}

/// Hold a peer to this key from now on, whatever key it had.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "The key is what simpctl key prints on the host of the peer.")]
#[argh(note = "JSON: how many keys, as trusted.")]
#[argh(subcommand, name = "trust", help_triggers("-h", "--help"))]
pub(crate) struct TrustArgs {
    /// whose it is: ADDR[:PORT], the default port is 7777, or a user name
    #[argh(positional)]
    pub(crate) who: String,
    /// the key: SHA256: and 43 characters
    #[argh(positional)]
    pub(crate) key: String,
}

/// Forget the keys of a peer: whoever comes next may have another.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "JSON: how many keys, as forgotten.")]
#[argh(subcommand, name = "forget", help_triggers("-h", "--help"))]
pub(crate) struct ForgetKeyArgs {
    /// whose: a user name, ADDR, ADDR:PORT, USER@ADDR[:PORT] or a host name; or a key
    #[argh(positional)]
    pub(crate) who: String,
}

/// Print all keys, for keys import on another host.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "One per line: whose it is, and the key. JSON: as keys.")]
#[argh(subcommand, name = "export", help_triggers("-h", "--help"))]
pub(crate) struct ExportArgs {}

/// Trust all keys of a file, or none if a line makes no sense.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    note = "A line is ADDR[:PORT] or a user name, then a key. Empty lines, and those that begin with #, mean nothing."
)]
#[argh(note = "JSON: how many keys, as trusted.")]
#[argh(subcommand, name = "import", help_triggers("-h", "--help"))]
pub(crate) struct ImportArgs {
    /// the file; - or none for standard input
    #[argh(positional)]
    pub(crate) file: Option<String>,
}

//! Arguments of `history`.

use argh::{ArgsInfo, FromArgs};
use simp_control::NAME_MAX;

use super::numbers::number;
use crate::show::{Template, template};
use crate::when::{Place, place};

/// Show the most recent messages, in both directions, oldest first.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    note = "T is an id, which has only digits (since: those above it, until: those up to it), or a time: so long ago, or then."
)]
#[argh(
    note = "Plain: id, date, time, `user: text` or `you -> user: text`, and of a message of ours that the peer does not surely have (waiting), (not confirmed) or (not delivered: why). JSON: an event per line; queued has state (waiting, delivered, unconfirmed, undelivered)."
)]
#[argh(note = "--format is that of listen.")]
#[argh(subcommand, name = "history", help_triggers("-h", "--help"))]
pub(crate) struct HistoryArgs {
    /// how many (default: 20; with --since, or with --all and --json, all)
    #[argh(option, short = 'n', arg_name = "n", from_str_fn(number))]
    pub(crate) number: Option<u32>,
    /// only with this user, ADDR or ADDR:PORT
    #[argh(option, arg_name = "who")]
    pub(crate) from: Option<String>,
    /// nothing older
    #[argh(option, arg_name = "t", from_str_fn(place))]
    pub(crate) since: Option<Place>,
    /// nothing newer
    #[argh(option, arg_name = "t", from_str_fn(place))]
    pub(crate) until: Option<Place>,
    /// only what contains this, in upper or lower case
    #[argh(option, arg_name = "text", from_str_fn(searched))]
    pub(crate) search: Option<String>,
    /// all kinds of events, not only messages
    #[argh(switch)]
    pub(crate) all: bool,
    /// go on with what comes
    #[argh(switch)]
    pub(crate) follow: bool,
    /// how to print an entry
    #[argh(option, arg_name = "template", from_str_fn(template))]
    pub(crate) format: Option<Template>,
}

/// What is searched for is a name to simpd, and has the length of one.
fn searched(text: &str) -> Result<String, String> {
    match text.len() {
        0 => Err("nothing to search for".to_owned()),
        1..=NAME_MAX => Ok(text.to_owned()),
        _ => Err(format!("longer than {NAME_MAX} bytes")),
    }
}

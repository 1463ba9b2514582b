//! Arguments of `listen`.

use std::time::Duration;

use argh::{ArgsInfo, FromArgs};

use super::numbers::{at_once, bytes, number as count, times};
use crate::show::{Template, template};
use crate::when::{Place, lasting, place};

/// Show messages as they come, starting where this consumer left off.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    note = "simpd keeps a mark for each consumer: each gets every message, and none twice. A new one begins with the oldest message; with --exec, with what comes from now on."
)]
#[argh(
    note = "--new, --since and --last say where to begin. Without --consumer that is without any mark; with it, it is where that consumer begins if it is new: one that there is already goes on from its mark."
)]
#[argh(
    note = "--exec runs CMD with sh, with SIMP_ID, SIMP_EVENT, SIMP_FROM, SIMP_USER, SIMP_ADDRESS, SIMP_TEXT (unless it is longer than 64 KiB) and SIMP_AT in its environment and the text on its standard input. If CMD fails, it is run again after 1 s, 2 s and so on up to 60 s, and the next message of the same peer waits. The CMD of --exec-failed also gets SIMP_TRIES and SIMP_STATUS. With --reply what CMD prints is sent to the peer, once for each message."
)]
#[argh(
    note = "A file that a peer offers is shown as a line, and waits. --save takes it, and those that come, into DIR: nothing there is overwritten (x.txt, x-1.txt), and a larger one than --max-size is refused."
)]
#[argh(
    note = "Plain: `user: text`, `saved user: name (size)`; at a terminal with the time before it. JSON: an event per line."
)]
#[argh(
    note = "--format has {{id}}, {{at}} (RFC 3339), {{time}} (local), {{event}}, {{chat}}, {{from}} (user@address:port), {{user}}, {{address}} and {{text}}; \\t is a tab, \\n a line break, \\{{ a brace. Control characters in them are shown as escapes."
)]
#[argh(subcommand, name = "listen", help_triggers("-h", "--help"))]
pub(crate) struct ListenArgs {
    /// exit after this many lines
    #[argh(option, short = 'n', arg_name = "n", from_str_fn(count))]
    pub(crate) number: Option<u64>,
    /// how long to listen at most; exit status 6 if there was no message, or fewer than -n
    #[argh(option, arg_name = "time", from_str_fn(lasting))]
    pub(crate) timeout: Option<Duration>,
    /// only from this user, ADDR or ADDR:PORT
    #[argh(option, arg_name = "who")]
    pub(crate) from: Option<String>,
    /// begin with what comes from now on
    #[argh(switch)]
    pub(crate) new: bool,
    /// begin after this id, or at this time
    #[argh(option, arg_name = "t", from_str_fn(place))]
    pub(crate) since: Option<Place>,
    /// begin with the last so many
    #[argh(option, arg_name = "n", from_str_fn(count))]
    pub(crate) last: Option<u32>,
    /// whose mark in the log to start from: default, or from:WHO with --from
    #[argh(option, arg_name = "name")]
    pub(crate) consumer: Option<String>,
    /// save files that are offered in this folder
    #[argh(option, arg_name = "dir")]
    pub(crate) save: Option<String>,
    /// with --save: refuse files with more bytes
    #[argh(option, arg_name = "bytes", from_str_fn(bytes))]
    pub(crate) max_size: Option<u64>,
    /// all kinds of events, not only messages
    #[argh(switch)]
    pub(crate) all: bool,
    /// only the text of messages (without --json)
    #[argh(switch)]
    pub(crate) text: bool,
    /// how to print a message, such as '{time} {user}: {text}'
    #[argh(option, arg_name = "template", from_str_fn(template))]
    pub(crate) format: Option<Template>,
    /// run CMD for each message instead of printing it
    #[argh(option, arg_name = "cmd")]
    pub(crate) exec: Option<String>,
    /// end CMD and all that it has started after this time, as failed
    #[argh(option, arg_name = "time", from_str_fn(lasting))]
    pub(crate) exec_timeout: Option<Duration>,
    /// how often to run CMD for a message before that is given up (default: until it succeeds; with --reply 3)
    #[argh(option, arg_name = "n", from_str_fn(times))]
    pub(crate) exec_tries: Option<u32>,
    /// run this CMD for what is given up
    #[argh(option, arg_name = "cmd")]
    pub(crate) exec_failed: Option<String>,
    /// what CMD prints is the answer to the message, instead of being shown
    #[argh(switch)]
    pub(crate) reply: bool,
    /// how many commands may run at a time (default: 1)
    #[argh(option, arg_name = "n", from_str_fn(at_once))]
    pub(crate) jobs: Option<u32>,
}

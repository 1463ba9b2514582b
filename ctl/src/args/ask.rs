//! Arguments of `ask`.

use std::time::Duration;

use argh::{ArgsInfo, FromArgs};

use crate::when::lasting;

/// Send a text, wait for the peer's answer, and print that.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    note = "The answer is what `listen --exec CMD --reply` there sends to this text in a secure chat, and otherwise the next message of the peer in this chat after it has the text. Exit status 6 if none comes in time, 8 if the text was not delivered. No mark of a consumer is used or moved."
)]
#[argh(
    note = "Asks of one user in one chat take turns; the time limit counts from the start. In a plain chat an answer that comes too late is taken for that to the next text."
)]
#[argh(note = "Options go before TEXT, as for send: put -- before a TEXT that begins with a dash.")]
#[argh(note = "Plain: the text of the answer, with its lines. JSON: its event.")]
#[argh(subcommand, name = "ask", help_triggers("-h", "--help"))]
pub(crate) struct AskArgs {
    /// the chat to ask in
    #[argh(option, short = 't', arg_name = "who")]
    pub(crate) to: Option<String>,
    /// how long to wait for the answer (default: 30s)
    #[argh(option, arg_name = "time", from_str_fn(lasting))]
    pub(crate) timeout: Option<Duration>,
    /// the words of the text, joined by one space; - for all of standard input
    #[argh(positional, greedy, arg_name = "text|-")]
    pub(crate) text: Vec<String>,
}

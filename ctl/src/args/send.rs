//! The arguments of `send`.

use std::time::Duration;

use argh::{ArgsInfo, FromArgs};

use crate::when::lasting;

/// Most bytes of a token: less than a name may have, for the numbers of a line and its parts.
const TOKEN_MAX: usize = 200;

/// Send a text or a file and wait until the peer has it.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    note = "Options go before TEXT: after its first word all is text. Put -- before a TEXT that begins with a dash, and in a script before every TEXT."
)]
#[argh(
    note = "Without TEXT each line of standard input is a message, sent as soon as it is read. A line that its peer does not take is reported and left out, and the exit status is 1 at the end. --on-error stop ends at the first such line, with 2; --on-error replace sends it in the peer's letters and in parts. A TEXT that is - stands for all of standard input as one message."
)]
#[argh(
    note = "--queue returns as soon as the message is on disk in the outbox of simpd, which keeps inviting the peer until the peer has the message or --expire is over. A HOST is looked up before each invitation. With --timeout it waits that long for the delivery."
)]
#[argh(
    note = "--token gives the message a name, for a script that may run again: the same text to the same peer under this name is one message as long as the log has it, and the exit status is that of the first. With lines each has T and its number for its name, so that a stream that is run again goes on where it stopped."
)]
#[argh(
    note = "--timeout ends the waiting, not the message: simpd goes on with it. With --or-cancel the message is taken back, and the exit status is 8; if it has left already it is 6, and the message may have arrived."
)]
#[argh(
    note = "--file needs a secure chat. The file must stay as it is until the peer has it; simpd goes on with it after any restart, also if simpctl is gone."
)]
#[argh(
    note = "If the peer does not acknowledge messages, the output is `sent, not confirmed` and the exit status is 0: nobody knows whether the peer has it."
)]
#[argh(
    note = "JSON: per message the event delivered, or unconfirmed for such a peer; without waiting, queued (id, event, chat, text). With --file before that progress (event, message, name, done, size) as it goes on."
)]
#[argh(subcommand, name = "send", help_triggers("-h", "--help"))]
pub(crate) struct SendArgs {
    /// the chat to send in; with --queue also ADDR[:PORT], HOST[:PORT] or a known peer
    #[argh(option, short = 't', arg_name = "who")]
    pub(crate) to: Option<String>,
    /// keep the message until the peer has it, over several chats if necessary
    #[argh(switch)]
    pub(crate) queue: bool,
    /// with --queue: give up on the message after this time
    #[argh(option, arg_name = "time", from_str_fn(lasting))]
    pub(crate) expire: Option<Duration>,
    /// return as soon as simpd has the message on disk
    #[argh(switch)]
    pub(crate) no_wait: bool,
    /// what becomes of a line of standard input that its peer does not take: stop, skip (default) or replace
    #[argh(option, arg_name = "how", from_str_fn(on_error))]
    pub(crate) on_error: Option<OnError>,
    /// the name of the message: it is sent once under it
    #[argh(option, arg_name = "t", from_str_fn(named_once))]
    pub(crate) token: Option<String>,
    /// how long to wait for each message; simpd keeps trying afterwards
    #[argh(option, arg_name = "time", from_str_fn(lasting))]
    pub(crate) timeout: Option<Duration>,
    /// with --timeout: take the message back then, if it has not left
    #[argh(switch)]
    pub(crate) or_cancel: bool,
    /// send this file instead of a text
    #[argh(option, arg_name = "f")]
    pub(crate) file: Option<String>,
    /// the words of the text, joined by one space; - for all of standard input
    #[argh(positional, greedy, arg_name = "text|-")]
    pub(crate) text: Vec<String>,
}

/// What becomes of a line of standard input that its peer does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum OnError {
    /// The command ends there.
    Stop,
    /// It is left out, and said at once and at the end.
    #[default]
    Skip,
    /// It is sent as what its peer takes.
    Replace,
}

fn on_error(text: &str) -> Result<OnError, String> {
    match text {
        "stop" => Ok(OnError::Stop),
        "skip" => Ok(OnError::Skip),
        "replace" => Ok(OnError::Replace),
        _ => Err("expected stop, skip or replace".to_owned()),
    }
}

/// Reads the name of a message. With lines their numbers are added to it.
fn named_once(text: &str) -> Result<String, String> {
    match text.len() {
        0 => Err("no name given".to_owned()),
        1..=TOKEN_MAX if text.contains(char::is_control) => Err("it has control characters".to_owned()),
        1..=TOKEN_MAX => Ok(text.to_owned()),
        length => Err(format!("a token has at most {TOKEN_MAX} bytes, this one has {length}")),
    }
}

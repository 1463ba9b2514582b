//! The command line: one struct per subcommand, whose doc comment is its help. Those about keys are in `keys`, those
//! for a simpd as a whole in `daemon`, those about how peers speak in `peers`, those of `listen`, `history`, `ask` and `send`
//! in files of their names. `numbers` reads numbers.

mod ask;
mod daemon;
mod history;
mod keys;
mod listen;
mod numbers;
mod peers;
mod send;

use std::time::Duration;

use argh::{ArgsInfo, FromArgs};

use simp_service::words::Words;

use crate::show::Amount;
use crate::when::lasting;
pub(crate) use ask::AskArgs;
pub(crate) use daemon::{BackupArgs, StartArgs, StatusArgs, StopArgs};
pub(crate) use history::HistoryArgs;
pub(crate) use keys::{ImportArgs, KeyArgs, KeysArgs, KeysCommand};
pub(crate) use listen::ListenArgs;
use numbers::id;
pub(crate) use peers::{ForgetArgs, PeersArgs, PeersCommand};
pub(crate) use send::{OnError, SendArgs};

/// Talk to people and programs on other hosts, through simpd.
#[derive(FromArgs, ArgsInfo)]
#[argh(name = "simpctl", help_triggers("-h", "--help"))]
#[argh(
    note = "The daemon is the one that -d names, otherwise $SIMP_DAEMON, otherwise the only one that runs. -d and --json may be given before or after the command, but not after the first word of a text."
)]
#[argh(
    note = "WHO is a user name, ADDR, ADDR:PORT or a host name; it may be left out if there is only one chat or request."
)]
#[argh(
    note = "A time is a number of seconds (5, 0.5), a length (90s, 30m, 2h, 7d, 1w), a local date (2026-11-21), date and time (2026-11-21T10:00), or RFC 3339. A time limit that is a moment lasts until then."
)]
#[argh(note = "Text from peers is shown with control characters as escapes; JSON carries the exact text.")]
#[argh(
    note = "JSON: an event has id, at (RFC 3339), event, chat, then from (message, request), to (inviting, queued, delivered, undelivered, unconfirmed) or peer (opened, closed, error) as user@address:port, and message, reason, text, note if it has them. A chat has chat, peer, state, queued, since, note. A chat, a request and opened have secure with key and known if they are secure. A failure has error and kind: it takes the place of the one answer of a command; streams and lists have none, and say it on stderr and in the exit status."
)]
#[argh(error_code(0, "done"))]
#[argh(error_code(1, "failed; the line on stderr says why"))]
#[argh(error_code(2, "usage"))]
#[argh(error_code(3, "no simpd: not running, no permission, other version"))]
#[argh(error_code(4, "the peer declined"))]
#[argh(error_code(5, "the peer is busy"))]
#[argh(error_code(6, "no answer within the time limit"))]
#[argh(error_code(7, "no such chat, request or peer"))]
#[argh(error_code(8, "not delivered: the message was given up (the text is kept in the log)"))]
#[argh(error_code(9, "not who it was: the peer has another key than the one that is known"))]
pub(crate) struct Args {
    /// which simpd: its address, or the path of its socket
    #[argh(option, short = 'd', arg_name = "addr|socket")]
    pub(crate) daemon: Option<String>,
    /// print JSON, one object per line
    #[argh(switch)]
    #[expect(dead_code, reason = "read from the arguments themselves, so that a usage error is JSON too")]
    pub(crate) json: bool,
    /// print the program's version
    #[argh(switch)]
    pub(crate) version: bool,
    #[argh(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do.
#[derive(FromArgs, ArgsInfo)]
#[argh(subcommand)]
pub(crate) enum Command {
    Start(StartArgs),
    Chat(ChatArgs),
    Connect(ConnectArgs),
    Accept(AcceptArgs),
    Decline(DeclineArgs),
    Requests(RequestsArgs),
    Chats(ChatsArgs),
    Send(SendArgs),
    Ask(AskArgs),
    Outbox(OutboxArgs),
    Resend(ResendArgs),
    Listen(ListenArgs),
    Quit(QuitArgs),
    Status(StatusArgs),
    History(HistoryArgs),
    Consumers(ConsumersArgs),
    Peers(PeersArgs),
    Key(KeyArgs),
    Keys(KeysArgs),
    Backup(BackupArgs),
    Stop(StopArgs),
    Probe(ProbeArgs),
    Completions(CompletionsArgs),
}

/// Chat on a screen: all conversations, and what happens in them.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "With WHO or ADDR it shows that conversation, accepts a request from there, or invites.")]
#[argh(note = "F1 shows all keys and commands. Ctrl-D leaves; chats stay open. It needs a terminal.")]
#[argh(subcommand, name = "chat", help_triggers("-h", "--help"))]
pub(crate) struct ChatArgs {
    /// with whom: a user name, ADDR[:PORT] or HOST[:PORT]; the default port is 7777
    #[argh(positional)]
    pub(crate) who: Option<String>,
}

/// Invite a peer and wait for its answer.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "Returns at once if the chat is open already.")]
#[argh(note = "JSON: the chat.")]
#[argh(subcommand, name = "connect", help_triggers("-h", "--help"))]
pub(crate) struct ConnectArgs {
    /// how long the invitation lasts (default: simpd's setting)
    #[argh(option, arg_name = "time", from_str_fn(lasting))]
    pub(crate) timeout: Option<Duration>,
    /// only a secure chat
    #[argh(switch)]
    pub(crate) secure: bool,
    /// only a plain chat, whatever is known of the peer
    #[argh(switch)]
    pub(crate) plain: bool,
    /// ADDR[:PORT], HOST[:PORT] or the name of a known peer; the default port is 7777
    #[argh(positional)]
    pub(crate) address: String,
}

/// Accept a request and wait until the chat is open.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "JSON: the chat.")]
#[argh(subcommand, name = "accept", help_triggers("-h", "--help"))]
pub(crate) struct AcceptArgs {
    /// how long to wait for the peer's acknowledgement
    #[argh(option, arg_name = "time", from_str_fn(lasting))]
    pub(crate) timeout: Option<Duration>,
    /// whose request
    #[argh(positional)]
    pub(crate) who: Option<String>,
}

/// Decline a request.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "JSON: the chat.")]
#[argh(subcommand, name = "decline", help_triggers("-h", "--help"))]
pub(crate) struct DeclineArgs {
    /// whose request
    #[argh(positional)]
    pub(crate) who: Option<String>,
}

/// List the requests that wait for accept or decline.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    note = "One per line, without a heading: id, state, peer, messages queued, age, and the key if it is secure, or what is special about the peer."
)]
#[argh(note = "JSON: a chat per line.")]
#[argh(subcommand, name = "requests", help_triggers("-h", "--help"))]
pub(crate) struct RequestsArgs {}

/// List all chats, requests and invitations.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    note = "One per line, without a heading: id, state, peer, messages queued, age, and the key if it is secure, or what is special about the peer."
)]
#[argh(note = "JSON: a chat per line.")]
#[argh(subcommand, name = "chats", help_triggers("-h", "--help"))]
pub(crate) struct ChatsArgs {}

/// List the messages in the outbox, which wait for their peers, or take some out.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "One per line, without a heading: id, peer, age, state, text.")]
#[argh(note = "JSON: per message id, at, to, host, lookup, text, expires, tries, reason, next.")]
#[argh(subcommand, name = "outbox", help_triggers("-h", "--help"))]
pub(crate) struct OutboxArgs {
    #[argh(subcommand)]
    pub(crate) command: Option<OutboxCommand>,
}

/// What to do with the outbox.
#[derive(FromArgs, ArgsInfo)]
#[argh(subcommand)]
pub(crate) enum OutboxCommand {
    Cancel(CancelArgs),
}

/// Take messages back that have not left, out of the outbox or the one out of the chat that it waits in.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "What is being delivered already stays, and the exit status is 1.")]
#[argh(note = "JSON: the id of each, as cancelled.")]
#[argh(subcommand, name = "cancel", help_triggers("-h", "--help"))]
pub(crate) struct CancelArgs {
    /// the id of a message, or whom the messages are for: a peer or host, as outbox lists it
    #[argh(positional)]
    pub(crate) which: Option<String>,
    /// all of them
    #[argh(switch)]
    pub(crate) all: bool,
}

/// Send a message again that was not delivered or not confirmed; it stays in the outbox until the peer has it.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "JSON: queued (id, event, chat, text).")]
#[argh(subcommand, name = "resend", help_triggers("-h", "--help"))]
pub(crate) struct ResendArgs {
    /// give up on the message after this time
    #[argh(option, arg_name = "time", from_str_fn(lasting))]
    pub(crate) expire: Option<Duration>,
    /// the id of the message
    #[argh(positional, from_str_fn(id))]
    pub(crate) id: u64,
}

/// End a chat, or take an invitation back, and wait until it is over.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "Queued messages are delivered first. If one was not, the exit status is 8.")]
#[argh(note = "JSON: the chat.")]
#[argh(subcommand, name = "quit", help_triggers("-h", "--help"))]
pub(crate) struct QuitArgs {
    /// do not deliver queued messages, nor wait for files
    #[argh(switch)]
    pub(crate) now: bool,
    /// how long to wait for the end; simpd keeps trying afterwards
    #[argh(option, arg_name = "time", from_str_fn(lasting))]
    pub(crate) timeout: Option<Duration>,
    /// which chat
    #[argh(positional)]
    pub(crate) who: Option<String>,
}

/// List the consumers of the log, or remove one.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "One per line, without a heading: name, last id seen, number of entries since.")]
#[argh(note = "JSON: per consumer name, seen, behind.")]
#[argh(subcommand, name = "consumers", help_triggers("-h", "--help"))]
pub(crate) struct ConsumersArgs {
    #[argh(subcommand)]
    pub(crate) command: Option<ConsumersCommand>,
}

/// What to do with a consumer.
#[derive(FromArgs, ArgsInfo)]
#[argh(subcommand)]
pub(crate) enum ConsumersCommand {
    Remove(RemoveArgs),
}

/// Remove a consumer: its mark is forgotten.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "JSON: the name, as removed.")]
#[argh(subcommand, name = "remove", help_triggers("-h", "--help"))]
pub(crate) struct RemoveArgs {
    /// which consumer
    #[argh(positional)]
    pub(crate) name: String,
}

/// Check any SIMP daemon against the specification, clause by clause.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    note = "It needs no simpd of its own. A person at the other daemon must accept, send two lines, leave, invite and decline; the probe announces this on standard error, and prompts when it is their turn. Exit status 1 if a clause fails."
)]
#[argh(
    note = "Plain: clause, verdict, what it says (why), and the datagrams if it fails. JSON: per clause clause, what, verdict, why, evidence."
)]
#[argh(subcommand, name = "probe", help_triggers("-h", "--help"))]
pub(crate) struct ProbeArgs {
    /// only these clauses and sections, such as 3,5.1
    #[argh(option, arg_name = "clauses")]
    pub(crate) only: Option<String>,
    /// how long to wait for each action by the person at the other end (default: 60s)
    #[argh(option, arg_name = "time", from_str_fn(lasting))]
    pub(crate) timeout: Option<Duration>,
    /// the address of this host to probe from; the default port is 7777
    #[argh(option, arg_name = "addr")]
    pub(crate) from: Option<String>,
    /// show the datagrams behind every verdict
    #[argh(switch, short = 'v')]
    pub(crate) verbose: bool,
    /// ADDR[:PORT] or HOST[:PORT]; the default port is 7777
    #[argh(positional)]
    pub(crate) address: String,
}

/// Print the script that completes simpctl's arguments in a shell.
#[derive(FromArgs, ArgsInfo)]
#[argh(subcommand, name = "completions", help_triggers("-h", "--help"))]
pub(crate) struct CompletionsArgs {
    /// bash, zsh or fish
    #[argh(positional)]
    pub(crate) shell: String,
}

/// How much the command of this line prints, even if the rest of the line makes no sense.
pub(crate) fn amount(words: &Words) -> Amount {
    match words.path().collect::<Vec<_>>().as_slice() {
        // Without a text: each line of standard input has an outcome of its own.
        ["send"] if !words.has_text() => Amount::Stream,
        [
            "listen" | "history" | "chats" | "requests" | "outbox" | "consumers" | "peers" | "keys" | "probe",
        ]
        | ["keys", "export"] => Amount::Stream,
        _ => Amount::One,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_service::arguments::{self, Early};

    fn parse(line: &str) -> Result<Args, Early> {
        let words = Words::sort(&Args::get_args_info(), line.split(' ').map(str::to_owned));
        arguments::parse("simpctl", &words)
    }

    #[test]
    fn the_words_of_a_text_are_taken_as_they_are() {
        for (line, text) in [
            ("send -t bob please read --help first", "please read --help first"),
            ("send -t bob say --json now", "say --json now"),
            ("send --to=bob -- -n --json", "-n --json"),
            ("send -tbob help me -- -d x", "help me -- -d x"),
        ] {
            let Some(Command::Send(send)) = parse(line).unwrap().command else { panic!("{line}") };
            assert_eq!((send.to.as_deref(), send.text.join(" ").as_str()), (Some("bob"), text));
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error_and_help_is_not() {
        for line in ["nonsense", "connect", "send -x", "listen -n x", "accept a b", "connect a --timeout 0"] {
            assert!(matches!(parse(line), Err(Early::Usage(_))), "{line}");
        }
        for line in ["--help", "help", "send --help", "help send", "--json listen -h"] {
            assert!(matches!(parse(line), Err(Early::Help(_))), "{line}");
        }
    }
}

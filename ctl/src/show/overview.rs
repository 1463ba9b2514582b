//! What there is, and what to type next, for a person who has typed no command.

use simp_control::{State, escape};

use super::model::Daemon;
use super::parts::{handle, table};

/// So many chats and requests of a daemon are listed.
const CHATS_MAX: usize = 10;

/// So many commands are proposed.
const COMMANDS: usize = 3;

/// A command, and what it is for.
type Proposal = (String, String);

/// All of it.
pub(super) fn overview(daemons: &[Daemon], must_be_named: bool) -> String {
    let there: String = daemons.iter().map(daemon).collect();
    let there = if there.is_empty() { "no simpd is running\n".to_owned() } else { there };
    let next = table(
        next(daemons, must_be_named).into_iter().map(|(command, why)| [format!("  simpctl {command}"), why]),
    );
    format!("{there}\nnext:\n{next}")
}

/// A daemon, and what goes on there.
fn daemon(daemon: &Daemon) -> String {
    let Daemon { name, chats, status, unread } = daemon;
    let count = |state| chats.iter().filter(|chat| chat.state == state).count();
    let counts = [
        (count(State::Open), "chat", "chats"),
        (count(State::Invited), "request", "requests"),
        (count(State::Inviting), "invitation", "invitations"),
        (status.outbox as usize, "message in the outbox", "messages in the outbox"),
    ];
    let counts = counts.iter().filter(|(n, ..)| *n > 0).map(|(n, one, many)| counted(*n, one, many));
    let unread = unread.filter(|unread| unread.count > 0);
    let unread =
        unread.map(|unread| format!("{}{} unread", unread.count, if unread.may_be_more { "+" } else { "" }));
    let counts: Vec<String> = unread.into_iter().chain(counts).collect();
    let counts = if counts.is_empty() { "no chat".to_owned() } else { counts.join(", ") };
    let user = escape::shown(&status.user);
    let trouble = status.trouble.as_deref().map(|trouble| format!("  {}\n", escape::shown(trouble)));
    let rows = chats.iter().take(CHATS_MAX);
    let rows = table(rows.map(|chat| [format!("  {}", chat.state), chat.peer.shown()]));
    let more = chats.len().saturating_sub(CHATS_MAX);
    let more = if more == 0 { String::new() } else { format!("  and {more} more (simpctl chats)\n") };
    format!("simpd {} as {user}: {counts}\n{}{rows}{more}", escape::shown(name), trouble.unwrap_or_default())
}

fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// What is most likely to be typed next, the likeliest first.
fn next(daemons: &[Daemon], must_be_named: bool) -> Vec<Proposal> {
    let help = ("--help".to_owned(), "all commands".to_owned());
    // That where most waits for its user; without a preference the first.
    let Some(daemon) = daemons.iter().rev().max_by_key(|daemon| urgency(daemon)) else {
        return vec![
            ("start".to_owned(), "start simpd where others reach this machine".to_owned()),
            ("start ADDR".to_owned(), "or on another of its addresses, such as 127.0.0.1".to_owned()),
            help,
        ];
    };
    let with = if must_be_named { format!("-d {} ", daemon.name) } else { String::new() };
    let of = |state| daemon.chats.iter().find(move |chat| chat.state == state);
    let mut all: Vec<Proposal> = Vec::new();
    let mut add = |command: String, why: String| all.push((format!("{with}{command}"), why));
    if let Some(request) = of(State::Invited) {
        let who = request.peer.shown();
        add(format!("accept {}", handle(&request.peer)), format!("begin the chat that {who} asks for"));
    }
    let is_reading = daemon.unread.is_some_and(|unread| unread.count > 0) || of(State::Open).is_some();
    if is_reading {
        add("chat".to_owned(), "read and write, on one screen".to_owned());
    }
    if let Some(open) = of(State::Open) {
        add(format!("send -t {} TEXT", handle(&open.peer)), format!("write to {}", open.peer.shown()));
    } else {
        add("connect ADDR".to_owned(), "invite somebody, by address, host or name".to_owned());
    }
    if !is_reading {
        add("chat".to_owned(), "do all that on one screen".to_owned());
    }
    all.push(help);
    all.truncate(COMMANDS);
    all
}

/// How much a daemon wants of its user.
fn urgency(daemon: &Daemon) -> (bool, u64, bool) {
    let has = |state| daemon.chats.iter().any(|chat| chat.state == state);
    (has(State::Invited), daemon.unread.map_or(0, |unread| unread.count), has(State::Open))
}

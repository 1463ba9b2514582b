//! The form for people. What a peer wrote is shown with what a terminal would obey as escapes.

use simp_control::clock::{age, local, now_ms};
use simp_control::{
    ChatInfo, Consumer, Event, Kind, Lookup, MessageState, OutboxMessage, Peer, PeerInfo, Secure, Status,
    TEXT_MAX, Transfer, What, escape, read_payload_up_to,
};

use super::files::{name_and_size, under_way};
use super::keys::{exported, key_row, secrecy, secrecy_with_key};
use super::model::{OutboxEntry, View, WaitsFor};
use super::overview::overview;
use super::parts::{handle, table};

/// The lines, each with its end; nothing if the exit status says it all.
pub(super) fn render(shown: &View<'_>) -> String {
    match shown {
        View::Event(event) if event.what.kind() == Kind::File => {
            format!("{}; take it: simpctl listen --save DIR\n", sentence(event))
        }
        View::Event(event) => format!("{}\n", sentence(event)),
        View::Answer(event) => {
            let lines = event.what.text().unwrap_or_default().lines().map(escape::shown);
            lines.map(|line| format!("{line}\n")).collect()
        }
        View::Entry { event, state } => {
            let state = state.as_ref().and_then(unsettled).unwrap_or_default();
            format!("{} {} {}{state}\n", event.id, local(event.at_ms), sentence(event))
        }
        View::Connected(chat) => {
            format!("connected to {}{}\n", chat.peer.shown(), aside(chat.secure, chat.note.as_deref()))
        }
        View::Delivered(Event { what: What::Unconfirmed { .. }, peer: to, .. }) => {
            format!("sent, not confirmed: {} has not acknowledged it\n", to.shown())
        }
        View::NotSaved { event, name } => {
            let why = event.what.text().map(escape::shown).unwrap_or_default();
            format!("not saved {}: {} ({why})\n", self::name(&event.peer), escape::shown(name))
        }
        View::Ended(_)
        | View::Delivered(_)
        | View::Queued { .. }
        | View::Cancelled(_)
        | View::Removed(_)
        | View::Forgotten(_)
        | View::Trusted(_)
        | View::BackedUp { .. }
        | View::Stopped(_) => String::new(),
        View::Started { said: Some(said), .. } => (*said).to_owned(),
        View::Started { daemon, said: None } => {
            format!("simpd is already running on {daemon} (another one: simpctl start ADDR)\n")
        }
        View::Overview { daemons, must_be_named } => overview(daemons, *must_be_named),
        View::Chats(chats) => table(chats.iter().map(|entry| row(&entry.chat, &entry.files, now_ms()))),
        View::Outbox(entries) => table(entries.iter().map(|entry| outbox_row(entry, now_ms()))),
        View::Consumers { consumers, last_id } => {
            table(consumers.iter().map(|consumer| consumer_row(consumer, *last_id)))
        }
        View::Peers(peers) => table(peers.iter().map(|info| peer_row(info, now_ms()))),
        View::Key(key) => format!("{key}\n"),
        View::Keys(keys) => table(keys.iter().map(|known| key_row(known, now_ms()))),
        View::Exported(keys) => keys.iter().map(exported).collect(),
        View::Probed { report, verbose } => report.plain(*verbose),
        View::Problems(problems) => {
            problems.iter().map(|problem| format!("{}\n", escape::shown(&problem.line))).collect()
        }
        View::Status(status) => {
            table(counts(status, now_ms()).into_iter().map(|(name, value)| [name.to_owned(), value]))
        }
    }
}

/// The same, but of an entry as it comes also when that was: the time of day, and the date unless it is today's.
pub(super) fn render_timed(shown: &View<'_>) -> String {
    match shown {
        View::Event(event) => format!("{} {}", lately(event.at_ms, now_ms()), render(shown)),
        _ => render(shown),
    }
}

fn lately(at_ms: u64, now_ms: u64) -> String {
    let (at, now) = (local(at_ms), local(now_ms));
    match (at.split_once(' '), now.split_once(' ')) {
        (Some((day, time)), Some((today, _))) if day == today => time.to_owned(),
        _ => at,
    }
}

/// The same, but of a message the text alone.
pub(super) fn render_text(shown: &View<'_>) -> String {
    match shown {
        View::Event(Event { what: What::Message { text }, .. }) => format!("{}\n", escape::shown(text)),
        _ => render(shown),
    }
}

/// What a reader should know of a message of ours that the peer does not surely have.
fn unsettled(state: &MessageState) -> Option<String> {
    match state {
        MessageState::Delivered => None,
        MessageState::Waiting => Some(" (waiting)".to_owned()),
        MessageState::Unconfirmed => Some(" (not confirmed)".to_owned()),
        MessageState::Undelivered { reason } => Some(format!(" (not delivered: {reason})")),
    }
}

/// What to call a peer in a conversation: its user name, or its address if it has told none.
fn name(peer: &Peer) -> String {
    if peer.user.is_empty() { escape::shown(&peer.address) } else { escape::name(&peer.user) }.into_owned()
}

/// What happened, on one line.
pub(super) fn sentence(event: &Event) -> String {
    let who = event.peer.shown();
    match &event.what {
        What::Message { text } => format!("{}: {}", name(&event.peer), escape::shown(text)),
        What::Queued { text, size: Some(size), .. } => {
            format!("you -> {}: file {}", name(&event.peer), name_and_size(text, *size))
        }
        What::Queued { text, .. } => format!("you -> {}: {}", name(&event.peer), escape::shown(text)),
        What::Request => format!("* {who} invites you{}", aside(event.secure, None)),
        What::Inviting => format!("* you invited {who}"),
        What::Opened { note } => {
            format!("* chat with {who} is open{}", aside(event.secure, note.as_deref()))
        }
        What::Closed { reason, text: None } => format!("* chat with {who} is closed: {reason}"),
        What::Closed { reason, text: Some(text) } => {
            format!("* chat with {who} is closed: {reason} ({})", escape::shown(text))
        }
        What::Delivered { message } => format!("* message {message} is delivered to {who}"),
        What::Unconfirmed { message } => format!("* message {message} is sent to {who}, not confirmed"),
        What::Undelivered { message, reason } => {
            format!("* message {message} is not delivered to {who}: {reason}")
        }
        What::File { name: called, size } => {
            format!("{} offers a file: {}", name(&event.peer), name_and_size(called, *size))
        }
        What::FileSaved { path, size, .. } => {
            let called = path.rsplit('/').next().unwrap_or_default();
            format!("saved {}: {}", name(&event.peer), name_and_size(called, *size))
        }
        What::FileFailed { message, why } => {
            format!("* file {message} came to nothing with {who}: {}", escape::shown(why))
        }
        What::Error { text } => format!("* {who} reports an error: {}", escape::shown(text)),
    }
}

/// A request to this daemon, and what to type.
pub(super) fn invitation(daemon: &str, from: &Peer, secure: Option<Secure>) -> String {
    let secrecy = secure.map(|secure| format!("{}; ", secrecy(&secure))).unwrap_or_default();
    let who = from.shown();
    format!("* {who} invites you ({secrecy}answer with: simpctl -d {daemon} accept {})", handle(from))
}

/// What is special about a chat and its peer, after the peer's name.
fn aside(secure: Option<Secure>, note: Option<&str>) -> String {
    let (secrecy, note) = (secure.map(|secure| secrecy(&secure)), note.map(escape::shown));
    let all: Vec<_> = secrecy.into_iter().chain(note.map(Into::into)).collect();
    if all.is_empty() { String::new() } else { format!(" ({})", all.join("; ")) }
}

fn row(chat: &ChatInfo, files: &[Transfer], now_ms: u64) -> [String; 6] {
    let age = age(now_ms.saturating_sub(chat.since_ms) / 1000);
    let secrecy = chat.secure.as_ref().map(secrecy_with_key);
    let note = chat.note.as_deref().map(|note| escape::shown(note).into_owned());
    let note = secrecy.into_iter().chain(note).chain(under_way(files)).collect::<Vec<_>>().join("; ");
    [chat.chat.to_string(), chat.state.to_string(), chat.peer.shown(), chat.queued.to_string(), age, note]
}

fn peer_row(info: &PeerInfo, now_ms: u64) -> [String; 5] {
    let text = |text: &str| escape::shown(text).into_owned();
    let known = match info.seen_ms {
        Some(seen_ms) if !info.pinned => age(now_ms.saturating_sub(seen_ms) / 1000),
        _ => "pinned".to_owned(),
    };
    let user = if info.peer.user.is_empty() { "-".to_owned() } else { name(&info.peer) };
    [text(&info.peer.address), user, known, text(&info.dialect), text(&info.notes.join("; "))]
}

fn outbox_row(entry: &OutboxEntry, now_ms: u64) -> [String; 5] {
    let OutboxMessage { message, text, at_ms, .. } = &entry.message;
    let age = age(now_ms.saturating_sub(*at_ms) / 1000);
    // A table is looked at as a whole.
    let text = read_payload_up_to(text.as_bytes(), TEXT_MAX);
    [
        message.to_string(),
        receiver(&entry.message),
        age,
        progress(entry, now_ms),
        escape::shown(&text).into_owned(),
    ]
}

/// Who is to have a message in the outbox: the host, and where it is.
fn receiver(message: &OutboxMessage) -> String {
    match &message.host {
        None => message.peer.shown(),
        Some(host) if *host == message.peer.address => escape::shown(host).into_owned(),
        Some(host) => format!("{} ({})", escape::shown(host), message.peer.shown()),
    }
}

/// What is going on with a message in the outbox.
fn progress(entry: &OutboxEntry, now_ms: u64) -> String {
    let OutboxMessage { next_ms, reason, tries, host, lookup, .. } = &entry.message;
    let host = host.as_deref().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let next = match entry.waits_for {
        WaitsFor::Next => age(next_ms.unwrap_or(0).saturating_sub(now_ms) / 1000),
        WaitsFor::Lookup => return format!("looking up {}", escape::shown(name)),
        WaitsFor::Answer => return "inviting".to_owned(),
        WaitsFor::Turn => return "in a chat".to_owned(),
        WaitsFor::Room => return "waits for another chat to end".to_owned(),
    };
    let why = match (lookup, reason) {
        (Some(Lookup::Failed(why)), _) => Some(escape::shown(why).into_owned()),
        (_, reason) => reason.map(|reason| reason.to_string()),
    };
    match (why, tries) {
        (None, _) => format!("next try in {next}"),
        (Some(why), 1) => format!("next try in {next} ({why}, 1 try)"),
        (Some(why), tries) => format!("next try in {next} ({why}, {tries} tries)"),
    }
}

fn consumer_row(consumer: &Consumer, last_id: u64) -> [String; 3] {
    let behind = last_id.saturating_sub(consumer.seen);
    [escape::shown(&consumer.name).into_owned(), consumer.seen.to_string(), behind.to_string()]
}

/// A status as names, the same as in JSON, and values.
fn counts(status: &Status, now_ms: u64) -> Vec<(&'static str, String)> {
    let (counters, refused) = (&status.counters, &status.counters.refused);
    let text = |text: &str| escape::shown(text).into_owned();
    let mut lines = vec![
        ("version", text(&status.version)),
        ("pid", status.pid.to_string()),
        ("address", text(&status.address)),
        ("user", text(&status.user)),
    ];
    lines.extend(status.key.map(|key| ("key", key.to_string())));
    lines.extend([("accept", text(&status.accept)), ("uptime", age(status.uptime_ms / 1000))]);
    lines.extend(status.trouble.as_deref().map(|trouble| ("trouble", text(trouble))));
    lines.extend(status.plain.as_deref().map(|why| ("plain", text(why))));
    let since = |since_ms: u64| age(now_ms.saturating_sub(since_ms) / 1000);
    lines.extend(status.not_leaving.iter().map(|it| {
        let to = it.to.as_deref().unwrap_or("all");
        ("not_leaving", format!("{to} {} {}", since(it.since_ms), text(&it.why)))
    }));
    lines.extend(
        status
            .waiting
            .iter()
            .map(|it| ("waiting", format!("{} {} {}", it.peer.shown(), it.message, since(it.since_ms)))),
    );
    lines.extend(status.log.as_ref().map(|log| ("log", text(&log.to_string()))));
    let numbers = [
        ("chats", status.chats),
        ("max_chats", status.max_chats),
        ("requests", status.requests),
        ("outbox", status.outbox),
        ("clients", status.clients),
        ("first_id", status.first_id),
        ("last_id", status.last_id),
        ("log_bytes", status.log_bytes),
        ("datagrams_in", counters.datagrams_in),
        ("datagrams_out", counters.datagrams_out),
        ("not_transmitted", counters.not_transmitted),
        ("retransmitted", counters.retransmitted),
        ("duplicates", counters.duplicates),
        ("ignored", counters.ignored),
        ("refused_short", refused.short),
        ("refused_type", refused.r#type),
        ("refused_operation", refused.operation),
        ("refused_port", refused.port),
        ("refused_rate", refused.rate),
        ("refused_budget", refused.budget),
        ("commits", counters.commits),
    ];
    lines.extend(numbers.map(|(name, number)| (name, number.to_string())));
    let notes =
        status.notes.iter().map(|special| format!("{} {}", special.peer.shown(), text(&special.note)));
    lines.extend(notes.map(|note| ("note", note)));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_control::{KeyId, Reason, State};

    fn bob(user: &str) -> Peer {
        Peer { user: user.into(), address: "127.0.0.2:7777".into() }
    }

    fn event(user: &str, what: What) -> Event {
        Event { id: 7, at_ms: 0, chat: 1, peer: bob(user), secure: None, answers: None, what }
    }

    #[test]
    fn a_message_is_a_name_and_a_text() {
        let message = |text: &str| What::Message { text: text.into() };
        assert_eq!(render(&View::Event(&event("bob", message("hi\n\x1b[2J")))), "bob: hi\\n\\x1b[2J\n");
        assert_eq!(render(&View::Event(&event("", message("hi")))), "127.0.0.2:7777: hi\n");
        assert_eq!(render_text(&View::Event(&event("bob", message("a\x07")))), "a\\x07\n");
        assert_eq!(
            sentence(&event("you -> bob", message("hi"))),
            "\"you -> bob\": hi",
            "and not as one of ours"
        );
        assert_eq!(sentence(&event("a b: c", What::Request)), "* \"a b: c\"@127.0.0.2:7777 invites you");
        assert_eq!(
            sentence(&event("bob", What::Queued { text: "yo".into(), again: None, size: None })),
            "you -> bob: yo"
        );
    }

    #[test]
    fn a_name_that_means_something_to_a_shell_is_not_to_be_typed() {
        assert_eq!(handle(&bob("bob")), "bob");
        for user in ["", "$(id)", "a;b", "-d", "Ann Lee", "127.0.0.9"] {
            assert_eq!(handle(&bob(user)), "127.0.0.2:7777");
        }
    }

    #[test]
    fn what_a_peer_says_in_parting_is_harmless_too() {
        let closed = What::Closed { reason: Reason::PeerDeclined, text: Some("\u{202e}no".into()) };
        let expected = "* chat with bob@127.0.0.2:7777 is closed: peer declined (\\u{202e}no)";
        assert_eq!(sentence(&event("bob", closed)), expected);
    }

    #[test]
    fn columns_are_aligned() {
        let chat = |id, user, state, note| ChatInfo {
            chat: id,
            peer: bob(user),
            state,
            queued: 0,
            since_ms: 0,
            note,
            ends_ms: None,
            secure: None,
        };
        let rows = [
            chat(1, "bob", State::Open, Some("takes turns; cuts at 500 bytes".into())),
            chat(12, "", State::Invited, None),
        ];
        assert_eq!(
            table(rows.iter().map(|chat| row(chat, &[], 61_000))),
            "1   open     bob@127.0.0.2:7777  0  1m  takes turns; cuts at 500 bytes\n12  invited  127.0.0.2:7777      0  1m\n"
        );
        assert_eq!(render(&View::Chats(&[])), "");
    }

    #[test]
    fn a_message_in_the_outbox_is_shown_with_what_is_going_on() {
        let entry = |next_ms, tries, reason, waits_for| {
            let (peer, text) = (bob("bob"), "a\nb".to_owned());
            let message = OutboxMessage {
                message: 7,
                peer,
                host: None,
                lookup: None,
                text,
                at_ms: 0,
                expires_ms: None,
                tries,
                reason,
                next_ms,
            };
            OutboxEntry { message, waits_for }
        };
        let there = Some(Reason::NobodyThere);
        for (entry, expected) in [
            (entry(Some(101_000), 5, there, WaitsFor::Next), "next try in 40s (nobody there, 5 tries)"),
            (entry(Some(0), 1, there, WaitsFor::Next), "next try in 0s (nobody there, 1 try)"),
            (entry(Some(61_000), 0, None, WaitsFor::Next), "next try in 0s"),
            (entry(None, 5, there, WaitsFor::Answer), "inviting"),
            (entry(None, 0, None, WaitsFor::Turn), "in a chat"),
            (entry(None, 0, None, WaitsFor::Room), "waits for another chat to end"),
        ] {
            assert_eq!(outbox_row(&entry, 61_000), ["7", "bob@127.0.0.2:7777", "1m", expected, "a\\nb"]);
        }
        let failed = Some(Lookup::Failed("unknown host".to_owned()));
        for (at, lookup, waits_for, to, expected) in [
            ("nas:7777", Some(Lookup::Asked), WaitsFor::Lookup, "nas:7777", "looking up nas"),
            (
                "nas:7777",
                failed.clone(),
                WaitsFor::Next,
                "nas:7777",
                "next try in 40s (unknown host, 5 tries)",
            ),
            (
                "127.0.0.2:7777",
                None,
                WaitsFor::Next,
                "nas:7777 (127.0.0.2:7777)",
                "next try in 40s (nobody there, 5 tries)",
            ),
            ("127.0.0.2:7777", failed, WaitsFor::Turn, "nas:7777 (127.0.0.2:7777)", "in a chat"),
        ] {
            let mut entry = entry(Some(101_000), 5, there, waits_for);
            entry.message.peer = Peer { user: String::new(), address: at.to_owned() };
            (entry.message.host, entry.message.lookup) = (Some("nas:7777".to_owned()), lookup);
            assert_eq!(outbox_row(&entry, 61_000)[1..4], [to, "1m", expected]);
        }
    }

    #[test]
    fn what_is_special_about_a_peer_stands_after_its_name() {
        let opened =
            |note: Option<&str>| sentence(&event("bob", What::Opened { note: note.map(str::to_owned) }));
        assert_eq!(opened(None), "* chat with bob@127.0.0.2:7777 is open");
        assert_eq!(
            opened(Some("takes\x1b turns")),
            "* chat with bob@127.0.0.2:7777 is open (takes\\x1b turns)"
        );
    }

    #[test]
    fn how_a_chat_is_secure_stands_after_its_peer() {
        let key = KeyId::new([7; 32]);
        let secure = |known| Some(Secure { key, known });
        let opened = |known| Event {
            secure: secure(known),
            ..event("bob", What::Opened { note: Some("takes turns".to_owned()) })
        };
        let who = "bob@127.0.0.2:7777";
        assert_eq!(sentence(&opened(true)), format!("* chat with {who} is open (secure; takes turns)"));
        let request = Event { secure: secure(false), ..event("bob", What::Request) };
        assert_eq!(sentence(&request), format!("* {who} invites you (secure, new key {key})"));
        assert_eq!(
            invitation("127.0.0.1", &bob("bob"), secure(false)),
            format!(
                "* {who} invites you (secure, new key {key}; answer with: simpctl -d 127.0.0.1 accept bob)"
            )
        );
        let mut chat = ChatInfo {
            chat: 1,
            peer: bob("bob"),
            state: State::Open,
            queued: 0,
            since_ms: 0,
            note: None,
            ends_ms: None,
            secure: secure(true),
        };
        assert_eq!(render(&View::Connected(&chat)), format!("connected to {who} (secure)\n"));
        assert_eq!(row(&chat, &[], 0)[5], format!("secure, known key {key}"));
        chat.secure = secure(false);
        assert_eq!(render(&View::Connected(&chat)), format!("connected to {who} (secure, new key {key})\n"));
    }

    #[test]
    fn a_peer_is_shown_with_its_habits_and_where_they_come_from() {
        let info = |user: &str, seen_ms, pinned| PeerInfo {
            read: None,
            peer: bob(user),
            dialect: "takes-turns,cuts-at=9".into(),
            notes: vec!["takes turns".into(), "cuts at 9 bytes".into()],
            seen_ms,
            pinned,
        };
        let row = |info| peer_row(&info, 61_000).join("|");
        let habits = "takes-turns,cuts-at=9|takes turns; cuts at 9 bytes";
        assert_eq!(row(info("b\x07b", Some(0), false)), format!("127.0.0.2:7777|\"b\\x07b\"|1m|{habits}"));
        for seen_ms in [None, Some(0)] {
            assert_eq!(row(info("", seen_ms, true)), format!("127.0.0.2:7777|-|pinned|{habits}"));
        }
    }

    #[test]
    fn a_consumer_is_so_many_entries_behind() {
        let consumer = Consumer { name: "mail\x1b".into(), seen: 7 };
        assert_eq!(consumer_row(&consumer, 9), ["mail\\x1b", "7", "2"]);
    }
}

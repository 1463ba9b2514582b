//! The form for programs: one JSON object per line, with the exact text and in a form that is safe for a
//! terminal. The names of the fields are part of simpctl's interface.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use simp_control::clock::rfc3339;
use simp_control::{
    ChatInfo, Consumer, Event, Failure, Kind, KnownKey, Lookup, MessageState, OutboxMessage, PeerInfo,
    Transfer, What, escape,
};

use super::model::{Problem, Progress, View};

/// An object with these fields, in this order, without those that have no value.
struct Object<const N: usize>([(&'static str, Value); N]);

impl<const N: usize> Serialize for Object<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // No `null`: a field that is not there is easier to test for in a script.
        let there = self.0.iter().filter(|(_, value)| !value.is_null());
        serializer.collect_map(there.map(|(name, value)| (name, value)))
    }
}

/// The lines, each with its end.
pub(super) fn render(shown: &View<'_>) -> String {
    match shown {
        View::Event(event) | View::Answer(event) | View::Delivered(event) | View::NotSaved { event, .. } => {
            line(&entry(event, None))
        }
        View::Entry { event, state } => line(&entry(event, *state)),
        View::Connected(info) | View::Ended(info) => line(&chat(info, &[])),
        View::Chats(chats) => chats.iter().map(|entry| line(&chat(&entry.chat, &entry.files))).collect(),
        View::Queued { message, chat, text, size } => line(&Object([
            ("id", json!(message)),
            ("event", json!(Kind::Queued)),
            ("chat", json!(chat)),
            ("text", json!(text)),
            ("name", json!(size.map(|_| text))),
            ("size", json!(size)),
        ])),
        View::Outbox(messages) => {
            messages.iter().map(|message| line(&outbox_message(&message.message))).collect()
        }
        View::Cancelled(message) => line(&Object([("cancelled", json!(message))])),
        View::Consumers { consumers, last_id } => {
            consumers.iter().map(|info| line(&consumer(info, *last_id))).collect()
        }
        View::Removed(name) => line(&Object([("removed", json!(name))])),
        View::Peers(peers) => peers.iter().map(|info| line(&peer(info))).collect(),
        View::Forgotten(peers) => line(&Object([("forgotten", json!(peers))])),
        View::Key(key) => line(&Object([("key", json!(key))])),
        View::Keys(keys) | View::Exported(keys) => keys.iter().map(|known| line(&known_key(known))).collect(),
        View::Trusted(keys) => line(&Object([("trusted", json!(keys))])),
        View::Status(status) => line(status),
        View::Problems(problems) => {
            let all: Vec<_> = problems.iter().map(problem).collect();
            line(&Object([("ok", json!(all.is_empty())), ("problems", json!(all))]))
        }
        View::Probed { report, .. } => report.lines().map(|clause| line(&clause)).collect(),
        View::Started { daemon, said } => {
            line(&Object([("daemon", json!(daemon)), ("started", json!(said.is_some()))]))
        }
        // It is for people alone.
        View::Overview { .. } => String::new(),
        View::BackedUp { file, bytes, log } => {
            line(&Object([("backup", json!(file)), ("bytes", json!(bytes)), ("log", json!(log))]))
        }
        View::Stopped(daemon) => line(&Object([("stopped", json!(daemon))])),
    }
}

/// Why a command failed.
pub(super) fn failure(failure: &Failure) -> String {
    line(&Object([("error", json!(failure.line)), ("kind", json!(failure.kind))]))
}

fn line(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_default();
    format!("{}\n", escape::json(&json))
}

/// How far a file of ours is.
pub(super) fn progress(progress: &Progress<'_>) -> String {
    line(&Object([
        ("event", json!("progress")),
        ("message", json!(progress.message)),
        ("name", json!(progress.name)),
        ("done", json!(progress.done)),
        ("size", json!(progress.size)),
    ]))
}

fn entry(event: &Event, state: Option<MessageState>) -> Object<17> {
    // The name of the field says which way it went.
    let whose = match event.what.kind() {
        Kind::Message | Kind::Request | Kind::File | Kind::FileSaved => "from",
        Kind::Inviting | Kind::Queued | Kind::Delivered | Kind::Undelivered | Kind::Unconfirmed => "to",
        Kind::Opened | Kind::Closed | Kind::Error | Kind::FileFailed => "peer",
    };
    let (mut message, mut again, mut reason, mut note) = (None, None, None, None);
    let (mut name, mut size, mut path, mut why) = (None, None, None, None);
    let mut text = event.what.text();
    match &event.what {
        What::Request | What::Inviting | What::Message { .. } | What::Error { .. } => (),
        What::Opened { note: special } => note = special.as_deref(),
        What::Closed { reason: why, .. } => reason = Some(*why),
        // The text too: it is what scripts have of it that were written before there were files.
        What::Queued { text: called, again: first, size: bytes } => {
            (again, size, name) = (*first, *bytes, bytes.map(|_| called));
        }
        What::Delivered { message: id } | What::Unconfirmed { message: id } => message = Some(*id),
        What::Undelivered { message: id, reason: why } => (message, reason) = (Some(*id), Some(*why)),
        // A script that reads texts must not take these for some.
        What::File { name: called, size: bytes } => {
            (name, size, text) = (Some(called), Some(*bytes), None);
        }
        What::FileSaved { message: id, path: at, size: bytes } => {
            (message, path, size, text) = (Some(*id), Some(at), Some(*bytes), None);
        }
        What::FileFailed { message: id, why: reason } => {
            (message, why, text) = (Some(*id), Some(reason), None);
        }
    }
    // Without its reason: a script that counts the outcomes with one would count this too.
    let state = state.map(|state| match state {
        MessageState::Waiting => "waiting",
        MessageState::Delivered => "delivered",
        MessageState::Unconfirmed => "unconfirmed",
        MessageState::Undelivered { .. } => "undelivered",
    });
    Object([
        ("id", json!(event.id)),
        ("at", json!(rfc3339(event.at_ms))),
        ("event", json!(event.what.kind())),
        ("chat", json!(event.chat)),
        (whose, json!(event.peer.to_string())),
        ("message", json!(message)),
        ("answers", json!(event.answers)),
        ("again", json!(again)),
        ("state", json!(state)),
        ("reason", json!(reason)),
        ("text", json!(text)),
        ("name", json!(name)),
        ("path", json!(path)),
        ("size", json!(size)),
        ("why", json!(why)),
        ("note", json!(note)),
        ("secure", json!(event.secure)),
    ])
}

fn problem(problem: &Problem) -> Object<2> {
    Object([("problem", json!(problem.kind)), ("line", json!(problem.line))])
}

fn chat(info: &ChatInfo, files: &[Transfer]) -> Object<8> {
    let files = Some(files).filter(|files| !files.is_empty());
    let files = files.map(|files| files.iter().map(transfer).collect::<Vec<_>>());
    Object([
        ("chat", json!(info.chat)),
        ("peer", json!(info.peer.to_string())),
        ("state", json!(info.state)),
        ("queued", json!(info.queued)),
        ("since", json!(rfc3339(info.since_ms))),
        ("note", json!(info.note)),
        ("secure", json!(info.secure)),
        ("files", json!(files)),
    ])
}

fn transfer(file: &Transfer) -> Object<5> {
    Object([
        ("message", json!(file.message)),
        ("name", json!(file.name)),
        ("done", json!(file.done)),
        ("size", json!(file.size)),
        ("state", json!(file.state)),
    ])
}

fn known_key(known: &KnownKey) -> Object<5> {
    let user = Some(&known.user).filter(|user| !user.is_empty());
    Object([
        ("who", json!(known.who)),
        ("key", json!(known.key)),
        ("user", json!(user)),
        ("seen", json!(rfc3339(known.seen_ms))),
        ("trusted", json!(known.trusted)),
    ])
}

fn peer(info: &PeerInfo) -> Object<5> {
    Object([
        ("peer", json!(info.peer.to_string())),
        ("dialect", json!(info.dialect)),
        ("notes", json!(info.notes)),
        ("seen", json!(info.seen_ms.map(rfc3339))),
        ("pinned", json!(info.pinned)),
    ])
}

fn outbox_message(message: &OutboxMessage) -> Object<10> {
    Object([
        ("id", json!(message.message)),
        ("at", json!(rfc3339(message.at_ms))),
        ("to", json!(message.peer.to_string())),
        ("host", json!(message.host)),
        ("lookup", json!(message.lookup.as_ref().map(lookup))),
        ("text", json!(message.text)),
        ("expires", json!(message.expires_ms.map(rfc3339))),
        ("tries", json!(message.tries)),
        ("reason", json!(message.reason)),
        ("next", json!(message.next_ms.map(rfc3339))),
    ])
}

/// What becomes of a lookup: why the last one has failed, if none is made.
fn lookup(lookup: &Lookup) -> &str {
    match lookup {
        Lookup::Asked => "asked",
        Lookup::Failed(why) => why,
    }
}

fn consumer(info: &Consumer, last_id: u64) -> Object<3> {
    let behind = last_id.saturating_sub(info.seen);
    Object([("name", json!(info.name)), ("seen", json!(info.seen)), ("behind", json!(behind))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::ChatEntry;
    use simp_control::{FailureKind, KeyId, Peer, Reason, Secure, State, TransferState};

    fn event(what: What) -> Event {
        let peer = Peer { user: "bob".into(), address: "127.0.0.2:7777".into() };
        Event { id: 1, at_ms: 1_795_262_400_123, chat: 1, peer, secure: None, answers: None, what }
    }

    #[test]
    fn an_event_is_one_object_with_what_belongs_to_it() {
        let bob = "bob@127.0.0.2:7777";
        for (what, rest) in [
            (
                What::Message { text: "hi\u{9b}".into() },
                format!(r#""message","chat":1,"from":"{bob}","text":"hi\u009b""#),
            ),
            (What::Request, format!(r#""request","chat":1,"from":"{bob}""#)),
            (What::Opened { note: None }, format!(r#""opened","chat":1,"peer":"{bob}""#)),
            (
                What::Opened { note: Some("takes turns".into()) },
                format!(r#""opened","chat":1,"peer":"{bob}","note":"takes turns""#),
            ),
            (What::Unconfirmed { message: 9 }, format!(r#""unconfirmed","chat":1,"to":"{bob}","message":9"#)),
            (
                What::Closed { reason: Reason::PeerBusy, text: Some("no".into()) },
                format!(r#""closed","chat":1,"peer":"{bob}","reason":"peer busy","text":"no""#),
            ),
            (
                What::Queued { text: "hi".into(), again: Some(7), size: None },
                format!(r#""queued","chat":1,"to":"{bob}","again":7,"text":"hi""#),
            ),
            (
                What::Queued { text: "x.bin".into(), again: None, size: Some(9) },
                format!(r#""queued","chat":1,"to":"{bob}","text":"x.bin","name":"x.bin","size":9"#),
            ),
            (What::Delivered { message: 9 }, format!(r#""delivered","chat":1,"to":"{bob}","message":9"#)),
            (
                What::Undelivered { message: 9, reason: Reason::PeerGone },
                format!(r#""undelivered","chat":1,"to":"{bob}","message":9,"reason":"peer gone""#),
            ),
        ] {
            let expected = format!("{{\"id\":1,\"at\":\"2026-11-21T12:00:00.123Z\",\"event\":{rest}}}\n");
            assert_eq!(render(&View::Event(&event(what))), expected);
        }
    }

    #[test]
    fn a_message_in_the_outbox_has_what_is_known_of_it() {
        let mut message = OutboxMessage {
            message: 7,
            peer: Peer { user: String::new(), address: "127.0.0.2:7777".into() },
            host: None,
            lookup: None,
            text: "hi".into(),
            at_ms: 1_795_262_400_123,
            expires_ms: None,
            tries: 0,
            reason: None,
            next_ms: None,
        };
        let begin = r#"{"id":7,"at":"2026-11-21T12:00:00.123Z","to":"127.0.0.2:7777","text":"hi""#;
        assert_eq!(line(&outbox_message(&message)), format!("{begin},\"tries\":0}}\n"));
        message.expires_ms = Some(1_795_262_500_000);
        message.next_ms = Some(1_795_262_450_000);
        (message.tries, message.reason) = (5, Some(Reason::NobodyThere));
        let rest = r#""expires":"2026-11-21T12:01:40.000Z","tries":5,"reason":"nobody there","next":"2026-11-21T12:00:50.000Z""#;
        assert_eq!(line(&outbox_message(&message)), format!("{begin},{rest}}}\n"));
        for (lookup, said) in
            [(Lookup::Asked, "asked"), (Lookup::Failed("unknown host".into()), "unknown host")]
        {
            (message.host, message.lookup) = (Some("nas:7777".into()), Some(lookup));
            let host = format!("\"to\":\"127.0.0.2:7777\",\"host\":\"nas:7777\",\"lookup\":\"{said}\"");
            assert!(line(&outbox_message(&message)).contains(&host));
        }
    }

    #[test]
    fn a_peer_has_what_is_known_of_it() {
        let peer = Peer { user: String::new(), address: "127.0.0.2".into() };
        let mut info = PeerInfo {
            peer,
            dialect: "plain".into(),
            notes: vec![],
            seen_ms: None,
            pinned: true,
            read: None,
        };
        let expected = r#"{"peer":"127.0.0.2","dialect":"plain","notes":[],"pinned":true}"#;
        assert_eq!(render(&View::Peers(std::slice::from_ref(&info))), format!("{expected}\n"));
        (info.seen_ms, info.pinned) = (Some(1_795_262_400_123), false);
        info.notes.push("takes turns".into());
        let expected = r#"{"peer":"127.0.0.2","dialect":"plain","notes":["takes turns"],"seen":"2026-11-21T12:00:00.123Z","pinned":false}"#;
        assert_eq!(render(&View::Peers(&[info])), format!("{expected}\n"));
        assert_eq!(render(&View::Forgotten(3)), "{\"forgotten\":3}\n");
    }

    #[test]
    fn a_key_is_there_wherever_a_chat_is_secure() {
        let key = KeyId::new([7; 32]);
        let secure = format!(r#""secure":{{"key":"{key}","known":false}}"#);
        let opened =
            Event { secure: Some(Secure { key, known: false }), ..event(What::Opened { note: None }) };
        let rest = r#""event":"opened","chat":1,"peer":"bob@127.0.0.2:7777""#;
        let expected = format!("{{\"id\":1,\"at\":\"2026-11-21T12:00:00.123Z\",{rest},{secure}}}\n");
        assert_eq!(render(&View::Event(&opened)), expected);
        let chat = ChatInfo {
            chat: 1,
            peer: opened.peer.clone(),
            state: State::Open,
            queued: 0,
            since_ms: 1_795_262_400_123,
            note: None,
            ends_ms: None,
            secure: opened.secure,
        };
        assert!(render(&View::Connected(&chat)).ends_with(&format!(".123Z\",{secure}}}\n")));
        let (message, name, state) = (7, "x\u{9b}".to_owned(), TransferState::Sending);
        let file = Transfer { message, peer: opened.peer.clone(), name, size: 9, done: 3, state };
        let files = r#""files":[{"done":3,"message":7,"name":"x\u009b","size":9,"state":"sending"}]"#;
        assert!(
            render(&View::Chats(&[ChatEntry { chat, files: vec![file] }]))
                .ends_with(&format!("{secure},{files}}}\n"))
        );
        let (who, user, seen_ms) = ("ann".to_owned(), String::new(), 1_795_262_400_123);
        let known = KnownKey { who, key, user, seen_ms, trusted: true };
        let seen = "2026-11-21T12:00:00.123Z";
        let expected =
            format!("{{\"who\":\"ann\",\"key\":\"{key}\",\"seen\":\"{seen}\",\"trusted\":true}}\n");
        assert_eq!(render(&View::Keys(&[known])), expected);
        assert_eq!(render(&View::Key(key)), format!("{{\"key\":\"{key}\"}}\n"));
    }

    #[test]
    fn a_failure_names_its_kind() {
        let line = failure(&Failure::new(FailureKind::NoSuch, "x: \x1b"));
        assert_eq!(line, "{\"error\":\"x: \\u001b\",\"kind\":\"no_such\"}\n");
    }
}

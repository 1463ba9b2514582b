//! The renderer for programs: one JSON object per line, with the exact text and in a form that is safe for a
//! terminal. The names of the fields are part of simpctl's interface.

use serde::Serialize;
use simp_control::{
    ChatInfo, Consumer, Event, Failure, FailureKind, Kind, OutboxMessage, PeerInfo, Reason, State, What,
};

use crate::clock::rfc3339;
use crate::escape;
use crate::output::Shown;
use crate::probe::report;

#[derive(Serialize)]
struct EventLine<'a> {
    id: u64,
    at: String,
    event: Kind,
    chat: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

#[derive(Serialize)]
struct QueuedLine<'a> {
    id: u64,
    event: Kind,
    chat: u64,
    text: &'a str,
}

#[derive(Serialize)]
struct ChatLine<'a> {
    chat: u64,
    peer: String,
    state: State,
    queued: u64,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

#[derive(Serialize)]
struct KeptLine<'a> {
    id: u64,
    at: String,
    to: String,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    tries: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
struct CancelledLine {
    cancelled: u64,
}

#[derive(Serialize)]
struct ConsumerLine<'a> {
    name: &'a str,
    seen: u64,
    behind: u64,
}

#[derive(Serialize)]
struct RemovedLine<'a> {
    removed: &'a str,
}

#[derive(Serialize)]
struct PeerLine<'a> {
    peer: String,
    dialect: &'a str,
    notes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<String>,
    pinned: bool,
}

#[derive(Serialize)]
struct ForgottenLine {
    forgotten: u64,
}

#[derive(Serialize)]
struct StoppedLine<'a> {
    stopped: &'a str,
}

#[derive(Serialize)]
struct FailureLine<'a> {
    error: &'a str,
    kind: FailureKind,
}

/// The lines, each with its end.
pub(crate) fn render(shown: &Shown<'_>) -> String {
    match shown {
        Shown::Event(event) | Shown::Entry(event) | Shown::Delivered(event) => line(&event_line(event)),
        Shown::Connected(chat) | Shown::Ended(chat) => line(&chat_line(chat)),
        Shown::Chats(chats) => chats.iter().map(|chat| line(&chat_line(chat))).collect(),
        Shown::Queued { message, chat, text } => {
            line(&QueuedLine { id: *message, event: Kind::Queued, chat: *chat, text })
        }
        Shown::Outbox(kept) => kept.iter().map(|kept| line(&kept_line(&kept.message))).collect(),
        Shown::Cancelled(cancelled) => line(&CancelledLine { cancelled: *cancelled }),
        Shown::Consumers { consumers, last_id } => {
            consumers.iter().map(|consumer| line(&consumer_line(consumer, *last_id))).collect()
        }
        Shown::Removed(removed) => line(&RemovedLine { removed }),
        Shown::Peers(peers) => peers.iter().map(|info| line(&peer_line(info))).collect(),
        Shown::Forgotten(forgotten) => line(&ForgottenLine { forgotten: *forgotten }),
        Shown::Status(status) => line(status),
        Shown::Probed(report) => report::lines(report).map(|clause| line(&clause)).collect(),
        Shown::Stopped(stopped) => line(&StoppedLine { stopped }),
    }
}

/// Why a command failed.
pub(crate) fn failure(failure: &Failure) -> String {
    line(&FailureLine { error: &failure.line, kind: failure.kind })
}

fn line(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_default();
    format!("{}\n", escape::json(&json))
}

fn event_line(event: &Event) -> EventLine<'_> {
    let peer = Some(event.peer.to_string());
    let (from, to, peer) = match event.what.kind() {
        Kind::Message | Kind::Request => (peer, None, None),
        Kind::Inviting | Kind::Queued | Kind::Delivered | Kind::Undelivered | Kind::Unconfirmed => {
            (None, peer, None)
        }
        Kind::Opened | Kind::Closed | Kind::Error => (None, None, peer),
    };
    let (message, reason, text) = match &event.what {
        What::Request | What::Inviting | What::Opened { .. } => (None, None, None),
        What::Closed { reason, text } => (None, Some(*reason), text.as_deref()),
        What::Message { text } | What::Queued { text, .. } | What::Error { text } => {
            (None, None, Some(text.as_str()))
        }
        What::Delivered { message } | What::Unconfirmed { message } => (Some(*message), None, None),
        What::Undelivered { message, reason } => (Some(*message), Some(*reason), None),
    };
    let again = if let What::Queued { again, .. } = event.what { again } else { None };
    let note = if let What::Opened { note } = &event.what { note.as_deref() } else { None };
    let (id, at, chat) = (event.id, rfc3339(event.at_ms), event.chat);
    EventLine { id, at, event: event.what.kind(), chat, from, to, peer, message, again, reason, text, note }
}

fn chat_line(chat: &ChatInfo) -> ChatLine<'_> {
    ChatLine {
        chat: chat.chat,
        peer: chat.peer.to_string(),
        state: chat.state,
        queued: chat.queued,
        since: rfc3339(chat.since_ms),
        note: chat.note.as_deref(),
    }
}

fn peer_line(info: &PeerInfo) -> PeerLine<'_> {
    PeerLine {
        peer: info.peer.to_string(),
        dialect: &info.dialect,
        notes: &info.notes,
        seen: info.seen_ms.map(rfc3339),
        pinned: info.pinned,
    }
}

fn kept_line(kept: &OutboxMessage) -> KeptLine<'_> {
    KeptLine {
        id: kept.message,
        at: rfc3339(kept.at_ms),
        to: kept.peer.to_string(),
        text: &kept.text,
        expires: kept.expires_ms.map(rfc3339),
        tries: kept.tries,
        reason: kept.reason,
        next: kept.next_ms.map(rfc3339),
    }
}

fn consumer_line(consumer: &Consumer, last_id: u64) -> ConsumerLine<'_> {
    let behind = last_id.saturating_sub(consumer.seen);
    ConsumerLine { name: &consumer.name, seen: consumer.seen, behind }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_control::Peer;

    fn event(what: What) -> Event {
        let peer = Peer { user: "bob".into(), address: "127.0.0.2:7777".into() };
        Event { id: 1, at_ms: 1_795_262_400_123, chat: 1, peer, what }
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
                What::Queued { text: "hi".into(), again: Some(7) },
                format!(r#""queued","chat":1,"to":"{bob}","again":7,"text":"hi""#),
            ),
            (What::Delivered { message: 9 }, format!(r#""delivered","chat":1,"to":"{bob}","message":9"#)),
            (
                What::Undelivered { message: 9, reason: Reason::PeerGone },
                format!(r#""undelivered","chat":1,"to":"{bob}","message":9,"reason":"peer gone""#),
            ),
        ] {
            let expected = format!("{{\"id\":1,\"at\":\"2026-11-21T12:00:00.123Z\",\"event\":{rest}}}\n");
            assert_eq!(render(&Shown::Event(&event(what))), expected);
        }
    }

    #[test]
    fn a_message_in_the_outbox_has_what_is_known_of_it() {
        let mut message = OutboxMessage {
            message: 7,
            peer: Peer { user: String::new(), address: "127.0.0.2:7777".into() },
            text: "hi".into(),
            at_ms: 1_795_262_400_123,
            expires_ms: None,
            tries: 0,
            reason: None,
            next_ms: None,
        };
        let begin = r#"{"id":7,"at":"2026-11-21T12:00:00.123Z","to":"127.0.0.2:7777","text":"hi""#;
        assert_eq!(line(&kept_line(&message)), format!("{begin},\"tries\":0}}\n"));
        message.expires_ms = Some(1_795_262_500_000);
        message.next_ms = Some(1_795_262_450_000);
        (message.tries, message.reason) = (5, Some(Reason::NobodyThere));
        let rest = r#""expires":"2026-11-21T12:01:40.000Z","tries":5,"reason":"nobody there","next":"2026-11-21T12:00:50.000Z""#;
        assert_eq!(line(&kept_line(&message)), format!("{begin},{rest}}}\n"));
    }

    #[test]
    fn a_peer_has_what_is_known_of_it() {
        let peer = Peer { user: String::new(), address: "127.0.0.2".into() };
        let mut info = PeerInfo { peer, dialect: "plain".into(), notes: vec![], seen_ms: None, pinned: true };
        let expected = r#"{"peer":"127.0.0.2","dialect":"plain","notes":[],"pinned":true}"#;
        assert_eq!(render(&Shown::Peers(std::slice::from_ref(&info))), format!("{expected}\n"));
        (info.seen_ms, info.pinned) = (Some(1_795_262_400_123), false);
        info.notes.push("takes turns".into());
        let expected = r#"{"peer":"127.0.0.2","dialect":"plain","notes":["takes turns"],"seen":"2026-11-21T12:00:00.123Z","pinned":false}"#;
        assert_eq!(render(&Shown::Peers(&[info])), format!("{expected}\n"));
        assert_eq!(render(&Shown::Forgotten(3)), "{\"forgotten\":3}\n");
    }

    #[test]
    fn a_failure_names_its_kind() {
        let line = failure(&Failure::new(FailureKind::NoSuch, "x: \x1b"));
        assert_eq!(line, "{\"error\":\"x: \\u001b\",\"kind\":\"no_such\"}\n");
    }

    #[test]
    fn a_moment_beyond_the_calendar_is_still_a_rfc3339() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert!(rfc3339(u64::MAX).starts_with("9999"));
    }
}

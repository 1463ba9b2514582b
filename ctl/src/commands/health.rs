//! What is wrong with a simpd, from its status, each with its remedy.

use std::time::Duration;

use simp_control::clock::age;
use simp_control::{OldestWaiting, Status};

use crate::show::Problem;

/// All that is wrong at this time, if a message may wait for its peer so long.
pub(super) fn problems(status: &Status, now_ms: u64, max_age: Duration) -> Vec<Problem> {
    let since = |since_ms: u64| age(now_ms.saturating_sub(since_ms) / 1000);
    let no_address = status.not_leaving.iter().find(|it| it.to.is_none()).map(|it| &it.why);
    // That no interface has the address is trouble too, for clients that know of nothing else: it is told once, with its age.
    let trouble = status.trouble.iter().filter(|trouble| Some(*trouble) != no_address);
    let trouble = trouble.map(|trouble| Problem::new("trouble", trouble.clone()));
    let not_leaving = status.not_leaving.iter().map(|it| {
        let to = it.to.as_ref().map(|to| format!(" for {to}")).unwrap_or_default();
        Problem::new(
            "not_leaving",
            format!("datagrams{to} do not leave, since {}: {}", since(it.since_ms), it.why),
        )
    });
    let is_old = |it: &&OldestWaiting| now_ms.saturating_sub(it.since_ms) >= max_age.as_millis() as u64;
    let waiting = status.waiting.iter().filter(is_old).map(|it| {
        let (where_, remedy) = match it.chat {
            Some(chat) => (format!("in chat {chat}"), "see: simpctl chats".to_owned()),
            None => ("in the outbox".to_owned(), "see: simpctl outbox".to_owned()),
        };
        let what = format!("message {} waits {where_} for {}", it.message, it.peer);
        Problem::new("waiting", format!("{what}, since {} ({remedy})", since(it.since_ms)))
    });
    let plain = status.plain.iter().map(|why| Problem::new("plain", format!("all chats are plain: {why}")));
    trouble.chain(not_leaving).chain(waiting).chain(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_control::{NotLeaving, Peer};

    fn status() -> Status {
        let status = r#"{"version":"1","pid":1,"address":"10.0.0.1:7777","user":"ann","accept":"ask","uptime_ms":1,"chats":0,
            "max_chats":1,"requests":0,"clients":1,"counters":{"datagrams_in":0,"datagrams_out":0,"not_transmitted":0,
            "retransmitted":0,"duplicates":0,"ignored":0,"refused":{"short":0,"type":0,"operation":0,"port":0,"rate":0},
            "commits":0},"last_id":0,"first_id":0,"log_bytes":0,"outbox":0,"notes":[]}"#;
        serde_json::from_str(status).unwrap()
    }

    fn lines(status: &Status) -> Vec<String> {
        let all = problems(status, 7_200_000, Duration::from_secs(3_600));
        all.into_iter().map(|problem| format!("{}: {}", problem.kind, problem.line)).collect()
    }

    #[test]
    fn all_that_is_wrong_is_told_once_with_its_age_and_its_remedy() {
        assert_eq!(lines(&status()), [""; 0]);
        let waiting = |message, chat, since_ms| OldestWaiting {
            peer: Peer { user: "bob".to_owned(), address: "10.0.0.2:7777".to_owned() },
            message,
            chat,
            since_ms,
        };
        let not_leaving = |to: Option<&str>, why: &str| NotLeaving {
            to: to.map(str::to_owned),
            since_ms: 7_140_000,
            why: why.to_owned(),
        };
        let all = Status {
            trouble: Some("no interface (find it)".to_owned()),
            plain: Some("no port (free it)".to_owned()),
            not_leaving: vec![
                not_leaving(None, "no interface (find it)"),
                not_leaving(Some("10.0.0.2:7777"), "no way (see: ip route)"),
            ],
            // An hour is too long, a millisecond less is not.
            waiting: vec![
                waiting(3, None, 0),
                waiting(4, Some(2), 3_600_000),
                waiting(5, Some(9), 3_600_001),
            ],
            ..status()
        };
        assert_eq!(
            lines(&all),
            [
                "not_leaving: datagrams do not leave, since 1m: no interface (find it)",
                "not_leaving: datagrams for 10.0.0.2:7777 do not leave, since 1m: no way (see: ip route)",
                "waiting: message 3 waits in the outbox for bob@10.0.0.2:7777, since 2h (see: simpctl outbox)",
                "waiting: message 4 waits in chat 2 for bob@10.0.0.2:7777, since 1h (see: simpctl chats)",
                "plain: all chats are plain: no port (free it)",
            ]
        );
        let full = Status { trouble: Some("F: the disk is full (free some space)".to_owned()), ..status() };
        assert_eq!(lines(&full), ["trouble: F: the disk is full (free some space)"]);
    }
}

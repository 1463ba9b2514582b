//! What a command finds of the message that it is run for. The text comes from a peer, so it is never part of the command:
//! it is in the environment and on standard input.

use simp_control::Event;
use simp_control::clock::rfc3339;

use super::jobs::Task;

/// The longest text, in bytes, that is in the environment too: Linux starts nothing with a longer one than 128 KiB there.
const IN_ENVIRONMENT_MAX: usize = 64 << 10;

/// The variables that may be set; whoever started us may have set them too.
pub(super) const MAY_BE_SET: [&str; 3] = ["SIMP_TEXT", "SIMP_TRIES", "SIMP_STATUS"];

/// What is in the environment of the command for a message, which cannot hold NUL.
pub(super) fn environment(event: &Event, task: &Task) -> Vec<(&'static str, String)> {
    let text = event.what.text().unwrap_or_default();
    let mut all = vec![
        ("SIMP_ID", event.id.to_string()),
        ("SIMP_EVENT", event.what.kind().to_string()),
        ("SIMP_FROM", event.peer.to_string()),
        ("SIMP_USER", event.peer.user.clone()),
        ("SIMP_ADDRESS", event.peer.address.clone()),
        ("SIMP_AT", rfc3339(event.at_ms)),
    ];
    if text.len() <= IN_ENVIRONMENT_MAX {
        all.push(("SIMP_TEXT", text.to_owned()));
    }
    if let Task::GiveUp { tries, how } = task {
        all.extend([("SIMP_TRIES", tries.to_string()), ("SIMP_STATUS", how.clone())]);
    }
    all.into_iter().map(|(name, value)| (name, value.replace('\0', ""))).collect()
}

/// What is on its standard input.
pub(super) fn input(event: &Event) -> Vec<u8> {
    format!("{}\n", event.what.text().unwrap_or_default()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_control::{Peer, What};

    fn message(text: &str) -> Event {
        let peer = Peer { user: "bob".into(), address: "127.0.0.2:7777".into() };
        Event {
            id: 7,
            at_ms: 0,
            chat: 1,
            peer,
            secure: None,
            answers: None,
            what: What::Message { text: text.into() },
        }
    }

    #[test]
    fn no_variable_holds_nul_and_a_text_that_is_too_long_for_one_is_on_standard_input_alone() {
        let gives = |text: &str| environment(&message(text), &Task::Try);
        assert!(gives("a\0b").contains(&("SIMP_TEXT", "ab".to_owned())));
        for (length, is_there) in
            [(IN_ENVIRONMENT_MAX, true), (IN_ENVIRONMENT_MAX + 1, false), (1_000_000, false)]
        {
            let text = "x".repeat(length);
            assert_eq!(gives(&text).iter().any(|(name, _)| *name == "SIMP_TEXT"), is_there, "{length}");
            assert_eq!(input(&message(&text)).len(), length + 1);
        }
    }

    #[test]
    fn what_is_given_up_comes_with_how_often_and_how_it_failed() {
        let task = Task::GiveUp { tries: 3, how: "exit status 1".to_owned() };
        let given = environment(&message("x"), &task);
        assert!(given.contains(&("SIMP_TRIES", "3".to_owned())));
        assert!(given.contains(&("SIMP_STATUS", "exit status 1".to_owned())));
    }
}

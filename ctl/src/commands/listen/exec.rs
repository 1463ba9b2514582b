//! Runs a command for a message. The text is never part of the command: it is in the environment and on
//! standard input.

use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use simp_control::clock::rfc3339;
use simp_control::error::{Outcome, fail, system};
use simp_control::{Event, FailureKind, sleep};

use crate::show::complain;

/// The pause after a first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(60);

/// Runs the command until it succeeds.
///
/// # Errors
/// `no_answer` if the deadline passes in a pause; `failed` if there is no `sh` to run it with.
pub(super) fn until_done(command: &str, event: &Event, deadline: Option<Instant>) -> Outcome {
    let mut pause = FIRST_PAUSE;
    loop {
        let status = run(command, event)
            .map_err(|error| fail(FailureKind::Failed, format!("sh: {}", system(&error))))?;
        if status.success() {
            return Ok(());
        }
        let left =
            deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(sleep::now()));
        let (id, how, pause_s) = (event.id, ended(status), pause.as_secs());
        complain(&format!("message {id}: the command failed ({how}), retrying in {pause_s} s"));
        // The next message waits too: messages are handed over in their order, and none is skipped.
        thread::sleep(pause.min(left));
        if left <= pause {
            let line = format!("message {}: the command did not succeed within the time limit", event.id);
            return Err(fail(FailureKind::NoAnswer, line));
        }
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

/// How a command that failed has ended.
fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no exit status".to_owned(),
    }
}

fn run(command: &str, event: &Event) -> io::Result<ExitStatus> {
    // The text comes from a peer, so it must never be read by the shell.
    let mut sh = Command::new("sh");
    sh.arg("-c").arg(command).env_remove("SIMP_TEXT").envs(environment(event)).stdin(Stdio::piped());
    let mut child = sh.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read its input is no failure.
        let _ = stdin.write_all(format!("{}\n", event.what.text().unwrap_or_default()).as_bytes());
    }
    child.wait()
}

/// The longest text, in bytes, that is in the environment too: Linux starts nothing with a longer one than 128 KiB there.
const IN_ENVIRONMENT_MAX: usize = 64 << 10;

/// What the command finds in its environment, which cannot hold NUL.
fn environment(event: &Event) -> impl Iterator<Item = (&'static str, String)> {
    let text = event.what.text().unwrap_or_default();
    let text = Some(("SIMP_TEXT", text.to_owned())).filter(|_| text.len() <= IN_ENVIRONMENT_MAX);
    let all = [
        ("SIMP_ID", event.id.to_string()),
        ("SIMP_EVENT", event.what.kind().to_string()),
        ("SIMP_FROM", event.peer.to_string()),
        ("SIMP_USER", event.peer.user.clone()),
        ("SIMP_ADDRESS", event.peer.address.clone()),
        ("SIMP_AT", rfc3339(event.at_ms)),
    ];
    all.into_iter().chain(text).map(|(name, value)| (name, value.replace('\0', "")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_control::{Peer, What};

    fn message(text: &str) -> Event {
        let peer = Peer { user: "bob".into(), address: "127.0.0.2:7777".into() };
        Event { id: 7, at_ms: 0, chat: 1, peer, secure: None, what: What::Message { text: text.into() } }
    }

    #[test]
    fn the_text_reaches_the_command_as_data_only() {
        let event = message("$(exit 3)'; exit 3 #\0");
        let check = r#"read -r line; test "$SIMP_TEXT" = "\$(exit 3)'; exit 3 #" -a "$SIMP_USER" = bob"#;
        until_done(check, &event, None).unwrap();
        assert!(environment(&event).all(|(_, value)| !value.contains('\0')));
    }

    #[test]
    fn a_text_that_is_too_long_for_an_environment_is_on_standard_input_alone() {
        for (length, is_there) in
            [(IN_ENVIRONMENT_MAX, true), (IN_ENVIRONMENT_MAX + 1, false), (1_000_000, false)]
        {
            let event = message(&"x".repeat(length));
            let check =
                format!("test \"$(wc -c)\" -eq {} && test \"${{SIMP_TEXT+there}}\" = \"$1\"", length + 1);
            let is_there = if is_there { "there" } else { "" };
            assert!(run(&check.replace("$1", is_there), &event).unwrap().success(), "{length}");
        }
    }

    #[test]
    fn a_command_that_does_not_read_is_no_failure() {
        assert!(run("exec <&-; exit 0", &message(&"x".repeat(100_000))).unwrap().success());
    }

    #[test]
    fn how_a_command_has_ended_is_said_in_words_of_ours() {
        for (command, how) in [("exit 3", "exit status 3"), ("kill -9 $$", "signal 9")] {
            assert_eq!(ended(run(command, &message("x")).unwrap()), how);
        }
    }

    #[test]
    fn a_command_that_fails_is_given_up_only_with_the_time() {
        let error = until_done("exit 1", &message("x"), Some(sleep::now())).unwrap_err();
        assert_eq!(error.to_string(), "message 7: the command did not succeed within the time limit");
    }
}

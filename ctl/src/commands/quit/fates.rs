//! What became of what was under way in a chat that was left, and how that is said.

use simp_control::error::{Outcome, fail};
use simp_control::{Client, FailureKind, What};

use crate::show::complain;

/// What became of messages and files: all others have arrived.
#[derive(Debug, Default)]
pub(super) struct Fates {
    /// The peer does not acknowledge these messages.
    unconfirmed: Vec<u64>,
    /// These are not delivered, or not saved, for these reasons.
    lost: Vec<(u64, String)>,
}

/// What is said of them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lines {
    /// That is no failure of ours.
    notes: Vec<String>,
    failures: Vec<String>,
}

impl Fates {
    /// Takes an entry of the log.
    pub(super) fn note(&mut self, what: What) {
        match what {
            What::Undelivered { message, reason } => self.lost.push((message, reason.to_string())),
            What::FileFailed { message, why } => self.lost.push((message, why)),
            What::Unconfirmed { message } => self.unconfirmed.push(message),
            _ => {}
        }
    }

    /// Says what did not arrive: a failure if it is ours.
    pub(super) fn tell(self, client: &mut Client) -> Outcome {
        let Lines { notes, mut failures } =
            self.lines(|message| Ok(client.entry(message)?.map(|it| it.what)))?;
        let last = failures.pop();
        notes.iter().chain(&failures).for_each(|line| complain(line));
        last.map_or(Ok(()), |line| Err(fail(FailureKind::Undelivered, line)))
    }

    /// `entry`: what the log says of a message, unless it is too old.
    fn lines(self, mut entry: impl FnMut(u64) -> Outcome<Option<What>>) -> Outcome<Lines> {
        let (mut lines, mut texts) = (Lines::default(), Vec::new());
        if !self.unconfirmed.is_empty() {
            lines.notes.push(format!("sent, not confirmed: {}", numbered(&self.unconfirmed)));
        }
        for (message, why) in self.lost {
            match entry(message)? {
                Some(What::Queued { text: name, size: Some(_), .. }) => {
                    let remedy = "send it again: simpctl send --file";
                    lines.failures.push(format!("not delivered: file {message} ({name}): {why} ({remedy})"));
                }
                Some(What::File { name, .. }) => {
                    lines.notes.push(format!("not saved: file {message} ({name}): {why}"));
                }
                _ => texts.push(message),
            }
        }
        let kept = if texts.len() == 1 { "it is kept in the log" } else { "they are kept in the log" };
        if !texts.is_empty() {
            lines.failures.push(format!("not delivered: {} ({kept})", numbered(&texts)));
        }
        Ok(lines)
    }
}

fn numbered(messages: &[u64]) -> String {
    let ids: Vec<String> = messages.iter().map(u64::to_string).collect();
    format!("message{} {}", if ids.len() == 1 { "" } else { "s" }, ids.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_control::Reason;

    /// What is said if the log has these: texts of ours up to 9, files of ours up to 19, files of the peer.
    fn lines(all: Vec<What>) -> Lines {
        let mut fates = Fates::default();
        all.into_iter().for_each(|what| fates.note(what));
        let lines = fates.lines(|id| {
            let text = "x".to_owned();
            Ok(Some(match id {
                0..10 => What::Queued { text, again: None, size: None },
                10..20 => What::Queued { text, again: None, size: Some(7) },
                _ => What::File { name: text, size: 7 },
            }))
        });
        lines.unwrap()
    }

    #[test]
    fn what_is_lost_when_a_chat_is_left_is_a_failure_if_it_is_ours() {
        let undelivered = |message| What::Undelivered { message, reason: Reason::PeerGone };
        let failed = |message| What::FileFailed { message, why: "nobody has taken it".to_owned() };
        let said = |notes: &[&str], failures: &[&str]| Lines {
            notes: notes.iter().map(|&line| line.to_owned()).collect(),
            failures: failures.iter().map(|&line| line.to_owned()).collect(),
        };
        let again = "(send it again: simpctl send --file)";
        assert_eq!(lines(vec![What::Delivered { message: 3 }]), Lines::default());
        assert_eq!(
            lines(vec![undelivered(3)]),
            said(&[], &["not delivered: message 3 (it is kept in the log)"])
        );
        assert_eq!(
            lines(vec![undelivered(3), undelivered(5), failed(10), undelivered(11)]),
            said(
                &[],
                &[
                    &format!("not delivered: file 10 (x): nobody has taken it {again}"),
                    &format!("not delivered: file 11 (x): peer gone {again}"),
                    "not delivered: messages 3, 5 (they are kept in the log)",
                ]
            )
        );
        assert_eq!(
            lines(vec![What::Unconfirmed { message: 3 }, failed(20)]),
            said(&["sent, not confirmed: message 3", "not saved: file 20 (x): nobody has taken it"], &[])
        );
    }
}

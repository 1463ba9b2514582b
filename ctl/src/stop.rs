//! How a command ends when it does not end well, and the exit status that says so.

use std::io;

use simp_control::{Failure, FailureKind};

/// What a command comes to.
pub type Outcome<T = ()> = Result<T, Stop>;

/// Why a command ends before it is done.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// It failed: one line for stderr, and an exit status.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// The connection to simpd broke. Those that wait connect again; for the others it is a failure.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// Whoever read our output has seen enough (`| head -1`), which is no failure.
    #[error("nobody reads our output")]
    ReaderGone,
}

/// A simpd that is not there any more.
#[derive(Debug, thiserror::Error)]
#[error("simpd on {name} went away")]
pub struct Lost {
    /// What to call it.
    pub name: String,
    /// The address to start it on again.
    pub address: String,
}

impl Stop {
    /// The failure that it is for the user; `None` where it is none.
    pub fn failure(self) -> Option<Failure> {
        match self {
            Self::Failure(failure) => Some(failure),
            Self::Lost(lost) => {
                let line = format!("{lost} (start it with: simpd {})", lost.address);
                Some(Failure::new(FailureKind::NoDaemon, line))
            }
            Self::ReaderGone => None,
        }
    }

    /// Where simpd went away: says what it goes on with by itself, so that nobody takes it for not begun.
    pub(crate) fn goes_on(self, what: &str) -> Self {
        match self {
            Self::Lost(lost) => fail(
                FailureKind::NoDaemon,
                format!("{what}, but {lost} (it goes on when it is started again)"),
            ),
            other => other,
        }
    }

    /// Whether it is a failure of this kind.
    pub(crate) fn is(&self, kind: FailureKind) -> bool {
        matches!(self, Self::Failure(failure) if failure.kind == kind)
    }
}

/// A failure of this kind with this line.
pub fn fail(kind: FailureKind, line: impl Into<String>) -> Stop {
    Stop::Failure(Failure::new(kind, line))
}

/// What argh says of wrong arguments, as one line in our form.
pub fn usage(said: &str, program: &str) -> Stop {
    let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut letters = line.trim_end_matches('.').chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    let line: String = first.into_iter().chain(letters).collect();
    fail(FailureKind::Usage, format!("{line} (see {program} --help)"))
}

/// The daemon answered with a reply that belongs to another request.
pub fn unexpected() -> Stop {
    fail(FailureKind::Failed, "simpd gave an answer to another question")
}

/// What a failed write to standard output comes to.
pub fn output_error(error: &io::Error) -> Stop {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Stop::ReaderGone,
        _ => fail(FailureKind::Failed, format!("standard output: {error}")),
    }
}

/// The exit status of a failure, as simpctl(1) lists them.
pub fn status(kind: FailureKind) -> u8 {
    match kind {
        FailureKind::Failed => 1,
        FailureKind::Usage => 2,
        FailureKind::NoDaemon => 3,
        FailureKind::Declined => 4,
        FailureKind::Busy => 5,
        FailureKind::NoAnswer => 6,
        FailureKind::NoSuch => 7,
        FailureKind::Undelivered => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_failure_has_an_exit_status_of_its_own() {
        use FailureKind::{Busy, Declined, Failed, NoAnswer, NoDaemon, NoSuch, Undelivered, Usage};
        let kinds = [Failed, Usage, NoDaemon, Declined, Busy, NoAnswer, NoSuch, Undelivered];
        assert_eq!(kinds.map(status), [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn a_daemon_that_is_gone_is_named_with_the_remedy() {
        let lost = || Stop::from(Lost { name: "127.0.0.1".into(), address: "127.0.0.1".into() });
        let line = |stop: Stop| stop.failure().unwrap().line;
        assert_eq!(line(lost()), "simpd on 127.0.0.1 went away (start it with: simpd 127.0.0.1)");
        let line = line(lost().goes_on("message 3 is queued"));
        let expected =
            "message 3 is queued, but simpd on 127.0.0.1 went away (it goes on when it is started again)";
        assert_eq!(line, expected);
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_failure() {
        assert!(matches!(output_error(&io::ErrorKind::BrokenPipe.into()), Stop::ReaderGone));
        assert!(matches!(output_error(&io::ErrorKind::StorageFull.into()), Stop::Failure(_)));
    }
}

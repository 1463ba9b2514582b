//! How something that a front end began comes to its end when that is not a good one.

use std::io;

use nix::errno::Errno;

use crate::failure::{Failure, FailureKind};

/// What a front end's work comes to.
pub type Outcome<T = ()> = Result<T, Error>;

/// Why something ends before it is done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It failed: one line for a person, and a kind that the exit status is made of.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// The connection to simpd broke. Whoever can wait connects again; for all others it is a failure.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The simpd that we came back to has a different log than before, so no id that was read from the old one means
    /// anything there. For whoever can begin again that is no end.
    #[error(transparent)]
    OtherLog(#[from] OtherLog),
    /// Nobody waits for it any more: whoever read our output has seen enough (`| head -1`), or the program is being
    /// stopped. That is no failure.
    #[error("nobody waits for it any more")]
    Abandoned,
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

/// A simpd that came back with another log.
#[derive(Debug, thiserror::Error)]
#[error("simpd on {name} has a different log than before")]
pub struct OtherLog {
    /// What to call it.
    pub name: String,
}

impl Error {
    /// The failure that it is for the user; `None` if it is none.
    pub fn failure(self) -> Option<Failure> {
        match self {
            Self::Failure(failure) => Some(failure),
            Self::Lost(lost) => {
                let line = format!("{lost} (start it with: simpctl start {})", lost.address);
                Some(Failure::new(FailureKind::NoDaemon, line))
            }
            Self::OtherLog(other) => {
                let line = format!(
                    "{other}, in which the ids of the old one are those of something else (run the command again)"
                );
                Some(Failure::new(FailureKind::Failed, line))
            }
            Self::Abandoned => None,
        }
    }

    /// If simpd went away: says what it goes on with by itself, so that nobody takes that for not begun. If it came back
    /// with another log: that it does not.
    #[must_use]
    pub fn goes_on(self, what: &str) -> Self {
        match self {
            Self::Lost(lost) => fail(
                FailureKind::NoDaemon,
                format!("{what}, but {lost} (it resumes when simpd is started again)"),
            ),
            Self::OtherLog(other) => {
                fail(FailureKind::Failed, format!("{what}, but {other}: what becomes of it is not known"))
            }
            other => other,
        }
    }

    /// Whether it is a failure of this kind.
    pub fn is(&self, kind: FailureKind) -> bool {
        matches!(self, Self::Failure(failure) if failure.kind == kind)
    }
}

/// A failure of this kind with this line.
pub fn fail(kind: FailureKind, line: impl Into<String>) -> Error {
    Error::Failure(Failure::new(kind, line))
}

/// The daemon answered with a reply that belongs to another request.
pub fn unexpected() -> Error {
    fail(FailureKind::Failed, "unexpected reply from simpd")
}

/// What a failed write to standard output comes to.
pub fn unwritten(error: &io::Error) -> Error {
    match error.kind() {
        // `simpctl listen | head -1` has done what it should.
        io::ErrorKind::BrokenPipe => Error::Abandoned,
        _ => fail(FailureKind::Failed, format!("standard output: {}", system(error))),
    }
}

/// What the system says of an error, for people: without its number, and without words of the language that this is
/// written in.
pub fn system(error: &io::Error) -> String {
    match (error.raw_os_error(), error.kind()) {
        (Some(number), _) => as_a_part(Errno::from_raw(number).desc()),
        (None, io::ErrorKind::InvalidData) => "not UTF-8 text".to_owned(),
        (None, io::ErrorKind::UnexpectedEof) => "it ends too early".to_owned(),
        (None, _) => error.to_string(),
    }
}

/// The same, with the remedy in parentheses if it is known whatever was to be done: if no more files may be opened.
pub fn with_remedy(error: &io::Error) -> String {
    match is_out_of_descriptors(error) {
        true => format!("{} (allow more of them: ulimit -n)", system(error)),
        false => system(error),
    }
}

/// Whether this process, or the machine, may open no more files.
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EMFILE | Errno::ENFILE))
}

/// A sentence as a part of a line.
fn as_a_part(sentence: &str) -> String {
    match sentence.split_at_checked(1) {
        // `I/O error` is no word that begins a sentence.
        Some((first, rest)) if rest.starts_with(char::is_lowercase) => first.to_ascii_lowercase() + rest,
        _ => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_is_gone_is_named_with_the_remedy() {
        let lost = || Error::from(Lost { name: "127.0.0.1".into(), address: "127.0.0.1".into() });
        let line = |error: Error| error.failure().unwrap().line;
        assert_eq!(line(lost()), "simpd on 127.0.0.1 went away (start it with: simpctl start 127.0.0.1)");
        let line = line(lost().goes_on("message 3 is queued"));
        let expected =
            "message 3 is queued, but simpd on 127.0.0.1 went away (it resumes when simpd is started again)";
        assert_eq!(line, expected);
    }

    #[test]
    fn an_error_of_the_system_has_neither_its_number_nor_words_of_ours() {
        for (error, words) in [
            (io::Error::from_raw_os_error(2), "no such file or directory"),
            (io::Error::from_raw_os_error(5), "I/O error"),
            (io::ErrorKind::InvalidData.into(), "not UTF-8 text"),
            (io::ErrorKind::UnexpectedEof.into(), "it ends too early"),
            (io::Error::other("as it is"), "as it is"),
        ] {
            assert_eq!(system(&error), words);
        }
    }

    #[test]
    fn another_log_is_named_with_what_it_means_for_what_was_begun() {
        let other = || Error::from(OtherLog { name: "127.0.0.1".into() });
        let failure = |error: Error| error.failure().unwrap();
        let expected = "simpd on 127.0.0.1 has a different log than before, in which the ids of the old one are those of \
                        something else (run the command again)";
        assert_eq!(failure(other()), Failure::new(FailureKind::Failed, expected));
        let expected = "message 3 is queued, but simpd on 127.0.0.1 has a different log than before: what becomes of it is \
                        not known";
        let begun = failure(other().goes_on("message 3 is queued"));
        assert_eq!(begun, Failure::new(FailureKind::Failed, expected));
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_failure() {
        assert!(matches!(unwritten(&io::ErrorKind::BrokenPipe.into()), Error::Abandoned));
        assert!(matches!(unwritten(&io::ErrorKind::StorageFull.into()), Error::Failure(_)));
    }
}

//! What commands that have simpd queue something say alike.

use simp_control::FailureKind;
use simp_control::error::{Error, Outcome, fail};

/// What is to be sent is sent, whether anybody reads of it or not.
pub(super) fn even_unread(shown: Outcome) -> Outcome {
    match shown {
        Err(Error::Abandoned) => Ok(()),
        shown => shown,
    }
}

/// If simpd went away before it answered: that it may have the message all the same.
pub(super) fn not_known(error: Error) -> Error {
    match error {
        Error::Lost(lost) => {
            let line = format!(
                "{lost}; the message may or may not be queued (start it again, then see: simpctl history)"
            );
            fail(FailureKind::NoDaemon, line)
        }
        error => error,
    }
}

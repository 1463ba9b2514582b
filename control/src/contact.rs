//! What becomes of the contact with a simpd while something waits for it, in the words of every program.

use std::time::Duration;

use crate::socket::Socket;

/// A simpd that has not answered for so long is told of. It answers at once, unless it is stopped or waits for its disk.
pub(crate) const SILENT_AFTER: Duration = Duration::from_secs(10);

/// What has become of the contact with a simpd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contact {
    /// It went away, and is waited for.
    Lost,
    /// It is there again, with the same log.
    Back,
    /// It has an answer to give, and is waited for.
    Silent,
}

impl Contact {
    /// The line that says so.
    pub fn line(self, simpd: &Socket) -> String {
        let name = &simpd.name;
        match self {
            Self::Lost => format!("simpd on {name} went away, waiting for it"),
            Self::Back => format!("simpd on {name} is back"),
            Self::Silent => format!(
                "simpd on {name} does not answer, waiting for it (is it stopped, or does its disk hang?)"
            ),
        }
    }
}

//! What simpd is to be asked. Each job has one answer, in the order of its kind: what the user wants done is done in its
//! order, and what is only read does not wait for that.

use std::path::PathBuf;

use simp_control::{Failure, Reply};

use crate::model::window::DOTS;

/// A page of a conversation has so many entries at most.
pub(crate) const PAGE: u32 = 200;

/// Something to ask, and the number that its answer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) number: u64,
    /// An entry of the log that is older than all that comes of it.
    pub(crate) after: u64,
    pub(crate) job: Job,
}

/// The answer to a job: what simpd replied, or why it refused.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) asked: Asked,
    pub(crate) outcome: Result<Reply, Failure>,
}

/// What to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Job {
    /// Invite whom the user names; its host may be long in being found.
    Connect {
        typed: String,
    },
    Accept {
        address: String,
    },
    Decline {
        address: String,
    },
    Quit {
        address: String,
        chat: u64,
    },
    Send {
        address: String,
        way: Way,
        text: String,
    },
    Resend {
        message: u64,
    },
    Cancel {
        message: u64,
    },
    /// Save a file in this folder, if files can be saved there.
    Take {
        message: u64,
        folder: PathBuf,
    },
    /// The user has read up to here.
    Read {
        address: String,
        id: u64,
    },
    /// A page of a conversation.
    Older {
        address: String,
        before: Option<u64>,
    },
    /// The page of a conversation that follows this entry; the log goes at least to `last`.
    Newer {
        address: String,
        above: u64,
        last: u64,
    },
    /// What a room has said of who is there.
    Members {
        address: String,
        chat: u64,
    },
    /// Entries with this text, of a conversation or of the whole log.
    Search {
        text: String,
        address: Option<String>,
        before: Option<u64>,
    },
    /// Which messages nobody has read.
    Unread {
        before: u64,
    },
    MoreChats {
        after: u64,
    },
    /// What is to be known of whoever asks for this chat.
    Note {
        chat: u64,
    },
    MoreOutbox {
        after: u64,
    },
    MorePeers {
        after: String,
    },
}

/// How a text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// In this chat and no other: whoever comes to the same address later is somebody else.
    Chat(u64),
    /// By the outbox, until the peer has it.
    Outbox,
}

impl Job {
    /// Whether it only reads, and may be done at any time.
    pub(crate) fn is_reading(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::Accept { .. }
            | Self::Decline { .. }
            | Self::Quit { .. }
            | Self::Send { .. }
            | Self::Resend { .. }
            | Self::Cancel { .. }
            | Self::Take { .. }
            | Self::Read { .. } => false,
            Self::Older { .. }
            | Self::Newer { .. }
            | Self::Members { .. }
            | Self::Search { .. }
            | Self::Unread { .. }
            | Self::MoreChats { .. }
            | Self::Note { .. }
            | Self::MoreOutbox { .. }
            | Self::MorePeers { .. } => true,
        }
    }
}

/// Jobs as they come up.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    last: u64,
    /// The newest entry of the log that is known.
    pub(crate) newest: u64,
    new: Vec<Asked>,
    /// Texts that simpd has not yet said that it has, by their jobs, as they may be shown.
    pub(crate) unsaid: Vec<(u64, String)>,
}

impl Jobs {
    /// None yet; this is the newest entry of the log that is known.
    pub(crate) fn after(newest: u64) -> Self {
        Self { newest, ..Self::default() }
    }

    /// Puts a job in line, and gives its number.
    pub(crate) fn ask(&mut self, job: Job) -> u64 {
        self.last += 1;
        if let Job::Send { text, .. } = &job {
            self.unsaid.push((self.last, text.clone()));
        }
        self.new.push(Asked { number: self.last, after: self.newest, job });
        self.last
    }

    /// The text of this job is a password, of which only that it was there may be shown.
    pub(crate) fn hide(&mut self, number: u64) {
        let hidden = self.unsaid.iter_mut().filter(|(unsaid, _)| *unsaid == number);
        hidden.for_each(|(_, text)| DOTS.clone_into(text));
    }

    /// What has come up since the last time.
    pub(crate) fn take(&mut self) -> Vec<Asked> {
        std::mem::take(&mut self.new)
    }

    /// Numbers go on from those of before, whose texts simpd may still not have.
    pub(crate) fn go_on_from(&mut self, before: Self) {
        self.last += before.last;
        self.new.iter_mut().for_each(|asked| asked.number += before.last);
        self.unsaid = before.unsaid;
    }

    /// This one has its answer. What was to be sent, as it may be shown.
    pub(crate) fn is_answered(&mut self, number: u64) -> Option<String> {
        let at = self.unsaid.iter().position(|(unsaid, _)| *unsaid == number)?;
        Some(self.unsaid.remove(at).1)
    }
}

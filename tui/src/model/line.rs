//! Entries of the log as lines of a conversation. What becomes of a message is an entry of its own, and changes its line.

use simp_control::{Event, KeyId, Reason, Secure, What};

/// A line of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The entry that it is; `None` for what only this screen says.
    pub(crate) id: Option<u64>,
    /// When, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    pub(crate) said: Said,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// The peer, by the name that it had then.
    Theirs { name: String, text: String },
    /// We; with its bytes if it is a file.
    Ours { text: String, size: Option<u64>, fate: Fate },
    /// The peer offers a file.
    Offer { name: String, file: String, size: u64, fate: OfferFate },
    /// What happened to the chat.
    Happening(Happening),
    /// What only this screen says: why something that was asked for was not done.
    Notice(String),
}

/// What happens to a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happening {
    Invited {
        secure: Option<Secure>,
    },
    Inviting,
    Opened {
        secure: Option<Secure>,
        note: Option<String>,
    },
    Closed {
        reason: Reason,
        text: Option<String>,
    },
    /// The peer reports an error.
    Error(String),
    /// Who the peer is, for a user who has asked.
    Told(String),
}

/// Where a message of ours stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// simpd has not said yet that it has it. The number is that of the job.
    Asked(u64),
    /// simpd has refused it, and says why.
    Refused(String),
    Queued,
    Delivered,
    Unconfirmed,
    Undelivered(Reason),
    /// A file, and why it came to nothing.
    Failed(String),
    /// It was not delivered or confirmed, and was sent again.
    Resent,
}

impl Fate {
    /// Whether simpd can be asked to send it again.
    pub(crate) fn can_be_sent_again(&self) -> bool {
        matches!(self, Self::Undelivered(_) | Self::Unconfirmed)
    }
}

/// Where a file that a peer offers stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OfferFate {
    Offered,
    Saved(String),
    Failed(String),
}

/// What an entry says of the line of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Message(Fate),
    Saved(String),
    /// Of a file, in either direction.
    Failed(String),
}

/// What an entry is for a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folded {
    pub(crate) line: Option<Line>,
    /// The entry that something has become of.
    pub(crate) outcome: Option<(u64, Outcome)>,
}

/// What an entry of the log is for a conversation.
pub(crate) fn fold(event: Event) -> Folded {
    let Event { id, at_ms, peer, secure, what, .. } = event;
    let name = if peer.user.is_empty() { peer.address } else { peer.user };
    let line = |said| Folded { line: Some(Line { id: Some(id), at_ms, said }), outcome: None };
    let outcome = |message, outcome| Folded { line: None, outcome: Some((message, outcome)) };
    match what {
        What::Message { text } => line(Said::Theirs { name, text }),
        What::Queued { text, again, size } => Folded {
            outcome: again.map(|message| (message, Outcome::Message(Fate::Resent))),
            ..line(Said::Ours { text, size, fate: Fate::Queued })
        },
        What::Delivered { message } => outcome(message, Outcome::Message(Fate::Delivered)),
        What::Unconfirmed { message } => outcome(message, Outcome::Message(Fate::Unconfirmed)),
        What::Undelivered { message, reason } => {
            outcome(message, Outcome::Message(Fate::Undelivered(reason)))
        }
        What::File { name: file, size } => line(Said::Offer { name, file, size, fate: OfferFate::Offered }),
        What::FileSaved { message, path, .. } => outcome(message, Outcome::Saved(path)),
        What::FileFailed { message, why } => outcome(message, Outcome::Failed(why)),
        What::Request => line(Said::Happening(Happening::Invited { secure })),
        What::Inviting => line(Said::Happening(Happening::Inviting)),
        What::Opened { note } => line(Said::Happening(Happening::Opened { secure, note })),
        What::Closed { reason, text } => line(Said::Happening(Happening::Closed { reason, text })),
        What::Error { text } => line(Said::Happening(Happening::Error(text))),
    }
}

impl Line {
    /// Changes what became of the message or file of this line. What was sent again stays so.
    pub(crate) fn settle(&mut self, outcome: Outcome) {
        match (&mut self.said, outcome) {
            (Said::Ours { fate: Fate::Resent, .. }, _) => (),
            (Said::Ours { fate, .. }, Outcome::Message(now)) => *fate = now,
            (Said::Ours { fate, .. }, Outcome::Failed(why)) => *fate = Fate::Failed(why),
            (Said::Offer { fate, .. }, Outcome::Saved(path)) => *fate = OfferFate::Saved(path),
            (Said::Offer { fate, .. }, Outcome::Failed(why)) => *fate = OfferFate::Failed(why),
            _ => (),
        }
    }

    /// The number of its job, if simpd has not said yet that it has it.
    pub(crate) fn asked(&self) -> Option<u64> {
        match self.said {
            Said::Ours { fate: Fate::Asked(job), .. } => Some(job),
            _ => None,
        }
    }

    /// Whether it is from the peer, and counts as unread until somebody has seen it.
    pub(crate) fn is_news(&self) -> bool {
        matches!(self.said, Said::Theirs { .. } | Said::Offer { .. })
    }

    /// The bytes it holds, about.
    pub(crate) fn bytes(&self) -> usize {
        let text = match &self.said {
            Said::Theirs { name, text } => name.len() + text.len(),
            Said::Ours { text, .. } | Said::Notice(text) => text.len(),
            Said::Offer { name, file, .. } => name.len() + file.len(),
            Said::Happening(Happening::Closed { text, .. }) => text.as_ref().map_or(0, String::len),
            Said::Happening(Happening::Error(text) | Happening::Told(text)) => text.len(),
            Said::Happening(_) => 0,
        };
        size_of::<Self>() + text
    }
}

/// How a chat is secure, in words.
pub(crate) fn secrecy(secure: Secure) -> String {
    let Secure { key, known } = secure;
    if known { "secure, key known".to_owned() } else { new_key(key) }
}

fn new_key(key: KeyId) -> String {
    format!("secure, new key {key}")
}

//! What goes over a channel: frames, each a u32 length, big endian, and a CBOR item as `frame.cddl` has it. The first of
//! each side is its hello. Whoever takes a file opens a channel for that, which begins with a want, a done or a refused;
//! nobody says hello on it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use simp_values::{KeyId, Name};

use crate::file::{Bytes, Offer};

/// Most characters of what names a log.
const LOG_MAX: usize = 64;

/// The version of the protocol that a hello names.
pub const PROTOCOL: u32 = 1;

/// What a hello names among its features if files may be offered to its sender.
pub const FILES: &str = "files";

/// One channel: what the two sides of one chat say to each other, in order, until it breaks. Given out by whoever opens
/// it, and never used again. It means something on this side only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub u64);

/// Names a chat to both sides, through as many channels as it takes. Chosen at random by whoever invites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChatId(pub u64);

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frame {
    /// Which chat the channel is for. The first of each side, and of that only.
    Hello(Hello),
    /// The invitation is accepted: the chat is open. Answered with an `Ack`.
    Accept,
    /// There is no room for a further chat.
    Busy,
    /// A message.
    Text {
        /// Its number: higher than that of any message before it in this chat. It is the same whenever the message is sent
        /// again, in another chat too.
        number: u64,
        /// What it says.
        text: String,
        /// It is sent again in the next chat if this one ends before it is acknowledged.
        #[serde(default, skip_serializing_if = "is_false")]
        kept: bool,
        /// The number of the message of its receiver that it answers, if it is an answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answers: Option<u64>,
    },
    /// All messages up to this number are durable.
    Ack {
        /// The number.
        upto: u64,
    },
    /// The sender has left the chat, or has declined. It is answered with the same, and the channel ends.
    Bye {
        /// Why, for a person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A message that is a file. Acknowledged like a text once it is durable that it is offered; that it is delivered is
    /// said by a `Done`.
    File {
        /// As that of a text.
        number: u64,
        /// What is offered.
        offer: Offer,
    },
    /// Asks for a file from this byte on, up to this one as long as nothing else is said. From 0 up to 0 it
    /// says that the file is taken, and will be asked for later.
    Want {
        /// The chat in which it was offered.
        chat: ChatId,
        /// The number of its offer.
        number: u64,
        /// The first byte.
        from: u64,
        /// The one after the last.
        upto: u64,
    },
    /// There is room for the file that is asked for up to this byte.
    More {
        /// The one after the last.
        upto: u64,
    },
    /// The next part of the file that is asked for.
    Part {
        /// Its first byte.
        from: u64,
        /// Its bytes, at most 262144.
        bytes: Bytes,
    },
    /// The file is whole and durable. Answered with `Settled`.
    Done {
        /// The chat in which it was offered.
        chat: ChatId,
        /// The number of its offer.
        number: u64,
    },
    /// The file is not taken. Answered with `Settled`.
    Refused {
        /// The chat in which it was offered.
        chat: ChatId,
        /// The number of its offer.
        number: u64,
        /// Why, for a person.
        reason: String,
    },
    /// It is durable what became of the file.
    Settled {
        /// The number of its offer.
        number: u64,
    },
    /// The file cannot be sent any more.
    Gone {
        /// The number of its offer.
        number: u64,
        /// Why, for a person.
        reason: String,
    },
}

/// How each side begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub version: u32,
    /// What the sender can do besides, by name. What is not known is ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// Its user's name; from a peer, as [`Name::read`](super::Name::read) has it.
    #[serde(deserialize_with = "user")]
    pub user: String,
    /// The chat.
    pub chat: ChatId,
    /// Where the chat stands for the sender.
    pub stands: Stands,
    /// The newest message that it has, durable; 0 if it has none.
    pub received: u64,
    /// Most bytes of a text that it takes.
    pub text_max: u64,
    /// What the numbers of its messages count: with another log they begin anew. From a peer, at most 64 bytes.
    #[serde(deserialize_with = "log")]
    pub log: String,
}

/// Where a chat stands for one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// It invites.
    Inviting,
    /// It was invited, and its user has not answered.
    Invited,
    /// Messages go both ways.
    Open,
    /// It has left or declined: a bye follows.
    Over,
}

/// Why a channel is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The network says that nothing there can be reached.
    Unreachable,
    /// Nobody there has answered as a daemon with a key does.
    NoAnswer,
    /// There are too many, at the peer, which has answered no more than that, or here.
    Refused,
    /// Whoever is there has another key than was expected: this one. It has heard nothing from the channel. This is also
    /// said of our own key, which no peer has.
    OtherKey(KeyId),
    /// It was idle, the peer has restarted or does not answer, or takes nothing of what is written.
    Lost,
    /// The peer has ended it.
    Ended,
    /// What came is no frame, or too long.
    Misused,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str("it cannot be reached"),
            Self::NoAnswer => f.write_str("no answer"),
            Self::Refused => f.write_str("there are too many"),
            Self::OtherKey(key) => write!(f, "it has another key, {key}"),
            Self::Lost => f.write_str("it is lost"),
            Self::Ended => f.write_str("the peer has ended it"),
            Self::Misused => f.write_str("the peer does not speak the protocol"),
        }
    }
}

fn is_false(is: &bool) -> bool {
    !is
}
/// A user's name in what a peer says.
fn user<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    String::deserialize(from).map(|said| Name::read(&said).to_string())
}

/// What names a peer's log.
fn log<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let shown = |c: char| if matches!(c, ' '..='~') { c } else { '?' };
    String::deserialize(from).map(|said| said.chars().take(LOG_MAX).map(shown).collect())
}

//! What happens in a chat, for whoever has it.

use simp_values::Reason;

use crate::arq::MessageId;
use crate::detector::Learned;
use crate::file::Offer;

/// What happened in a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatEvent {
    /// The peer invites us.
    Request,
    /// Messages may go both ways.
    Opened,
    /// The peer sent this text.
    Message {
        /// What a copy of it is known by: its Sequence field, or its number in a secure chat.
        number: u64,
        /// It may come again in the next chat: the peer has it in its outbox. Only in a secure chat.
        is_kept: bool,
        /// The text as it came, up to [`message_max`](crate::Settings::message_max).
        text: String,
        /// Our message that it answers, if its sender says so. Only in a secure chat.
        answers: Option<MessageId>,
    },
    /// The peer offers a file. Only in a secure chat.
    File {
        /// The number of its offer.
        number: u64,
        /// What it is, with a name that is one here.
        offer: Offer,
    },
    /// The peer has this message of ours.
    Delivered(MessageId),
    /// The peer knows of the file that this message of ours is. It may ask for it now. Only in a secure chat.
    Offered(MessageId),
    /// This message of ours has left, and the peer is one that does not say whether it has it (SIMP 7).
    Unconfirmed(MessageId),
    /// The peer did not acknowledge this message of ours, and it is not transmitted again in this chat.
    Undelivered(MessageId, Reason),
    /// It is over. The last event.
    Closed {
        /// Why.
        reason: Reason,
        /// What the peer said to it.
        text: Option<String>,
    },
    /// The peer reports an error, which changes nothing (SIMP 5).
    Error {
        /// Its words.
        text: String,
    },
    /// Something was found out about how the peer speaks (SIMP 7); at most one for each call that goes in.
    Learned(Learned),
}

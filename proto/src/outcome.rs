//! What becomes of messages: of ours by the passing of time and by what the peer sends, and of the peer's.

use crate::arq::Together;

/// What the passing of time did to our messages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing.
    Nothing,
    /// The next one is to be transmitted, for the first time.
    First,
    /// The one in flight is to be transmitted again.
    Again,
    /// It is over: an ACK with another number is taken for its own, or it was transmitted as often as makes sense.
    Over(Outcome),
    /// It was transmitted as often as allowed, and never acknowledged.
    PeerGone,
}

/// What became of a message of ours, and those that left with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The peer has it.
    Delivered(Together),
    /// The peer may have it.
    Unconfirmed(Together),
}

/// What a message of the peer is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Not had before. What it shows of our message in flight, if it does.
    New(Option<Outcome>),
    /// A copy of the last one.
    Copy,
}

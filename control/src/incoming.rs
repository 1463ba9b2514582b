//! What a client takes in.

use crate::answer::Reply;
use crate::event::Event;
use crate::failure::Failure;

/// What came from the daemon.
#[derive(Debug)]
pub enum Incoming {
    /// An entry of the log that we follow.
    Event(Event),
    /// The reply to the oldest request that has none.
    Reply(Reply),
    /// That request was refused.
    Refused(Failure),
    /// The connection broke and there is another one, to the same log. What was asked on the old one is not answered
    /// any more; what is followed goes on.
    Reconnected,
}

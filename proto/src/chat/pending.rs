//! Datagrams that are due, until they are polled.

use std::time::Duration;

use crate::datagram::Operation;

/// An answer that has waited this long does not leave any more. With its way it would be older than peers reckon with
/// (SIMP 6), and be taken for the answer to something else; what it answers comes again.
pub const ANSWER_GOOD_FOR: Duration = Duration::from_secs(1);

/// A datagram that is due, made only when it is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transmit {
    /// A datagram without a text, and its number.
    Control(Operation, u8),
    /// A copy of the message in flight, if there still is one.
    InFlight,
}

impl Transmit {
    /// Whether it is an invitation.
    pub(super) fn is_syn(&self) -> bool {
        matches!(self, Self::Control(Operation::Syn, _))
    }
}

/// What waits to be polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// Nothing.
    Nothing,
    /// A message of ours, and no more.
    Message,
    /// An answer that the peer waits for is among it.
    Control,
}

//! SIMP without input and output.
//!
//! What goes in: datagrams from a peer, commands of our user, the passing of time, each with `now`.
//! What comes out: events (what happened), a snapshot to keep, datagrams to transmit, and one deadline. After every call that
//! goes in, the caller drains in this order:
//!
//! 1. [`Chat::poll_event`] until `None`, and appends what it got to the log;
//! 2. [`Chat::poll_snapshot`], and keeps what it got, in the same commit;
//! 3. [`Chat::poll_transmit`] until `None`, but transmits only after the log is committed: an
//!    acknowledgement tells the peer to forget the message, so by then it must be on our disk. If nothing can leave, it
//!    says [`Chat::hold_back`] instead, and [`Chat::release`] when that is over;
//! 4. [`Chat::poll_timeout`], and calls [`Chat::handle_timeout`] once that moment has come.
//!
//! Nothing here reads a clock, opens a socket or touches a file. The clauses named in the documentation
//! (`SIMP 3`) are the sections of simp(7).

mod arq;
mod chat;
mod datagram;
mod detector;
mod deviations;
mod dialect;
mod duplicates;
mod few;
mod file;
mod form;
mod messages;
mod moment;
mod numbering;
mod outcome;
pub mod secure;
mod turns;

pub use arq::{COPY_LIVES_FOR, MessageId, Outgoing};
pub use chat::{
    ANSWER_GOOD_FOR, Chat, ChatEvent, Handled, Known, Pending, Settings, Snapshot, StateError, Us,
};
pub use datagram::{Datagram, DecodeError, HEADER_LEN, Operation};
pub use detector::Learned;
pub use deviations::Deviations;
pub use dialect::{Dialect, DialectError, Habit, RINGING_USER};
pub use duplicates::LastReceived;
pub use form::{Form, SHORT_HEADER_LEN};
pub use moment::Moment;
pub use simp_values::text::{Seq, Text, TextError, UserName, UserNameError};
pub use simp_values::{Reason, State, ascii, text};

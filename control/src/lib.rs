//! simpd's control API: what clients ask and what the daemon answers, as CBOR items in [frames](crate::frame).
//!
//! 1. The client connects to the daemon's Unix stream socket and sends [`Request::Hello`] with [`VERSION`].
//! 2. The daemon answers each request, in order and at once, with one [`Answer::Reply`] or
//!    [`Answer::Failure`]. What takes time is answered with the ids to follow.
//! 3. After [`Request::Follow`], an [`Answer::Event`] comes for each entry of the log that is asked for,
//!    between the answers to further requests.
//! 4. A client that breaks the framing, or speaks another version, gets an [`Answer::Failure`] and is dropped.
//!
//! `control.cddl` beside this file is the same as a schema, for clients in other languages.

mod answer;
mod chat;
pub mod duration;
mod event;
mod failure;
pub mod frame;
mod outbox;
mod peers;
pub mod places;
mod request;
mod status;
mod who;

pub use answer::{Answer, Reply};
pub use chat::{ChatInfo, Peer};
pub use event::{Event, Kind, What};
pub use failure::{Failure, FailureKind};
pub use outbox::{Consumer, OutboxMessage};
pub use peers::{Forgotten, PeerInfo};
pub use request::{Filter, FollowFrom, Request};
pub use simp_proto::{Reason, State};
pub use status::{Counters, PeerNote, Refused, Status};
pub use who::Who;

/// The version of this API. Client and daemon must have the same.
pub const VERSION: u32 = 4;

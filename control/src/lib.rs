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
//!
//! - `request`, `answer`, `event`, `status`, `failure`, `values`, `reasons`, `log_id`, `epochs`: what travels. [`frame`], `framed`: how.
//! - `client`, `incoming`, `lists`, `positions`, `token`: the one blocking client, on `find`, `connection`, `known_log`, `contact` and `socket`. [`error`]: how what it does
//!   ends.
//! - [`escape`], [`clock`], [`when`], [`sizes`]: how every front end shows and reads what travels.
//! - [`sleep`]: a clock that goes on while the machine sleeps, for whoever waits.
//! - [`places`]: where the programs find each other; [`homes`]: in which folders, `holder`: by their locks.
//!   [`running`]: all daemons that run.
//! - [`typed`]: what users give for others to read, for every program. [`save_folder`]: where files of peers may be saved.
//! - [`trust`]: whom they talk to at all. `who`, `address`, `host_name`: how users name a peer. [`names`], `known_peers`: whom they mean,
//!   also by the name of a host, which `databases` looks up.

mod address;
mod answer;
mod bounded;
mod client;
pub mod clock;
mod connection;
mod contact;
mod databases;
mod epochs;
pub mod error;
pub mod escape;
mod event;
mod failure;
pub mod find;
pub mod frame;
mod framed;
mod holder;
pub mod homes;
mod host_name;
mod incoming;
mod key_owner;
mod kinds;
mod known_log;
mod known_peers;
mod lists;
mod log_id;
pub mod names;
pub mod places;
mod positions;
mod reasons;
mod request;
pub mod running;
pub mod save_folder;
pub mod sizes;
pub mod sleep;
mod socket;
mod status;
mod token;
pub mod trust;
pub mod typed;
mod values;
pub mod when;
mod who;

pub use address::{Address, AddressError, Host};
pub use answer::{Answer, AnswerRef, Reply};
pub use bounded::NAME_MAX;
pub use client::Client;
pub use contact::Contact;
pub use databases::LookupError;
pub use epochs::{Epoch, Epochs, Position};
pub use event::{Event, Kind, What};
pub use failure::{Failure, FailureKind, Takes};
pub use framed::FrameStream;
pub use holder::{Holder, LOCK};
pub use host_name::HostName;
pub use incoming::Incoming;
pub use key_owner::{KeyOwner, KeyOwnerError};
pub use lists::Piece;
pub use log_id::LogId;
pub use request::{FEATURES, Filter, FollowFrom, MINOR, Request, STATES_MAX, VERSION};
pub use simp_values::ascii::ascii;
pub use simp_values::text::{TEXT_MAX, Text, USER_NAME_MAX, UserName, read_payload, read_payload_up_to};
pub use simp_values::{Digest, DigestError, KeyId, KeyIdError, Reason, State};
pub use socket::Socket;
pub use status::{Counters, NotLeaving, OldestWaiting, PeerNote, Refused, Status};
pub use token::token;
pub use values::{
    ChatInfo, Consumer, Forgotten, KnownKey, Lookup, MessageState, OutboxMessage, Peer, PeerInfo, Secure,
    Transfer, TransferState, TrustedKey,
};
pub use who::{Who, WhoError};

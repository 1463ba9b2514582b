//! Channels between daemons: secret, whole and in order, each from one key to another, over QUIC (RFC 9000, TLS 1.3 with
//! raw public keys, RFC 7250). What is said over them, and to whom anybody wants to speak, is not known here.
//!
//! A *channel* is one bidirectional stream, a *link* one QUIC connection. Channels of one pair of daemons share a link
//! while there is one. A link with nothing to say for a while is forgotten by both sides without a word, and its channels
//! break; whoever has something to say then opens another channel.
//!
//! The contract with the loop:
//! 1. Tell what happened: [`Endpoint::handle_datagram`], [`Endpoint::handle_unreachable`], [`Endpoint::handle_timeout`].
//! 2. Take events until [`Endpoint::poll_event`] has none, or as many as a turn has room for. While
//!    [`Endpoint::has_more`], there are more, and nothing will say so.
//! 3. Say what is wanted: [`Endpoint::open`], [`Endpoint::write`], [`Endpoint::close`], [`Endpoint::pause`].
//! 4. Transmit until [`Endpoint::poll_transmit`] has nothing, and come back at [`Endpoint::poll_timeout`].
//!
//! - `endpoint`: the contract. `link`: one connection. `channel`: one stream of it. `outlet`: what they have to say.
//! - `gate`: who may make a link with us. `deadlines`: when something is due.
//! - `identity`: our key. `tls`, `transport`: what the libraries are told. `library`: that of QUIC. `guarded`: it may panic.

mod channel;
mod channel_event;
mod deadlines;
mod endpoint;
mod endpoint_settings;
mod gate;
mod guarded;
mod identity;
mod library;
mod link;
mod outlet;
mod tls;
mod transport;

pub use bytes::BytesMut;
pub use channel_event::ChannelEvent;
pub use endpoint::{Endpoint, SetupError};
pub use endpoint_settings::Settings;
pub use identity::{Identity, IdentityError};
pub use quinn_proto::{EcnCodepoint, Transmit};

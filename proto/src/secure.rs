//! Chats between two simpds, over channels that are secret, ordered and belong to a key (SIMP-SECURE). Who makes the
//! channels is the caller's affair: here is what goes over them, and the machine of one chat.
//!
//! - `frame`: what goes over a channel (`frame.cddl`).
//! - `chat`: the machine, with `commands`: what our user wants, and `hearing`: what comes in. `phase`: where it
//!   stands. `way`: the channel in use. `ours`: our messages.
//! - `crate::file`: what there is to say of files. Their parts go over channels of their own, which are the caller's affair too.

mod chat;
mod commands;
mod frame;
mod hearing;
mod ours;
mod phase;
mod way;

pub use crate::file::{Bytes, FILE_WINDOW, Offer, PART_MAX, clean_name};
pub use chat::{Leaving, Me, SecureChat, SecureSnapshot, Them};
pub use frame::{Broken, ChannelId, ChatId, FILES, Frame, Hello, PROTOCOL, Stands};
pub use ours::{Body, Letter};
pub use phase::Carries;
pub use simp_values::{Digest, DigestError, KeyId, KeyIdError, Name, NameError};

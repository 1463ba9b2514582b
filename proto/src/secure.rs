//! Chats between two simpds, over channels that are secret, ordered and belong to a key (SIMP-SECURE). Who makes the
//! channels is the caller's affair: here is what goes over them, and the machine of one chat.
//!
//! - `key`: what a daemon is known by. `frame`: what goes over a channel (`frame.cddl`). `chat`: the machine.

mod frame;
mod key;

pub use frame::{ChannelId, ChatId, Frame, Hello, PROTOCOL};
pub use key::{KeyId, KeyIdError};

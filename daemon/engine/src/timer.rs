//! What the engine sets timers for.

use std::net::SocketAddr;

use crate::wheel::Wheel;

/// All timers of the engine.
pub type Timers = Wheel<Timer>;

/// What a timer of the engine is for.
#[derive(Debug, Clone, Copy)]
pub enum Timer {
    /// A chat's deadline.
    Chat(usize),
    /// A peer is invited again for the outbox.
    Invite(SocketAddr),
    /// What came over channels may have room now.
    Held,
    /// The channel for the files of this chat is looked at.
    Files(u64),
    /// The disk is tried again.
    Disk,
    /// Old entries of the log are looked for.
    Retention,
}

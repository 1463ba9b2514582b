//! What a daemon may want otherwise.

use std::time::Duration;

/// How an [`Endpoint`](crate::Endpoint) behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// A link over which nothing has gone for so long is forgotten; so is one whose peer has not answered for so long.
    /// The shorter time of both sides counts.
    pub idle_after: Duration,
    /// Most links that others have made with us.
    pub incoming_max: usize,
    /// Most links that we have made with others.
    pub outgoing_max: usize,
    /// Most of those of others whose peer has not shown its key yet.
    pub handshakes_max: usize,
    /// Most datagrams that one [`Transmit`](crate::Transmit) holds. 1 if the socket cannot divide them.
    pub segments_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            idle_after: Duration::from_secs(30),
            incoming_max: 4096,
            outgoing_max: 4096,
            handshakes_max: 256,
            segments_max: 10,
        }
    }
}

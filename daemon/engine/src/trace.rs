//! What happens in a chat, as lines for whoever watches the daemon.

use std::fmt;

use simp_control::{Kind, Reason, State};
use simp_proto::{ChatEvent, Learned};
use tracing::field::display;

use crate::ongoing::Ongoing;

impl Ongoing {
    /// Says what has no entry in the log of messages, and is worth a line all the same.
    pub fn trace_unlogged(&self, event: &ChatEvent) {
        match event {
            ChatEvent::Learned(learned) => self.trace_learned(learned),
            ChatEvent::Closed { reason, .. } => {
                tracing::debug!(peer = %self.place.address(), invitation = %reason);
            }
            _ => {}
        }
    }

    /// Says what was found out about how the peer speaks. Whoever only knocks may show a lot, so that is for those who
    /// look closely.
    fn trace_learned(&self, Learned { dialect, because }: &Learned) {
        let (chat, peer) = (self.id, self.place.address());
        match self.chat.state() {
            State::Open | State::Closing => tracing::info!(chat, %peer, learned = %dialect, because),
            _ => tracing::debug!(chat, %peer, learned = %dialect, because),
        }
    }

    /// Says it in the log of the program: at `info` what concerns the whole chat, and what went wrong.
    pub fn trace(&self, event: Kind, message: Option<u64>, reason: Option<Reason>) {
        let (chat, peer, reason) = (self.id, self.place.address(), reason.map(display));
        match event {
            Kind::Request | Kind::Opened => {
                tracing::info!(chat, %peer, %event, user = %NameOrDash(self.chat.user()));
            }
            Kind::Closed | Kind::Undelivered => {
                tracing::info!(chat, %peer, %event, message_id = message, reason);
            }
            _ => tracing::debug!(chat, %peer, %event, message_id = message),
        }
    }
}

/// A user name; that of a peer that has given none is a dash.
struct NameOrDash<'a>(&'a str);

impl fmt::Display for NameOrDash<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "-" } else { self.0 })
    }
}

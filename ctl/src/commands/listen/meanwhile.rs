//! What a person at a terminal is told of besides the messages: requests, and chats that open and close.

use std::time::Instant;

use simp_control::error::Outcome;
use simp_control::{ChatInfo, Client, Event, Kind, What};

use crate::commands::chats::waiting;
use crate::show::{notice, notice_request};

/// The kinds of events that are told.
pub(super) const KINDS: [Kind; 3] = [Kind::Request, Kind::Opened, Kind::Closed];

/// What was told at the start, and what is told from then on.
pub(super) struct Meanwhile {
    began_ms: u64,
    waiting: Vec<ChatInfo>,
}

impl Meanwhile {
    /// Tells nothing of what was before this time, in milliseconds since 1970.
    pub(super) fn begin(began_ms: u64) -> Self {
        Self { began_ms, waiting: Vec::new() }
    }

    /// Tells of the requests that wait already.
    pub(super) fn tell_waiting(&mut self, client: &mut Client, deadline: Option<Instant>) -> Outcome {
        self.waiting = client.insist(deadline, |client, _| waiting(client))?;
        for request in &self.waiting {
            notice_request(&client.socket().name, &request.peer, request.secure);
        }
        Ok(())
    }

    /// Tells of what happened meanwhile; what happened before is history.
    pub(super) fn tell(&self, daemon: &str, event: &Event) {
        // The log is read from the mark on, which may be days ago.
        if event.at_ms < self.began_ms || self.waiting.iter().any(|request| request.chat == event.id) {
            return;
        }
        match event.what {
            What::Request => notice_request(daemon, &event.peer, event.secure),
            _ => notice(event),
        }
    }
}

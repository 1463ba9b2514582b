//! What a chat says, as entries of the log, and as lines for whoever watches.

use std::fmt;

use simp_control::{Kind, Reason, What};
use simp_proto::{ChatEvent, MessageId, UserName};
use simp_store::{Store, StoreError};
use tracing::field::display;

use crate::Now;
use crate::absent::Absentees;
use crate::ongoing::Ongoing;

impl Ongoing {
    /// Appends what happened in the chat. Returns the message that has left the outbox with it.
    pub fn record(
        &mut self,
        store: &mut Store,
        absent: &Absentees,
        now: Now,
        event: ChatEvent,
    ) -> Result<Option<u64>, StoreError> {
        let mut extra = None;
        let is_of_outbox = self.outbox_of(absent).is_some();
        let what = match event {
            ChatEvent::Request => What::Request,
            ChatEvent::Opened => What::Opened { note: self.note() },
            ChatEvent::Message { seq, text } => {
                extra = Some(u64::from(seq));
                self.noted.progressed = true;
                What::Message { text }
            }
            ChatEvent::Error { text } => What::Error { text },
            ChatEvent::Delivered(MessageId(message)) => {
                self.settle_message(What::Delivered { message }, message)
            }
            // The peer may have it, so it is not transmitted again in another chat.
            ChatEvent::Unconfirmed(MessageId(message)) => {
                self.settle_message(What::Unconfirmed { message }, message)
            }
            ChatEvent::Undelivered(MessageId(message), reason) => {
                let what = self.settle_message(What::Undelivered { message, reason }, message);
                // It stays in the outbox, for the next chat.
                if is_of_outbox && store.in_outbox(message)?.is_some() {
                    return Ok(None);
                }
                what
            }
            // An invitation for the outbox came to nothing: there will be others.
            ChatEvent::Closed { reason, .. } if self.is_unlogged() => {
                tracing::debug!(peer = %self.place.address, invitation = %reason);
                return Ok(None);
            }
            ChatEvent::Closed { reason, text } => {
                self.give_up_rest(store, now, reason)?;
                store.drop_chat(self.id)?;
                What::Closed { reason, text }
            }
        };
        let delivered = match what {
            What::Delivered { message } | What::Unconfirmed { message } => Some(message),
            _ => None,
        };
        self.append(store, now, what, extra)?;
        match delivered.filter(|_| is_of_outbox) {
            Some(message) if store.take_from_outbox(message)? => Ok(Some(message)),
            _ => Ok(None),
        }
    }

    fn settle_message(&mut self, what: What, message: u64) -> What {
        self.queue.settled = message;
        self.noted.progressed = true;
        what
    }

    /// The first entry of a chat gives it its id.
    fn append(
        &mut self,
        store: &mut Store,
        now: Now,
        what: What,
        extra: Option<u64>,
    ) -> Result<(), StoreError> {
        let line = Line::of(&what);
        let chat = self.logged();
        let id = store.append(now.ms, chat, self.peer(), what, extra)?;
        self.id = chat.unwrap_or(id);
        line.log(self);
        Ok(())
    }
}

/// What the log of the program says of an entry: of a text only that it came.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    kind: Kind,
    message: Option<u64>,
    reason: Option<Reason>,
}

impl Line {
    /// The line for this entry.
    pub fn of(what: &What) -> Self {
        let (message, reason) = match what {
            What::Closed { reason, .. } => (None, Some(*reason)),
            What::Undelivered { message, reason } => (Some(*message), Some(*reason)),
            What::Delivered { message } | What::Unconfirmed { message } => (Some(*message), None),
            What::Request
            | What::Inviting
            | What::Opened { .. }
            | What::Message { .. }
            | What::Queued { .. }
            | What::Error { .. } => (None, None),
        };
        Self { kind: what.kind(), message, reason }
    }

    /// Says it: at `info` what concerns the whole chat, and what went wrong.
    pub fn log(self, ongoing: &Ongoing) {
        let (chat, peer, event) = (ongoing.id, ongoing.place.address, self.kind);
        let reason = self.reason.map(display);
        match self.kind {
            Kind::Request | Kind::Opened => {
                tracing::info!(chat, %peer, %event, user = %Shown(ongoing.chat.user()));
            }
            Kind::Closed | Kind::Undelivered => {
                tracing::info!(chat, %peer, %event, message = self.message, reason);
            }
            _ => tracing::debug!(chat, %peer, %event, message = self.message),
        }
    }
}

/// A user name; a peer that has told none is a dash.
struct Shown(UserName);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_blank() { f.write_str("-") } else { self.0.fmt(f) }
    }
}

//! The machine of a chat, whichever it is: over datagrams, or over channels. What all of the engine wants of a chat is here;
//! what only one of them can do is asked of that one.

use std::time::Instant;

use simp_control::State;
use simp_proto::secure::{Body, ChannelId, Letter, SecureChat};
use simp_proto::{Chat, ChatEvent, Dialect, MessageId, Outgoing, Pending, Snapshot, StateError, Text};
use simp_store::KeptMachine;

/// The machine of one chat.
#[derive(Debug)]
pub enum Machine {
    /// Over datagrams.
    Plain(Box<Chat>),
    /// Over channels.
    Secure(Box<SecureChat>, Otherwise),
}

/// What becomes of a secure invitation that nobody answers so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// It is over in the end. So is it with all that have been answered.
    Closed,
    /// It becomes a plain one.
    Plain,
}

/// Does the same with either.
macro_rules! either {
    ($machine:expr, $chat:ident => $does:expr) => {
        match $machine {
            Machine::Plain($chat) => $does,
            Machine::Secure($chat, _) => $does,
        }
    };
}

impl Machine {
    /// That of a plain chat.
    pub fn plain(&self) -> Option<&Chat> {
        match self {
            Self::Plain(chat) => Some(chat),
            Self::Secure(..) => None,
        }
    }

    /// The same, to change.
    pub fn plain_mut(&mut self) -> Option<&mut Chat> {
        match self {
            Self::Plain(chat) => Some(chat),
            Self::Secure(..) => None,
        }
    }

    /// Whoever is there has answered securely.
    pub fn become_secure(&mut self) {
        if let Self::Secure(_, otherwise) = self {
            *otherwise = Otherwise::Closed;
        }
    }

    /// Whether it is an invitation that becomes a plain one if nobody answers it securely.
    pub fn may_be_plain(&self) -> bool {
        matches!(self, Self::Secure(_, Otherwise::Plain))
    }

    /// The channel in use, or being opened.
    pub fn channel(&self) -> Option<ChannelId> {
        self.secure().and_then(SecureChat::channel)
    }

    /// Ends a chat that the peer has forgotten, for it invites anew.
    pub fn end_forgotten(&mut self) {
        either!(self, chat => chat.end_forgotten());
    }

    /// That of a secure chat.
    pub fn secure(&self) -> Option<&SecureChat> {
        match self {
            Self::Plain(_) => None,
            Self::Secure(chat, _) => Some(chat),
        }
    }

    /// The same, to change.
    pub fn secure_mut(&mut self) -> Option<&mut SecureChat> {
        match self {
            Self::Plain(_) => None,
            Self::Secure(chat, _) => Some(chat),
        }
    }

    /// Where the chat stands.
    pub fn state(&self) -> State {
        either!(self, chat => chat.state())
    }

    /// The peer's name; empty as long as it has told none.
    pub fn user(&self) -> &str {
        match self {
            Self::Plain(chat) => chat.user(),
            Self::Secure(chat, _) => &chat.them().user,
        }
    }

    /// Whether our user has been told that it is over.
    pub fn is_over_for_us(&self) -> bool {
        either!(self, chat => chat.is_over_for_us())
    }

    /// Whether nothing more is delivered.
    pub fn is_leaving(&self) -> bool {
        either!(self, chat => chat.is_leaving())
    }

    /// Whether it was not answered in time.
    pub fn is_expired(&self, now: Instant) -> bool {
        either!(self, chat => chat.is_expired(now))
    }

    /// When one that we have left is closed at the latest.
    pub fn ends_at(&self) -> Option<Instant> {
        either!(self, chat => chat.ends_at())
    }

    /// Messages of ours that it holds.
    pub fn unacknowledged(&self) -> usize {
        either!(self, chat => chat.unacknowledged())
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<ChatEvent> {
        either!(self, chat => chat.poll_event())
    }

    /// Whether more has changed than the events tell.
    pub fn poll_changed(&mut self) -> bool {
        either!(self, chat => chat.poll_snapshot().is_some())
    }

    /// What is kept of it.
    pub fn snapshot(&self) -> Option<KeptMachine> {
        match self {
            Self::Plain(chat) => chat.snapshot().map(KeptMachine::Plain),
            // A restart begins anew: what it becomes is not known yet.
            Self::Secure(_, Otherwise::Plain) => Some(KeptMachine::Plain(Snapshot::inviting())),
            Self::Secure(chat, Otherwise::Closed) => chat.snapshot().map(KeptMachine::Secure),
        }
    }

    /// Its deadline.
    pub fn poll_timeout(&self) -> Option<Instant> {
        either!(self, chat => chat.poll_timeout())
    }

    /// Its deadline has come. Returns whether something is transmitted once more.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        match self {
            Self::Plain(chat) => chat.handle_timeout(now),
            Self::Secure(chat, _) => {
                chat.handle_timeout(now);
                false
            }
        }
    }

    /// Accepts the peer's invitation.
    pub fn accept(&mut self, now: Instant) -> Result<(), StateError> {
        either!(self, chat => chat.accept(now))
    }

    /// Declines it.
    pub fn decline(&mut self, now: Instant) -> Result<(), StateError> {
        either!(self, chat => chat.decline(now))
    }

    /// Leaves the chat.
    pub fn close(&mut self, now: Instant, at_once: bool) -> Result<(), StateError> {
        either!(self, chat => chat.close(now, at_once))
    }

    /// Forgets a chat that is being left.
    pub fn abandon(&mut self) {
        either!(self, chat => chat.abandon());
    }

    /// Ends a request whose place another one needs.
    pub fn give_way(&mut self) {
        either!(self, chat => chat.give_way());
    }

    /// Sets anew when the invitation ends.
    pub fn expire_at(&mut self, at: Instant) {
        either!(self, chat => chat.expire_at(at));
    }

    /// Takes a message back that has not left.
    pub fn take_back(&mut self, now: Instant, id: MessageId) -> bool {
        either!(self, chat => chat.take_back(now, id))
    }
}

/// What only datagrams have, as a secure chat has it: nothing.
impl Machine {
    /// How the peer speaks.
    pub fn dialect(&self) -> Dialect {
        self.plain().map(Chat::dialect).unwrap_or_default()
    }

    /// Whether it waits until something can leave.
    pub fn is_held_back(&self) -> bool {
        self.plain().is_some_and(Chat::is_held_back)
    }

    /// What waits for that.
    pub fn pending(&self) -> Pending {
        self.plain().map_or(Pending::Nothing, Chat::pending)
    }

    /// Nothing can leave.
    pub fn hold_back(&mut self, now: Instant) {
        if let Self::Plain(chat) = self {
            chat.hold_back(now);
        }
    }

    /// Something can.
    pub fn release(&mut self, now: Instant) {
        if let Self::Plain(chat) = self {
            chat.release(now);
        }
    }

    /// No message of ours leaves before this moment.
    pub fn hold_until(&mut self, until: Instant) {
        if let Self::Plain(chat) = self {
            chat.hold_until(until);
        }
    }

    /// Asks whether the peer is there. Whoever has a channel has shown it.
    pub fn ask(&mut self, now: Instant) -> bool {
        self.plain_mut().is_some_and(|chat| chat.ask(now))
    }

    /// It did not answer.
    pub fn end_unanswered(&mut self, now: Instant) {
        if let Self::Plain(chat) = self {
            chat.end_unanswered(now);
        }
    }
}

/// A message that waits, with its text as the log has it.
#[derive(Debug)]
pub struct Waiting {
    /// Its id.
    pub id: u64,
    /// What it is.
    pub body: Body,
    /// It is of the outbox.
    pub is_kept: bool,
}

fn plain_text(body: &Body) -> Option<Text> {
    match body {
        Body::Text(text) | Body::Answer { text, .. } => Text::new(text).ok(),
        Body::File(_) => None,
    }
}

impl Machine {
    /// Queues a message. Of those that this kind of chat cannot carry none comes here: they were refused, or given up.
    pub fn send(&mut self, now: Instant, waiting: Waiting) -> Result<(), StateError> {
        let Waiting { id, body, is_kept } = waiting;
        match self {
            Self::Secure(chat, _) => chat.send(now, Letter { id: MessageId(id), body, is_kept }),
            Self::Plain(chat) => match plain_text(&body) {
                Some(text) => chat.send(now, Outgoing { id: MessageId(id), text }),
                None => Ok(()),
            },
        }
    }

    /// Gives back one that the log held; an earlier run may have transmitted it.
    pub fn requeue(&mut self, now: Instant, waiting: Waiting, may_have_left: bool) {
        let Waiting { id, body, is_kept } = waiting;
        match self {
            Self::Secure(chat, _) => {
                chat.requeue(now, Letter { id: MessageId(id), body, is_kept }, may_have_left);
            }
            Self::Plain(chat) => {
                if let Some(text) = plain_text(&body) {
                    chat.requeue(Outgoing { id: MessageId(id), text }, may_have_left);
                }
            }
        }
    }
}

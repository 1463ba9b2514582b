//! Our messages that wait in a chat: in its machine those that are next, in the log all others.

use std::net::SocketAddr;
use std::time::Instant;

use simp_control::{Kind, Reason, State, What};
use simp_proto::text::TEXT_MAX;
use simp_proto::{MessageId, Outgoing, Text};
use simp_store::{Backlog, Store, StoreError};

use crate::absent::Absentees;
use crate::now::Now;
use crate::ongoing::{Ongoing, OutboxPart, Queue};

/// Messages that a chat's machine holds at most; those after them wait in the log.
const LOADED_MAX: usize = 64;

/// With this many left or fewer, the machine is given more.
const LOADED_LOW: usize = 16;

impl Ongoing {
    /// Gives a message that has just been queued to the machine, or leaves it in the log after all that wait there.
    pub fn hand_over(&mut self, now: Instant, id: u64, text: Text) {
        // Messages leave in the order of their ids: none overtakes those that the machine does not hold yet.
        if self.queue.in_log > 0 || self.chat.unacknowledged() >= LOADED_MAX {
            self.queue.in_log += 1;
            return;
        }
        self.queue.loaded = id;
        let message = Outgoing { id: MessageId(id), text };
        if self.chat.send(now, message.clone()).is_err() {
            // We are leaving: it is delivered first.
            self.chat.requeue(message);
        }
    }

    /// Takes a message of the outbox away from the chat. False if it is on its way.
    pub fn take_back(&mut self, now: Instant, message: u64) -> bool {
        // It is with the outbox alone: given up by this chat, or never taken up.
        if !self.takes_kept_messages() || message <= self.queue.settled {
            return true;
        }
        if message > self.queue.loaded {
            self.queue.in_log = self.queue.in_log.saturating_sub(1);
            return true;
        }
        self.chat.take_back(now, MessageId(message))
    }

    /// Where the outbox has messages for this chat.
    pub fn outbox_of(&self, absent: &Absentees) -> Option<SocketAddr> {
        self.place.outbox_at.filter(|at| absent.has(*at))
    }

    /// Which messages wait for this chat.
    pub fn waiting(&self, absent: &Absentees) -> Backlog {
        Backlog { chat: self.logged(), outbox: self.outbox_of(absent) }
    }

    /// Takes up what the outbox has for the peer, once, when the chat opens. Returns the messages that are too long
    /// for it: they are given up.
    pub fn take_up_outbox(
        &mut self,
        store: &mut Store,
        absent: &Absentees,
        now: Now,
    ) -> Result<Vec<u64>, StoreError> {
        let has_begun = matches!(self.chat.state(), State::Accepting | State::Open);
        if self.queue.outbox == OutboxPart::TakenUp || !has_begun {
            return Ok(Vec::new());
        }
        // Also if there is nothing: what is kept from now on is handed over as it comes.
        self.queue.outbox = OutboxPart::TakenUp;
        let Some(at) = self.outbox_of(absent) else { return Ok(Vec::new()) };
        let too_long = self.give_up_too_long(store, now, at)?;
        self.queue.in_log += store.queued(Backlog { chat: None, outbox: Some(at) }, 0)?;
        Ok(too_long)
    }

    fn give_up_too_long(
        &self,
        store: &mut Store,
        now: Now,
        outbox_at: SocketAddr,
    ) -> Result<Vec<u64>, StoreError> {
        let most = self.chat.dialect().text_max();
        if most >= TEXT_MAX {
            return Ok(Vec::new());
        }
        let too_long = store.longer_in_outbox(outbox_at, most)?;
        for message in &too_long {
            store.take_from_outbox(*message)?;
            let what = What::Undelivered { message: *message, reason: Reason::TooLong };
            self.trace(Kind::Undelivered, Some(*message), Some(Reason::TooLong));
            store.append(now.ms, Some(0), self.peer(), what, None)?;
        }
        Ok(too_long)
    }

    /// Gives the machine messages from the log, if it has few left.
    pub fn refill(&mut self, store: &Store, backlog: Backlog) -> Result<(), StoreError> {
        let held = self.chat.unacknowledged();
        if self.queue.in_log == 0 || held > LOADED_LOW {
            return Ok(());
        }
        for waiting in store.waiting(backlog, self.queue.loaded, (LOADED_MAX - held) as u64)? {
            self.queue.loaded = waiting.id;
            self.queue.in_log = self.queue.in_log.saturating_sub(1);
            // Only texts that passed this check were ever queued.
            if let Ok(text) = Text::new(&waiting.text) {
                self.chat.requeue(Outgoing { id: MessageId(waiting.id), text });
            }
        }
        Ok(())
    }

    /// Gives up the messages that the machine never saw, after those that it has given up itself. Those of the outbox
    /// stay there.
    pub fn give_up_rest(&mut self, store: &mut Store, now: Now, reason: Reason) -> Result<(), StoreError> {
        if self.queue.in_log == 0 {
            return Ok(());
        }
        // All that waits has a lower id. Entries appended below have higher ones, and are no messages.
        let newest = store.last_id();
        if let Some(chat) = self.logged() {
            // At once: there may be as many as a user can queue, and one by one they would hold everybody up.
            store.give_up_queued(now.ms, chat, &self.peer(), self.queue.loaded, (reason, self.given_up()))?;
        }
        self.queue = Queue { in_log: 0, loaded: newest, settled: newest, ..self.queue };
        Ok(())
    }
}

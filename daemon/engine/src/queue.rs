//! Our messages that wait in a chat: in its machine those that are next, in the log all others.

use std::net::SocketAddr;
use std::time::Instant;

use simp_control::{HostName, Kind, Reason, State, What};
use simp_proto::MessageId;
use simp_proto::secure::SecureChat;
use simp_store::{Backlog, Store, StoreError, Taken, WaitingMessage};

use crate::absent::Absentees;
use crate::machine::Waiting;
use crate::now::Now;
use crate::ongoing::{Ongoing, OutboxPart, Queue};

/// Messages that the machine of a plain chat holds at most. One of them is in flight.
const LOADED_MAX: usize = 64;

/// Those of a secure chat. All of them are in flight.
const LOADED_MAX_SECURE: usize = 512;

/// Bytes of texts with which no more are loaded.
const LOADED_BYTES_MAX: usize = 1 << 20;

/// With this part of them left or less, the machine is given more.
const LOADED_LOW: usize = 4;

/// Which run of simpd may have transmitted messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// This one: whatever it has transmitted, the machine knows.
    This,
    /// The one before.
    Last,
}

impl Ongoing {
    /// Gives a message that has just been queued to the machine, or leaves it in the log after all that wait there.
    pub fn hand_over(&mut self, now: Instant, waiting: Waiting) {
        // Messages leave in the order of their ids: none overtakes those that the machine does not hold yet.
        if self.queue.in_log > 0 || self.room() == (0, 0) {
            self.queue.in_log += 1;
            return;
        }
        self.queue.loaded = waiting.id;
        if self.chat.state() == State::Closing {
            // We are leaving: it is delivered first.
            self.chat.requeue(now, waiting, false);
        } else {
            // The caller has seen that messages go to this chat.
            let _ = self.chat.send(now, waiting);
        }
    }

    /// Takes a message of the outbox away from the chat. False if it is on its way.
    pub fn take_back_kept(&mut self, now: Instant, message: u64) -> bool {
        // It is with the outbox alone: given up by this chat, or never taken up.
        let is_here = self.takes_kept_messages() && message > self.queue.settled;
        !is_here || self.take_back(now, message)
    }

    /// Takes a message away that waits in the chat. False if it is on its way.
    pub fn take_back(&mut self, now: Instant, message: u64) -> bool {
        if message > self.queue.loaded {
            self.queue.in_log = self.queue.in_log.saturating_sub(1);
            return true;
        }
        self.chat.take_back(now, MessageId(message))
    }

    /// Where the outbox has messages for this chat.
    pub fn outbox_of(&self, absent: &Absentees) -> Option<SocketAddr> {
        self.place.outbox_at().filter(|at| absent.has(*at))
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
    ) -> Result<Vec<Taken>, StoreError> {
        let has_begun = matches!(self.chat.state(), State::Accepting | State::Open);
        if self.outbox == OutboxPart::TakenUp || !has_begun {
            return Ok(Vec::new());
        }
        // Also if there is nothing: what is kept from now on is handed over as it comes.
        self.outbox = OutboxPart::TakenUp;
        let Some(at) = self.outbox_of(absent) else { return Ok(Vec::new()) };
        let too_long = self.give_up_too_long(store, now, (at, None))?;
        self.queue.in_log += store.queued(Backlog { chat: None, outbox: Some(at) }, 0)?;
        Ok(too_long)
    }

    /// Whether what the outbox has for its peer is among what waits in it.
    pub fn has_taken_up_outbox(&self) -> bool {
        self.takes_kept_messages() && self.outbox == OutboxPart::TakenUp
    }

    /// The outbox has so many more messages for its peer, which is this host. All are newer than what the machine was
    /// given. Returns those that are too long: they are given up.
    pub fn take_up_moved(
        &mut self,
        store: &mut Store,
        now: Now,
        (at, host): (SocketAddr, &HostName),
        messages: u64,
    ) -> Result<Vec<Taken>, StoreError> {
        let too_long = self.give_up_too_long(store, now, (at, Some(host)))?;
        self.queue.in_log += messages.saturating_sub(too_long.len() as u64);
        let backlog = Backlog { chat: self.logged(), outbox: Some(at) };
        self.refill(store, backlog, now.instant, Run::This)?;
        // If it was idle, the first of them leaves at once.
        self.chat.handle_timeout(now.instant);
        Ok(too_long)
    }

    /// Gives up what is too long for the peer of all that the outbox has for this address, or only of that for a host.
    fn give_up_too_long(
        &self,
        store: &mut Store,
        now: Now,
        (outbox_at, host): (SocketAddr, Option<&HostName>),
    ) -> Result<Vec<Taken>, StoreError> {
        let (most, is_plain) = match self.chat.secure() {
            Some(chat) => (chat.text_max().unwrap_or(u64::MAX), false),
            None => (self.chat.dialect().text_max() as u64, true),
        };
        let mut gone = Vec::new();
        for message in store.unfit_in_outbox((outbox_at, host), most, is_plain)? {
            gone.extend(store.take_from_outbox(message)?);
            let what = What::Undelivered { message, reason: Reason::TooLong };
            self.trace(Kind::Undelivered, Some(message), Some(Reason::TooLong));
            store.append(now.ms, Some(0), self.peer(), what, None);
        }
        Ok(gone)
    }

    /// Gives the machine messages from the log, if it has few left.
    pub fn refill(
        &mut self,
        store: &Store,
        backlog: Backlog,
        now: Instant,
        run: Run,
    ) -> Result<(), StoreError> {
        let (room, bytes) = self.room();
        // A little at a time would be a query for each message.
        let has_much = room >= self.loaded_max() - self.loaded_max() / LOADED_LOW;
        if self.queue.in_log == 0 || !has_much {
            return Ok(());
        }
        for WaitingMessage { id, body, is_kept } in
            store.waiting(backlog, self.queue.loaded, (room as u64, bytes))?
        {
            self.queue.loaded = id;
            self.queue.in_log = self.queue.in_log.saturating_sub(1);
            self.chat.requeue(now, Waiting { id, body, is_kept }, run == Run::Last);
        }
        Ok(())
    }

    /// How many more messages its machine takes, and how many bytes of texts.
    fn room(&self) -> (usize, usize) {
        let room = self.loaded_max().saturating_sub(self.chat.unacknowledged());
        // What a plain chat may hold is little in any case.
        let held = self.chat.secure().map_or(0, SecureChat::unacknowledged_bytes);
        match LOADED_BYTES_MAX.saturating_sub(held) {
            0 => (0, 0),
            _ if room == 0 => (0, 0),
            bytes => (room, bytes),
        }
    }

    /// How many messages its machine holds at most; those after them wait in the log.
    fn loaded_max(&self) -> usize {
        if self.chat.plain().is_some() { LOADED_MAX } else { LOADED_MAX_SECURE }
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
        self.queue = Queue { in_log: 0, loaded: newest, settled: newest };
        Ok(())
    }
}

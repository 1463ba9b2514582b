//! What chats say, and our messages in them: in the machine those that are next, in the log all others.

use std::net::SocketAddr;
use std::time::Duration;

use simp_control::{Reason, State, What};
use simp_proto::text::TEXT_MAX;
use simp_proto::{ChatEvent, MessageId, Outgoing, Text, UserName};

use super::{Exchange, Now, Timer, outbox};
use crate::chats::Entry;
use crate::outbox::Outbox;
use crate::store::{Of, Store, StoreError};

/// Messages that a chat's machine holds at most; those behind them wait in the log.
const LOADED_MAX: usize = 64;

/// So long after a chat its peer may end it once more, where our answer was lost.
const FAREWELLS_FOR: Duration = Duration::from_secs(10);

/// With so many or fewer left, the machine is given more.
pub(super) const LOADED_LOW: usize = 16;

impl Exchange {
    /// Takes what a chat says, after anything that may have changed it.
    pub fn drain(&mut self, now: Now, key: usize) -> Result<(), StoreError> {
        let Some(entry) = self.chats.get_mut(key) else { return Ok(()) };
        let (address, known_at) = (entry.address, entry.invited_at());
        let (mut opened, mut closed) = (false, None);
        let mut gone = Vec::new();
        while let Some(event) = entry.chat.poll_event() {
            match &event {
                ChatEvent::Opened => {
                    self.limits.refund_request();
                    opened = true;
                }
                ChatEvent::Closed { reason, .. } => closed = Some(*reason),
                _ => {}
            }
            gone.extend(record(&mut self.store, &self.outbox, now, entry, event)?);
        }
        if !entry.has_outbox && matches!(entry.chat.state(), State::Accepting | State::Open) {
            // Before any further message of ours is queued, so that ids go up in a chat.
            entry.has_outbox = true;
            if let Some(at) = outbox_of(entry, &self.outbox) {
                gone.extend(give_up_too_long(&mut self.store, now, entry, at)?);
                entry.backlog += self.store.queued(Of { chat: None, outbox: Some(at) }, 0)?;
            }
        }
        if entry.chat.is_leaving() {
            give_up_backlog(&mut self.store, now, entry, Reason::Quit)?;
        } else {
            load_backlog(&self.store, of(entry, &self.outbox), entry, LOADED_LOW)?;
            if opened {
                // The first of them may leave at once.
                entry.chat.handle_timeout(now.instant);
            }
        }
        entry.leave_at = outbox::leave_at(now, entry, self.is_room_wanted);
        let dialect = entry.chat.dialect();
        let is_left = entry.chat.state() == State::Closing && !entry.chat.is_over_for_us();
        let was_open = opened || is_left || entry.chat.state() == State::Open;
        if was_open && !entry.is_pinned && entry.learned != Some(dialect) {
            entry.learned = Some(dialect);
            self.store.learn(now.ms, entry.address, entry.chat.user(), dialect)?;
        }
        if entry.chat.poll_snapshot().is_some()
            && let Some(kept) = entry.kept()
        {
            self.store.keep_chat(&kept)?;
            entry.progressed = false;
        }
        while let Some(datagram) = entry.chat.poll_transmit() {
            self.outgoing.push(entry.address, entry.local, &datagram);
        }
        let deadline = [entry.chat.poll_timeout(), entry.leave_at].into_iter().flatten().min();
        if entry.timer.map(|(set_for, _)| set_for) != deadline {
            if let Some((_, timer)) = entry.timer.take() {
                self.wheel.cancel(timer);
            }
            entry.timer = deadline.map(|deadline| (deadline, self.wheel.set(deadline, Timer::Chat(key))));
        }
        if entry.chat.state() == State::Closed {
            if let Some(until) = entry.chat.echoes_until().filter(|until| *until > now.instant) {
                self.echoes.note(now.instant, address, until);
            }
            if entry.moved_from().is_none() {
                self.farewells.note(now.instant, address, now.instant + FAREWELLS_FOR);
            }
            self.chats.remove(key);
        } else {
            self.chats.recount(key);
        }
        for message in gone {
            self.forget_in_outbox(known_at, message);
        }
        match (opened, closed) {
            (_, Some(reason)) => self.invite_later(now, known_at, reason),
            (true, None) => self.has_come(known_at),
            (false, None) => {}
        }
        Ok(())
    }
}

/// Our messages.
impl Exchange {
    /// Queues a message in a chat, durably with this turn's commit, and returns its id.
    pub fn queue_message(
        &mut self,
        now: Now,
        key: usize,
        text: Text,
        token: Option<u64>,
    ) -> Result<Option<u64>, StoreError> {
        let Some(entry) = self.chats.get_mut(key) else { return Ok(None) };
        let what = What::Queued { text: text.as_str().to_owned(), again: None };
        let id = self.store.append(now.ms, Some(entry.id), entry.peer(), what, token)?;
        self.hand_over(now, key, id, text)?;
        Ok(Some(id))
    }

    /// Gives a message that has just been queued to a chat, behind all that wait in it.
    pub(super) fn hand_over(&mut self, now: Now, key: usize, id: u64, text: Text) -> Result<(), StoreError> {
        let Some(entry) = self.chats.get_mut(key) else { return Ok(()) };
        if entry.backlog > 0 || entry.chat.unacknowledged() >= LOADED_MAX {
            entry.backlog += 1;
        } else {
            entry.loaded = id;
            let message = Outgoing { id: MessageId(id), text };
            if entry.chat.send(now.instant, message.clone()).is_err() {
                // We are leaving: it is delivered first.
                entry.chat.requeue(message);
            }
        }
        self.drain(now, key)
    }

    /// Writes down where all chats that had messages stand, so that a start has little to read.
    pub fn keep_chats(&mut self) -> Result<(), StoreError> {
        for entry in self.chats.iter_mut().filter(|entry| entry.progressed) {
            if let Some(kept) = entry.kept() {
                self.store.keep_chat(&kept)?;
            }
            entry.progressed = false;
        }
        self.store.set_kept()
    }
}

/// Which messages wait for a chat.
pub(super) fn of(entry: &Entry, outbox: &Outbox) -> Of {
    Of { chat: Some(entry.id).filter(|_| !entry.is_unlogged()), outbox: outbox_of(entry, outbox) }
}

/// Where the outbox has messages for a chat.
fn outbox_of(entry: &Entry, outbox: &Outbox) -> Option<SocketAddr> {
    entry.outbox_at.filter(|at| outbox.has(*at))
}

/// Appends what happened in a chat. Returns the message that has left the outbox with it.
fn record(
    store: &mut Store,
    outbox: &Outbox,
    now: Now,
    entry: &mut Entry,
    event: ChatEvent,
) -> Result<Option<u64>, StoreError> {
    let mut extra = None;
    let mut left_outbox = None;
    let may_be_kept = outbox_of(entry, outbox).is_some();
    let what = match event {
        ChatEvent::Request => What::Request,
        ChatEvent::Opened => What::Opened { note: entry.note() },
        ChatEvent::Message { seq, text } => {
            extra = Some(u64::from(seq));
            entry.progressed = true;
            What::Message { text }
        }
        ChatEvent::Error { text } => What::Error { text },
        ChatEvent::Learned(learned) => {
            tracing::info!(
                "chat {} learned={} because={:?}",
                entry.address,
                learned.dialect,
                learned.because
            );
            return Ok(None);
        }
        ChatEvent::Delivered(MessageId(message)) => {
            entry.settled = message;
            entry.progressed = true;
            left_outbox = Some(message).filter(|_| may_be_kept);
            What::Delivered { message }
        }
        // It may have arrived, so it is not transmitted again in another chat.
        ChatEvent::Unconfirmed(MessageId(message)) => {
            entry.settled = message;
            entry.progressed = true;
            left_outbox = Some(message).filter(|_| may_be_kept);
            What::Unconfirmed { message }
        }
        ChatEvent::Undelivered(MessageId(message), reason) => {
            entry.settled = message;
            entry.progressed = true;
            // It stays in the outbox, for the next chat.
            if may_be_kept && store.in_outbox(message)?.is_some() {
                return Ok(None);
            }
            What::Undelivered { message, reason }
        }
        // An invitation for the outbox came to nothing: there will be others.
        ChatEvent::Closed { reason, .. } if entry.is_unlogged() => {
            tracing::debug!("outbox {} reason={reason}", entry.address);
            return Ok(None);
        }
        ChatEvent::Closed { reason, text } => {
            give_up_backlog(store, now, entry, reason)?;
            store.drop_chat(entry.id)?;
            What::Closed { reason, text }
        }
    };
    log(entry, &what);
    let chat = (!entry.is_unlogged()).then_some(entry.id);
    let id = store.append(now.ms, chat, entry.peer(), what, extra)?;
    if entry.is_unlogged() {
        entry.id = id;
    }
    match left_outbox {
        Some(message) if store.take_from_outbox(message)? => Ok(Some(message)),
        _ => Ok(None),
    }
}

fn log(entry: &Entry, what: &What) {
    match what {
        What::Request | What::Opened { .. } => {
            tracing::info!("chat {} {} user={}", entry.address, what.kind(), Shown(entry.chat.user()));
        }
        What::Closed { reason, .. } => tracing::info!("chat {} closed reason={reason}", entry.address),
        What::Undelivered { message, reason } => {
            tracing::info!("chat {} undelivered message={message} reason={reason}", entry.address);
        }
        _ => tracing::debug!("chat {} {}", entry.address, what.kind()),
    }
}

/// Gives up the waiting messages that the machine never saw, behind those that it has given up itself. Those of
/// the outbox stay there.
fn give_up_backlog(store: &mut Store, now: Now, entry: &mut Entry, reason: Reason) -> Result<(), StoreError> {
    if entry.backlog == 0 {
        return Ok(());
    }
    let newest = store.last_id();
    if !entry.is_unlogged() {
        for message in store.queued_in(entry.id, entry.loaded)? {
            let what = What::Undelivered { message, reason };
            store.append(now.ms, Some(entry.id), entry.peer(), what, None)?;
        }
    }
    (entry.backlog, entry.loaded, entry.settled) = (0, newest, newest);
    Ok(())
}

/// Gives up the messages of the outbox that are longer than what the peer receives, and returns them. None of them is
/// in the machine yet.
fn give_up_too_long(
    store: &mut Store,
    now: Now,
    entry: &Entry,
    outbox_at: SocketAddr,
) -> Result<Vec<u64>, StoreError> {
    let most = entry.chat.dialect().text_max();
    if most >= TEXT_MAX {
        return Ok(Vec::new());
    }
    let too_long = store.longer_in_outbox(outbox_at, most)?;
    for message in &too_long {
        store.take_from_outbox(*message)?;
        let what = What::Undelivered { message: *message, reason: Reason::TooLong };
        log(entry, &what);
        store.append(now.ms, Some(0), entry.peer(), what, None)?;
    }
    Ok(too_long)
}

/// Gives the machine waiting messages from the log where it has `low` or fewer left.
pub(super) fn load_backlog(store: &Store, of: Of, entry: &mut Entry, low: usize) -> Result<(), StoreError> {
    let held = entry.chat.unacknowledged();
    if entry.backlog == 0 || held > low {
        return Ok(());
    }
    for waiting in store.waiting(of, entry.loaded, (LOADED_MAX - held) as u64)? {
        entry.loaded = waiting.id;
        entry.backlog = entry.backlog.saturating_sub(1);
        // Only texts that passed this check were ever queued.
        if let Ok(text) = Text::new(&waiting.text) {
            entry.chat.requeue(Outgoing { id: MessageId(waiting.id), text });
        }
    }
    Ok(())
}

/// A user name in the log; a peer that has told none is a dash.
struct Shown(UserName);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_blank() { f.write_str("-") } else { self.0.fmt(f) }
    }
}

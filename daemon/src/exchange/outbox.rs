//! Messages that are kept until their peer has them: who is off is invited again and again, and what a chat did
//! not deliver waits for the next one.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use simp_control::{Peer, Reason, State, What};
use simp_proto::{Chat, MessageId, Text};

use super::{Exchange, Now, Timer};
use crate::chats::Entry;
use crate::outbox::{Next, pause};
use crate::store::StoreError;

/// How long we stay in a chat that was opened for the outbox after its last message, for an answer.
const LINGER: Duration = Duration::from_secs(60);

/// The same where other peers of the outbox wait for room.
const LINGER_SHORT: Duration = Duration::from_secs(10);

/// After this long, a message that was being delivered when its time was over is looked at again.
const EXPIRE_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Why a message cannot be taken out of the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCancelled {
    /// It is not in it.
    Absent,
    /// It is on its way: the peer may have it already.
    InFlight,
}

impl Exchange {
    /// Puts a message into the outbox, durably with this turn's commit, and returns its id.
    pub fn keep_message(
        &mut self,
        now: Now,
        peer: (SocketAddr, String),
        text: Text,
        expires_after: Option<Duration>,
        again: Option<u64>,
        token: Option<u64>,
    ) -> Result<u64, StoreError> {
        let (address, user) = peer;
        let what = What::Queued { text: text.as_str().to_owned(), again };
        let peer = Peer { user, address: address.to_string() };
        let id = self.store.append(now.ms, Some(0), peer, what, token)?;
        let expires_after_ms = expires_after.map(|after| after.as_millis() as u64);
        self.store.keep_in_outbox(id, address, expires_after_ms)?;
        let is_first = !self.outbox.has(address);
        self.outbox.add(address, 1);
        if let Some(after) = expires_after {
            self.set_expiry(id, now.instant + after);
        }
        let key = self.chats.for_outbox(address);
        match key.filter(|key| self.chats.get_mut(*key).is_some_and(|entry| takes_messages(entry))) {
            Some(key) => self.hand_over(now, key, id, text)?,
            None if is_first => self.invite_for_outbox(now, address)?,
            None => {}
        }
        Ok(id)
    }

    /// Invites a peer that the outbox has messages for, unless there is something with it already.
    pub fn invite_for_outbox(&mut self, now: Now, address: SocketAddr) -> Result<(), StoreError> {
        if !self.outbox.has(address) {
            return Ok(());
        }
        let key = self.chats.for_outbox(address);
        let is_full = self.is_full();
        if let Some((key, entry)) = key.and_then(|key| Some((key, self.chats.get_mut(key)?))) {
            let is_over = match entry.chat.state() {
                // The peer waits for us already.
                State::Invited if !is_full => {
                    let _ = entry.chat.accept(now.instant);
                    false
                }
                State::Invited => {
                    self.set_next(address, Next::Room);
                    return Ok(());
                }
                State::Closing if entry.chat.is_over_for_us() => {
                    entry.chat.abandon();
                    true
                }
                _ => false,
            };
            self.drain(now, key)?;
            if !is_over {
                self.set_next(address, Next::Chat);
                return Ok(());
            }
        }
        if is_full {
            self.set_next(address, Next::Room);
            return Ok(());
        }
        // A copy of a message of an earlier chat would count as one of the new chat (SIMP 6). Nothing is lost by
        // waiting, for no message would leave before.
        if let Some(until) = self.echoes.until(now.instant, address) {
            self.set_due(now, address, until - now.instant);
            return Ok(());
        }
        self.set_next(address, Next::Chat);
        let expires_after = self.config.chat.request_expiry;
        let known = self.known_of(now, address)?;
        let chat = Chat::invite(now.instant, self.config.user, self.config.chat, known, expires_after);
        let key = self.insert_chat(now, address, None, chat, expires_after);
        if let Some(entry) = self.chats.get_mut(key) {
            entry.for_outbox = true;
        }
        self.drain(now, key)
    }

    /// Takes an invitation for the outbox back. False where this chat is none.
    pub(super) fn withdraw(&mut self, now: Now, key: usize) -> Result<bool, StoreError> {
        let Some(entry) = self.chats.get_mut(key) else { return Ok(false) };
        if !entry.is_unlogged() || entry.chat.close(now.instant, true).is_err() {
            return Ok(false);
        }
        self.drain(now, key)?;
        Ok(true)
    }

    /// When there is room for a further chat, those who wait for it are invited; when the last is taken, the others
    /// are no longer. Once per turn, in which room may have come and gone.
    pub fn use_room(&mut self, now: Now) -> Result<(), StoreError> {
        let is_full = self.is_full();
        if is_full && std::mem::take(&mut self.is_hurried) {
            // Chats that only the outbox wanted are left sooner.
            let idle = self.chats.iter().filter(|(_, entry)| entry.leave_at.is_some()).map(|(key, _)| key);
            for key in idle.collect::<Vec<_>>() {
                self.drain(now, key)?;
            }
        }
        let was_full = std::mem::replace(&mut self.was_full, is_full);
        if is_full && !was_full {
            for address in self.outbox.waiting_for(Next::Chat) {
                if let Some(key) = self.chats.for_outbox(address) {
                    self.withdraw(now, key)?;
                }
            }
        } else if !is_full && std::mem::take(&mut self.is_room_wanted) {
            for address in self.outbox.waiting_for(Next::Room) {
                self.invite_for_outbox(now, address)?;
            }
        }
        Ok(())
    }

    /// A chat with this peer is over, or an invitation came to nothing: where the outbox has messages for it,
    /// it is invited again after a pause.
    pub(super) fn invite_later(&mut self, now: Now, address: SocketAddr, reason: Reason) {
        let is_full = self.is_full();
        let Some(absent) = self.outbox.get_mut(address) else { return };
        if is_full && reason == Reason::Quit {
            self.set_next(address, Next::Room);
            return;
        }
        absent.tries = absent.tries.saturating_add(1);
        absent.reason = Some(reason);
        let pause = pause(absent.reason, absent.tries);
        self.invite_after(now, address, pause);
    }

    /// Invites a peer of the outbox after about this long.
    pub(super) fn invite_after(&mut self, now: Now, address: SocketAddr, pause: Duration) {
        let pause = self.outbox.spread(pause);
        self.set_due(now, address, pause);
    }

    fn set_due(&mut self, now: Now, address: SocketAddr, pause: Duration) {
        let timer = self.wheel.set(now.instant + pause, Timer::Invite(address));
        self.set_next(address, Next::Due { ms: now.ms + pause.as_millis() as u64, timer });
    }

    /// A chat with this peer has opened.
    pub(super) fn has_come(&mut self, address: SocketAddr) {
        if let Some(absent) = self.outbox.get_mut(address) {
            (absent.tries, absent.reason) = (0, None);
            self.set_next(address, Next::Chat);
        }
    }

    fn set_next(&mut self, address: SocketAddr, next: Next) {
        let Some(absent) = self.outbox.get_mut(address) else { return };
        if next == Next::Room {
            self.is_hurried |= !self.is_room_wanted;
            self.is_room_wanted = true;
        }
        if let Next::Due { timer, .. } = std::mem::replace(&mut absent.next, next) {
            self.wheel.cancel(timer);
        }
    }

    pub(super) fn set_expiry(&mut self, message: u64, at: Instant) {
        let timer = self.wheel.set(at, Timer::Expire(message));
        if let Some(replaced) = self.outbox.set_expiry(message, timer) {
            self.wheel.cancel(replaced);
        }
    }

    /// A message is no longer in the log's outbox.
    pub(super) fn forget_in_outbox(&mut self, address: SocketAddr, message: u64) {
        for timer in self.outbox.remove(address, message).into_iter().flatten() {
            self.wheel.cancel(timer);
        }
    }

    /// The time of a message in the outbox is over. One that is on its way is left to its chat, and looked at
    /// again.
    pub fn expire_message(&mut self, now: Now, message: u64) -> Result<(), StoreError> {
        if self.give_up_in_outbox(now, message, Reason::Expired)? == Err(NotCancelled::InFlight) {
            self.set_expiry(message, now.instant + EXPIRE_AGAIN_AFTER);
        }
        Ok(())
    }

    /// Takes a message out of the outbox as undelivered, unless it is on its way.
    pub fn give_up_in_outbox(
        &mut self,
        now: Now,
        message: u64,
        reason: Reason,
    ) -> Result<Result<(), NotCancelled>, StoreError> {
        let Some(kept) = self.store.in_outbox(message)? else { return Ok(Err(NotCancelled::Absent)) };
        let key = self.chats.for_outbox(kept.address);
        if let Some(entry) = key.and_then(|key| self.chats.get_mut(key))
            && !take_back(now, entry, message)
        {
            return Ok(Err(NotCancelled::InFlight));
        }
        self.store.take_from_outbox(message)?;
        self.forget_in_outbox(kept.address, message);
        let peer = Peer { user: kept.user, address: kept.address.to_string() };
        tracing::info!("outbox {} undelivered message={message} reason={reason}", kept.address);
        self.store.append(now.ms, Some(0), peer, What::Undelivered { message, reason }, None)?;
        if let Some(key) = key {
            // Nobody is invited for nothing.
            if !self.outbox.has(kept.address) {
                self.withdraw(now, key)?;
            }
            self.drain(now, key)?;
        }
        Ok(Ok(()))
    }

    /// Leaves a chat that only the outbox wanted and that has delivered everything, for a chat that somebody wants.
    pub fn leave_idle(&mut self, now: Now) -> Result<(), StoreError> {
        let idle = self.chats.iter().find(|(_, entry)| entry.leave_at.is_some()).map(|(key, _)| key);
        let Some(key) = idle else { return Ok(()) };
        if let Some(entry) = self.chats.get_mut(key) {
            // It is open, for only then it is to be left.
            let _ = entry.chat.close(now.instant, false);
        }
        self.drain(now, key)
    }

    /// In a chat that was opened for the outbox nothing has been said for a while: we leave it.
    pub(super) fn leave_if_due(&mut self, now: Now, key: usize) {
        if let Some(entry) = self.chats.get_mut(key)
            && entry.leave_at.is_some_and(|at| at <= now.instant)
        {
            // It is open, for only then it is to be left.
            let _ = entry.chat.close(now.instant, false);
        }
    }
}

/// When to leave a chat: some time after its last message, where nobody but the outbox wanted it.
pub(super) fn leave_at(now: Now, entry: &Entry, is_room_wanted: bool) -> Option<Instant> {
    let is_done = entry.chat.unacknowledged() == 0 && entry.backlog == 0;
    if !entry.for_outbox || !is_done || entry.chat.state() != State::Open {
        return None;
    }
    Some(now.instant + if is_room_wanted { LINGER_SHORT } else { LINGER })
}

/// How long until a message in the outbox is given up. A clock that jumped back makes it no longer than it was
/// at first.
pub(super) fn expires_after(now: Now, at_ms: u64, after_ms: u64) -> Duration {
    let left = at_ms.saturating_add(after_ms).saturating_sub(now.ms);
    Duration::from_millis(left.min(after_ms))
}

/// Whether messages of the outbox are delivered in this chat, or will be once it is open.
fn takes_messages(entry: &Entry) -> bool {
    match entry.chat.state() {
        _ if entry.outbox_at.is_none() => false,
        State::Accepting | State::Open => true,
        State::Closing => !entry.chat.is_leaving(),
        State::Inviting | State::Invited | State::Closed => false,
    }
}

/// Takes a message of the outbox away from a chat. False where it is on its way.
fn take_back(now: Now, entry: &mut Entry, message: u64) -> bool {
    if !takes_messages(entry) || message <= entry.settled {
        return true;
    }
    if message > entry.loaded {
        entry.backlog = entry.backlog.saturating_sub(1);
        return true;
    }
    entry.chat.take_back(now.instant, MessageId(message))
}

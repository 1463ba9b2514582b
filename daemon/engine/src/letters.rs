//! Messages of the outbox, as letters: put there, and given up when our user cancels them or their time is over.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use simp_control::{Kind, Peer, Reason, What};
use simp_proto::secure::Body;
use simp_store::{Recipient, StoreError};

use crate::engine::Engine;
use crate::machine::Waiting;
use crate::now::Now;

/// After this long, a message that was being delivered when its time was over is looked at again.
const EXPIRE_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Most messages that are given up in one turn because their time is over.
const EXPIRED_PER_TURN: usize = 256;

/// Why a message cannot be taken out of the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCancelled {
    /// It is not in it.
    Absent,
    /// It is on its way: the peer may have it already.
    InFlight,
}

/// A message for the outbox.
pub struct Letter {
    /// Who is to have it.
    pub to: Recipient,
    /// The name known of it; empty if none is.
    pub user: String,
    /// What it says.
    pub text: String,
    /// It is given up after this long.
    pub expires_after: Option<Duration>,
    /// The message that it sends again.
    pub again: Option<u64>,
    /// The client's own name for it.
    pub token: Option<u64>,
}

impl Engine {
    /// Puts a message into the outbox and returns its id.
    pub(crate) fn keep_message(&mut self, now: Now, letter: Letter) -> Result<u64, StoreError> {
        let Letter { to, user, text, expires_after, again, token } = letter;
        let to = self.kept_for(to)?;
        let what = What::Queued { text: text.clone(), again, size: None };
        let id = self.store.append_kept(now.ms, (user, &to), what, token);
        tracing::debug!(chat = 0, peer = %to, event = %Kind::Queued, message_id = id);
        let expires_after_ms = expires_after.map(|after| after.as_millis() as u64);
        self.store.keep_in_outbox(id, &to, text.len() as u64, expires_after_ms)?;
        if let Some(after) = expires_after {
            self.absent.set_expiry(id, now.instant + after);
        }
        if let Some(host) = to.host() {
            self.hosts.add(host, to.address(), 1);
        }
        if let Some(address) = to.address() {
            self.take_to(now, address, Waiting { id, body: Body::Text(text), is_kept: true })?;
        }
        Ok(id)
    }

    /// A message waits in the outbox for this address: a chat takes it, or it is the reason for an invitation.
    fn take_to(&mut self, now: Now, address: SocketAddr, waiting: Waiting) -> Result<(), StoreError> {
        // Whoever has messages already is invited, or waits for something: one more changes nothing.
        let is_first = !self.absent.has(address);
        self.absent.add(address, 1);
        match self.taker(address) {
            Some(key) => {
                self.chats.change(key, |ongoing| ongoing.hand_over(now.instant, waiting));
            }
            None if is_first => self.invite_absentee(now, address)?,
            None => {}
        }
        Ok(())
    }

    /// Whether messages in the outbox are to be given up whose time is over. Until that is done, turns take in nothing
    /// else: a peer that comes is not to get them.
    pub fn is_giving_up(&self, now: Instant) -> bool {
        self.absent.next_expiry().is_some_and(|at| at <= now)
    }

    /// Gives up messages in the outbox whose time is over, as many as one turn may.
    pub(crate) fn give_up_expired(&mut self, now: Now) -> Result<(), StoreError> {
        for _ in 0..EXPIRED_PER_TURN {
            let Some(message) = self.absent.pop_expired(now.instant) else { break };
            // Chats are paused; they are resumed once the log can be written.
            if self.disk.works() {
                self.expire_message(now, message)?;
                self.settle_touched(now)?;
            }
        }
        Ok(())
    }

    /// The time of a message in the outbox is over. One that is on its way is left to its chat, and looked at
    /// again.
    fn expire_message(&mut self, now: Now, message: u64) -> Result<(), StoreError> {
        if self.give_up_kept(now, message, Reason::Expired)? == Err(NotCancelled::InFlight) {
            self.absent.set_expiry(message, now.instant + EXPIRE_AGAIN_AFTER);
        }
        Ok(())
    }

    /// Takes a message out of the outbox as undelivered, unless it is on its way.
    pub(crate) fn give_up_kept(
        &mut self,
        now: Now,
        message: u64,
        reason: Reason,
    ) -> Result<Result<(), NotCancelled>, StoreError> {
        let Some(kept) = self.store.in_outbox(message)? else { return Ok(Err(NotCancelled::Absent)) };
        // The machine first: once the message has left, nobody knows whether the peer has it.
        let key = kept.to.address().and_then(|address| self.chats.for_outbox(address));
        let taker = kept.to.address().and_then(|address| self.taker(address));
        let taken =
            taker.and_then(|key| self.chats.change(key, |it| it.take_back_kept(now.instant, message)));
        if taken == Some(false) {
            return Ok(Err(NotCancelled::InFlight));
        }
        self.store.take_from_outbox(message)?;
        match kept.to.address() {
            Some(address) => self.absent.remove(&mut self.wheel, address, message),
            None => self.absent.forget_expiry(message),
        }
        if let Some(host) = kept.to.host() {
            self.hosts.remove(host);
        }
        tracing::info!(chat = 0, peer = %kept.to, event = %Kind::Undelivered, message_id = message, %reason);
        let peer = Peer { user: kept.user, address: kept.to.to_string() };
        self.store.append(now.ms, Some(0), peer, What::Undelivered { message, reason }, None);
        // Nobody is invited for nothing.
        if let Some(key) = key.filter(|_| kept.to.address().is_some_and(|address| !self.absent.has(address)))
        {
            self.chats.take_invitation_back(now.instant, key);
        }
        Ok(Ok(()))
    }
}

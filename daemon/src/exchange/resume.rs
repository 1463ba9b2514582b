//! Taking up where the log says that we were: at a start, and after the log could not be written.

use std::time::Duration;

use simp_control::State;
use simp_proto::{Chat, Snapshot};

use super::messages::{LOADED_LOW, load_backlog};
use super::outbox::expires_after;
use super::{Exchange, INVITATION_MAX, Now};
use crate::chats::{Chats, Entry};
use crate::echoes::DEAD_AFTER;
use crate::store::{KeptChat, Of, StoreError};

/// Peers of the outbox are invited within about this long after a start, and not all at once.
const INVITE_WITHIN: Duration = Duration::from_secs(1);

impl Exchange {
    /// Forgets all that is not in the log, and takes up the chats and the outbox as they are there.
    pub fn resume(&mut self, now: Now) -> Result<(), StoreError> {
        for (_, timer) in self.chats.iter_mut().filter_map(|entry| entry.timer) {
            self.wheel.cancel(timer);
        }
        for timer in self.outbox.clear() {
            self.wheel.cancel(timer);
        }
        self.chats = Chats::default();
        self.outgoing.clear();
        if self.store.last_id() > 0 {
            self.echoes.note_everyone(now.instant + DEAD_AFTER);
        }
        for (address, messages) in self.store.outbox_peers()? {
            self.outbox.add(address, messages);
        }
        for (message, at_ms, after_ms) in self.store.expiring()? {
            self.set_expiry(message, now.instant + expires_after(now, at_ms, after_ms));
        }
        for kept in self.store.kept_chats()? {
            self.resume_chat(now, &kept)?;
        }
        // Also those that there is a chat with: it may be a request, which is as good as an invitation of ours.
        for (address, _) in self.store.outbox_peers()? {
            self.invite_after(now, address, INVITE_WITHIN);
        }
        self.was_full = self.is_full();
        Ok(())
    }

    fn resume_chat(&mut self, now: Now, kept: &KeptChat) -> Result<(), StoreError> {
        let address = kept.address;
        let of = Of { chat: Some(kept.chat), outbox: kept.outbox_at.filter(|at| self.outbox.has(*at)) };
        // An invitation is not in a position to deliver anything yet: the outbox is counted when it opens.
        let of_now = match kept.snapshot.state {
            State::Accepting | State::Open | State::Closing => of,
            State::Inviting | State::Invited | State::Closed => Of { outbox: None, ..of },
        };
        let backlog = self.store.queued(of_now, kept.settled)?;
        let (me, settings) = (self.config.user, self.config.chat);
        let left = Duration::from_millis(kept.expires_ms.unwrap_or_default().saturating_sub(now.ms));
        let expires_after = left.min(INVITATION_MAX);
        let pinned = self.pins.of(kept.outbox_at.unwrap_or(address));
        let snapshot = Snapshot { dialect: pinned.unwrap_or(kept.snapshot.dialect), ..kept.snapshot };
        let resumed = Chat::resume(now.instant, me, settings, snapshot, backlog > 0, expires_after);
        let Some(mut chat) = resumed else { return Ok(()) };
        if pinned.is_some() {
            chat.pin();
        }
        let is_open = matches!(kept.snapshot.state, State::Open | State::Closing);
        let mut entry = Entry {
            id: kept.chat,
            address,
            local: None,
            since_ms: kept.since_ms,
            chat,
            timer: None,
            backlog,
            loaded: kept.settled,
            settled: kept.settled,
            progressed: true,
            expires_ms: kept.expires_ms,
            has_outbox: matches!(kept.snapshot.state, State::Accepting | State::Open),
            outbox_at: kept.outbox_at,
            for_outbox: kept.for_outbox,
            leave_at: None,
            learned: Some(kept.snapshot.dialect).filter(|_| is_open),
            is_pinned: pinned.is_some(),
        };
        load_backlog(&self.store, of, &mut entry, LOADED_LOW)?;
        tracing::info!("chat {address} resumed {} queued={backlog}", entry.chat.state());
        let key = self.chats.insert(entry);
        self.drain(now, key)
    }
}

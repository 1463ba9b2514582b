//! Taking up what the log says: at a start, and after it could not be written. Nothing is written here; the chats are
//! settled with the next turn.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use simp_control::{KeyId, State};
use simp_proto::secure::SecureChat;
use simp_proto::{Chat, Snapshot};
use simp_store::{Backlog, KeptChat, KeptMachine, Store, StoreError};

use crate::asking::Asking;
use crate::engine::Engine;
use crate::hosts::Hosts;
use crate::listed::Listed;
use crate::machine::{Machine, Otherwise};
use crate::now::Now;
use crate::ongoing::{Noted, NotedDialect, Ongoing, OutboxPart, Queue, RowState, Times, WantedBy};
use crate::policy::Policy;
use crate::queue::Run;
use crate::roster::Roster;
use crate::standing::Standing;
use crate::ways::Way;
use crate::whereabouts::Place;

/// A peer of the outbox is invited about this long after a start.
const INVITE_WITHIN: Duration = Duration::from_secs(1);

/// After a start, so much later with each further chat or peer of the outbox: what leaves all at once comes back all at
/// once, and a part of it is lost.
const APART: Duration = Duration::from_millis(1);

/// The longest that an invitation lasts: a day. A clock that jumped back makes none longer.
pub const INVITATION_MAX: Duration = Duration::from_secs(86_400);

impl Engine {
    /// Takes up the chats and the outbox that are in the log. They go on with the first [`turn`](Self::turn), which
    /// is due at once. `place` is where we receive and the key that we are known by, and `random` any number: it spreads
    /// invitations over time.
    ///
    /// # Errors
    /// [`StoreError`] if the log cannot be read.
    pub fn new(
        now: Now,
        policy: Policy,
        place: (SocketAddr, KeyId),
        store: Store,
        random: u64,
    ) -> Result<Self, StoreError> {
        let mut engine = Self::idle(now, policy, place, store, random);
        // Read only: what the chats have to say waits for the first turn, with its commit.
        engine.resume(now)?;
        engine.retention.restart(&mut engine.wheel, now, &engine.policy.retain);
        Ok(engine)
    }

    /// Forgets all that is not in the log, and takes up the chats and the outbox as they are there.
    pub(crate) fn resume(&mut self, now: Now) -> Result<(), StoreError> {
        for timer in self.chats.iter().filter_map(|(_, ongoing)| ongoing.timer) {
            self.wheel.cancel(timer);
        }
        self.absent.clear(&mut self.wheel);
        self.hosts = Hosts::default();
        // With all that they were to say: it has not been committed, so it must not leave.
        self.chats = Roster::default();
        self.asking = Asking::default();
        self.transmits.clear();
        self.channels.end_all();
        self.outlet.clear();
        if self.store.last_id() > 0 {
            self.wake.note_last_run(now.instant);
        }
        for (address, messages) in self.store.outbox_peers()? {
            self.absent.add(address, messages);
        }
        for (host, address, messages) in self.store.outbox_hosts()? {
            self.hosts.add(&host, address, messages);
        }
        for (message, at_ms, after_ms) in self.store.expiring()? {
            let at = now.instant + expires_after(now, at_ms, after_ms);
            self.absent.set_expiry(message, at);
        }
        for (n, kept) in self.store.kept_chats()?.iter().enumerate() {
            self.resume_chat(now, kept, APART * n as u32)?;
        }
        self.resume_files(now)?;
        // Also those that there is a chat with: it may be a request, which is as good as an invitation of ours.
        self.invite_all_soon(now)?;
        self.absent.was_full = self.is_full();
        Ok(())
    }

    /// All peers of the outbox are invited soon: what kept them off may be over.
    pub(crate) fn invite_all_soon(&mut self, now: Now) -> Result<(), StoreError> {
        for (n, (address, _)) in self.store.outbox_peers()?.into_iter().enumerate() {
            self.absent.invite_after_about(&mut self.wheel, now, address, INVITE_WITHIN + APART * n as u32);
        }
        Ok(())
    }

    /// Takes up a chat, which transmits nothing for so long.
    fn resume_chat(&mut self, now: Now, kept: &KeptChat, later: Duration) -> Result<(), StoreError> {
        let backlog =
            Backlog { chat: Some(kept.chat), outbox: kept.outbox_at.filter(|at| self.absent.has(*at)) };
        let state = kept.machine.state();
        // An invitation is not in a position to deliver anything yet: the outbox is counted when it opens.
        let backlog_now = match state {
            State::Accepting | State::Open | State::Closing => backlog,
            State::Inviting | State::Invited | State::Closed => Backlog { outbox: None, ..backlog },
        };
        let in_log = self.store.queued(backlog_now, kept.settled)?;
        let has_more = in_log > 0 || self.store.has_files_under_way(kept.chat)?;
        let resumed = self.resume_machine(now, kept, has_more, later)?;
        let Some((chat, dialect)) = resumed else { return Ok(()) };
        // Its messages are in `in_log` then: taking them up again would count them twice.
        let outbox = match state {
            State::Accepting | State::Open => OutboxPart::TakenUp,
            State::Inviting | State::Invited | State::Closing | State::Closed => OutboxPart::NotTakenUp,
        };
        let (wanted_by, standing) = resumed_standing(now, kept);
        let mut ongoing = Ongoing {
            id: kept.chat,
            chat,
            place: Place::new(kept.address, None, kept.outbox_at),
            times: Times { since_ms: kept.since_ms, expires_ms: kept.expires_ms.and_then(NonZeroU64::new) },
            queue: Queue { in_log, loaded: kept.settled, settled: kept.settled },
            outbox,
            wanted_by,
            standing,
            noted: Noted { row: RowState::Outdated, dialect, is_key_known: kept.is_key_known },
            likeness: None,
            timer: None,
            listed: Listed::default(),
        };
        ongoing.likeness = self.store.likeness(ongoing.chat.user(), ongoing.peer_key())?.map(Box::new);
        ongoing.refill(&self.store, backlog, now.instant, Run::Last)?;
        tracing::info!(chat = kept.chat, peer = %kept.address, resumed = %ongoing.chat.state(), queued = in_log);
        self.chats.insert(ongoing);
        Ok(())
    }

    /// The machine of a chat, and what is noted of how its peer speaks; `None` if nothing of it goes on.
    fn resume_machine(
        &mut self,
        now: Now,
        kept: &KeptChat,
        has_more: bool,
        later: Duration,
    ) -> Result<Option<(Machine, NotedDialect)>, StoreError> {
        // By the wall clock, for an instant of the last run means nothing to this one.
        let left = Duration::from_millis(kept.expires_ms.unwrap_or_default().saturating_sub(now.ms));
        let expires_after = left.min(INVITATION_MAX).saturating_sub(later);
        // For its machine the run begins so much later.
        let begins = Now { instant: now.instant + later, ..now };
        let snapshot = match &kept.machine {
            KeptMachine::Secure(snapshot) => {
                let (me, snapshot) = (self.secrecy.me(), snapshot.clone());
                let chat = SecureChat::resume(begins.instant, me, snapshot, has_more, expires_after);
                let machine = chat.map(|chat| Machine::Secure(Box::new(chat), Otherwise::Closed));
                return Ok(machine.map(|machine| (machine, NotedDialect::Outdated)));
            }
            KeptMachine::Plain(snapshot) => *snapshot,
        };
        let pinned = self.policy.pins.of(kept.outbox_at.unwrap_or(kept.address));
        if snapshot.state == State::Inviting {
            let way = self.way_to(begins, kept.address, None)?;
            if way != Way::Plain {
                let machine = self.invitation(begins, kept.address, way, expires_after)?;
                return Ok(Some((machine, NotedDialect::Outdated)));
            }
        }
        let going_on = Snapshot { dialect: pinned.unwrap_or(snapshot.dialect), ..snapshot };
        let us = self.policy.us.clone();
        let chat = Chat::resume(begins.instant, us, going_on, has_more, expires_after);
        let Some(mut chat) = chat else { return Ok(None) };
        let dialect = match (pinned, snapshot.state) {
            // Set since the chat began, perhaps: from now on it holds.
            (Some(_), _) => {
                chat.pin();
                NotedDialect::Pinned
            }
            (None, State::Open | State::Closing) => NotedDialect::Current,
            (None, _) => NotedDialect::Outdated,
        };
        Ok(Some((Machine::Plain(Box::new(chat)), dialect)))
    }
}

/// Who wanted a chat of the last run, and what its peer has shown. Neither is in the log as such: a chat in which no
/// message of ours was settled counts as one that only the peer wanted, for whoever is there will say so.
fn resumed_standing(now: Now, kept: &KeptChat) -> (WantedBy, Standing) {
    let standing = match kept.machine.state() {
        // A channel comes from where its peer is.
        _ if matches!(kept.machine, KeptMachine::Secure(_)) => Standing::proved(),
        State::Invited | State::Accepting => Standing::unheard_by_last_run(now.instant),
        State::Open | State::Closing if kept.settled == 0 => Standing::guessable(now.instant),
        State::Inviting | State::Open | State::Closing | State::Closed => Standing::proved(),
    };
    let wanted_by = match kept.machine.state() {
        _ if kept.for_outbox => WantedBy::Outbox { leave_at: None },
        State::Accepting | State::Open if !standing.is_proved() => WantedBy::Peer,
        _ => WantedBy::Users,
    };
    (wanted_by, standing)
}

/// How long until a message in the outbox is given up. A clock that jumped back makes it no longer than it was
/// at first.
fn expires_after(now: Now, at_ms: u64, after_ms: u64) -> Duration {
    let left = at_ms.saturating_add(after_ms).saturating_sub(now.ms);
    Duration::from_millis(left.min(after_ms))
}

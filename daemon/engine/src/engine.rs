//! The engine: what it consists of, and what may be asked of it between two turns. What it does is in the files that
//! [`turn`](crate::turn) names.

use std::net::SocketAddr;
use std::time::Instant;

use simp_control::{Counters, KeyId};
use simp_store::{Store, StoreError};

use crate::absent::Absentees;
use crate::asking::Asking;
use crate::budgets::Budgets;
use crate::channels::Channels;
use crate::disk::Disk;
use crate::files::Files;
use crate::hold::Hold;
use crate::hosts::Hosts;
use crate::limits::Limits;
use crate::now::Now;
use crate::outlet::Outlet;
use crate::policy::{Policy, Secrecy as WhichSecure};
use crate::retention::Retention;
use crate::roster::Roster;
use crate::secrecy::{Secrecy, introduction};
use crate::timer::Timers;
use crate::transmits::Transmits;
use crate::unsent::Unsent;
use crate::wake::Wake;

/// All chats, their log, and the order in which things happen to them.
#[derive(Debug)]
pub struct Engine {
    /// What the user has set.
    pub(crate) policy: Policy,
    /// Where we receive.
    pub(crate) address: SocketAddr,
    /// When this run began.
    pub(crate) started: Instant,
    /// The log.
    pub(crate) store: Store,
    /// All chats, requests and invitations.
    pub(crate) chats: Roster,
    /// Peers that the outbox has messages for.
    pub(crate) absent: Absentees,
    /// Hosts that it has messages for by their names.
    pub(crate) hosts: Hosts,
    /// The timers of all these.
    pub(crate) wheel: Timers,
    /// How often strangers are answered.
    pub(crate) limits: Limits,
    /// What others have added to the log of late.
    pub(crate) budgets: Budgets,
    /// Who is asked to make room, and for whom.
    pub(crate) asking: Asking,
    /// What may still come after chats that are over.
    pub(crate) wake: Wake,
    /// Since this run began, for `status`.
    pub(crate) counters: Counters,
    /// Datagrams of this turn, not yet let out.
    pub(crate) transmits: Transmits,
    /// How much may leave, and who waits for that.
    pub(crate) outlet: Outlet,
    /// Which channel is of which chat.
    pub(crate) channels: Channels,
    /// Files that are under way.
    pub(crate) files: Files,
    /// What secure chats need of us, and whom not to try so.
    pub(crate) secrecy: Secrecy,
    /// How far the removal of old entries is.
    pub(crate) retention: Retention,
    /// Whether the log can be written.
    pub(crate) disk: Disk,
    /// For whom its file is held.
    pub(crate) hold: Hold,
    /// What does not leave this machine.
    pub(crate) unsent: Unsent,
}

impl Engine {
    /// An engine without any chat: what the log has is not taken up yet.
    pub(crate) fn idle(
        now: Now,
        policy: Policy,
        (address, key): (SocketAddr, KeyId),
        store: Store,
        random: u64,
    ) -> Self {
        let me = introduction(key, &policy, &store);
        Self {
            policy,
            address,
            started: now.instant,
            store,
            chats: Roster::default(),
            absent: Absentees::new(now.instant, random),
            hosts: Hosts::default(),
            wheel: Timers::new(now.instant),
            limits: Limits::new(now.instant),
            budgets: Budgets::new(now.instant),
            asking: Asking::default(),
            wake: Wake::default(),
            counters: Counters::default(),
            transmits: Transmits::default(),
            outlet: Outlet::default(),
            channels: Channels::default(),
            files: Files::default(),
            secrecy: Secrecy::new(me, random),
            retention: Retention::default(),
            disk: Disk::default(),
            hold: Hold::default(),
            unsent: Unsent::default(),
        }
    }

    /// What we are known by in secure chats; nothing if there are to be none.
    pub(crate) fn key(&self) -> Option<KeyId> {
        (self.policy.secrecy != WhichSecure::Off).then(|| self.secrecy.me().key)
    }

    /// When the next turn is due if nothing comes before; `None` if nothing is.
    pub fn deadline(&self) -> Option<Instant> {
        let deadlines =
            [self.wheel.next(), self.absent.next_expiry(), self.hosts.next_due(), self.hold.until()];
        deadlines.into_iter().flatten().min()
    }

    /// Whether it takes in what comes over channels. If not, that has to wait, and so do those who say it.
    pub fn hears_channels(&self) -> bool {
        self.disk.works()
    }

    /// Whether the next turn is due at once, whatever [`deadline`](Self::deadline) says.
    pub fn has_more(&self) -> bool {
        // A piece of the log in each turn, so that nobody waits for the whole: no timer says when the next one is due.
        self.disk.works()
            && (self.outlet.has_more() || self.retention.is_due(&self.policy.retain, &self.store))
    }

    /// The log, for those who follow it. After a turn, all that is in it is committed.
    pub fn log(&self) -> &Store {
        &self.store
    }

    /// The log, for another engine. What was let out before does not matter to it.
    pub fn into_store(self) -> Store {
        self.store
    }

    /// Saves the next start some work. Nothing is lost without it.
    ///
    /// # Errors
    /// [`StoreError`] if the log cannot be written.
    pub fn finish(&mut self) -> Result<(), StoreError> {
        // Rows of an earlier commit do as well: the next start reads more entries.
        if !self.disk.works() {
            return Ok(());
        }
        self.chats.keep(&mut self.store)?;
        self.store.end_piece()?;
        self.store.commit()?;
        self.store.tidy_up()
    }

    /// Whether there are as many chats as allowed.
    pub(crate) fn is_full(&self) -> bool {
        self.chats.count() >= self.policy.max_chats
    }
}

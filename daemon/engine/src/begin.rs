//! What a new chat begins with: what is known of the peer, and what may still come from it.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;
use std::time::Duration;

use simp_proto::Known;
use simp_store::StoreError;

use crate::engine::Engine;
use crate::listed::Listed;
use crate::machine::Machine;
use crate::now::Now;
use crate::ongoing::{Noted, NotedDialect, Ongoing, OutboxPart, Queue, RowState, Times, WantedBy};
use crate::standing::Standing;
use crate::ways::Way;
use crate::whereabouts::Place;

impl Engine {
    /// What is known of the peer at this address: what the user has set, else what earlier chats showed.
    pub(crate) fn known_of(&self, now: Now, address: SocketAddr) -> Result<Known, StoreError> {
        if let Some(dialect) = self.policy.pins.of(address) {
            return Ok(Known { dialect, is_pinned: true, is_stranger: false });
        }
        let known = self.store.known_of(address)?;
        // Datagrams of a chat that has just ended may be under way, also if our user has let it be forgotten.
        let is_stranger = known.is_stranger && !self.wake.may_end_again(now.instant, address);
        Ok(Known { is_stranger, ..known })
    }

    /// Makes an invitation of ours, which ends after so long. Any older chat with this peer must have been settled
    /// and be gone. Its id comes with the entry that it begins with.
    pub(crate) fn begin_invitation(
        &mut self,
        now: Now,
        (address, way): (SocketAddr, Way),
        wanted_by: WantedBy,
        expires_after: Duration,
    ) -> Result<usize, StoreError> {
        let machine = self.invitation(now, address, way, expires_after)?;
        let standing = Standing::proved();
        Ok(self.insert(now, (address, None), machine, (wanted_by, standing), expires_after))
    }

    /// Adds a chat that has just begun and ends if it is not answered.
    pub(crate) fn insert(
        &mut self,
        now: Now,
        (address, local): (SocketAddr, Option<IpAddr>),
        mut chat: Machine,
        (wanted_by, standing): (WantedBy, Standing),
        expires_after: Duration,
    ) -> usize {
        // An ACK of something earlier would pass for that of our first message (SIMP 6).
        if let Some(until) = self.acks_until(now.instant, address) {
            chat.hold_until(until);
        }
        let dialect = match self.policy.pins.of(address) {
            Some(_) => NotedDialect::Pinned,
            None => NotedDialect::Outdated,
        };
        // While a peer that was invited here answers from another port, the outbox means that one.
        let outbox_at = Some(address).filter(|address| self.chats.for_outbox(*address).is_none());
        self.chats.insert(Ongoing {
            id: 0,
            chat,
            place: Place::new(address, local, outbox_at),
            times: Times {
                since_ms: now.ms,
                expires_ms: NonZeroU64::new(now.ms + expires_after.as_millis() as u64),
            },
            queue: Queue::default(),
            outbox: OutboxPart::NotTakenUp,
            wanted_by,
            standing,
            noted: Noted { row: RowState::Current, dialect, is_key_known: true },
            likeness: None,
            timer: None,
            listed: Listed::default(),
        })
    }
}

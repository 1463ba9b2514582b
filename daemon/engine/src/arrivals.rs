//! A datagram goes to the chat with its sender, or to `strangers` if there is none; and what the network says of
//! addresses that it cannot reach.

use std::net::SocketAddr;

use simp_control::Refused;
use simp_proto::{Datagram, DecodeError, Handled};
use simp_store::StoreError;

use crate::engine::Engine;
use crate::inputs::Arrival;
use crate::now::Now;

impl Engine {
    /// A datagram came.
    pub(crate) fn handle_arrival(&mut self, now: Now, arrival: &Arrival) -> Result<(), StoreError> {
        self.counters.datagrams_in += 1;
        let from = arrival.from;
        let datagram = match &arrival.datagram {
            // Nobody can be answered there.
            _ if from.port() == 0 => {
                self.counters.refused.port += 1;
                return Ok(());
            }
            Ok(datagram) => datagram,
            Err(error) => {
                count(*error, &mut self.counters.refused);
                tracing::debug!(peer = %from, refused = %error);
                return Ok(());
            }
        };
        tracing::debug!(
            peer = %from, operation = ?datagram.operation, seq = datagram.seq, odd = %datagram.deviations
        );
        // No chat under this address: it may still be the answer to an invitation of ours to another port.
        let key = match self.chats.at(from) {
            Some(key) => Some(key),
            None => self.move_invitation(now, from, datagram)?,
        };
        match key {
            Some(key) => self.handle_peer(now, key, arrival, datagram),
            None => self.handle_stranger(now, (from, arrival.local), datagram, None),
        }
    }

    /// A datagram from a peer that we have a chat with.
    fn handle_peer(
        &mut self,
        now: Now,
        key: usize,
        arrival: &Arrival,
        datagram: &Datagram,
    ) -> Result<(), StoreError> {
        // Its invitation may be answered in the very turn in which another chat took the last room.
        if self.is_full() && self.chats.take_invitation_back(now.instant, key) {
            return Ok(());
        }
        let (from, budget) = (arrival.from.ip(), self.policy.budget);
        if !self.budgets.has_room(now.instant, from, budget, datagram.operation) {
            self.counters.refused.budget += 1;
            return Ok(());
        }
        if self.chats.get(key).is_some_and(|ongoing| self.wake.is_late_ack(now.instant, ongoing, datagram)) {
            self.counters.ignored += 1;
            return Ok(());
        }
        let changed = self.chats.change(key, |ongoing| {
            ongoing.place.local = arrival.local;
            let copies_live_until = ongoing.chat.copies_live_until();
            (ongoing.chat.handle_datagram(now.instant, datagram), copies_live_until)
        });
        // All others are settled later, together. But the next datagram from there may be of a new chat, perhaps this
        // one already.
        self.settle_if_over(now, key)?;
        match changed {
            None | Some((Handled::Expected, _)) => {}
            Some((Handled::Duplicate, _)) => self.counters.duplicates += 1,
            Some((Handled::Ignored, _)) => self.counters.ignored += 1,
            Some((Handled::InvitesAnew, copies_live_until)) => {
                let place = (arrival.from, arrival.local);
                return self.handle_stranger(now, place, datagram, copies_live_until);
            }
        }
        Ok(())
    }

    /// Nothing listens at this address, or no way leads there.
    pub(crate) fn handle_unreachable(&mut self, now: Now, address: SocketAddr) -> Result<(), StoreError> {
        let Some(key) = self.chats.at(address) else { return Ok(()) };
        self.chats.change(key, |ongoing| ongoing.chat.handle_unreachable());
        self.settle_if_over(now, key)
    }
}

/// What cannot be read says nothing (SIMP 1).
fn count(error: DecodeError, refused: &mut Refused) {
    *match error {
        DecodeError::Short => &mut refused.short,
        DecodeError::Type => &mut refused.r#type,
        DecodeError::Operation => &mut refused.operation,
    } += 1;
}

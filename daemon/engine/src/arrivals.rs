//! A datagram goes to the chat with its sender, or to `strangers` if there is none; and what the network says of
//! addresses that it cannot reach.

use std::net::SocketAddr;

use simp_control::Refused;
use simp_proto::secure::Broken;
use simp_proto::{Chat, Datagram, DecodeError, Handled, Operation, SHORT_HEADER_LEN};
use simp_store::StoreError;

use crate::budgets::Sender;
use crate::engine::Engine;
use crate::inputs::{Arrival, Origin};
use crate::now::Now;
use crate::ongoing::Ongoing;

impl Engine {
    /// A datagram came.
    pub(crate) fn handle_arrival(&mut self, now: Now, arrival: &Arrival) -> Result<(), StoreError> {
        self.counters.datagrams_in += 1;
        let Origin { from, length, .. } = arrival.origin;
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
        let at = self.chats.at(from);
        let is_proved =
            at.and_then(|key| self.chats.get(key)).is_some_and(|ongoing| ongoing.standing.is_proved());
        // Three bytes say enough to a peer that is there; of anybody else they would bring an answer ten times as large.
        if length < SHORT_HEADER_LEN && !is_proved {
            self.counters.refused.short += 1;
            return Ok(());
        }
        // No chat under this address: it may still be the answer to an invitation of ours to another port.
        let key = match at {
            Some(key) => Some(key),
            None => self.move_invitation(now, from, datagram)?,
        };
        match key {
            Some(key) if self.is_in_the_clear(now, key, datagram)? => Ok(()),
            Some(key) => self.handle_peer(now, key, arrival.origin, datagram),
            None => self.handle_stranger(now, arrival.origin, datagram, None),
        }
    }

    /// Whether a datagram is of no meaning because the chat with its sender is secure. An invitation that may become a plain
    /// one is that from now on.
    fn is_in_the_clear(&mut self, now: Now, key: usize, datagram: &Datagram) -> Result<bool, StoreError> {
        let Some(ongoing) = self.chats.get(key).filter(|it| it.chat.plain().is_none()) else {
            return Ok(false);
        };
        if ongoing.chat.may_be_plain() && datagram.operation == Operation::Syn {
            self.fall_back(now, key, Broken::NoAnswer)?;
            return Ok(false);
        }
        self.counters.ignored += 1;
        let peer = ongoing.place.address();
        if datagram.operation == Operation::Syn && self.limits.allow_notice(now.instant, peer.ip()) {
            tracing::warn!(%peer, "refused: it invites in the clear, and there is a secure chat");
        }
        tracing::debug!(%peer, operation = ?datagram.operation, "ignored: the chat is secure");
        Ok(true)
    }

    /// A datagram from a peer that we have a chat with.
    fn handle_peer(
        &mut self,
        now: Now,
        key: usize,
        origin: Origin,
        datagram: &Datagram,
    ) -> Result<(), StoreError> {
        // Its invitation may be answered in the very turn in which another chat took the last room.
        if self.is_full() && self.chats.take_invitation_back(now.instant, key) {
            return Ok(());
        }
        let is_established = self.chats.get(key).is_some_and(Ongoing::is_established);
        let (from, budget) = (Sender { ip: origin.from.ip(), is_established }, self.policy.budget);
        if !self.budgets.has_room(now.instant, from, budget, datagram.operation) {
            self.counters.refused.budget += 1;
            return Ok(());
        }
        if self.chats.get(key).is_some_and(|ongoing| self.wake.is_late_ack(now.instant, ongoing, datagram)) {
            self.counters.ignored += 1;
            return Ok(());
        }
        let changed = self.chats.change(key, |ongoing| {
            ongoing.place.set_local(origin.local);
            ongoing.standing.earn(origin.length);
            if !ongoing.standing.may_hear(now.instant, datagram.operation) {
                return (Handled::Ignored, None);
            }
            // The caller has seen that it is a plain one.
            let Some(chat) = ongoing.chat.plain_mut() else { return (Handled::Ignored, None) };
            let copies_live_until = chat.copies_live_until();
            let handled = chat.handle_datagram(now.instant, datagram);
            let chat = (ongoing.chat.state(), copies_live_until.is_some());
            ongoing.standing.hear(now.instant, datagram.operation, handled, chat);
            (handled, copies_live_until)
        });
        // All others are settled later, together. But the next datagram from there may be of a new chat, perhaps this
        // one already.
        self.settle_if_over(now, key)?;
        match changed {
            None | Some((Handled::Expected, _)) => {}
            Some((Handled::Duplicate, _)) => self.counters.duplicates += 1,
            Some((Handled::Ignored, _)) => self.counters.ignored += 1,
            Some((Handled::InvitesAnew, copies_live_until)) => {
                return self.handle_stranger(now, origin, datagram, copies_live_until);
            }
        }
        Ok(())
    }

    /// Nothing listens at this address, or no way leads there.
    pub(crate) fn handle_unreachable(&mut self, now: Now, address: SocketAddr) -> Result<(), StoreError> {
        let Some(key) = self.chats.at(address) else { return Ok(()) };
        self.chats.change(key, |ongoing| ongoing.chat.plain_mut().map(Chat::handle_unreachable));
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

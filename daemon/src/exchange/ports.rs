//! An answer to our invitation may come from another port of the same host: the invitation moves there, once, before
//! the chat opens (SIMP 7). The outbox knows the peer by the address that was invited, as before.

use std::net::SocketAddr;

use simp_proto::{Datagram, Operation};

use super::{Exchange, Now};
use crate::store::StoreError;

impl Exchange {
    /// Moves our invitation to this address, which has no chat, where the datagram answers it from there and it is clear
    /// which invitation is meant. Returns its chat.
    pub(super) fn move_invitation(
        &mut self,
        now: Now,
        from: SocketAddr,
        datagram: &Datagram,
    ) -> Result<Option<usize>, StoreError> {
        let Some(key) = self.chats.only_invitation_to(from.ip()) else { return Ok(None) };
        if self.is_of_another_chat(now, from, datagram) {
            return Ok(None);
        }
        let echoes = self.echoes.until(now.instant, from);
        let Some(entry) = self.chats.get_mut(key).filter(|entry| entry.moved_from().is_none()) else {
            return Ok(None);
        };
        if !entry.chat.is_answered_by(now.instant, datagram) {
            return Ok(None);
        }
        tracing::info!("chat {} answers from {from}", entry.address);
        if let Some(until) = echoes {
            entry.chat.hold_until(until);
        }
        self.chats.move_to(key, from);
        if let Some(kept) = self.chats.get_mut(key).and_then(|entry| entry.kept()) {
            self.store.keep_chat(&kept)?;
        }
        Ok(Some(key))
    }

    /// Whether a datagram from an address without a chat may have to do with something else than our invitation to
    /// another port there: one with messages in the outbox is a peer of its own, an ACK may be of what we sent
    /// there, and a FIN may end once more a chat that is over.
    fn is_of_another_chat(&self, now: Now, from: SocketAddr, datagram: &Datagram) -> bool {
        let echoes = self.echoes.until(now.instant, from).is_some();
        let farewells = self.farewells.until(now.instant, from).is_some();
        let may_be_late = match datagram.operation {
            Operation::SynAck => false,
            Operation::Ack => echoes || farewells,
            _ => farewells,
        };
        may_be_late || self.outbox.has(from)
    }

    /// Whether the outbox would invite whoever is at this address: not where the one that it means answers from
    /// another port.
    pub(super) fn outbox_wants(&self, address: SocketAddr) -> bool {
        self.outbox.has(address) && self.chats.for_outbox(address).is_none()
    }
}

//! An answer to our invitation may come from another port of the same host: the invitation moves there, once, before
//! the chat opens (SIMP 7). The outbox knows the peer by the address that was invited, as before.

use std::net::SocketAddr;

use simp_proto::Datagram;
use simp_store::StoreError;

use crate::engine::Engine;
use crate::now::Now;

impl Engine {
    /// Moves our invitation to this address, which has no chat, if the datagram answers it from there and it is clear
    /// which invitation is meant. Returns its chat.
    pub(crate) fn move_invitation(
        &mut self,
        now: Now,
        from: SocketAddr,
        datagram: &Datagram,
    ) -> Result<Option<usize>, StoreError> {
        let Some(key) = self.chats.only_invitation_to(from.ip()) else { return Ok(None) };
        let is_answered = self.chats.get(key).is_some_and(|ongoing| {
            ongoing.place.moved_from().is_none()
                && ongoing.chat.plain().is_some_and(|chat| chat.is_answered_by(now.instant, datagram))
        });
        let is_of_another = self.wake.may_be_late(now.instant, from, datagram.operation);
        // Whoever has messages in the outbox is a peer of its own.
        if !is_answered || is_of_another || self.absent.has(from) {
            return Ok(None);
        }
        self.chats.move_to(key, from);
        let acks_until = self.acks_until(now.instant, from);
        let row = self.chats.change(key, |ongoing| {
            tracing::info!(chat = ongoing.id, peer = %from, invited = %ongoing.place.invited_at());
            if let Some(until) = acks_until {
                ongoing.chat.hold_until(until);
            }
            ongoing.row()
        });
        // A restart must know both addresses: the peer never says again where it was invited.
        if let Some(row) = row.flatten() {
            self.store.keep_chat(&row)?;
        }
        Ok(Some(key))
    }
}

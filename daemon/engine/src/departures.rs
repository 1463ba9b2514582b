//! What became of datagrams that were let out: some leave later, and some our own system refuses.

use std::net::SocketAddr;
use std::time::Instant;

use simp_store::StoreError;

use crate::engine::Engine;
use crate::inputs::{Departure, Inputs};
use crate::now::Now;
use crate::ongoing::Ongoing;
use crate::outlet::Left;
use crate::wake::DEAD_AFTER;

impl Engine {
    /// Takes in what became of datagrams of earlier turns, and lets those out that waited for their turn.
    pub(crate) fn note_departures(&mut self, now: Now, inputs: &Inputs) -> Result<(), StoreError> {
        for (address, departure) in &inputs.departures {
            match departure {
                Departure::Held => self.note_held(now, *address),
                Departure::Left => self.note_left(now, *address),
                Departure::Refused(why) => self.note_refused(now, *address, why)?,
            }
        }
        self.outlet.forget_over();
        while self.disk.works()
            && let Some(key) = self.outlet.next()
        {
            self.settle(now, key)?;
        }
        Ok(())
    }

    /// A datagram could not leave yet.
    fn note_held(&mut self, now: Now, address: SocketAddr) {
        self.outlet.note_held(address);
        if let Some(key) = self.chats.known_at(address) {
            self.chats.change(key, |ongoing| ongoing.chat.hold_back(now.instant));
        }
    }

    /// A datagram that waited has left.
    fn note_left(&mut self, now: Now, address: SocketAddr) {
        // What the chat waits for may be the answer to the last of them.
        let Left::Last { outlived_chat } = self.outlet.note_left(address) else { return };
        let dead_at = now.instant + DEAD_AFTER;
        if outlived_chat {
            // Nor it nor its ACK must pass for something of the next chat.
            self.wake.note_late(now.instant, address);
        }
        // Whoever has moved may wait for what went to the port that was invited, where somebody else has a chat since.
        for key in self.chats.all_known_at(address) {
            self.chats.change(key, |ongoing| {
                // First, or a message that waits begins with the release.
                if outlived_chat {
                    ongoing.chat.hold_until(dead_at);
                }
                ongoing.chat.release(now.instant);
            });
        }
    }

    /// Until when an ACK may come from this address that is of something earlier; `None` if none may.
    pub(crate) fn acks_until(&self, now: Instant, from: SocketAddr) -> Option<Instant> {
        if self.outlet.outlives_chat(from) {
            // It has not even left: at the earliest then.
            return Some(now + DEAD_AFTER);
        }
        self.wake.acks_until(now, from)
    }

    /// Our own system did not transmit a datagram: that says nothing of the peer.
    fn note_refused(&mut self, now: Now, address: SocketAddr, why: &'static str) -> Result<(), StoreError> {
        self.note_unsent(now, address, why);
        // While nothing can be written, no chat may end.
        let Some(key) = self.chats.known_at(address).filter(|_| self.disk.works()) else { return Ok(()) };
        self.chats.change(key, |ongoing: &mut Ongoing| {
            // Somebody waits for an invitation of our user; those of the outbox go on.
            let words = Some(why).filter(|_| !ongoing.is_for_outbox());
            if let Some(chat) = ongoing.chat.plain_mut() {
                chat.handle_refused(now.instant, words);
            }
        });
        self.settle_if_over(now, key)
    }
}

//! Which messages wait the longest, for whoever watches over us. Each is found by an index: nothing of the log is gone through.

use std::collections::BTreeMap;

use simp_control::OldestWaiting;
use simp_store::StoreError;

use crate::engine::Engine;

/// Most peers of which it is told.
const TOLD_MAX: usize = 20;

/// Most chats that are looked at, and most peers of the outbox: with more of them it is nobody's who looks at each.
const LOOKED_AT_MAX: usize = 500;

impl Engine {
    /// The oldest message that waits for each peer, the oldest of all first: those of [`TOLD_MAX`] peers at most.
    pub(crate) fn longest_waiting(&self) -> Result<Vec<OldestWaiting>, StoreError> {
        // By their ids, which are in the order of time, each with the chat that it waits in.
        let mut oldest = BTreeMap::new();
        let waits = self.chats.iter().filter(|(_, chat)| chat.id > 0 && chat.has_waiting());
        for (_, chat) in waits.take(LOOKED_AT_MAX) {
            let message = self.store.oldest_queued(chat.id, chat.queue.settled)?;
            oldest.extend(message.map(|message| (message, Some(chat.id))));
        }
        for address in self.absent.addresses().map(Some).take(LOOKED_AT_MAX).chain([None]) {
            // That of all comes with the others, or before them if there are very many.
            oldest.extend(self.store.oldest_in_outbox(address)?.map(|message| (message, None)));
        }
        for host in self.hosts.unfound().take(LOOKED_AT_MAX) {
            oldest.extend(self.store.oldest_for(host)?.map(|message| (message, None)));
        }
        let mut told = Vec::new();
        for (message, chat) in oldest.into_iter().take(TOLD_MAX) {
            let queued = self.store.queued_at(message)?;
            told.extend(queued.map(|(since_ms, peer)| OldestWaiting { peer, message, chat, since_ms }));
        }
        Ok(told)
    }
}

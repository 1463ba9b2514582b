//! A log that was brought back from a backup. What its chats and its outbox have under way may be over since then, and
//! messages that wait may have arrived: nobody here knows. So nothing of it goes on by itself. All chats are left, which
//! their peers are told; what waited is undelivered, and whoever wants it sends it again.

use simp_control::{Reason, State};
use simp_store::StoreError;

use crate::engine::Engine;
use crate::inputs::Link;
use crate::now::Now;

/// Most messages of the outbox that are looked at together.
const LETTERS: usize = 1_000;

/// What was given up of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenUpAll {
    /// How many chats, invitations and requests.
    pub chats: u64,
    /// How many messages.
    pub messages: u64,
}

impl Engine {
    /// Ends all chats at once and empties the outbox, as undelivered, durably. What that says to peers is not let out: an
    /// engine that is made of the log says it anew, to the peers of chats that were open.
    ///
    /// # Errors
    /// [`StoreError`] if the log cannot be written, and nothing is given up then.
    pub fn give_up_all(&mut self, now: Now) -> Result<GivenUpAll, StoreError> {
        self.outlet.begin_turn(Link::Free);
        let before = self.store.settled();
        let chats: Vec<usize> = self.chats.iter().map(|(key, _)| key).collect();
        for key in &chats {
            self.chats.change(*key, |ongoing| match ongoing.chat.state() {
                // Our user has declined nothing.
                State::Invited => ongoing.chat.give_way(),
                // One that is being left already goes on with that.
                _ => _ = ongoing.chat.close(now.instant, true),
            });
        }
        self.settle_touched(now)?;
        for key in &chats {
            if let Some(ongoing) = self.chats.settling(*key) {
                let loaded = ongoing.queue.loaded;
                ongoing.give_up_files(&mut self.store, now, (Reason::Quit, loaded))?;
            }
        }
        self.give_up_outbox(now)?;
        self.finish()?;
        Ok(GivenUpAll { chats: chats.len() as u64, messages: self.store.settled() - before })
    }

    fn give_up_outbox(&mut self, now: Now) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let (letters, more) = self.store.outbox(after, LETTERS)?;
            for letter in &letters {
                // No chat has it any more.
                let _ = self.give_up_kept(now, letter.message, Reason::Cancelled)?;
            }
            match letters.last() {
                Some(last) if more => after = last.message,
                _ => return self.settle_touched(now),
            }
        }
    }
}

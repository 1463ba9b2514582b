//! Who gives way in a room without passwords: SYN and ACK are easily forged, so whoever has taken no line of ours yet keeps
//! neither a name nor a place from somebody else.

use simp_control::error::Outcome;

use super::Host;
use crate::simpd::Simpd;

/// So many members are looked at for one who comes: simpd is asked about each.
const LOOKS_MAX: usize = 32;

impl<S: Simpd> Host<S> {
    /// Somebody comes under this name.
    pub(super) fn make_way(&mut self, now_ms: u64, name: &str) -> Outcome {
        if let Some(holder) = self.room.unproved_holder(now_ms, name)
            && !self.simpd.has_delivered(holder)?
        {
            self.room.give_way(now_ms, holder, "somebody else came in with your name: goodbye");
        }
        let unproved = self.room.unproved_if_full(now_ms, name);
        // Whoever is proved stays so: the next one who comes finds others.
        self.proved = unproved.iter().filter(|chat| self.proved.contains(chat)).copied().collect();
        let unknown = unproved.into_iter().filter(|chat| !self.proved.contains(chat));
        for chat in unknown.take(LOOKS_MAX).collect::<Vec<_>>() {
            if !self.simpd.has_delivered(chat)? {
                self.room.give_way(now_ms, chat, "the room is full: come again later");
                break;
            }
            self.proved.insert(chat);
        }
        Ok(())
    }
}

//! A newcomer that is to be let in while there are as many chats as allowed: those that their peers began and that have
//! proved nothing are asked whether anybody is there, and whoever does not answer is gone (SIMP 5). Until that is known,
//! the newcomer waits, and hears nothing.

use simp_proto::Datagram;
use simp_store::StoreError;

use crate::asking::Newcomer;
use crate::engine::Engine;
use crate::inputs::Origin;
use crate::now::Now;
use crate::strangers::Refusal;

impl Engine {
    /// Lets this newcomer wait, if there may be room for it. Returns whether it waits.
    pub(crate) fn wait_for_room(&mut self, origin: Origin, syn: &Datagram) -> bool {
        let may_be_room = self.asking.is_any_asked(&self.chats);
        if may_be_room && self.asking.add(Newcomer { origin, syn: syn.clone() }) {
            self.counters.refused.rate += 1;
        }
        may_be_room
    }

    /// Lets newcomers in as far as there is room, and refuses all if there will be none.
    pub(crate) fn admit_newcomers(&mut self, now: Now) -> Result<(), StoreError> {
        if self.asking.is_any_waiting() && !self.asking.is_any_asked(&self.chats) {
            // Whoever had time to answer and did not is known now, and whoever was let in meanwhile may be nobody either.
            self.asking.look_anew();
        }
        while self.asking.is_any_waiting() && self.make_room(now)? {
            let Some(Newcomer { origin, syn }) = self.asking.next() else { return Ok(()) };
            // Our user may have invited it meanwhile.
            if self.chats.at(origin.from).is_none() {
                self.handle_invitation(now, origin, &syn, None)?;
            }
        }
        if self.asking.is_any_waiting() && !self.asking.is_any_asked(&self.chats) {
            while let Some(Newcomer { origin, .. }) = self.asking.next() {
                self.refuse(now, origin, Refusal::Busy);
            }
        }
        Ok(())
    }

    /// Makes room for a newcomer, if somebody was asked and did not answer; asks who may not be there. Returns whether there
    /// is room.
    pub(crate) fn make_room(&mut self, now: Now) -> Result<bool, StoreError> {
        if self.is_full() {
            self.asking.ask_unproved(now.instant, &mut self.chats);
            if let Some(key) = self.asking.least_sure(&self.chats) {
                self.chats.change(key, |ongoing| ongoing.chat.end_unanswered(now.instant));
                self.settle_if_over(now, key)?;
            }
        }
        Ok(!self.is_full())
    }
}

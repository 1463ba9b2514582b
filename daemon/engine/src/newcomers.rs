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
    /// Asks who may not be there, so that there may be room for this newcomer. Returns whether it waits for that.
    pub(crate) fn wait_for_room(&mut self, now: Now, origin: Origin, syn: &Datagram) -> bool {
        self.asking.ask_unproved(now.instant, &mut self.chats);
        let may_be_room = self.asking.is_any_asked(&self.chats);
        if may_be_room && self.asking.add(Newcomer { origin, syn: syn.clone() }) {
            self.counters.refused.rate += 1;
        }
        may_be_room
    }

    /// Lets newcomers in as far as there is room, and refuses all if there will be none.
    pub(crate) fn admit_newcomers(&mut self, now: Now) -> Result<(), StoreError> {
        while !self.is_full()
            && let Some(Newcomer { origin, syn }) = self.asking.next()
        {
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
}

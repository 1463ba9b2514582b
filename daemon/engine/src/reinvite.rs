//! Inviting peers that the outbox has messages for: again and again while they are off, and only while there is room.

use std::net::SocketAddr;
use std::time::Duration;

use simp_control::State;
use simp_store::StoreError;

use crate::absent::{Next, RoomWanted};
use crate::engine::Engine;
use crate::now::Now;
use crate::ongoing::{Ongoing, WantedBy};

/// If the peer has a chat with us at another address, which cannot deliver what is kept for this one, it is invited after
/// about this long.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// An invitation waits no longer than this for the lookup of a host that is at its address: a DNS server that does not answer
/// may take longer to be given up, and the host is probably where it was.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(10);

/// What a chat that is there already means for an invitation.
enum There {
    /// There is none.
    Nothing,
    /// One that delivers, or will; or may still come to something.
    Chat,
    /// The peer's request: it waits for us.
    Request,
    /// Only its peer does not know yet that it is over.
    Over,
}

impl Engine {
    /// Invites a peer that the outbox has messages for, unless there is something with it already.
    pub(crate) fn invite_absentee(&mut self, now: Now, address: SocketAddr) -> Result<(), StoreError> {
        if !self.absent.has(address) {
            return Ok(());
        }
        let key = self.chat_for_outbox(address)?;
        let there = key.and_then(|key| self.chats.get(key)).map_or(There::Nothing, There::of);
        let is_full = self.is_full();
        match (there, key) {
            // It has what is kept for where it is: this has to wait until that chat is over.
            (There::Request | There::Chat, Some(_)) if self.chats.for_outbox(address) != key => {
                self.absent.invite_after_about(&mut self.wheel, now, address, LOOK_AGAIN_AFTER);
                return Ok(());
            }
            // Its user waits for ours: accepting is as good as inviting.
            (There::Request, Some(key)) if !is_full => {
                self.chats.change(key, |ongoing| _ = ongoing.chat.accept(now.instant));
                self.absent.wait_for_chat(&mut self.wheel, address);
                return Ok(());
            }
            // What becomes of it says when to invite again.
            (There::Chat, _) => {
                self.absent.wait_for_chat(&mut self.wheel, address);
                return Ok(());
            }
            (There::Over, Some(key)) => {
                self.chats.change(key, |ongoing| ongoing.chat.abandon());
                // The new chat needs its address.
                self.settle_if_over(now, key)?;
            }
            (There::Request | There::Over | There::Nothing, _) => {}
        }
        if is_full {
            self.absent.wait_for_room(&mut self.wheel, address);
            return Ok(());
        }
        // A copy of a message of an earlier chat would count as one of the new chat (SIMP 6). Nothing is lost by
        // waiting, for no message would leave before.
        if let Some(until) = self.acks_until(now.instant, address) {
            self.absent.invite_after(&mut self.wheel, now, address, until - now.instant);
            return Ok(());
        }
        if self.hosts.ask_at(address) {
            self.absent.wait_for_lookup(&mut self.wheel, now, address, LOOKUP_PATIENCE);
            return Ok(());
        }
        self.absent.wait_for_chat(&mut self.wheel, address);
        let expires_after = self.policy.us.settings.request_expiry;
        let at = self.looked_for_at(address)?;
        let way = self.way_to(now, at, None)?;
        let wanted_by = WantedBy::Outbox { leave_at: None };
        let chat = self.begin_invitation(now, (at, way), wanted_by, expires_after)?;
        self.chats.deliver_outbox_of(chat, address);
        Ok(())
    }

    /// If there is room for a further chat, those who wait for it are invited; if the last was taken, the others are
    /// no longer. Once per turn, in which room may have come and gone.
    pub(crate) fn use_room(&mut self, now: Now) -> Result<(), StoreError> {
        // Whoever has come before those that may come.
        self.admit_newcomers(now)?;
        let is_full = self.is_full();
        let was_full = std::mem::replace(&mut self.absent.was_full, is_full);
        if is_full && self.absent.room == RoomWanted::Newly {
            self.absent.room = RoomWanted::Yes;
            self.chats.touch_idle();
        }
        // An invitation that is accepted now would find no room.
        if is_full && !was_full {
            for address in self.absent.waiting_for(Next::Chat) {
                if let Some(key) = self.chats.for_outbox(address) {
                    self.chats.take_invitation_back(now.instant, key);
                }
            }
        } else if !is_full && std::mem::replace(&mut self.absent.room, RoomWanted::No) != RoomWanted::No {
            for address in self.absent.waiting_for(Next::Room) {
                self.invite_absentee(now, address)?;
            }
        }
        Ok(())
    }
}

impl There {
    fn of(ongoing: &Ongoing) -> Self {
        match ongoing.chat.state() {
            State::Invited => Self::Request,
            State::Closing if ongoing.chat.is_over_for_us() => Self::Over,
            State::Closed => Self::Over,
            State::Inviting | State::Accepting | State::Open | State::Closing => Self::Chat,
        }
    }
}

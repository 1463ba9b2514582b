//! What comes first when a room runs again: who is there still, and which passwords were being computed.

use simp_control::error::Outcome;
use simp_control::{ChatInfo, State as ChatState};

use super::{Host, Turn};
use crate::member::{Held, Member, MemberState};
use crate::now::Now;
use crate::room::Computed;
use crate::simpd::Simpd;

impl<S: Simpd> Host<S> {
    /// Members whose chats are not those of before are gone, and those are greeted who have a chat and are none. With
    /// the log, simpd may have lost its chats, and their ids.
    fn settle_members(&mut self, now_ms: u64, turn: &mut Turn) -> Outcome {
        let chats = self.simpd.chats()?;
        let is_of = |chat: &ChatInfo, member: &Member| member.is(&chat.peer);
        let gone = self
            .room
            .members()
            .filter(|(id, member)| !chats.iter().any(|chat| chat.chat == *id && is_of(chat, member)));
        for chat in gone.map(|(chat, _)| chat).collect::<Vec<_>>() {
            // If the log tells of its end, what was said before that comes first.
            if !self.simpd.is_closed_after(chat, self.done.id)? {
                self.room.closed(now_ms, chat);
                self.collect(now_ms, turn, None)?;
            }
        }
        for chat in chats.into_iter().filter(|chat| chat.state == ChatState::Open) {
            // A chat that began later comes as an event, in its turn.
            if self.is_new || chat.chat <= self.done.id {
                let newcomer =
                    self.store.newcomer(now_ms, &chat.peer, chat.secure.map(|secure| secure.key))?;
                let peer = (chat.peer.user.as_str(), chat.peer.address.as_str());
                self.room.found_open(now_ms, chat.chat, peer, &newcomer, self.done.id);
                self.collect(now_ms, turn, Some(chat.chat))?;
            }
        }
        // Who came in without a password must not stay in a room that has them, under a name that may be another's.
        if self.was_open.is_some_and(|was_open| was_open != self.room.settings().is_open) {
            self.room.send_all_away(now_ms);
            self.collect(now_ms, turn, None)?;
        }
        Ok(())
    }

    /// Does what must be done before anything happens.
    ///
    /// # Errors
    /// If simpd does not say what it must, or the store cannot be read.
    pub fn begin(&mut self, now: Now) -> Outcome {
        let mut turn = self.turn();
        self.settle_members(now.wall_ms, &mut turn)?;
        let checking = self.room.members().filter_map(|(chat, member)| match &member.state {
            MemberState::Checking(password, event, held) => {
                Some((chat, *event, password.clone(), held.clone()))
            }
            _ => None,
        });
        for (chat, event, password, held) in checking.collect::<Vec<_>>() {
            for Held { event, .. } in held {
                // It was not stored, for it may be a password: the log of simpd has it still.
                let text = self.simpd.text(event)?.unwrap_or_default();
                self.room.remember_held(chat, event, text);
            }
            match self.simpd.text(event)? {
                Some(text) => self.room.compute(chat, event, &text, &password),
                None => {
                    // The log of simpd has it no more, so the member is asked again.
                    let failed = Computed::Failed(String::new());
                    self.room.computed(now.wall_ms, chat, (event, String::new()), failed);
                }
            }
            self.collect(now.wall_ms, &mut turn, Some(event))?;
        }
        turn.deeds.done = Some(self.done);
        self.end(now, turn)?;
        // From now on simpd keeps what is not done, whoever else reads its log.
        self.tell_seen()
    }
}

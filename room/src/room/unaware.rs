//! Who was in a chat before the room knew of it, as after simpd has lost a part of its log: it may still think that it is in
//! the room, and what it says until it has the question is for the others to read, and no password.

use super::base::Room;
use super::login::{Newcomer, expected};
use crate::lines::Intent;
use crate::member::{Member, MemberState};

impl Room {
    /// A chat is open. Whatever it is told now is queued after this entry of the log.
    pub fn found_open(
        &mut self,
        now_ms: u64,
        chat: u64,
        (name, address): (&str, &str),
        newcomer: &Newcomer,
        after: u64,
    ) {
        let is_known = self.members.contains_key(&chat);
        self.opened(now_ms, chat, name, address, newcomer);
        if let Some(member) = self.members.get_mut(&chat) {
            member.kind = newcomer.kind;
        }
        let state = self.members.get(&chat).map(|member| &member.state);
        if let Some(MemberState::Asked(password)) = state.filter(|_| !is_known) {
            let unaware = MemberState::Unaware(password.clone(), after);
            self.set_state(chat, unaware);
        }
    }

    /// After which entry a member was asked, if it need not know of that.
    pub fn unaware_since(&self, chat: u64) -> Option<u64> {
        match self.members.get(&chat)?.state {
            MemberState::Unaware(_, after) | MemberState::Warned(_, after) => Some(after),
            _ => None,
        }
    }

    /// The question has arrived: what it says from now on is an answer.
    pub fn knows(&mut self, chat: u64) {
        let state = self.members.get(&chat).map(|member| &member.state);
        if let Some(MemberState::Unaware(password, _) | MemberState::Warned(password, _)) = state {
            let asked = MemberState::Asked(password.clone());
            self.set_state(chat, asked);
        }
    }

    /// It says something before it has the question.
    pub(super) fn heard_too_early(&mut self, now_ms: u64, chat: u64, text: &str) {
        let Some(Member { state, .. }) = self.members.get(&chat) else { return };
        let state = state.clone();
        match (Intent::command_in_place_of_password(text), state) {
            (Some(Intent::Leave), _) => self.dismiss(now_ms, chat, "goodbye"),
            // Once: it may have said a lot.
            (_, MemberState::Unaware(password, after)) => {
                let room = &self.settings.name;
                let words = format!("not sent, as {room} asks again who you are: {}", expected(&password));
                self.tell(chat, words);
                self.set_state(chat, MemberState::Warned(password, after));
            }
            _ => {}
        }
    }
}

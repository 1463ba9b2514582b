//! The room: who is in it, and what becomes of what they say. No socket, no file, no clock.
//!
//! The caller tells what happened (`opened`, `said`, ...), then takes the [`Action`]s and carries them out in their
//! order, then stores what [`Room::take_changes`] names. When it is killed in between, it tells the same again: all that
//! is done follows from what was stored and what is told.
//!
//! - here: what happens, and who of the others deals with it.
//! - `unproved`: where nobody need be. `login`: from the greeting into the room. `unaware`: who does not know yet that it is asked. `talk`: what members say. `orders`: what the operator wants.
//! - `posts`: what all doors of the room are told, in one order; a room with one door tells itself. `hearing`: what becomes of
//!   it. `seats`: who is inside at which door. `doors`: the others.
//! - `base`: what these share. `notices`: who came and who left. `actions`: what is to be done.

mod actions;
mod base;
mod doors;
mod hearing;
mod login;
mod notices;
mod orders;
mod posts;
mod seats;
mod talk;
#[cfg(test)]
mod tests;
mod unaware;
mod unproved;

pub use actions::{Action, ChatRef, Computed, Task};
pub use base::{Changes, Room, RoomSettings, Stored, UNREGISTERED};
pub use login::{ByKey, Newcomer, PASSWORD_MIN, Unusable};
pub use notices::Notice;
pub use orders::{DoorInfo, DoorsStatus, MemberInfo, Order, OrderResult, RoomStatus};
#[cfg(test)]
pub use posts::By;
pub use posts::Post;
pub use seats::Seat;

use crate::lines::{Intent, count, too_long};
use crate::member::{Allowance, Held, MemberState, Rate};
use crate::now::Now;
use login::{login_ends_at, without_end};

impl Room {
    /// A member says something, in this event of then. `pause_ms`: how long no password of its is taken.
    pub fn said(&mut self, at_ms: u64, chat: u64, event: u64, text: &str, pause_ms: u64) {
        let Some(member) = self.members.get_mut(&chat).filter(|member| member.state != MemberState::Leaving)
        else {
            return;
        };
        let too_long = too_long(text, member.kind);
        // It counts as much as it costs: one line for the refusal, or what it becomes for each of the others.
        let lines = if too_long.is_some() { 1 } else { count(&member.name, text) };
        match (member.pace.allow(at_ms, lines, self.settings.rate), too_long) {
            // Cut off it would be another password, or say another thing.
            (Allowance::Yes, Some(most)) => {
                self.tell(chat, format!("too long, not sent: a line has at most {most} bytes"));
            }
            (Allowance::Yes, None) => self.heard(at_ms, chat, event, text, pause_ms),
            // Whoever is over the limit can still leave, which ends the flood as well.
            (Allowance::No, _) if Intent::read(text) == Intent::Leave => {
                self.heard(at_ms, chat, event, text, pause_ms);
            }
            (Allowance::No, _) if member.is_at_the_door() => self.tell(chat, "too fast: wait a little"),
            (Allowance::No, _) => {
                let Rate { messages } = self.settings.rate;
                let within = Rate::WITHIN_MS / 1_000;
                self.tell(chat, format!("too fast, not sent: at most {messages} messages in {within} s"));
            }
            (Allowance::Never, _) => self.dismiss(at_ms, chat, "too many messages: goodbye"),
        }
    }

    /// What a member says is one of those that it may say.
    fn heard(&mut self, now_ms: u64, chat: u64, event: u64, text: &str, pause_ms: u64) {
        match self.members.get(&chat).map(|member| &member.state) {
            Some(MemberState::Asked(_) | MemberState::Checking(..)) => {
                self.heard_at_the_door(now_ms, chat, event, text, pause_ms);
            }
            Some(MemberState::Unaware(..) | MemberState::Warned(..)) => {
                self.heard_too_early(now_ms, chat, text);
            }
            Some(MemberState::Inside(question)) => {
                let question = question.clone();
                // WHO and HELP go to nobody, so they do not use up the guard.
                let is_said = !matches!(Intent::read(text), Intent::Who | Intent::Help);
                let member = self.members.get_mut(&chat).filter(|_| is_said);
                let given = member.and_then(|member| member.given.take());
                // New members repeat their password, so somebody who has an account may do it too. Others must not
                // read it.
                match given.is_some_and(|given| given == without_end(text)) {
                    true => self.tell(chat, "that is your password: not sent"),
                    false => self.obey(now_ms, chat, question, text),
                }
            }
            Some(MemberState::Leaving) | None => {}
        }
    }

    /// What came of the password in this event.
    pub fn computed(&mut self, now_ms: u64, chat: u64, (event, given): (u64, String), computed: Computed) {
        let held = self.settle_password(now_ms, chat, (event, given), computed);
        // They came after the password, so the state that it led to is theirs: the first may be for all to read.
        for Held { event, text } in held {
            self.heard(now_ms, chat, event, &text, 0);
        }
    }

    /// The chat of a member is over.
    pub fn closed(&mut self, now_ms: u64, chat: u64) {
        let Some(member) = self.members.remove(&chat) else { return };
        self.changes.members.insert(chat);
        self.forget_name(&member.name, chat);
        if member.is_inside() {
            self.post(now_ms, Post::Left { name: member.name, chat });
        }
    }

    /// Time has passed.
    pub fn due(&mut self, now: Now) {
        self.end_logins(now);
        self.announce(now.wall_ms);
    }

    /// In how many milliseconds [`Room::due`] has something to do, if it was called after the last that happened.
    pub fn wait_ms(&self, now: Now) -> Option<u64> {
        let login = self.members.values().filter_map(login_ends_at).min();
        let login = login.map(|end_ms| end_ms.saturating_sub(now.steady_ms));
        [login, self.notices.wait_ms(now.wall_ms)].into_iter().flatten().min()
    }
}

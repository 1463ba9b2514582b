//! What becomes of a post when it is heard: at every door the same.

#[cfg(test)]
mod tests;

use simp_control::{ascii, escape};

use super::actions::Action;
use super::base::Room;
use super::login::Unusable;
use super::posts::{By, Post};
use super::seats::Seat;
use crate::lines::Spoken;

impl Room {
    /// Tells all doors, this one too.
    pub(super) fn post(&mut self, now_ms: u64, post: Post) {
        match self.settings.door {
            Some(_) => self.actions.push(Action::Post(post)),
            None => self.heard_post(now_ms, "", post),
        }
    }

    /// A door has posted something.
    pub fn heard_post(&mut self, now_ms: u64, door: &str, post: Post) {
        let is_own = door == self.seats.door();
        match post {
            // No door posts it: nobody has such a name.
            Post::Public { by: By::Member { name, .. }, .. }
            | Post::Direct { by: By::Member { name, .. }, .. }
                if Unusable::of(&name).is_some() => {}
            // Somebody else was faster to come in with that name, and whoever said this is being sent away.
            Post::Public { by: By::Member { name, chat }, .. }
            | Post::Direct { by: By::Member { name, chat }, .. }
                if self.is_anothers(&name, door, chat) => {}
            Post::Public { by, text } => self.heard_public(now_ms, is_own, &by, &text),
            Post::Direct { by: By::Member { name, chat }, to, text } => {
                self.heard_direct(is_own, (&name, chat), to, &text);
            }
            Post::Entered { seat, is_proved } => self.heard_entered(now_ms, door, seat, is_proved),
            Post::Left { name, chat } => self.heard_left(now_ms, door, &name, chat),
            Post::Kick { order, who, why } => {
                let elsewhere = self.count_elsewhere(&who);
                let count = self.kicked(now_ms, &who, &why) + elsewhere;
                self.answer(is_own, order, count);
            }
            Post::Here { seats, from, until, asks } => {
                self.heard_here(now_ms, door, seats, (&from, until.as_deref()));
                if asks && !is_own {
                    self.post_here(now_ms, false);
                }
            }
            Post::Gone { door } => self.heard_gone(now_ms, &door),
            Post::Past { line } => self.keep_line(ascii(&escape::ascii(&line)).into_owned().into()),
            // The operator says nothing to one.
            Post::Direct { by: By::Operator { .. }, .. } | Post::Unknown => {}
        }
    }

    /// Whether a name is not that of the one in this chat of that door, but of somebody else. With passwords both are the same
    /// one, who has come in from elsewhere: what was said before counts.
    fn is_anothers(&self, name: &str, door: &str, chat: u64) -> bool {
        let is_other = |seat: &Seat| (seat.door.as_str(), seat.chat) != (door, chat);
        self.settings.is_open && self.seats.get(name).is_some_and(is_other)
    }

    fn heard_public(&mut self, now_ms: u64, is_own: bool, by: &By, text: &str) {
        let elsewhere = self.seats.count_elsewhere();
        match by {
            By::Member { name, chat } => {
                // Others must know of somebody before they read a line of theirs.
                if self.notices().iter().any(|notice| notice.name() == name) {
                    self.announce_now(now_ms);
                }
                let spoken = Spoken::new(&format!("[{name}] "), text);
                let said = self.publish(is_own.then_some(*chat), &spoken);
                if is_own {
                    self.confirm(*chat, name, said, None, elsewhere);
                }
            }
            By::Operator { order } => {
                let spoken = Spoken::new(&format!("[{}] ", self.settings.name), text);
                let here = self.others(None).len();
                self.publish(None, &spoken);
                self.answer(is_own, *order, here + elsewhere);
            }
        }
    }

    fn heard_direct(&mut self, is_own: bool, (from, chat): (&str, u64), to: String, text: &str) {
        let said = self.number();
        // Who has the name at this place of the order: it may be at another door by now.
        let seat = self.seats.get(&to).filter(|seat| seat.name == to);
        let seat = seat.map(|seat| (self.seats.is_elsewhere(seat), seat.chat));
        if let Some((false, receiver)) = seat
            && self.members.get(&receiver).is_some_and(|member| member.is_inside() && member.name == to)
        {
            self.send_spoken(receiver, &Spoken::new(&format!("[{from} -> you] "), text), said);
        }
        if is_own {
            let elsewhere = usize::from(seat.is_some_and(|(is_elsewhere, _)| is_elsewhere));
            self.confirm(chat, from, said, Some(to), elsewhere);
        }
    }

    fn answer(&mut self, is_own: bool, order: u64, count: usize) {
        if is_own {
            self.actions.push(Action::Answer { order, count });
        }
    }
}

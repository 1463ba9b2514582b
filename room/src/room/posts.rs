//! What all doors of a room are told, in one order which is that of the room: every door does the same with it. A room with
//! one door tells itself, at once.

use serde::{Deserialize, Serialize};
use simp_control::{ascii, escape};

use super::actions::Action;
use super::base::Room;
use super::login::Unusable;
use super::seats::Seat;
use crate::lines::Spoken;

/// What all doors are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Post {
    /// Something is said to everybody.
    Public {
        /// By whom.
        by: By,
        /// What.
        text: String,
    },
    /// Something is said to one.
    Direct {
        /// By whom.
        by: By,
        /// To whom.
        to: String,
        /// What.
        text: String,
    },
    /// Somebody is inside.
    Entered {
        /// Who, and where.
        seat: Seat,
        /// It has shown that the name is its own, so it takes the place of whoever has it.
        is_proved: bool,
    },
    /// Somebody is inside no more.
    Left {
        /// Who.
        name: String,
        /// In which chat of that door.
        chat: u64,
    },
    /// The operator wants somebody sent away.
    Kick {
        /// The order, as the door that it was given at numbers them.
        order: u64,
        /// Whom: a name, or the address of a host.
        who: String,
        /// Why; may be empty.
        why: String,
    },
    /// These are inside at that door, and nobody else.
    Here {
        /// Who.
        seats: Vec<Seat>,
        /// The others are to say who is inside at theirs.
        asks: bool,
    },
    /// A door has not been heard of for a while: nobody is inside there.
    Gone {
        /// Which one.
        door: String,
    },
    /// A public line of the time when the room had one door.
    Past {
        /// As it was.
        line: String,
    },
    /// What a later simp-room tells.
    #[serde(other)]
    Unknown,
}

/// Who says something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Somebody inside.
    Member {
        /// Its name.
        name: String,
        /// Its chat at that door.
        chat: u64,
    },
    /// The operator.
    Operator {
        /// The order, as the door that it was given at numbers them.
        order: u64,
    },
}

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
            Post::Here { seats, asks } => self.heard_here(now_ms, door, seats, asks),
            Post::Gone { door } => self.heard_gone(now_ms, &door),
            Post::Past { line } => self.keep_line(ascii(&escape::ascii(&line)).into_owned().into()),
            // The operator says nothing to one.
            Post::Direct { by: By::Operator { .. }, .. } | Post::Unknown => {}
        }
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
        let seat = self.seats.get(&to).map(|seat| (self.seats.is_elsewhere(seat), seat.chat));
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

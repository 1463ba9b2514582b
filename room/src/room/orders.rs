//! What the operator wants.

use serde::{Deserialize, Serialize};
use simp_control::escape;

use super::base::Room;
use super::posts::{By, Post};
use crate::lines::lines;
use crate::member::{MemberState, host};

/// What the operator wants of a room that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// How it is doing.
    Status {
        /// And its other doors.
        all: bool,
    },
    /// Who is here.
    Who,
    /// Say this to everybody.
    Say {
        /// What.
        text: String,
    },
    /// Send somebody away.
    Kick {
        /// Whom: a name, or the address of a host.
        who: String,
        /// Why; may be empty.
        why: String,
    },
    /// Send somebody away, and do not let it in again.
    Ban {
        /// Whom: a name, or the address of a host.
        who: String,
        /// Why; may be empty.
        why: String,
    },
    /// Who is banned.
    Bans,
    /// Let somebody in again.
    Unban {
        /// Whom.
        who: String,
    },
    /// What the room is about; empty for nothing.
    Topic {
        /// What.
        text: String,
    },
    /// How all doors are doing.
    Doors,
    /// A door is not one any more.
    RemoveDoor {
        /// Which one.
        door: String,
    },
    /// Stop. Members stay in their chats, and are in the room when it runs again.
    Stop,
}

/// How the doors of a room are doing, as one of them knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorsStatus {
    /// All of them, by name.
    pub doors: Vec<DoorInfo>,
    /// How many posts the stream has.
    pub posts: u64,
    /// How many bytes these take.
    pub bytes: u64,
    /// How many bytes it may take.
    pub max_bytes: u64,
    /// How many bytes of posts wait at this door.
    pub waiting: u64,
    /// How many posts were in the stream that no door has written.
    pub strange: u64,
}

/// How a door is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorInfo {
    /// Its name.
    pub door: String,
    /// The simpd that it runs on.
    pub simpd: String,
    /// How many are inside there.
    pub inside: u64,
    /// How many posts it has yet to deal with.
    pub lag: u64,
    /// `here` or `gone`; `cut off` if it is the one that is asked and cannot reach the server, and then `unknown` for the
    /// others.
    pub state: String,
}

/// How a room is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomStatus {
    /// What it is called.
    pub room: String,
    /// Which of its doors this is, if it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<String>,
    /// The simpd that it runs on.
    pub simpd: String,
    /// How many are in it.
    pub inside: u64,
    /// How many have yet to give a password.
    pub at_the_door: u64,
    /// How many may be inside.
    pub max_members: u64,
    /// There are no passwords.
    pub open: bool,
    /// How many accounts there are.
    pub accounts: u64,
    /// How many are banned.
    pub bans: u64,
    /// What it is about; empty if that was not said.
    pub topic: String,
    /// Lines that simpd took since the start.
    pub lines: u64,
    /// For how long it has run, in milliseconds.
    pub uptime_ms: u64,
    /// How its doors are doing, if that was asked and it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<DoorsStatus>,
    /// What it waits for, and why; `None` if for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// What the operator is told of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberInfo {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: String,
    /// `at the door`, `inside` or `leaving`.
    pub state: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// At which door, if the room has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<String>,
}

/// What the operator is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderResult {
    /// It is done: a line that says what.
    Done(String),
    /// Who is here.
    Who(Vec<MemberInfo>),
    /// How the room is doing.
    Status(Box<RoomStatus>),
    /// How its doors are doing.
    Doors(DoorsStatus),
    /// Who is banned, and why.
    Bans(Vec<(String, String)>),
    /// It was not done: there is nobody like that.
    NoSuch(String),
    /// It was not done: why.
    Failed(String),
    /// It was not done: it makes no sense.
    Usage(String),
}

impl Room {
    /// Who is here.
    pub fn seen(&self) -> Vec<MemberInfo> {
        let door = &self.settings.door;
        let here = self.members.values().map(|member| MemberInfo {
            name: member.name.clone(),
            address: member.address.clone(),
            state: match member.state {
                MemberState::Inside(_) => "inside",
                MemberState::Leaving => "leaving",
                _ => "at the door",
            }
            .to_owned(),
            since_ms: member.since_ms,
            door: door.clone(),
        });
        let elsewhere = self.seats.elsewhere().map(|seat| MemberInfo {
            name: seat.name.clone(),
            address: seat.address.clone(),
            state: "inside".to_owned(),
            since_ms: seat.since_ms,
            door: Some(seat.door.clone()),
        });
        here.chain(elsewhere).collect()
    }

    /// The operator says something to everybody. How many get it is the answer to this order.
    pub fn say(&mut self, now_ms: u64, order: u64, text: &str) {
        self.post(now_ms, Post::Public { by: By::Operator { order }, text: text.to_owned() });
    }

    /// What the room is about from now on.
    pub fn set_topic(&mut self, topic: &str) {
        if self.topic == topic {
            return;
        }
        self.topic = topic.to_owned();
        self.changes.topic = true;
        let news = match topic.is_empty() {
            true => vec!["* there is no topic any more".to_owned()],
            false => lines("* topic: ", topic),
        };
        // Not public lines, which are kept: whoever comes later is shown the topic itself.
        news.iter().for_each(|line| self.tell_all(line));
    }

    /// The operator sends somebody away, at all doors. How many went is the answer to this order.
    pub fn kick(&mut self, now_ms: u64, order: u64, who: &str, why: &str) {
        self.post(now_ms, Post::Kick { order, who: who.to_owned(), why: why.to_owned() });
    }

    /// Sends somebody away from this door. Gives how many went.
    pub(super) fn kicked(&mut self, now_ms: u64, who: &str, why: &str) -> usize {
        self.send_away(now_ms, who, "you were sent away", why)
    }

    /// The operator has banned somebody. Gives how many went from this door.
    pub fn banned(&mut self, now_ms: u64, who: &str, why: &str) -> usize {
        self.send_away(now_ms, who, "you are banned", why)
    }

    /// How many are here who have this name or address: at this door, and inside at others.
    pub fn count_called(&self, who: &str) -> usize {
        self.called(who).count() + self.count_elsewhere(who)
    }

    /// How many are inside at other doors who have this name or address.
    pub(super) fn count_elsewhere(&self, who: &str) -> usize {
        self.seats.elsewhere().filter(|seat| is_called(&seat.name, &seat.address, who)).count()
    }

    /// The chats of those at this door who have this name or address.
    fn called(&self, who: &str) -> impl Iterator<Item = u64> {
        let meant = self.members.iter().filter(move |(_, member)| {
            member.state != MemberState::Leaving && is_called(&member.name, &member.address, who)
        });
        meant.map(|(chat, _)| *chat)
    }

    /// Passwords are asked for where they were not, or the other way round: all have to come in anew.
    pub fn send_all_away(&mut self, now_ms: u64) {
        let here = self.members.iter().filter(|(_, member)| member.state != MemberState::Leaving);
        for chat in here.map(|(chat, _)| *chat).collect::<Vec<_>>() {
            self.dismiss(now_ms, chat, "the room was reopened: please connect again");
        }
    }

    fn send_away(&mut self, now_ms: u64, who: &str, words: &str, why: &str) -> usize {
        let why = escape::ascii(why.trim());
        let words = if why.is_empty() { words.to_owned() } else { format!("{words}: {why}") };
        let meant: Vec<_> = self.called(who).collect();
        for chat in &meant {
            self.dismiss(now_ms, *chat, &words);
        }
        meant.len()
    }
}

/// Whether an operator means somebody with this name and address: a host stands for all who come from it, on whatever port.
fn is_called(name: &str, address: &str, who: &str) -> bool {
    name.eq_ignore_ascii_case(who) || address == who || host(address) == who
}

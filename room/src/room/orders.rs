//! What the operator wants.

use serde::{Deserialize, Serialize};
use simp_control::escape;

use super::base::Room;
use crate::files::name_option;
use crate::lines::{Spoken, lines};
use crate::member::{MemberState, host};

/// What the operator wants of a room that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// How it is doing.
    Status,
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
    /// Stop. Members stay in their chats, and are in the room when it runs again.
    Stop,
}

/// How a room is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomStatus {
    /// What it is called.
    pub room: String,
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
    Status(RoomStatus),
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
        let seen = self.members.values().map(|member| MemberInfo {
            name: member.name.clone(),
            address: member.address.clone(),
            state: match member.state {
                MemberState::Inside(_) => "inside",
                MemberState::Leaving => "leaving",
                _ => "at the door",
            }
            .to_owned(),
            since_ms: member.since_ms,
        });
        seen.collect()
    }

    /// The operator says something to everybody.
    pub fn say(&mut self, text: &str) -> OrderResult {
        if text.trim().is_empty() {
            let room = name_option(&self.settings.name);
            return OrderResult::Usage(format!("nothing to say (give a text: simp-room say{room} TEXT)"));
        }
        let spoken = Spoken::new(&format!("[{}] ", self.settings.name), text);
        let told = self.others(None).len();
        self.publish(None, &spoken);
        OrderResult::Done(format!("sent to {told}"))
    }

    /// The operator says what the room is about.
    pub fn set_topic(&mut self, text: &str) -> OrderResult {
        let before = std::mem::replace(&mut self.topic, escape::ascii(text.trim()).into_owned());
        if before.is_empty() && self.topic.is_empty() {
            return OrderResult::Done("no topic".to_owned());
        }
        self.changes.topic = true;
        let news = match self.topic.is_empty() {
            true => vec!["* there is no topic any more".to_owned()],
            false => lines("* topic: ", &self.topic),
        };
        for line in news {
            // Not public lines, which are kept: whoever comes later is shown the topic itself.
            for chat in self.others(None) {
                self.tell(chat, line.clone());
            }
        }
        OrderResult::Done(if self.topic.is_empty() {
            "no topic".to_owned()
        } else {
            format!("topic: {}", self.topic)
        })
    }

    /// The operator sends somebody away. Gives how many went.
    pub fn kick(&mut self, now_ms: u64, who: &str, why: &str) -> usize {
        self.send_away(now_ms, who, "you were sent away", why)
    }

    /// The operator has banned somebody. Gives how many went.
    pub fn banned(&mut self, now_ms: u64, who: &str, why: &str) -> usize {
        self.send_away(now_ms, who, "you are banned", why)
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
        // A host stands for all who come from it, on whatever port.
        let is_meant = |member: &crate::member::Member| {
            member.name.eq_ignore_ascii_case(who) || member.address == who || host(&member.address) == who
        };
        let meant = self
            .members
            .iter()
            .filter(|(_, member)| member.state != MemberState::Leaving && is_meant(member));
        let meant: Vec<_> = meant.map(|(chat, _)| *chat).collect();
        for chat in &meant {
            self.dismiss(now_ms, *chat, &words);
        }
        meant.len()
    }
}

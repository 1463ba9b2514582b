//! The room: who is in it, and what becomes of what they say. No socket, no file, no clock.
//!
//! The caller tells what happened (`opened`, `said`, ...), then takes the [`Action`]s and carries them out in their
//! order, then stores what [`Room::take_changes`] names. When it is killed in between, it tells the same again: all that
//! is done follows from what was stored and what is told.
//!
//! - here: what all of it shares. `login`: from the greeting into the room. `talk`: what members say.
//! - `notices`: who came and who left. `orders`: what the operator wants.

mod login;
mod notices;
mod orders;
mod talk;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

pub use login::{Computed, Newcomer, PASSWORD_MIN, Task, is_usable};
pub use notices::{Notice, Notices};
pub use orders::{MemberInfo, Order, OrderResult, RoomStatus};

use crate::lines::{LINE_MAX, lines, list};
use crate::member::{Member, MemberState, Rate};

/// How much of a line names take, so that something else fits too.
const NAMES_MAX: usize = LINE_MAX - 100;

/// What of a room its operator chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomSettings {
    /// What it is called. Nobody in it can have that name.
    pub name: String,
    /// There are no passwords.
    pub is_open: bool,
    /// How many public lines somebody new is shown.
    pub history: usize,
    /// What everybody is shown on entering.
    pub motd: Vec<String>,
    /// How many may be here at a time.
    pub max_members: usize,
    /// How many accounts there may be before no new ones are made.
    pub max_accounts: usize,
    /// How often each may say something.
    pub rate: Rate,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send a line.
    Send {
        /// In which chat.
        to: ChatRef,
        /// What.
        text: Arc<str>,
        /// It is (part of) what a member says: the first one of these, by its number.
        part_of: Option<u32>,
    },
    /// Tell a member what became of what it said, once it is with those it was for.
    Confirm {
        /// In which chat.
        to: ChatRef,
        /// The number of what it said.
        said: u32,
        /// To whom it was said; `None` for all.
        whom: Option<String>,
    },
    /// End a chat, once all is sent.
    Quit(ChatRef),
    /// Compute something with a password, and tell what comes of it.
    Compute {
        /// Whose.
        chat: u64,
        /// The event that it came in.
        event: u64,
        /// What it is.
        password: String,
        /// What to do with it.
        task: Task,
    },
    /// Make an account.
    AddAccount {
        /// Its name.
        name: String,
        /// The hash of its password.
        hash: String,
    },
    /// Somebody has given a wrong password.
    Strike {
        /// For this account.
        name: String,
        /// From this host.
        host: String,
    },
    /// Somebody has given the right password.
    Forgive {
        /// For this account.
        name: String,
        /// From this host.
        host: String,
        /// So many wrong ones before, in the same chat.
        wrong: u8,
    },
}

/// A chat as simpd knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChatRef {
    /// Its id.
    pub id: u64,
    /// Its peer's `ADDR:PORT`.
    pub address: String,
}

/// What has changed since it was asked last, and must be stored.
#[derive(Debug, Default)]
pub struct Changes {
    /// Those that came, changed or left.
    pub members: BTreeSet<u64>,
    /// Public lines.
    pub lines: Vec<Arc<str>>,
    /// Who came and left, and is not announced yet.
    pub notices: bool,
    /// What the room is about.
    pub topic: bool,
}

/// A room.
#[derive(Debug)]
pub struct Room {
    settings: RoomSettings,
    started_ms: u64,
    members: BTreeMap<u64, Member>,
    /// Those who are at the door or inside, by name in lower case.
    by_name: HashMap<String, u64>,
    topic: String,
    /// The last public lines.
    history: VecDeque<Arc<str>>,
    notices: Notices,
    /// What was said since the start.
    said: u32,
    actions: Vec<Action>,
    changes: Changes,
}

/// What is stored of a room.
#[derive(Debug, Default)]
pub struct Stored {
    /// The members, by chat.
    pub members: BTreeMap<u64, Member>,
    /// What it is about; empty if that was not said.
    pub topic: String,
    /// The last public lines, oldest first.
    pub history: VecDeque<Arc<str>>,
    /// Who came and left, and is not announced yet.
    pub notices: Vec<Notice>,
}

impl Room {
    /// Goes on where it stopped.
    pub fn new(now_ms: u64, settings: RoomSettings, stored: Stored) -> Self {
        let here = stored.members.iter().filter(|(_, member)| member.state != MemberState::Leaving);
        let by_name = here.map(|(chat, member)| (member.name.to_ascii_lowercase(), *chat)).collect();
        Self {
            settings,
            started_ms: now_ms,
            members: stored.members,
            by_name,
            topic: stored.topic,
            history: stored.history,
            notices: Notices::new(stored.notices),
            said: 0,
            actions: Vec::new(),
            changes: Changes::default(),
        }
    }

    /// What is to be done.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// What must be stored.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// A member.
    pub fn member(&self, chat: u64) -> Option<&Member> {
        self.members.get(&chat)
    }

    /// All members, by chat.
    pub fn members(&self) -> impl Iterator<Item = (u64, &Member)> {
        self.members.iter().map(|(chat, member)| (*chat, member))
    }

    /// The event of the oldest password that is being computed.
    pub fn checked_since(&self) -> Option<u64> {
        let checked = self.members.values().filter_map(|member| match member.state {
            MemberState::Checking(_, event, _) => Some(event),
            _ => None,
        });
        checked.min()
    }

    /// Who came and left, and is not announced yet.
    pub fn notices(&self) -> &[Notice] {
        self.notices.waiting()
    }

    /// What its operator chose.
    pub fn settings(&self) -> &RoomSettings {
        &self.settings
    }

    /// What the room is about; empty if that was not said.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// When [`Room::due`] has something to do, in milliseconds since 1970.
    pub fn deadline(&self) -> Option<u64> {
        let login = self.members.values().filter(|member| member.is_at_the_door());
        let login = login.map(|member| self.login_ends_at(member)).min();
        [login, self.notices.due()].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn due(&mut self, now_ms: u64) {
        self.end_logins(now_ms);
        self.announce(now_ms);
    }

    /// The chat of a member is over.
    pub fn closed(&mut self, now_ms: u64, chat: u64) {
        let Some(member) = self.members.remove(&chat) else { return };
        self.changes.members.insert(chat);
        self.forget_name(&member.name, chat);
        if member.is_inside() {
            self.note(now_ms, Notice::left(member.name));
        }
    }

    fn forget_name(&mut self, name: &str, chat: u64) {
        let name = name.to_ascii_lowercase();
        if self.by_name.get(&name) == Some(&chat) {
            self.by_name.remove(&name);
        }
    }

    /// Changes the state of a member.
    fn set_state(&mut self, chat: u64, state: MemberState) {
        if let Some(member) = self.members.get_mut(&chat) {
            member.state = state;
            self.changes.members.insert(chat);
        }
    }

    /// Sends a line to a member.
    fn tell(&mut self, chat: u64, text: impl Into<Arc<str>>) {
        self.send(chat, text.into(), None);
    }

    fn send(&mut self, id: u64, text: Arc<str>, part_of: Option<u32>) {
        if let Some(member) = self.members.get(&id) {
            let to = ChatRef { id, address: member.address.clone() };
            self.actions.push(Action::Send { to, text, part_of });
        }
    }

    /// Says goodbye to a member, and ends its chat.
    fn dismiss(&mut self, now_ms: u64, id: u64, last_words: &str) {
        for line in lines("", last_words) {
            self.tell(id, line);
        }
        let Some(member) = self.members.get(&id) else { return };
        let (name, was_inside) = (member.name.clone(), member.is_inside());
        self.actions.push(Action::Quit(ChatRef { id, address: member.address.clone() }));
        self.set_state(id, MemberState::Leaving);
        self.forget_name(&name, id);
        if was_inside {
            self.note(now_ms, Notice::left(name));
        }
    }

    /// Those in the room, but for this one.
    fn others(&self, but: Option<u64>) -> Vec<u64> {
        let inside = self.members.iter().filter(|(id, member)| Some(**id) != but && member.is_inside());
        inside.map(|(id, _)| *id).collect()
    }

    /// The names of those in the room, but for this one.
    fn names_but(&self, chat: u64) -> String {
        let inside = self.members.iter().filter(|(id, member)| **id != chat && member.is_inside());
        let mut names: Vec<_> = inside.map(|(_, member)| member.name.as_str()).collect();
        names.sort_unstable();
        list(names.into_iter(), NAMES_MAX)
    }
}

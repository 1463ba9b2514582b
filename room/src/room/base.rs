//! What all of the room shares: who is in it, what is to be said, and the steps that everything else is made of.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use simp_control::ascii;

use super::actions::{Action, ChatRef};
use super::notices::{Notice, Notices, words};
use super::posts::Post;
use super::seats::{Seat, Seats};
use crate::lines::{LINE_MAX, lines, list};
use crate::member::{ChatKind, Member, MemberState, Rate};

/// How much of a line names take, so that something else fits too.
const NAMES_MAX: usize = LINE_MAX - 100;

/// What members are told while what they say waits.
pub(super) const UNREACHED: &str =
    "* the other doors cannot be reached: what you say waits, and is confirmed when it is out";

/// And who wants an account.
pub const UNREGISTERED: &str =
    "no new accounts can be made right now, as the other doors cannot be reached: come again later";

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
    /// How many may be inside at a time.
    pub max_members: usize,
    /// How many accounts there may be before no new ones are made.
    pub max_accounts: usize,
    /// How often each may say something.
    pub rate: Rate,
    /// Which of its doors this is; `None` if it has only one.
    pub door: Option<String>,
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
    /// Who is inside, by names in lower case.
    pub seats: BTreeSet<String>,
}

impl Changes {
    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        let Self { members, lines, notices, topic, seats } = self;
        members.is_empty() && lines.is_empty() && !notices && !topic && seats.is_empty()
    }
}

/// A room.
#[derive(Debug)]
pub struct Room {
    pub(super) settings: RoomSettings,
    pub(super) members: BTreeMap<u64, Member>,
    /// Those who are inside, by name in lower case: whoever is at the door may be anybody, and holds no name.
    pub(super) by_name: HashMap<String, u64>,
    /// Who is inside at any door, as all doors know by now.
    pub(super) seats: Seats,
    pub(super) reach: Reach,
    /// How many bytes of posts wait for the other doors.
    pub(super) waiting: usize,
    pub(super) topic: String,
    /// The last public lines.
    pub(super) history: VecDeque<Arc<str>>,
    pub(super) notices: Notices,
    /// What was said since the start.
    pub(super) said: u32,
    pub(super) actions: Vec<Action>,
    pub(super) changes: Changes,
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
    /// Who is inside at any door; empty for a room that has only one.
    pub seats: Vec<Seat>,
}

/// Whether what is posted reaches the other doors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Reach {
    /// It does, or there are none.
    #[default]
    All,
    /// It waits until they are there again.
    Waits,
}

impl Room {
    /// Goes on where it stopped.
    pub fn new(settings: RoomSettings, stored: Stored) -> Self {
        let inside = stored.members.iter().filter(|(_, member)| member.is_inside());
        let by_name = inside.map(|(chat, member)| (member.name.to_ascii_lowercase(), *chat)).collect();
        let seats = match &settings.door {
            Some(door) => Seats::new(door, stored.seats),
            None => {
                Seats::new("", stored.members.iter().filter_map(|(chat, member)| Seat::of("", *chat, member)))
            }
        };
        Self {
            settings,
            seats,
            reach: Reach::default(),
            waiting: 0,
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

    /// The chat of the one in the room with this name.
    pub fn inside(&self, name: &str) -> Option<u64> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    pub(super) fn forget_name(&mut self, name: &str, chat: u64) {
        let name = name.to_ascii_lowercase();
        // One who was refused, or stood at the door, never held it.
        if self.by_name.get(&name) == Some(&chat) {
            self.by_name.remove(&name);
        }
    }

    /// Changes the state of a member.
    pub(super) fn set_state(&mut self, chat: u64, state: MemberState) {
        if let Some(member) = self.members.get_mut(&chat) {
            member.state = state;
            self.changes.members.insert(chat);
        }
    }

    /// Sends a line to a member.
    pub(super) fn tell(&mut self, chat: u64, text: impl Into<Arc<str>>) {
        self.send(chat, text.into(), None);
    }

    pub(super) fn send(&mut self, id: u64, text: Arc<str>, part_of: Option<u32>) {
        if let Some(member) = self.members.get(&id) {
            let to = ChatRef { id, address: member.address.clone() };
            // A name in it may be that of somebody who came securely.
            let is_as_it_is = member.kind == ChatKind::Secure || text.is_ascii();
            let text = if is_as_it_is { text } else { ascii(&text).into() };
            self.actions.push(Action::Send { to, text, part_of });
        }
    }

    /// Says goodbye to a member, and ends its chat.
    pub(super) fn dismiss(&mut self, now_ms: u64, id: u64, last_words: &str) {
        for line in lines("", last_words) {
            self.tell(id, line);
        }
        let Some(member) = self.members.get(&id) else { return };
        let (name, was_inside) = (member.name.clone(), member.is_inside());
        // After the last words: simpd ends the chat when what is queued in it has been delivered.
        self.actions.push(Action::Quit(ChatRef { id, address: member.address.clone() }));
        // Not removed before simpd reports the end: a room that starts meanwhile would greet this chat anew.
        self.set_state(id, MemberState::Leaving);
        self.forget_name(&name, id);
        if was_inside {
            self.post(now_ms, Post::Left { name, chat: id });
        }
    }

    /// Those in the room at this door, but for this one.
    pub(super) fn others(&self, but: Option<u64>) -> Vec<u64> {
        let inside = self.members.iter().filter(|(id, member)| Some(**id) != but && member.is_inside());
        inside.map(|(id, _)| *id).collect()
    }

    /// The names of those in the room, at any door, but for this one.
    pub(super) fn names_but(&self, chat: u64) -> String {
        let inside = self.members.iter().filter(|(id, member)| **id != chat && member.is_inside());
        // Who comes in from another door has its seat there until all doors have heard of it.
        let own = self.members.get(&chat).map(|member| member.name.as_str()).unwrap_or_default();
        let is_here = |name: &str| self.inside(name).is_some() || name.eq_ignore_ascii_case(own);
        let elsewhere = self.seats.elsewhere().filter(|seat| !is_here(&seat.name));
        let mut names: Vec<_> = inside
            .map(|(_, member)| member.name.as_str())
            .chain(elsewhere.map(|seat| seat.name.as_str()))
            .collect();
        names.sort_unstable();
        list(names.into_iter(), NAMES_MAX)
    }

    /// Whoever has this name at any door, as all doors know by now.
    pub fn seat(&self, name: &str) -> Option<&Seat> {
        self.seats.get(name)
    }

    /// Whether somebody with this name is in the room, at any door.
    pub(super) fn has(&self, name: &str) -> bool {
        self.inside(name).is_some() || self.seats.get(name).is_some_and(|seat| self.seats.is_elsewhere(seat))
    }

    /// How many are in the room, at all doors.
    pub(super) fn count(&self) -> usize {
        self.by_name.len() + self.seats.count_elsewhere()
    }

    /// Tells all who are inside at this door.
    pub(super) fn tell_all(&mut self, text: &str) {
        let text: Arc<str> = text.into();
        for chat in self.others(None) {
            self.send(chat, Arc::clone(&text), None);
        }
    }

    pub(super) fn note(&mut self, now_ms: u64, notice: Notice) {
        self.notices.push(notice);
        self.changes.notices = true;
        // After a quiet second this announces it at once; in a crowd it waits for the next line.
        self.announce(now_ms);
    }

    /// Announces what waits, if its time has come.
    pub(super) fn announce(&mut self, now_ms: u64) {
        let notices = self.notices.take_if_due(now_ms);
        self.tell_of(&notices);
    }

    /// Announces what waits: somebody of whom it tells says something.
    pub(super) fn announce_now(&mut self, now_ms: u64) {
        let notices = self.notices.take(now_ms);
        self.tell_of(&notices);
    }

    fn tell_of(&mut self, notices: &[Notice]) {
        let Some(first) = notices.first() else { return };
        self.changes.notices = true;
        let text: Arc<str> = format!("* {}", words(notices)).into();
        // Nobody is told of their own arrival alone. In a list of several the own name does no harm.
        let only = (notices.len() == 1).then(|| first.name().to_owned());
        let inside = self.members.iter().filter(|(_, member)| member.is_inside());
        let told = inside.filter(|(_, member)| Some(&member.name) != only.as_ref()).map(|(chat, _)| *chat);
        for chat in told.collect::<Vec<_>>() {
            self.send(chat, text.clone(), None);
        }
    }
}

//! From the greeting into the room.
//!
//! | state | a command | a password | its result |
//! |---|---|---|---|
//! | asked for that of an account | told what is expected | computed | right: inside; wrong: asked again, the third time out |
//! | asked for a new one | the same | too short: asked again; computed | asked once more |
//! | asked for the same once more | the same | computed | the same: an account, inside; another: asked for a new one |
//! | checking | waits | waits | |
//! | unaware | `unaware` | | |
//!
//! `EX` leaves from everywhere, and whoever is not inside after five minutes is sent away.
//!
//! Whoever comes with the key of an account is inside at once, under the name of the account.
//!
//! A source may be forged, so nobody at the door holds a name or a place: both are had from the first step inside. Whoever
//! gives the password of an account that is inside already takes its place.

use std::net::IpAddr;

use simp_control::escape;

use super::actions::{Action, Computed, Task};
use super::base::{Reach, Room, UNREACHED, UNREGISTERED};
use super::posts::Post;
use super::seats::Seat;
use super::talk::WAITING_MAX;
use crate::lines::{Intent, lines};
use crate::member::{ChatKind, Held, Member, MemberState, Pace, Password, host};
use crate::now::Now;

/// How long somebody may stand at the door, in milliseconds.
const LOGIN_MS: u64 = 300_000;

/// After so many wrong passwords the chat ends.
const WRONG_MAX: u8 = 3;

/// So many lines wait for a password to be computed.
const HELD_MAX: usize = 8;

/// The shortest password, in characters.
pub const PASSWORD_MIN: usize = 4;

/// What is known of somebody who comes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Newcomer {
    /// There is an account with that name.
    pub is_known: bool,
    /// Whether a key says who it is.
    pub key: ByKey,
    /// How its chat goes.
    pub kind: ChatKind,
    /// The operator wants it not here, and says why.
    pub banned: Option<String>,
    /// Too many wrong passwords were given: how long no more are taken, in milliseconds.
    pub pause_ms: u64,
    /// How many accounts there are, for somebody who has none.
    pub accounts: usize,
}

/// Whether a key says who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ByKey {
    /// No account that matters here has one.
    #[default]
    Nobody,
    /// It has the key of the account of this name.
    Account(String),
    /// The account of its name has a key, and it has not.
    NotIts,
}

/// Why a name can be that of nobody in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// The room says it of somebody else, or of no one.
    Reserved,
    /// An operator would take it for a host.
    Address,
    /// It cannot be shown between brackets, or not be called.
    Odd,
}

impl Unusable {
    /// Why this one cannot be used; `None` if it can.
    pub fn of(name: &str) -> Option<Self> {
        if ["you", "nobody"].iter().any(|word| name.eq_ignore_ascii_case(word)) {
            Some(Self::Reserved)
        } else if name.parse::<IpAddr>().is_ok() {
            Some(Self::Address)
        } else if name.is_empty() || escape::name(name) != name {
            Some(Self::Odd)
        } else {
            None
        }
    }
}

impl Room {
    /// A chat has opened.
    pub fn opened(&mut self, now_ms: u64, chat: u64, user: &str, address: &str, newcomer: &Newcomer) {
        // A room that starts greets those who have a chat, and the log may tell of the same chats again.
        if self.members.contains_key(&chat) {
            return;
        }
        let name = match &newcomer.key {
            ByKey::Account(name) => name,
            ByKey::Nobody | ByKey::NotIts => user,
        };
        let calls_itself = Some(user.to_owned()).filter(|user| user != name);
        let refusal = self.refusal(name, newcomer);
        let state = if newcomer.is_known { Password::Known } else { Password::New };
        let (name, address) = (name.to_owned(), address.to_owned());
        let pace = Pace::default();
        let member = Member {
            name,
            calls_itself,
            kind: newcomer.kind,
            address,
            state: MemberState::Asked(state),
            since_ms: now_ms,
            asked_ms: None,
            wrong: 0,
            pace,
            given: None,
        };
        let holder = self.inside(&member.name);
        // Also if it is refused: the goodbye needs its address, and what it says meanwhile is not read.
        self.members.insert(chat, member);
        self.changes.members.insert(chat);
        match refusal {
            Some(refusal) => {
                self.dismiss(now_ms, chat, &refusal);
                // If that one is gone, this line is never acknowledged, so simpd ends that chat and the name is free.
                if let Some(holder) = holder {
                    self.tell(holder, "* somebody else wants to come in with your name");
                }
            }
            None if matches!(newcomer.key, ByKey::Account(_)) => self.welcome(now_ms, chat),
            None => self.greet(now_ms, chat, newcomer.is_known),
        }
    }

    /// Why somebody does not come in.
    fn refusal(&self, name: &str, newcomer: &Newcomer) -> Option<String> {
        let why = match Unusable::of(name) {
            Some(Unusable::Reserved) => Some("it is a word of the room, choose another"),
            Some(Unusable::Address) => Some("it is an address, choose another"),
            Some(Unusable::Odd) => Some("choose another (letters, digits, spaces and _ - . @ + ' ?)"),
            None if name.eq_ignore_ascii_case(&self.settings.name) => {
                Some("it is that of the room, choose another")
            }
            None => None,
        };
        if let Some(why) = why {
            return Some(format!("the name {} cannot be used here: {why}", escape::name(name)));
        }
        if let Some(why) = &newcomer.banned {
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            return Some(format!("you are banned from {}{why}", self.settings.name));
        }
        if newcomer.key == ByKey::NotIts {
            return Some(format!(
                "{name} is known by a key, and you have another or none: choose another name"
            ));
        }
        let has_key = matches!(newcomer.key, ByKey::Account(_));
        // Whoever knows the password may take over from a chat that is dead.
        let may_take_over = has_key || newcomer.is_known && !self.settings.is_open;
        if self.has(name) && !may_take_over {
            return Some(format!("that name is in use: choose another, or wait until {name} leaves"));
        }
        // Before a password is asked for, so that nobody types one in vain.
        if let Some(full) = self.full(name) {
            return Some(full);
        }
        // That somebody came and left waits as well.
        if self.waiting >= WAITING_MAX {
            return Some(
                "the other doors cannot be reached, and too much waits for them: come again later".to_owned(),
            );
        }
        if newcomer.pause_ms > 0 && !self.settings.is_open && !has_key {
            return Some(format!("too many wrong passwords: try again in {}", seconds(newcomer.pause_ms)));
        }
        let is_new = !newcomer.is_known && !self.settings.is_open;
        // Nor chooses anybody one in vain.
        if is_new && self.reach == Reach::Waits {
            return Some(UNREGISTERED.to_owned());
        }
        (is_new && newcomer.accounts >= self.settings.max_accounts).then(|| {
            format!(
                "{} accepts no new accounts (there are {} accounts)",
                self.settings.name, newcomer.accounts
            )
        })
    }

    /// That there is no place for somebody with this name, if there is none.
    pub(super) fn full(&self, name: &str) -> Option<String> {
        let here = self.count();
        let is_full = !self.has(name) && here >= self.settings.max_members;
        is_full.then(|| format!("{} is full ({here} are here): come again later", self.settings.name))
    }

    fn greet(&mut self, now_ms: u64, chat: u64, is_known: bool) {
        if self.settings.is_open {
            return self.enter(now_ms, chat, false);
        }
        let name = self.members.get(&chat).map(|member| member.name.clone()).unwrap_or_default();
        let room = &self.settings.name;
        if is_known {
            self.tell(chat, format!("Welcome to {room}, {name}. Your password?"));
        } else {
            self.tell(chat, format!("Welcome to {room}, {name}. You are new here: choose a password."));
        }
    }

    /// Somebody at the door says something.
    pub(super) fn heard_at_the_door(
        &mut self,
        now_ms: u64,
        chat: u64,
        event: u64,
        text: &str,
        pause_ms: u64,
    ) {
        let Some(state) = self.members.get(&chat).map(|member| member.state.clone()) else { return };
        match (state, Intent::command_in_place_of_password(text)) {
            // Nothing overtakes a password that is being checked, not even EX: lines are read in the order of their
            // sending.
            (MemberState::Checking(password, of, held), _) => {
                self.hold(chat, password, of, held, event, text);
            }
            (_, Some(Intent::Leave)) => self.dismiss(now_ms, chat, "goodbye"),
            (MemberState::Asked(password), Some(_)) => self.tell(chat, expected(&password)),
            (MemberState::Asked(password), None) => self.take_password(chat, event, text, password, pause_ms),
            _ => {}
        }
    }

    fn hold(&mut self, chat: u64, password: Password, of: u64, mut held: Vec<Held>, event: u64, text: &str) {
        if held.len() >= HELD_MAX {
            return self.tell(chat, "too much at once, not read: wait until your password is checked");
        }
        held.push(Held { event, text: text.to_owned() });
        self.set_state(chat, MemberState::Checking(password, of, held));
    }

    fn take_password(&mut self, chat: u64, event: u64, text: &str, password: Password, pause_ms: u64) {
        let text = without_end(text);
        // Before it is computed: a guess must not cost the room more than it costs the one who guesses.
        if pause_ms > 0 {
            return self.tell(chat, format!("too many wrong passwords: wait {}", seconds(pause_ms)));
        }
        if password == Password::New && text.chars().count() < PASSWORD_MIN {
            return self
                .tell(chat, format!("too short: choose a password of {PASSWORD_MIN} characters or more"));
        }
        self.compute(chat, event, text, &password);
        self.set_state(chat, MemberState::Checking(password, event, Vec::new()));
    }

    /// Computes what a password is for. For one that was being computed when the room was stopped, it is told again.
    pub fn compute(&mut self, chat: u64, event: u64, text: &str, password: &Password) {
        let Some(member) = self.members.get(&chat) else { return };
        let task = match password {
            Password::Known => Task::MatchAccount(member.name.clone()),
            Password::New => Task::Hash,
            Password::Again(hash) => Task::MatchHash(hash.clone()),
        };
        self.actions.push(Action::Compute { chat, event, password: text.to_owned(), task });
    }

    /// What a line says that waited when the room was stopped.
    pub fn remember_held(&mut self, chat: u64, event: u64, said: String) {
        if let Some(Member { state: MemberState::Checking(_, _, held), .. }) = self.members.get_mut(&chat)
            && let Some(held) = held.iter_mut().find(|held| held.event == event)
        {
            held.text = said;
        }
    }

    /// Takes what came of the password in this event. Gives the lines that waited for it.
    pub(super) fn settle_password(
        &mut self,
        now_ms: u64,
        chat: u64,
        (event, given): (u64, String),
        computed: Computed,
    ) -> Vec<Held> {
        let state = self.members.get(&chat).map(|member| member.state.clone());
        let Some(MemberState::Checking(password, of, held)) = state else { return Vec::new() };
        // After simpd has lost its log, chats and events are numbered anew: this may be the result of an old one.
        if of != event {
            return Vec::new();
        }
        let name = self.members.get(&chat).map(|member| member.name.clone()).unwrap_or_default();
        match (password, computed) {
            // Somebody without an account may have it, whose account was removed.
            (Password::Again(hash), Computed::Matches(true)) if !self.has(&name) => {
                let task = Task::Register { name, hash };
                self.actions.push(Action::Compute { chat, event, password: given, task });
                // What was said since waits on.
                return Vec::new();
            }
            // The operator may have added an account of this name meanwhile, or somebody else have chosen it, and
            // whoever chose a password now is not its owner.
            (Password::Again(_), Computed::Matches(true) | Computed::Registered(false)) => {
                self.dismiss(now_ms, chat, "that name has been taken in the meantime: goodbye");
            }
            (password, computed) => self.answer_password(now_ms, chat, password, computed),
        }
        if let Some(member) = self.members.get_mut(&chat).filter(|member| member.is_inside()) {
            // Before the lines that waited are read: the first of them may be the password once more.
            member.given = Some(given);
        }
        held
    }

    fn answer_password(&mut self, now_ms: u64, chat: u64, password: Password, computed: Computed) {
        match (password, computed) {
            (Password::New, Computed::Hash(hash)) => {
                self.set_state(chat, MemberState::Asked(Password::Again(hash)));
                self.tell(chat, "Please enter it once more.");
            }
            (Password::Again(_), Computed::Registered(true)) => self.welcome(now_ms, chat),
            (Password::Again(_), Computed::Failed(why)) if !why.is_empty() => {
                self.dismiss(now_ms, chat, &why);
            }
            (Password::Again(_), Computed::Matches(false)) => {
                self.set_state(chat, MemberState::Asked(Password::New));
                self.tell(chat, "The passwords differ: choose a password.");
            }
            (Password::Known, Computed::Matches(true)) => {
                self.welcome(now_ms, chat);
            }
            (Password::Known, Computed::Matches(false)) => self.count_wrong(now_ms, chat),
            (
                password,
                Computed::Failed(_) | Computed::Hash(_) | Computed::Matches(_) | Computed::Registered(_),
            ) => {
                self.tell(chat, format!("not accepted: {}", expected(&password)));
                self.set_state(chat, MemberState::Asked(password));
            }
        }
    }

    fn count_wrong(&mut self, now_ms: u64, chat: u64) {
        let Some(member) = self.members.get_mut(&chat) else { return };
        member.wrong += 1;
        let (name, host, wrong) = (member.name.clone(), host(&member.address).to_owned(), member.wrong);
        // Each counts, even if the chat ends before the third.
        self.actions.push(Action::Strike { name, host });
        if wrong >= WRONG_MAX {
            return self.dismiss(now_ms, chat, "wrong for the third time: goodbye");
        }
        self.set_state(chat, MemberState::Asked(Password::Known));
        self.tell(chat, "Wrong. Your password?");
    }

    /// Somebody whose account it is comes in, in the place of a chat of theirs that is inside already.
    fn welcome(&mut self, now_ms: u64, chat: u64) {
        let Some(Member { name, address, wrong, .. }) = self.members.get(&chat) else { return };
        let (name, host, wrong) = (name.clone(), host(address).to_owned(), *wrong);
        // Many may have stood at the door when they came.
        let full = self.full(&name);
        let before = self.inside(&name);
        self.actions.push(Action::Forgive { name, host, wrong });
        match full {
            Some(full) => self.dismiss(now_ms, chat, &full),
            None => {
                if let Some(before) = before {
                    self.dismiss(now_ms, before, "you came in from elsewhere: goodbye");
                }
                self.enter(now_ms, chat, true);
            }
        }
    }

    /// Somebody comes in; it is theirs if they have proved that the name is.
    fn enter(&mut self, now_ms: u64, chat: u64, is_proved: bool) {
        let others = self.names_but(chat);
        let Some(name) = self.members.get(&chat).map(|member| member.name.clone()) else { return };
        self.set_state(chat, MemberState::Inside(None));
        self.by_name.insert(name.to_ascii_lowercase(), chat);
        for line in self.settings.motd.clone() {
            self.tell(chat, line);
        }
        if !self.topic.is_empty() {
            for line in lines("topic: ", &self.topic.clone()) {
                self.tell(chat, line);
            }
        }
        for line in self.history.clone() {
            self.tell(chat, line);
        }
        self.tell(
            chat,
            format!("You are in {}. Here: {others}. (HELP lists the commands.)", self.settings.name),
        );
        if self.reach == Reach::Waits {
            self.tell(chat, UNREACHED);
        }
        let seat = self.members.get(&chat).and_then(|member| Seat::of(self.seats.door(), chat, member));
        if let Some(seat) = seat {
            self.post(now_ms, Post::Entered { seat, is_proved });
        }
    }

    /// Sends those away who stand at the door for too long.
    pub(super) fn end_logins(&mut self, now: Now) {
        for member in self.members.values_mut().filter(|member| member.is_at_the_door()) {
            member.asked_ms.get_or_insert(now.steady_ms);
        }
        let is_late = |member: &Member| login_ends_at(member).is_some_and(|end_ms| end_ms <= now.steady_ms);
        let late = self.members.iter().filter(|(_, member)| is_late(member));
        for chat in late.map(|(chat, _)| *chat).collect::<Vec<_>>() {
            self.dismiss(now.wall_ms, chat, "no password given: goodbye");
        }
    }
}

/// When somebody is sent away who is not inside, on the steady clock; `None` for all others.
pub(super) fn login_ends_at(member: &Member) -> Option<u64> {
    member.asked_ms.filter(|_| member.is_at_the_door()).map(|asked_ms| asked_ms + LOGIN_MS)
}

/// A password without the end of its line, which some programs send along.
pub(super) fn without_end(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

/// What is expected of somebody who says something else.
pub(super) fn expected(password: &Password) -> &'static str {
    match password {
        Password::Known => "first your password, please (EX leaves)",
        Password::New => "first choose a password, please (EX leaves)",
        Password::Again(_) => "first the same password once more, please (EX leaves)",
    }
}

/// So many milliseconds in words.
fn seconds(ms: u64) -> String {
    format!("{} s", ms.div_ceil(1_000))
}

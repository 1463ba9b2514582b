//! What members say.
//!
//! | state | a text | PM / DM without | PM / DM with | WHO, HELP | EX |
//! |---|---|---|---|---|---|
//! | at the door | `login` | | | | |
//! | inside | to all | asked for what is missing | to all / to one | answered | leaves |
//! | inside, asked | what was asked for | asked anew | the same, the question is over | the same | leaves |
//! | leaving | nothing: it may have crossed the goodbye | | | | |

use simp_control::{ascii, escape};

use super::actions::{Action, ChatRef};
use super::base::Room;
use crate::lines::{Intent, Spoken};
use crate::member::{ChatKind, Member, MemberState, Question};

const HELP: [&str; 3] = [
    "PM TEXT, or just TEXT, goes to everybody here. DM NAME TEXT goes to NAME only.",
    "WHO lists who is here, EX (or q, quit) leaves, HELP shows this.",
    "Lines of others begin with [their name], those for you alone with [their name -> you], news with *.",
];

impl Room {
    /// Does what a line of somebody inside asks for. `question`: what it was asked, and may now answer.
    pub(super) fn obey(&mut self, now_ms: u64, chat: u64, question: Option<Question>, text: &str) {
        let trimmed = text.trim();
        let line = Intent::read(text);
        match (line, question) {
            (Intent::Leave, _) => self.dismiss(now_ms, chat, "goodbye"),
            (Intent::Help, _) => HELP.iter().for_each(|line| self.tell(chat, *line)),
            (Intent::Who, _) => {
                let words = match self.others(Some(chat)).is_empty() {
                    true => "here: only you".to_owned(),
                    false => format!("here: you, {}", self.names_but(chat)),
                };
                self.tell(chat, words);
            }
            (Intent::PublicAsked, _) => {
                self.ask(chat, Question::Public, "what do you want to say to everybody?");
            }
            (Intent::DirectAsked, _) => {
                let others = self.names_but(chat);
                self.ask(chat, Question::Whom, &format!("to whom? here: {others}"));
            }
            (Intent::Direct(rest), _) => self.say_to_one(chat, rest),
            (Intent::Public(""), _) => self.say_to_all(now_ms, chat, ""),
            // An answer is the whole line. Of `PM text` only a part is left: that is a command, and ends the
            // question.
            (Intent::Public(text), Some(Question::Whom)) if text == trimmed => self.say_to_one(chat, text),
            (Intent::Public(text), Some(Question::Direct(name))) if text == trimmed => {
                self.say_to(chat, &name, text);
            }
            (Intent::Public(text), _) => self.say_to_all(now_ms, chat, text),
        }
    }

    fn ask(&mut self, chat: u64, question: Question, words: &str) {
        self.set_state(chat, MemberState::Inside(Some(question)));
        self.tell(chat, words);
    }

    /// Whatever was asked is answered, or not wanted any more.
    fn end_question(&mut self, chat: u64) {
        if matches!(self.members.get(&chat).map(|member| &member.state), Some(MemberState::Inside(Some(_)))) {
            self.set_state(chat, MemberState::Inside(None));
        }
    }

    fn say_to_all(&mut self, now_ms: u64, chat: u64, text: &str) {
        self.end_question(chat);
        if text.is_empty() {
            return self.tell(chat, "nothing to send (HELP lists the commands)");
        }
        let Some(member) = self.members.get(&chat) else { return };
        let spoken = Spoken::new(&format!("[{}] ", member.name), text);
        // Others must know of somebody before they read a line of theirs.
        if self.notices().iter().any(|notice| notice.name() == member.name) {
            self.announce_now(now_ms);
        }
        let said = self.publish(Some(chat), &spoken);
        self.confirm(chat, said, None);
    }

    /// Sends public lines to all but this one, and keeps them for those who come later. Gives the number of what is said.
    pub(super) fn publish(&mut self, from: Option<u64>, spoken: &Spoken) -> u32 {
        let said = self.number();
        for other in self.others(from) {
            self.send_spoken(other, spoken, said);
        }
        // Whoever comes later may have any kind of chat.
        for line in spoken.lines(ChatKind::Plain) {
            self.history.push_back(line.clone());
            self.changes.lines.push(line.clone());
        }
        // Only what new members are shown stays in memory; the store keeps more, for a longer --history next time.
        while self.history.len() > self.settings.history {
            self.history.pop_front();
        }
        said
    }

    fn send_spoken(&mut self, to: u64, spoken: &Spoken, said: u32) {
        let Some(member) = self.members.get(&to) else { return };
        for line in spoken.lines(member.kind) {
            self.send(to, line.clone(), Some(said));
        }
    }

    fn number(&mut self) -> u32 {
        // It need differ only from those of the same turn: confirmations do not outlive it.
        self.said = self.said.wrapping_add(1);
        self.said
    }

    fn confirm(&mut self, id: u64, said: u32, whom: Option<String>) {
        let Some(member) = self.members.get(&id) else { return };
        let to = ChatRef { id, address: member.address.clone() };
        let whom = match member.kind {
            ChatKind::Plain => whom.map(|name| ascii(&name).into_owned()),
            ChatKind::Secure => whom,
        };
        self.actions.push(Action::Confirm { to, said, whom });
    }

    /// `NAME TEXT`, or `NAME` alone. A name may have spaces: the longest one that is here is meant.
    fn say_to_one(&mut self, chat: u64, rest: &str) {
        self.end_question(chat);
        let ends = rest.match_indices(' ').map(|(at, _)| at).chain([rest.len()]);
        let named = ends.filter_map(|end| rest.split_at_checked(end));
        let inside = |name: &str| self.meant(name).is_some();
        match named.rev().find(|(name, _)| inside(name)) {
            Some((name, text)) if text.trim().is_empty() => {
                let words = format!("what do you want to say to {name}?");
                self.ask(chat, Question::Direct(name.to_owned()), &words);
            }
            Some((name, text)) => self.say_to(chat, name, text.trim_start()),
            None => {
                let name = rest.split(' ').next().unwrap_or_default();
                self.tell_no_such(chat, name);
            }
        }
    }

    /// The chat of the one in the room with this name, or whose name is shown so to those that take only ASCII.
    fn meant(&self, name: &str) -> Option<u64> {
        let is_shown_so = |member: &Member| ascii(&member.name).eq_ignore_ascii_case(name);
        let by_look = || self.members.iter().find(|(_, member)| member.is_inside() && is_shown_so(member));
        self.inside(name).or_else(|| by_look().map(|(chat, _)| *chat))
    }

    fn tell_no_such(&mut self, chat: u64, name: &str) {
        let others = self.names_but(chat);
        let name: String = escape::ascii(name).chars().take(32).collect();
        self.tell(chat, format!("no such user: {name}; here: {others}"));
    }

    fn say_to(&mut self, chat: u64, name: &str, text: &str) {
        self.end_question(chat);
        let Some(to) = self.meant(name) else { return self.tell_no_such(chat, name) };
        if to == chat {
            return self.tell(chat, "you cannot message yourself");
        }
        let name_of = |chat| self.members.get(&chat).map(|member| member.name.clone()).unwrap_or_default();
        let (from, name) = (name_of(chat), name_of(to));
        let said = self.number();
        self.send_spoken(to, &Spoken::new(&format!("[{from} -> you] "), text), said);
        self.confirm(chat, said, Some(name));
    }
}

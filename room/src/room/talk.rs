//! What members say.
//!
//! | state | a text | PM / DM without | PM / DM with | WHO, HELP | EX |
//! |---|---|---|---|---|---|
//! | at the door | `login` | | | | |
//! | inside | to all | asked for what is missing | to all / to one | answered | leaves |
//! | inside, asked | what was asked for | asked anew | the same, the question is over | the same | leaves |
//! | leaving | nothing: it may have crossed the goodbye | | | | |

use std::sync::Arc;

use simp_control::escape;

use super::login::without_end;
use super::{Action, ChatRef, Room};
use crate::lines::{Intent, lines};
use crate::member::{Allowance, MemberState, Question, Rate};

const HELP: [&str; 3] = [
    "PM TEXT, or just TEXT, goes to everybody here. DM NAME TEXT goes to NAME only.",
    "WHO lists who is here, EX (or q, quit) leaves, HELP shows this.",
    "Lines of others begin with [their name], those for you alone with [their name -> you], news with *.",
];

impl Room {
    /// A member says something, in this event. `pause_ms`: how long no password of its is taken.
    pub fn said(&mut self, now_ms: u64, chat: u64, event: u64, text: &str, pause_ms: u64) {
        let Some(member) = self.members.get_mut(&chat).filter(|member| member.state != MemberState::Leaving)
        else {
            return;
        };
        match member.pace.allow(now_ms, self.settings.rate) {
            Allowance::Yes => self.heard(now_ms, chat, event, text, pause_ms),
            Allowance::No if Intent::read(text) == Intent::Leave => {
                self.heard(now_ms, chat, event, text, pause_ms)
            }
            Allowance::No if member.is_at_the_door() => self.tell(chat, "too fast: wait a little"),
            Allowance::No => {
                let Rate { messages } = self.settings.rate;
                let within = Rate::WITHIN_MS / 1_000;
                self.tell(chat, format!("too fast, not sent: at most {messages} messages in {within} s"));
            }
            Allowance::Never => self.dismiss(now_ms, chat, "too many messages: goodbye"),
        }
    }

    /// What a member says is one of those that it may say.
    pub(super) fn heard(&mut self, now_ms: u64, chat: u64, event: u64, text: &str, pause_ms: u64) {
        match self.members.get(&chat).map(|member| &member.state) {
            Some(MemberState::Asked(_) | MemberState::Checking(..)) => {
                self.heard_at_the_door(now_ms, chat, event, text, pause_ms);
            }
            Some(MemberState::Inside(question)) => {
                let question = question.clone();
                let is_said = !matches!(Intent::read(text), Intent::Who | Intent::Help);
                let member = self.members.get_mut(&chat).filter(|_| is_said);
                let given = member.and_then(|member| member.given.take());
                match given.is_some_and(|given| given == without_end(text)) {
                    true => self.tell(chat, "that is your password: not sent"),
                    false => self.obey(now_ms, chat, question, text),
                }
            }
            Some(MemberState::Leaving) | None => {}
        }
    }

    fn obey(&mut self, now_ms: u64, chat: u64, question: Option<Question>, text: &str) {
        let trimmed = text.trim();
        let line = Intent::read(text);
        match (line, question) {
            (Intent::Leave, _) => self.dismiss(now_ms, chat, "goodbye"),
            (Intent::Help, _) => HELP.iter().for_each(|line| self.tell(chat, *line)),
            (Intent::Who, _) => {
                let others = self.names_but(chat);
                self.tell(chat, format!("here: you, {others}"));
            }
            (Intent::PublicAsked, _) => {
                self.ask(chat, Question::Public, "what do you want to say to everybody?")
            }
            (Intent::DirectAsked, _) => {
                let others = self.names_but(chat);
                self.ask(chat, Question::Whom, &format!("to whom? here: {others}"));
            }
            (Intent::Direct(rest), _) => self.say_to_one(chat, rest),
            (Intent::Public(""), _) => self.say_to_all(now_ms, chat, ""),
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
        let public = lines(&format!("[{}] ", member.name), &escape::ascii(text));
        if self.notices().iter().any(|notice| notice.is_of(&member.name)) {
            self.announce_now(now_ms);
        }
        let said = self.publish(Some(chat), public);
        self.confirm(chat, said, None);
    }

    /// Sends public lines to all but this one, and keeps them for those who come later. Gives the number of what is said.
    pub(super) fn publish(&mut self, from: Option<u64>, public: Vec<String>) -> u32 {
        let said = self.number();
        for line in public {
            let line: Arc<str> = line.into();
            for other in self.others(from) {
                self.send(other, line.clone(), Some(said));
            }
            self.history.push_back(line.clone());
            self.changes.lines.push(line);
        }
        while self.history.len() > self.settings.history {
            self.history.pop_front();
        }
        said
    }

    fn number(&mut self) -> u32 {
        self.said = self.said.wrapping_add(1);
        self.said
    }

    fn confirm(&mut self, id: u64, said: u32, whom: Option<String>) {
        let Some(member) = self.members.get(&id) else { return };
        let to = ChatRef { id, address: member.address.clone() };
        self.actions.push(Action::Confirm { to, said, whom });
    }

    /// `NAME TEXT`, or `NAME` alone. A name may have spaces: the longest one that is here is meant.
    fn say_to_one(&mut self, chat: u64, rest: &str) {
        self.end_question(chat);
        let ends = rest.match_indices(' ').map(|(at, _)| at).chain([rest.len()]);
        let named = ends.filter_map(|end| rest.split_at_checked(end));
        let inside = |name: &str| self.inside(name).is_some();
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

    /// The chat of the one in the room with this name.
    fn inside(&self, name: &str) -> Option<u64> {
        let chat = *self.by_name.get(&name.to_ascii_lowercase())?;
        self.members.get(&chat).filter(|member| member.is_inside()).map(|_| chat)
    }

    fn tell_no_such(&mut self, chat: u64, name: &str) {
        let others = self.names_but(chat);
        let name: String = escape::ascii(name).chars().take(32).collect();
        self.tell(chat, format!("no such user: {name}; here: {others}"));
    }

    fn say_to(&mut self, chat: u64, name: &str, text: &str) {
        self.end_question(chat);
        let Some(to) = self.inside(name) else { return self.tell_no_such(chat, name) };
        if to == chat {
            return self.tell(chat, "you cannot message yourself");
        }
        let name_of = |chat| self.members.get(&chat).map(|member| member.name.clone()).unwrap_or_default();
        let (from, name) = (name_of(chat), name_of(to));
        let said = self.number();
        for line in lines(&format!("[{from} -> you] "), &escape::ascii(text)) {
            self.send(to, line.into(), Some(said));
        }
        self.confirm(chat, said, Some(name));
    }
}

//! What members say.
//!
//! | state | a text | PM / DM without | PM / DM with | WHO, HELP | EX |
//! |---|---|---|---|---|---|
//! | at the door | `login` | | | | |
//! | inside | to all | asked for what is missing | to all / to one | answered | leaves |
//! | inside, asked | what was asked for | asked anew | the same, the question is over | the same | leaves |
//! | leaving | nothing: it may have crossed the goodbye | | | | |

use std::sync::Arc;

use simp_control::{ascii, escape};

use super::actions::{Action, ChatRef};
use super::base::Room;
use super::posts::{By, Post};
use crate::lines::{Intent, Spoken};
use crate::member::{ChatKind, MemberState, Question};

/// So many bytes wait for the other doors at most, but for what members who leave add to it.
pub(super) const WAITING_MAX: usize = 4 << 20;

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
                let words = match self.count() <= 1 {
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
            (Intent::Direct(rest), _) => self.say_to_one(now_ms, chat, rest),
            (Intent::Public(""), _) => self.say_to_all(now_ms, chat, ""),
            // An answer is the whole line. Of `PM text` only a part is left: that is a command, and ends the
            // question.
            (Intent::Public(text), Some(Question::Whom)) if text == trimmed => {
                self.say_to_one(now_ms, chat, text);
            }
            (Intent::Public(text), Some(Question::Direct(name))) if text == trimmed => {
                self.say_to(now_ms, chat, &name, text);
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
        let by = By::Member { name: member.name.clone(), chat };
        self.say_if_not_too_much_waits(now_ms, chat, Post::Public { by, text: text.to_owned() });
    }

    /// Sends public lines to all at this door but this one, and keeps them for those who come later. Gives the number of
    /// what is said.
    pub(super) fn publish(&mut self, from: Option<u64>, spoken: &Spoken) -> u32 {
        let said = self.number();
        for other in self.others(from) {
            self.send_spoken(other, spoken, said);
        }
        // Whoever comes later may have any kind of chat.
        for line in spoken.lines(ChatKind::Plain) {
            self.keep_line(line.clone());
        }
        said
    }

    /// Keeps a public line for those who come later.
    pub(super) fn keep_line(&mut self, line: Arc<str>) {
        self.history.push_back(line.clone());
        self.changes.lines.push(line);
        // Only what new members are shown stays in memory; the store keeps more, for a longer --history next time.
        while self.history.len() > self.settings.history {
            self.history.pop_front();
        }
    }

    pub(super) fn send_spoken(&mut self, to: u64, spoken: &Spoken, said: u32) {
        let Some(member) = self.members.get(&to) else { return };
        for line in spoken.lines(member.kind) {
            self.send(to, line.clone(), Some(said));
        }
    }

    pub(super) fn number(&mut self) -> u32 {
        // It need differ only from those of the same turn: confirmations do not outlive it.
        self.said = self.said.wrapping_add(1);
        self.said
    }

    /// Tells the one in this chat what became of what it said, if it is still who said it.
    pub(super) fn confirm(&mut self, id: u64, by: &str, said: u32, whom: Option<String>, elsewhere: usize) {
        let Some(member) = self.members.get(&id).filter(|member| member.name == by) else { return };
        let to = ChatRef { id, address: member.address.clone() };
        let whom = match member.kind {
            ChatKind::Plain => whom.map(|name| ascii(&name).into_owned()),
            ChatKind::Secure => whom,
        };
        self.actions.push(Action::Confirm { to, said, whom, elsewhere });
    }

    /// `NAME TEXT`, or `NAME` alone. A name may have spaces: the longest one that is here is meant.
    fn say_to_one(&mut self, now_ms: u64, chat: u64, rest: &str) {
        self.end_question(chat);
        let ends = rest.match_indices(' ').map(|(at, _)| at).chain([rest.len()]);
        let named = ends.filter_map(|end| rest.split_at_checked(end));
        let inside = |name: &str| self.meant(name).is_some();
        match named.rev().find(|(name, _)| inside(name)) {
            Some((name, text)) if text.trim().is_empty() => {
                let words = format!("what do you want to say to {name}?");
                self.ask(chat, Question::Direct(name.to_owned()), &words);
            }
            Some((name, text)) => self.say_to(now_ms, chat, name, text.trim_start()),
            None => {
                let name = rest.split(' ').next().unwrap_or_default();
                self.tell_no_such(chat, name);
            }
        }
    }

    /// The name of the one in the room with this name, or whose name is shown so to those that take only ASCII.
    fn meant(&self, name: &str) -> Option<String> {
        let inside = self.members.values().filter(|member| member.is_inside()).map(|member| &member.name);
        let mut all = inside.chain(self.seats.elsewhere().map(|seat| &seat.name));
        let by_name = self.inside(name).and_then(|chat| self.members.get(&chat)).map(|member| &member.name);
        let by_name = by_name.or_else(|| self.seats.get(name).map(|seat| &seat.name));
        by_name.or_else(|| all.find(|inside| ascii(inside).eq_ignore_ascii_case(name))).cloned()
    }

    fn tell_no_such(&mut self, chat: u64, name: &str) {
        let others = self.names_but(chat);
        let name: String = escape::ascii(name).chars().take(32).collect();
        self.tell(chat, format!("no such user: {name}; here: {others}"));
    }

    fn say_to(&mut self, now_ms: u64, chat: u64, name: &str, text: &str) {
        self.end_question(chat);
        let Some(to) = self.meant(name) else { return self.tell_no_such(chat, name) };
        let Some(member) = self.members.get(&chat) else { return };
        if to == member.name {
            return self.tell(chat, "you cannot message yourself");
        }
        let by = By::Member { name: member.name.clone(), chat };
        self.say_if_not_too_much_waits(now_ms, chat, Post::Direct { by, to, text: text.to_owned() });
    }

    /// Posts what somebody says, unless the other doors have been away for so long that too much waits for them.
    fn say_if_not_too_much_waits(&mut self, now_ms: u64, chat: u64, post: Post) {
        match self.waiting >= WAITING_MAX {
            true => self.tell(chat, "not sent: too much waits already until the other doors can be reached"),
            false => self.post(now_ms, post),
        }
    }
}

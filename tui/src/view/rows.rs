//! A line of a conversation in rows: when, who, what, and what became of it.

use simp_control::clock::local;
use simp_control::sizes::size_words;
use simp_control::{Peer, Reason, Secure, escape};

use crate::fit::{clean, cut, lines, width};
use crate::model::line::{Fate, Happening, Line, OfferFate, Said, secrecy};
use crate::model::row::Row;
use crate::model::state::Contact;
use crate::view::paint::Spans;
use crate::view::palette::{Palette, Role};

/// Columns of the time of day, with the space after it.
const TIME: usize = 6;

/// Columns that a name has at most.
const NAME: usize = 24;

/// What the rows of a line depend on besides the line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) row: &'a Row,
    pub(crate) contact: Contact,
    /// What is new begins after this entry.
    pub(crate) seen: Option<u64>,
    pub(crate) width: usize,
    pub(crate) palette: Palette,
}

impl Setting<'_> {
    /// The rows of a line after the one before it; at least one.
    pub(crate) fn rows(&self, before: Option<&Line>, line: &Line) -> Vec<Spans> {
        let mut rows = Vec::new();
        let at = local(line.at_ms);
        let (day, time) = at.split_once(' ').unwrap_or((&at, ""));
        if before.is_none_or(|before| !local(before.at_ms).starts_with(day)) {
            rows.push(self.across(day, Role::Aside));
        }
        let is_first_news = before.is_none_or(|before| before.id.is_some() && before.id <= self.seen);
        if self.seen.is_some() && line.id > self.seen && is_first_news {
            rows.push(self.across("new", Role::News));
        }
        let time = time.get(..5).unwrap_or("");
        self.said(&line.said, line.id, time, &mut rows);
        rows
    }

    /// A word in a line across the conversation.
    fn across(&self, word: &str, role: Role) -> Spans {
        let word = format!(" {word} ");
        let left = "\u{2500}".repeat(TIME.saturating_sub(2).min(self.width));
        let right = "\u{2500}".repeat(self.width.saturating_sub(left.chars().count() + width(&word)));
        vec![(left + &word + &right, self.palette.style(role))]
    }

    fn said(&self, said: &Said, id: Option<u64>, time: &str, rows: &mut Vec<Spans>) {
        let plain = |text: &str, role, rows: &mut Vec<Spans>| self.text(time, None, text, role, None, rows);
        match said {
            Said::Theirs { name, text } => {
                let (name, text) = self.in_room(name, text);
                self.text(time, Some((&name, Role::Theirs)), text, Role::Text, None, rows);
            }
            Said::Ours { text, size, fate } => {
                let file = size.map(|size| format!("file {} ({})", text, size_words(size)));
                let text = file.as_deref().unwrap_or(text);
                let fate = self.fate(fate, id);
                self.text(time, Some(("you", Role::Ours)), text, Role::Text, fate, rows);
            }
            Said::Offer { name, file, size, fate } => {
                let text = format!("offers a file: {file} ({})", size_words(*size));
                let fate = match fate {
                    OfferFate::Offered => ("/save takes it".to_owned(), Role::News),
                    OfferFate::Saved(path) => (format!("saved: {path}"), Role::Aside),
                    OfferFate::Failed(why) => (format!("came to nothing: {why}"), Role::Wrong),
                };
                let name = escape::name(name);
                self.text(time, Some((&name, Role::Theirs)), &text, Role::Text, Some(fate), rows);
            }
            Said::Happening(happening) => {
                let role = match happening {
                    Happening::Error(_) | Happening::Closed { reason: Reason::OtherKey, .. } => Role::Wrong,
                    _ => Role::Happening,
                };
                plain(&self.happening(happening), role, rows);
            }
            Said::Notice(line) => plain(&format!("* {line}"), Role::Wrong, rows),
        }
    }

    /// What a member of a room says is said by that member.
    fn in_room<'a>(&self, name: &'a str, text: &'a str) -> (std::borrow::Cow<'a, str>, &'a str) {
        let of_member = text.strip_prefix('[').and_then(|rest| rest.split_once("] "));
        match of_member.filter(|_| self.row.room.is_some()) {
            Some((member, text)) => (clean(member), text),
            None => (escape::name(name), text),
        }
    }

    fn fate(&self, fate: &Fate, id: Option<u64>) -> Option<(String, Role)> {
        let again = "Alt-R sends it again";
        let waits = id.is_some_and(|id| self.row.waiting.contains(&id)) && self.row.chat.is_none();
        Some(match fate {
            Fate::Asked(_) if self.contact == Contact::Away => ("waits for simpd".to_owned(), Role::News),
            Fate::Asked(_) => ("sending".to_owned(), Role::Aside),
            Fate::Refused(why) => (format!("not sent: {why}"), Role::Wrong),
            Fate::Queued if waits => ("queued until the peer is there".to_owned(), Role::News),
            Fate::Queued => ("queued".to_owned(), Role::Aside),
            Fate::Delivered => ("\u{2713}".to_owned(), Role::Aside),
            Fate::Unconfirmed => (format!("not confirmed; {again}"), Role::News),
            Fate::Undelivered(Reason::Cancelled) => ("taken out of the outbox".to_owned(), Role::Aside),
            Fate::Undelivered(reason) => (format!("not delivered: {reason}; {again}"), Role::Wrong),
            Fate::Failed(why) => (format!("came to nothing: {why}"), Role::Wrong),
            Fate::Resent => ("sent again".to_owned(), Role::Aside),
        })
    }

    fn happening(&self, happening: &Happening) -> String {
        let who = &self.row.peer;
        match happening {
            Happening::Invited { secure } => format!("* {} invites you ({})", name(who), how(*secure)),
            Happening::Inviting => format!("* you invite {}", name(who)),
            Happening::Opened { secure, note: None } => format!("* the chat is open ({})", how(*secure)),
            Happening::Opened { secure, note: Some(note) } => {
                format!("* the chat is open ({}; {note})", how(*secure))
            }
            Happening::Closed { reason: Reason::OtherKey, text } => {
                let key = text.as_ref().map(|key| format!(", {key}")).unwrap_or_default();
                let remedy = format!("if that is right: simpctl keys forget {}", who.address);
                format!("* no chat: whoever is there has another key than before{key} ({remedy})")
            }
            Happening::Closed { reason, text: None } => format!("* {}: {}", over(*reason), ended(*reason)),
            Happening::Closed { reason: Reason::NobodyThere, text: Some(text) } => {
                format!("* no chat: {text}")
            }
            Happening::Closed { reason, text: Some(text) } => {
                format!("* {}: {} ({text})", over(*reason), ended(*reason))
            }
            Happening::Error(text) => format!("* the peer reports an error: {text}"),
            Happening::Told(text) => format!("* {text}"),
        }
    }

    /// The rows of a text: the time and a name before it, what became of it after it.
    fn text(
        &self,
        time: &str,
        name: Option<(&str, Role)>,
        text: &str,
        role: Role,
        fate: Option<(String, Role)>,
        rows: &mut Vec<Spans>,
    ) {
        let style = |role| self.palette.style(role);
        let indent = if self.width > 3 * TIME { TIME } else { 0 };
        let columns = self.width.saturating_sub(indent).max(1);
        let name = name.map(|(name, role)| (format!("{}: ", cut(name, NAME)), role));
        let before = name.as_ref().map_or(0, |(name, _)| width(name));
        for (at, part) in lines(text, columns, before).into_iter().enumerate() {
            let mut spans: Spans = Vec::new();
            match (at, indent) {
                (_, 0) => (),
                (0, _) => spans.push((format!("{time:indent$}"), style(Role::Aside))),
                _ => spans.push((" ".repeat(indent), style(Role::Text))),
            }
            if let Some((name, role)) = name.as_ref().filter(|_| at == 0) {
                spans.push((name.clone(), style(*role)));
            }
            spans.push((part, style(role)));
            rows.push(spans);
        }
        let Some((fate, role)) = fate else { return };
        let taken: usize = rows.last().map_or(0, |row| row.iter().map(|(text, _)| width(text)).sum());
        let fate = if fate.chars().count() == 1 { fate } else { format!("({})", clean(&fate)) };
        if taken + 1 + width(&fate) <= self.width
            && let Some(row) = rows.last_mut()
        {
            row.push((format!(" {fate}"), style(role)));
            return;
        }
        for part in lines(&fate, columns, 0) {
            rows.push(vec![(" ".repeat(indent), style(Role::Text)), (part, style(role))]);
        }
    }
}

/// What to call a peer.
pub(crate) fn name(peer: &Peer) -> String {
    if peer.user.is_empty() {
        clean(&peer.address).into_owned()
    } else {
        clean(&escape::name(&peer.user)).into_owned()
    }
}

/// How a chat is secure, if it is.
pub(crate) fn how(secure: Option<Secure>) -> String {
    secure.map_or_else(|| "plain".to_owned(), secrecy)
}

/// What is over for this reason: a chat, or what was to become one.
fn over(reason: Reason) -> &'static str {
    match reason {
        Reason::WeDeclined
        | Reason::PeerDeclined
        | Reason::PeerBusy
        | Reason::Withdrawn
        | Reason::NoAnswer
        | Reason::RequestExpired
        | Reason::NobodyThere
        | Reason::OtherKey => "no chat",
        Reason::Quit
        | Reason::PeerQuit
        | Reason::PeerGone
        | Reason::PeerRestarted
        | Reason::Cancelled
        | Reason::Expired
        | Reason::TooLong => "the chat is closed",
    }
}

/// Why it is over, as it looks from here.
fn ended(reason: Reason) -> &'static str {
    match reason {
        Reason::Quit => "you left",
        Reason::PeerQuit => "the peer left",
        Reason::WeDeclined => "you declined",
        Reason::PeerDeclined => "the peer declined",
        Reason::PeerBusy => "the peer is busy",
        Reason::Withdrawn => "the peer withdrew its invitation",
        Reason::NoAnswer => "no answer",
        Reason::RequestExpired => "the invitation was not answered in time",
        Reason::NobodyThere => "nobody listens there (is simpd running on that host?)",
        Reason::PeerGone => "the peer no longer answers",
        Reason::PeerRestarted => "the peer was restarted",
        Reason::Cancelled => "cancelled",
        Reason::Expired => "its time was over",
        Reason::TooLong => "too long",
        Reason::OtherKey => "another key",
    }
}

//! Lines as a user wants them: `{field}` stands for something of an entry, and all else for itself.

use std::fmt::Write as _;

use simp_control::clock::{local, rfc3339};
use simp_control::{Event, escape};

/// How to print an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Words(String),
    Field(Field),
}

/// What of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Id,
    At,
    Time,
    Event,
    Chat,
    From,
    User,
    Address,
    Text,
}

impl Field {
    const ALL: [(&str, Self); 9] = [
        ("id", Self::Id),
        ("at", Self::At),
        ("time", Self::Time),
        ("event", Self::Event),
        ("chat", Self::Chat),
        ("from", Self::From),
        ("user", Self::User),
        ("address", Self::Address),
        ("text", Self::Text),
    ];

    /// A line break in a value would make two lines of one entry, so that everything is as a terminal can take it.
    fn of(self, event: &Event) -> String {
        match self {
            Self::Id => event.id.to_string(),
            Self::At => rfc3339(event.at_ms),
            Self::Time => local(event.at_ms),
            Self::Event => event.what.kind().to_string(),
            Self::Chat => event.chat.to_string(),
            Self::From => event.peer.shown(),
            Self::User => escape::shown(&event.peer.user).into_owned(),
            Self::Address => escape::shown(&event.peer.address).into_owned(),
            Self::Text => event.what.text().map(escape::shown).unwrap_or_default().into_owned(),
        }
    }
}

/// Reads a template.
pub(crate) fn template(typed: &str) -> Result<Template, String> {
    let (mut parts, mut words) = (Vec::new(), String::new());
    let mut rest = typed.chars();
    while let Some(char) = rest.next() {
        match char {
            '\\' => words.push(match rest.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some(char @ ('\\' | '{' | '}')) => char,
                _ => return Err(r"after a backslash comes t, n, \, { or }".to_owned()),
            }),
            '{' => {
                let (name, after) = rest
                    .as_str()
                    .split_once('}')
                    .ok_or_else(|| r"a { has no } (one as it is: \{)".to_owned())?;
                let (_, field) = Field::ALL.iter().find(|(known, _)| *known == name).ok_or_else(|| {
                    let all = Field::ALL.map(|(name, _)| name).join(", ");
                    format!("there is no {{{}}} (there are {all})", escape::shown(name))
                })?;
                parts.extend([Part::Words(std::mem::take(&mut words)), Part::Field(*field)]);
                rest = after.chars();
            }
            char => words.push(char),
        }
    }
    parts.push(Part::Words(words));
    if !parts.iter().any(|part| matches!(part, Part::Field(_))) {
        return Err("it has no field, such as {text}".to_owned());
    }
    Ok(Template(parts))
}

impl Template {
    /// The line of an entry, with its end.
    pub(super) fn line(&self, event: &Event) -> String {
        let mut line = String::new();
        for part in &self.0 {
            // A text takes it in whatever it is.
            let _ = match part {
                Part::Words(words) => line.write_str(words),
                Part::Field(field) => line.write_str(&field.of(event)),
            };
        }
        line.push('\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use simp_control::{Peer, What};

    use super::*;

    fn event(text: &str) -> Event {
        let peer = Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() };
        let what = What::Message { text: text.to_owned() };
        Event { id: 7, at_ms: 0, chat: 3, peer, secure: None, answers: None, what }
    }

    #[test]
    fn each_field_stands_for_something_of_the_entry() {
        let line = |typed| template(typed).unwrap().line(&event("hi\nyou\u{1b}"));
        assert_eq!(line("{text}"), "hi\\nyou\\x1b\n");
        assert_eq!(
            line("{id} {at} {event} {chat} {from}"),
            "7 1970-01-01T00:00:00.000Z message 3 bob@127.0.0.2:7777\n"
        );
        assert_eq!(line(r"{user}\t{address}\\\{x\}\n"), "bob\t127.0.0.2:7777\\{x}\n\n");
        assert!(line("{time}").starts_with("19"));
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        let fields = "there are id, at, time, event, chat, from, user, address, text";
        for (typed, error) in [
            ("", "it has no field, such as {text}"),
            ("text", "it has no field, such as {text}"),
            ("{text", r"a { has no } (one as it is: \{)"),
            ("{Text}", &format!("there is no {{Text}} ({fields})")),
            ("{}", &format!("there is no {{}} ({fields})")),
            (r"{text}\", r"after a backslash comes t, n, \, { or }"),
            (r"\x{text}", r"after a backslash comes t, n, \, { or }"),
        ] {
            assert_eq!(template(typed), Err(error.to_owned()), "{typed}");
        }
    }
}

//! The commands: lines that begin with a slash. Whatever else is typed is said.

/// What a line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Typed {
    /// Nothing.
    Nothing,
    /// To say this.
    Text(String),
    Command(Command),
    /// No such command, or not like this: it is never said.
    Wrong(String),
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Connect(String),
    Accept(Option<String>),
    Decline(Option<String>),
    Quit,
    Open(String),
    Who,
    Search(String),
    Resend,
    Cancel,
    Save(Option<String>),
    Home,
    Help,
    Exit,
}

/// What may follow a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Argument {
    None,
    /// Whom it means; it may be left out.
    Who,
    /// Whom it means, or an address.
    Somebody,
    Text,
    Folder,
}

/// The commands: their names, what may follow, and what they do.
pub(crate) const COMMANDS: [(&str, Argument, &str); 13] = [
    (
        "connect",
        Argument::Somebody,
        "invite somebody by name, address or host, or open the chat that there is",
    ),
    ("accept", Argument::Who, "accept an invitation"),
    ("decline", Argument::Who, "decline it"),
    ("quit", Argument::None, "end this chat, or take the invitation back"),
    ("open", Argument::Somebody, "show the conversation with somebody"),
    ("who", Argument::None, "who this is; in a room: who is there"),
    ("search", Argument::Text, "look for a text in this conversation; at home: everywhere"),
    ("resend", Argument::None, "send the newest message again that was not delivered"),
    ("cancel", Argument::None, "take the newest message out of the outbox"),
    ("save", Argument::Folder, "save the file that is offered, here or in this folder"),
    ("home", Argument::None, "show no conversation"),
    ("help", Argument::None, "show this"),
    ("exit", Argument::None, "leave the screen; chats stay open"),
];

/// Whether a line is said, rather than carried out.
pub(crate) fn is_said(line: &str) -> bool {
    !line.starts_with('/') || line.starts_with("//")
}

/// Reads a line.
pub(crate) fn read(line: &str) -> Typed {
    let Some(rest) = line.strip_prefix('/') else {
        return if line.trim().is_empty() { Typed::Nothing } else { Typed::Text(line.to_owned()) };
    };
    // A text that begins with a slash.
    if rest.starts_with('/') {
        return Typed::Text(rest.to_owned());
    }
    let (word, argument) = rest.split_once(' ').unwrap_or((rest, ""));
    let argument = Some(argument.trim()).filter(|argument| !argument.is_empty()).map(str::to_owned);
    let Some((name, may_follow, _)) = COMMANDS.iter().find(|(name, ..)| *name == word) else {
        return Typed::Wrong(format!("/{word}: no such command (F1 lists them; // sends a slash)"));
    };
    match (may_follow, &argument) {
        (Argument::None, Some(_)) => return Typed::Wrong(format!("/{name} takes nothing after it")),
        (Argument::Somebody | Argument::Text, None) => {
            let what = if *may_follow == Argument::Text { "TEXT" } else { "ADDR or a name" };
            return Typed::Wrong(format!("/{name} needs {what}"));
        }
        _ => (),
    }
    command(name, argument).map_or_else(|| Typed::Wrong(format!("/{name}: no such command")), Typed::Command)
}

fn command(name: &str, argument: Option<String>) -> Option<Command> {
    Some(match (name, argument) {
        ("connect", Some(whom)) => Command::Connect(whom),
        ("open", Some(whom)) => Command::Open(whom),
        ("search", Some(text)) => Command::Search(text),
        ("accept", whom) => Command::Accept(whom),
        ("decline", whom) => Command::Decline(whom),
        ("save", folder) => Command::Save(folder),
        ("quit", _) => Command::Quit,
        ("who", _) => Command::Who,
        ("resend", _) => Command::Resend,
        ("cancel", _) => Command::Cancel,
        ("home", _) => Command::Home,
        ("help", _) => Command::Help,
        ("exit", _) => Command::Exit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_with_a_slash_is_a_command_or_is_refused() {
        let some = |text: &str| Some(text.to_owned());
        for (line, typed) in [
            ("", Typed::Nothing),
            ("  ", Typed::Nothing),
            ("hi /there", Typed::Text("hi /there".into())),
            ("//etc", Typed::Text("/etc".into())),
            ("/connect 10.0.0.2", Typed::Command(Command::Connect("10.0.0.2".into()))),
            ("/accept", Typed::Command(Command::Accept(None))),
            ("/accept  Ann Lee ", Typed::Command(Command::Accept(some("Ann Lee")))),
            ("/search a b", Typed::Command(Command::Search("a b".into()))),
            ("/quit", Typed::Command(Command::Quit)),
            ("/quit bob", Typed::Wrong("/quit takes nothing after it".into())),
            ("/connect", Typed::Wrong("/connect needs ADDR or a name".into())),
            ("/search ", Typed::Wrong("/search needs TEXT".into())),
            ("/quti", Typed::Wrong("/quti: no such command (F1 lists them; // sends a slash)".into())),
            ("/ hi", Typed::Wrong("/: no such command (F1 lists them; // sends a slash)".into())),
        ] {
            assert_eq!(read(line), typed, "{line}");
        }
    }

    #[test]
    fn every_command_that_is_listed_is_one() {
        for (name, argument, _) in COMMANDS {
            let more = if matches!(argument, Argument::Somebody | Argument::Text) { " x" } else { "" };
            assert!(matches!(read(&format!("/{name}{more}")), Typed::Command(_)), "{name}");
        }
    }
}

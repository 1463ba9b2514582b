//! Options that may be given before or after the command (`-d`, `--json`, `--help`): moved to where argh reads
//! them. Also makes `--option=value` and `-n5` two words, which argh does not.

use argh::{ArgsInfo, CommandInfoWithArgs, FlagInfo, FlagInfoKind};

use crate::args::Args;

/// The arguments in the order in which argh wants them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Globals {
    front: Vec<String>,
    command: Option<String>,
    rest: Vec<String>,
}

impl Globals {
    /// Sorts the arguments as they were typed.
    pub(crate) fn take(words: Vec<String>) -> Self {
        let info = Args::get_args_info();
        let mut globals = Self::default();
        let mut help = false;
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            if is_help(&word) || word == "help" {
                help = true;
            } else if word.starts_with('-') && word != "--" {
                globals.option(word, info.flags, &mut words, true);
            } else {
                globals.command = Some(word);
                break;
            }
        }
        // Which words are values is for the command's own options to say: `listen --exec --json` runs `--json`.
        let command = globals.command.as_ref().and_then(|name| find_command(&info, name));
        globals.after_command(command.map_or(&[], |command| command.flags), info.flags, words, &mut help);
        if help {
            // argh would hand a `--help` before the command to it as the word "help": a text to send.
            let below = globals.rest.first().is_some_and(|word| has_below(command, word));
            globals.rest.truncate(usize::from(below));
            globals.rest.push("--help".to_owned());
        }
        globals
    }

    /// All words, options for all commands first.
    pub(crate) fn words(&self) -> Vec<&str> {
        self.front.iter().chain(&self.command).chain(&self.rest).map(String::as_str).collect()
    }

    /// Whether JSON is wanted; known even if the arguments make no sense.
    pub(crate) fn json(&self) -> bool {
        self.front.iter().any(|word| word == "--json")
    }

    /// The command that was typed.
    pub(crate) fn command(&self) -> Option<&str> {
        self.command.as_deref()
    }

    /// What to ask for help: the program and the command, if it is one.
    pub(crate) fn program(&self) -> String {
        let info = Args::get_args_info();
        match self.command().and_then(|name| find_command(&info, name)) {
            Some(command) => format!("simpctl {}", command.name),
            None => "simpctl".to_owned(),
        }
    }

    fn after_command(
        &mut self,
        own: &[FlagInfo<'_>],
        global: &[FlagInfo<'_>],
        mut words: impl Iterator<Item = String>,
        help: &mut bool,
    ) {
        while let Some(word) = words.next() {
            if word == "--" {
                self.rest.push(word);
                // From here on all is text, whatever it looks like.
                self.rest.extend(words);
                return;
            } else if is_help(&word) {
                *help = true;
            // `--version` of the program makes no sense after a command, and may be a text to send.
            } else if find_flag(global, &word).is_some() && word != "--version" {
                self.option(word, global, &mut words, true);
            } else {
                self.option(word, own, &mut words, false);
            }
        }
    }

    /// Takes a word and, if it is an option with a value, its value.
    fn option(
        &mut self,
        word: String,
        flags: &[FlagInfo<'_>],
        words: &mut impl Iterator<Item = String>,
        to_front: bool,
    ) {
        let place = if to_front { &mut self.front } else { &mut self.rest };
        match find_flag(flags, &word) {
            Some((name, Some(value))) => place.extend([name, value]),
            Some((_, None)) => {
                let has_value = find_option(flags, &word);
                place.push(word);
                place.extend(has_value.then(|| words.next()).flatten());
            }
            // If it is no option at all argh says so.
            None => place.push(word),
        }
    }
}

fn is_help(word: &str) -> bool {
    matches!(word, "--help" | "-h")
}

fn find_command<'a>(info: &'a CommandInfoWithArgs, name: &str) -> Option<&'a CommandInfoWithArgs> {
    info.commands.iter().map(|sub| &sub.command).find(|command| command.name == name)
}

/// Whether there is a command of this name below this one.
fn has_below(command: Option<&CommandInfoWithArgs>, name: &str) -> bool {
    command.is_some_and(|command| command.commands.iter().any(|sub| sub.name == name))
}

/// Whether the word is the name of an option that takes a value.
fn find_option(flags: &[FlagInfo<'_>], word: &str) -> bool {
    flags.iter().any(|flag| is_named(flag, word) && matches!(flag.kind, FlagInfoKind::Option { .. }))
}

fn is_named(flag: &FlagInfo<'_>, word: &str) -> bool {
    flag.long == word
        || flag.short.is_some_and(|short| word.strip_prefix('-') == Some(short.encode_utf8(&mut [0; 4])))
}

/// The flag in a word, and the value if it is in the same word.
fn find_flag(flags: &[FlagInfo<'_>], word: &str) -> Option<(String, Option<String>)> {
    if flags.iter().any(|flag| is_named(flag, word)) {
        return Some((word.to_owned(), None));
    }
    let (name, value) = if word.starts_with("--") {
        word.split_once('=')?
    } else {
        word.split_at_checked(2).filter(|(_, value)| !value.is_empty())?
    };
    find_option(flags, name).then(|| (name.to_owned(), Some(value.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(line: &str) -> String {
        let globals = Globals::take(line.split(' ').map(str::to_owned).collect());
        globals.words().join(" ")
    }

    #[test]
    fn options_for_all_commands_may_come_after_the_command() {
        for (typed, expected) in [
            ("--json -d a status", "--json -d a status"),
            ("status -d a --json", "-d a --json status"),
            ("status --daemon=a", "--daemon a status"),
            ("-da status", "-d a status"),
            ("status -da", "-d a status"),
            ("send -t bob hi --json", "--json send -t bob hi"),
        ] {
            assert_eq!(sorted(typed), expected);
        }
    }

    #[test]
    fn values_and_texts_are_left_where_they_are() {
        for (typed, expected) in [
            ("listen --exec --json", "listen --exec --json"),
            ("send -t -d hi", "send -t -d hi"),
            ("send -- hi --json -d x --help", "send -- hi --json -d x --help"),
            ("send help", "send help"),
            ("send a=b --unknown=1", "send a=b --unknown=1"),
            ("nonsense -n5", "nonsense -n5"),
            ("send --version", "send --version"),
        ] {
            assert_eq!(sorted(typed), expected);
        }
    }

    #[test]
    fn a_value_may_stick_to_its_option() {
        assert_eq!(sorted("listen --timeout=5 -n3 --from=a=b"), "listen --timeout 5 -n 3 --from a=b");
    }

    #[test]
    fn help_is_never_a_text_to_send() {
        for typed in ["--help send", "help send", "send --help", "-h send hi", "send hi -h"] {
            assert_eq!(sorted(typed), "send --help");
        }
        for typed in ["outbox cancel --help", "--help outbox cancel 5", "outbox -h cancel"] {
            assert_eq!(sorted(typed), "outbox cancel --help");
        }
        for typed in ["--help", "help", "-h"] {
            assert_eq!(sorted(typed), "--help");
        }
    }
}

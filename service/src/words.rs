//! The words of a command line, in the order in which argh reads them. argh takes the options of the program only before
//! the command, and reads neither `--option=value` nor `-n5`. Which of the words are a text, in which nothing is an
//! option any more, is decided here.

use std::ffi::OsString;

use argh::{CommandInfoWithArgs, FlagInfo, FlagInfoKind, Optionality, PositionalInfo};

/// What argh reads for a `-` that stands for standard input in the place of a text: `-- -` is a text, and no argument of a
/// process can be this.
pub const STDIN: &str = "\0";

/// The words of a command line, sorted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// The options of the program itself, wherever they were typed.
    front: Vec<String>,
    /// All that follows: the command, the commands below it, and their arguments.
    rest: Vec<String>,
    /// The command and those below it.
    path: Vec<String>,
    /// The commands below the last of these, and the options that all of them take.
    known: Vec<String>,
    /// The first word where a command is expected, if it is none.
    unknown: Option<String>,
    text: TextOfWords,
    help: bool,
    fault: Option<Fault>,
}

/// What argh would not notice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// What is no text cannot be sent or compared. Characters in its place would be.
    #[error("'{0}': not UTF-8, which every argument must be")]
    NotUtf8(String),
    /// An option at the end. argh would take the command for its value.
    #[error("{0}: no value given")]
    NoValue(String),
}

/// Whether a command takes a text, and whether there is one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum TextOfWords {
    #[default]
    None,
    Possible,
    Begun,
}

impl Words {
    /// Sorts the words as they were typed. A command takes a text if its last argument is `greedy`; then the first word
    /// of the text ends the options.
    pub fn sort(info: &CommandInfoWithArgs, typed: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let typed: Vec<OsString> = typed.into_iter().map(Into::into).collect();
        let mut sorted = Self { fault: not_utf8(&typed), ..Self::default() };
        let mut typed = typed.iter().map(|word| word.to_string_lossy().into_owned());
        let (mut command, mut given, mut may_be_value) = (info, 0, false);
        // `-` is an argument, or stands for a text, and argh takes it for one only at the end of the options.
        let mut after_options = Vec::new();
        while let Some(word) = typed.next() {
            if let Some(dash) = dash(command, &word) {
                after_options.push(dash.to_owned());
            } else if !after_options.is_empty() && !word.starts_with('-') {
                after_options.push(word);
            } else if word == "--" && !after_options.is_empty() {
                after_options.extend(typed.by_ref());
            } else if word == "--" || is_greedy(command.positionals.get(given)) && !word.starts_with('-') {
                sorted.rest.push(word);
                sorted.rest.extend(typed.by_ref());
                sorted.text = TextOfWords::Begun;
                break;
            } else if given > 0 && is_greedy(command.positionals.get(given)) && is_help_in_text(&word, &typed)
            {
                // argh would take it for an option.
                sorted.rest.extend(["--".to_owned(), word]);
                sorted.rest.extend(typed.by_ref());
                sorted.text = TextOfWords::Begun;
                break;
            } else if is_help(&word) || (word == "help" && !command.commands.is_empty()) {
                sorted.help = true;
            } else if word.starts_with('-') {
                may_be_value = !sorted.take_option(info.flags, command.flags, word, &mut typed);
            } else if let Some(below) = sorted.below(command, &word) {
                (command, given) = (below, 0);
                sorted.path.push(word.clone());
                sorted.rest.push(word);
            } else {
                given += 1;
                if !command.commands.is_empty() && !std::mem::take(&mut may_be_value) {
                    sorted.unknown.get_or_insert_with(|| word.clone());
                }
                sorted.rest.push(word);
            }
        }
        if !after_options.is_empty() {
            sorted.text = TextOfWords::Begun;
            sorted.rest.push("--".to_owned());
            sorted.rest.extend(after_options);
        }
        // Of an argument after `--` that is none, argh says so.
        match is_greedy(command.positionals.last()) {
            true if sorted.text == TextOfWords::None => sorted.text = TextOfWords::Possible,
            true => (),
            false => sorted.text = TextOfWords::None,
        }
        sorted.known = names(info, command);
        sorted
    }

    /// The command of this name. After a word that is none there are no others.
    fn below<'a>(&self, command: &'a CommandInfoWithArgs, name: &str) -> Option<&'a CommandInfoWithArgs> {
        let below = command.commands.iter().find(|below| below.name == name);
        below.filter(|_| self.unknown.is_none()).map(|below| &below.command)
    }

    /// All of them, as argh reads them. If help was asked for, nothing but that and the command.
    pub fn for_argh(&self) -> Vec<&str> {
        let front = self.front.iter().map(String::as_str);
        if self.help {
            // argh would hand a `--help` before the command to it as the word "help": a text to send.
            let path = self.path.iter().map(String::as_str);
            // There is no help for what there is not.
            return front.chain(path).chain([self.unknown.as_deref().unwrap_or("--help")]).collect();
        }
        front.chain(self.rest.iter().map(String::as_str)).collect()
    }

    /// Whether this option of the program was given; known even if the rest makes no sense.
    pub fn has(&self, option: &str) -> bool {
        self.front.iter().any(|word| word == option)
    }

    /// The command that was typed and those below it; nothing if there is no such command.
    pub fn path(&self) -> impl Iterator<Item = &str> {
        self.path.iter().map(String::as_str)
    }

    /// Whether a text was begun.
    pub fn has_text(&self) -> bool {
        self.text == TextOfWords::Begun
    }

    /// What is wrong with the words themselves. Help is given all the same.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref().filter(|_| !self.help)
    }

    /// The commands that could be where the command line ends.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(String::as_str).filter(|name| !name.starts_with('-'))
    }

    /// The options that the command takes, by their long names.
    pub(crate) fn options(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(String::as_str).filter(|name| name.starts_with('-'))
    }

    /// Whether this word comes after `--`, where nothing is an option.
    pub(crate) fn has_after_dashes(&self, word: &str) -> bool {
        self.rest.iter().skip_while(|typed| *typed != "--").any(|typed| typed == word)
    }

    /// Whether the command takes a text, whose words may begin with a dash.
    pub fn takes_text(&self) -> bool {
        self.text != TextOfWords::None
    }

    /// Takes a word that begins with a dash and, if it is an option with a value, its value. Returns whether it is any
    /// option.
    fn take_option(
        &mut self,
        of_all: &[FlagInfo<'_>],
        own: &[FlagInfo<'_>],
        word: String,
        typed: &mut impl Iterator<Item = String>,
    ) -> bool {
        // `--version` of the program makes no sense after a command.
        let is_of_all = find_flag(of_all, &word).is_some() && (self.path.is_empty() || word != "--version");
        let (flags, place) = if is_of_all { (of_all, &mut self.front) } else { (own, &mut self.rest) };
        let found = find_flag(flags, &word);
        let is_known = found.is_some();
        match found {
            Some((name, Some(value))) => place.extend([name, value]),
            Some((name, None)) if takes_value(flags, &name) => match typed.next() {
                Some(value) => place.extend([name, value]),
                None => self.fault = self.fault.take().or(Some(Fault::NoValue(name))),
            },
            // If it is no option at all argh says so.
            _ => place.push(word),
        }
        is_known
    }
}

fn not_utf8(typed: &[OsString]) -> Option<Fault> {
    let word = typed.iter().find(|word| word.to_str().is_none())?;
    Some(Fault::NotUtf8(word.to_string_lossy().into_owned()))
}

/// What may follow a command: those below it, and its options and those of the program.
fn names(program: &CommandInfoWithArgs, command: &CommandInfoWithArgs) -> Vec<String> {
    let of_all = program.flags.iter().filter(|flag| command.name == program.name || flag.long != "--version");
    let flags = command.flags.iter().chain(of_all).map(|flag| flag.long);
    command.commands.iter().map(|below| below.name).chain(flags).map(str::to_owned).collect()
}

fn is_help(word: &str) -> bool {
    matches!(word, "--help" | "-h")
}

/// Whether the word asks for help only as the first of a text: more of that follows.
fn is_help_in_text(word: &str, next: &(impl Iterator<Item = String> + Clone)) -> bool {
    is_help(word) && next.clone().next().is_some_and(|next| !next.starts_with('-'))
}

/// What argh is to read for a word that stands for standard input: in a command whose arguments are no text, or one that
/// takes `-` instead of a text and says so in its usage.
fn dash<'a>(command: &CommandInfoWithArgs, word: &'a str) -> Option<&'a str> {
    let last = command.positionals.last().filter(|_| word == "-")?;
    match is_greedy(Some(last)) {
        true => last.name.ends_with("|-").then_some(STDIN),
        false => Some(word),
    }
}

fn is_greedy(argument: Option<&PositionalInfo<'_>>) -> bool {
    argument.is_some_and(|argument| argument.optionality == Optionality::Greedy)
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
    takes_value(flags, name).then(|| (name.to_owned(), Some(value.to_owned())))
}

/// Whether the word is the name of an option that takes a value.
fn takes_value(flags: &[FlagInfo<'_>], word: &str) -> bool {
    flags.iter().any(|flag| is_named(flag, word) && matches!(flag.kind, FlagInfoKind::Option { .. }))
}

fn is_named(flag: &FlagInfo<'_>, word: &str) -> bool {
    flag.long == word
        || flag.short.is_some_and(|short| word.strip_prefix('-') == Some(short.encode_utf8(&mut [0; 4])))
}

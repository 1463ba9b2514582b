//! What argh complains of, in our words: what is wrong with the command line, and the remedy if there is a better one than
//! the help.

use crate::words::Words;

/// Further from each other two names are not taken for one another. In letters that are wrong, missing, or swapped.
const SLIPS_MAX: usize = 2;

/// What is wrong with a command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) what: String,
    pub(crate) remedy: Option<String>,
}

impl Complaint {
    /// Says what argh has said of these words. What it never says of programs like ours stays as it is, in one line.
    pub(crate) fn of(said: &str, words: &Words) -> Self {
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(word) = said.strip_prefix("Unrecognized argument: ") {
            return unknown(word, words);
        }
        let what = if let Some(names) = said.strip_prefix("Required positional arguments not provided: ") {
            format!("<{}> is missing", names.split(' ').next().unwrap_or_default())
        } else if said.starts_with("One of the following subcommands must be present: ") {
            format!("no command given: {}", words.commands().collect::<Vec<_>>().join(", "))
        } else if let Some(value) = said.strip_prefix("Error parsing option '") {
            value.split_once("' with value '").map_or_else(|| said.clone(), |(name, rest)| wrong(name, rest))
        } else if let Some(value) = said.strip_prefix("Error parsing positional argument '") {
            value.split_once("' with value ").map_or_else(|| said.clone(), |(_, rest)| rest.to_owned())
        } else {
            said
        };
        Self { what, remedy: None }
    }
}

/// An option and the rest of what is said of it: `VALUE': why`.
fn wrong(option: &str, rest: &str) -> String {
    match rest.ends_with("': duplicate values provided") {
        true => format!("{option} is given twice"),
        false => format!("{option} '{rest}"),
    }
}

/// A word that means nothing where it stands.
fn unknown(word: &str, words: &Words) -> Complaint {
    let did_you_mean = |near: Option<&str>| near.map(|near| format!("did you mean {near}?"));
    // One dash alone is no option anywhere; in a text it needs to be said that it is text.
    let looks_like_option = word.starts_with('-') && (word != "-" || words.takes_text());
    let is_late = looks_like_option && words.has_after_dashes(word);
    if !looks_like_option || is_late {
        let what = match words.commands().next() {
            Some(_) => format!("no command {word}"),
            None => format!("one argument too many: {word}"),
        };
        let near = || did_you_mean(nearest(word, words.commands()));
        return Complaint {
            what,
            remedy: if is_late { Some("options go before --".to_owned()) } else { near() },
        };
    }
    let remedy = if words.takes_text() && nearest(word, words.options()).is_none() {
        // Somebody who says `send -5 degrees` means no option.
        Some("put -- before a text that begins with a dash".to_owned())
    } else if words.options().any(|option| option == word) {
        Some("it goes after the command".to_owned())
    } else {
        did_you_mean(nearest(word, words.options()))
    };
    Complaint { what: format!("no option {word}"), remedy }
}

/// The name that was meant, perhaps.
fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let slips = names.map(|name| (strsim::osa_distance(typed, name), name));
    let (slips, name) = slips.min()?;
    // With as many slips as letters, anything could have been meant.
    (slips <= SLIPS_MAX && slips < typed.trim_start_matches('-').chars().count()).then_some(name)
}

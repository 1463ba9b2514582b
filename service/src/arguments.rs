//! The command line of this process, read with argh. What the options are is the program's own business.

use argh::{ArgsInfo, FromArgs};

use crate::words::Words;

/// What there is to print instead of running.
#[derive(Debug, PartialEq, Eq)]
pub enum Early {
    /// The help that was asked for: goes to standard output, and the status is 0.
    Help(String),
    /// What is wrong, as one line without the program's name: goes to standard error, and the status is 2.
    Usage(String),
}

/// The arguments of this process. Bytes that are not UTF-8 become U+FFFD.
pub fn typed() -> impl Iterator<Item = String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned())
}

/// Reads the arguments of this process.
///
/// # Errors
/// [`Early`], if there is something to print and nothing to do.
pub fn read<T: FromArgs + ArgsInfo>(program: &str) -> Result<T, Early> {
    parse(program, &Words::sort(&T::get_args_info(), typed()))
}

/// Reads arguments that are sorted already.
///
/// # Errors
/// [`Early`], if there is something to print and nothing to do.
pub fn parse<T: FromArgs>(program: &str, words: &Words) -> Result<T, Early> {
    if let Some(option) = words.unfinished() {
        return Err(Early::Usage(usage(program, words, &format!("no value provided for option '{option}'"))));
    }
    T::from_args(&[program], &words.for_argh()).map_err(|early| match early.status {
        // argh calls them error codes; the manuals and the shell call them exit statuses.
        Ok(()) => Early::Help(early.output.replace("Error codes:", "Exit statuses:")),
        Err(()) => Early::Usage(usage(program, words, &early.output)),
    })
}

/// Reads a whole number from `least` to `most`, which must fit into `T`.
///
/// # Errors
/// What is expected, for people.
pub fn whole<T: TryFrom<u64>>(text: &str, least: u64, most: u64) -> Result<T, String> {
    // `parse` alone would take a sign.
    let number = if text.starts_with('+') { None } else { text.parse::<u64>().ok() };
    let number =
        number.filter(|number| (least..=most).contains(number)).and_then(|number| number.try_into().ok());
    number.ok_or_else(|| format!("expected a whole number from {least} to {most}"))
}

/// Words a complaint of argh as we word ours: one line, in lower case, with the way to the help.
fn usage(program: &str, words: &Words, complaint: &str) -> String {
    let line = complaint.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut letters = line.trim_end_matches('.').chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    let line: String = first.into_iter().chain(letters).collect();
    // Somebody who says `send -5 degrees` means no option.
    let is_dash = words.takes_text() && line.starts_with("unrecognized argument: -");
    let remedy = if is_dash { "put -- before a text that begins with a dash; " } else { "" };
    let command: String = words.path().map(|name| format!(" {name}")).collect();
    format!("{line} ({remedy}see {program}{command} --help)")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says hello.
    #[derive(FromArgs, ArgsInfo, Debug, PartialEq, Eq)]
    #[argh(error_code(2, "usage"), help_triggers("-h", "--help"))]
    struct Args {
        /// in which language
        #[argh(option, short = 'l')]
        language: Option<String>,
        /// print JSON
        #[argh(switch)]
        json: bool,
        /// print the version
        #[argh(switch)]
        version: bool,
        #[argh(subcommand)]
        command: Command,
    }

    #[derive(FromArgs, ArgsInfo, Debug, PartialEq, Eq)]
    #[argh(subcommand)]
    enum Command {
        Say(Say),
        Many(Many),
    }

    /// Says something.
    #[derive(FromArgs, ArgsInfo, Debug, PartialEq, Eq)]
    #[argh(subcommand, name = "say", help_triggers("-h", "--help"))]
    struct Say {
        /// how often
        #[argh(option, short = 'n')]
        number: Option<u8>,
        /// to whom
        #[argh(positional)]
        whom: String,
        /// what
        #[argh(positional, greedy)]
        text: Vec<String>,
    }

    /// Says hello to many.
    #[derive(FromArgs, ArgsInfo, Debug, PartialEq, Eq)]
    #[argh(subcommand, name = "many", help_triggers("-h", "--help"))]
    struct Many {
        #[argh(subcommand)]
        what: Below,
    }

    #[derive(FromArgs, ArgsInfo, Debug, PartialEq, Eq)]
    #[argh(subcommand)]
    enum Below {
        Drop(Drop),
    }

    /// Drops one.
    #[derive(FromArgs, ArgsInfo, Debug, PartialEq, Eq)]
    #[argh(subcommand, name = "drop", help_triggers("-h", "--help"))]
    struct Drop {
        /// which
        #[argh(positional)]
        id: String,
    }

    fn sort(line: &str) -> Words {
        Words::sort(&Args::get_args_info(), line.split_whitespace().map(str::to_owned))
    }

    fn said(line: &str) -> Result<(Option<u8>, String), Early> {
        match parse::<Args>("hello", &sort(line))?.command {
            Command::Say(say) => Ok((say.number, [vec![say.whom], say.text].concat().join(" "))),
            Command::Many(_) => panic!("{line}: not said"),
        }
    }

    #[test]
    fn after_the_first_word_of_a_text_all_is_text() {
        for (line, text) in [
            ("say bob please read --help first", "bob please read --help first"),
            ("say bob hi --json -l x -n 3 --version -h", "bob hi --json -l x -n 3 --version -h"),
            ("say bob hi -- there", "bob hi -- there"),
            ("say bob -- --json", "bob --json"),
            ("say -- bob -5 degrees", "bob -5 degrees"),
            ("say -- -bob -n", "-bob -n"),
            ("say bob help many drop", "bob help many drop"),
        ] {
            assert_eq!(said(line), Ok((None, text.to_owned())), "{line}");
        }
        // Who it is for is no text yet.
        for line in
            ["say -n 3 bob hi", "say bob -n3 hi", "say --number=3 bob --json hi", "-l x say -n 3 bob hi"]
        {
            assert_eq!(said(line), Ok((Some(3), "bob hi".to_owned())), "{line}");
        }
    }

    #[test]
    fn options_of_the_program_may_come_after_the_command() {
        for (line, sorted) in [
            ("many --json drop 7 -l x", "--json -l x many drop 7"),
            ("many drop 7 --language=x", "--language x many drop 7"),
            ("many drop -lx 7", "-l x many drop 7"),
            ("say -n --json bob", "say -n --json bob"),
            ("say bob --unknown=1", "say bob --unknown=1"),
            ("nonsense -n5 --json", "--json nonsense -n5"),
            ("many --version", "many --version"),
        ] {
            assert_eq!(sort(line).for_argh().join(" "), sorted, "{line}");
        }
        assert!(sort("many drop --json").has("--json") && !sort("say bob hi --json").has("--json"));
    }

    #[test]
    fn help_is_that_of_the_command_that_was_typed() {
        for (line, sorted) in [
            ("--help", "--help"),
            ("help", "--help"),
            ("-h say bob hi", "say --help"),
            ("help say", "say --help"),
            ("say bob -h", "say --help"),
            ("help many drop", "many drop --help"),
            ("many help", "many --help"),
            ("many drop 7 --help", "many drop --help"),
            ("say --help -n", "say --help"),
        ] {
            assert_eq!(sort(line).for_argh().join(" "), sorted, "{line}");
        }
    }

    #[test]
    fn a_wrong_command_line_is_one_line_with_the_way_to_the_help() {
        for (line, said) in [
            ("--loud", "unrecognized argument: --loud (see hello --help)"),
            ("many -l", "no value provided for option '-l' (see hello many --help)"),
            ("many drop", "required positional arguments not provided: id (see hello many drop --help)"),
            ("many drop 7 -5", "unrecognized argument: -5 (see hello many drop --help)"),
            (
                "say -5 degrees",
                "unrecognized argument: -5 (put -- before a text that begins with a dash; see hello say --help)",
            ),
        ] {
            assert_eq!(parse::<Args>("hello", &sort(line)), Err(Early::Usage(said.to_owned())));
        }
    }

    #[test]
    fn help_speaks_of_exit_statuses() {
        let Err(Early::Help(help)) = parse::<Args>("hello", &sort("--help")) else { panic!("no help") };
        assert!(help.starts_with("Usage: hello ") && help.contains("Exit statuses:"), "{help}");
    }
}

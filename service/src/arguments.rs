//! The command line of this process, read with argh. What the options are is the program's own business.

use std::ffi::OsString;

use argh::{ArgsInfo, FromArgs};

use crate::complaint::Complaint;
use crate::words::Words;

/// What there is to print instead of running.
#[derive(Debug, PartialEq, Eq)]
pub enum Early {
    /// The help that was asked for: goes to standard output, and the status is 0.
    Help(String),
    /// What is wrong, as one line without the program's name: goes to standard error, and the status is 2.
    Usage(String),
}

/// The arguments of this process.
pub fn typed() -> impl Iterator<Item = OsString> {
    std::env::args_os().skip(1)
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
    if let Some(fault) = words.fault() {
        return Err(Early::Usage(usage(program, words, Complaint { what: fault.to_string(), remedy: None })));
    }
    T::from_args(&[program], &words.for_argh()).map_err(|early| match early.status {
        // argh calls them error codes; the manuals and the shell call them exit statuses.
        Ok(()) => Early::Help(early.output.replace("Error codes:", "Exit statuses:")),
        Err(()) => Early::Usage(usage(program, words, Complaint::of(&early.output, words))),
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

/// One line, with the way to the help.
fn usage(program: &str, words: &Words, Complaint { what, remedy }: Complaint) -> String {
    let remedy = match remedy {
        Some(question) if question.ends_with('?') => question + " ",
        Some(remedy) => remedy + "; ",
        None => String::new(),
    };
    let command: String = words.path().map(|name| format!(" {name}")).collect();
    format!("{what} ({remedy}see {program}{command} --help)")
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
        #[argh(option, short = 'n', from_str_fn(digit))]
        number: Option<u8>,
        /// to whom
        #[argh(positional)]
        whom: String,
        /// what
        #[argh(positional, greedy)]
        text: Vec<String>,
    }

    fn digit(text: &str) -> Result<u8, String> {
        whole(text, 0, 9)
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
            ("say bob --help me", "bob --help me"),
            ("say bob -h me -h", "bob -h me -h"),
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
            ("many drop - --json", "--json many drop -- -"),
            ("many drop -- -", "many drop -- -"),
            ("many drop - 7 --no -- 8 -9", "many drop --no -- - 7 8 -9"),
            ("say - bob", "say - bob"),
            ("- many", "- many"),
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
            ("say bob --help -n 3", "say --help"),
            ("say --help bob me", "say --help"),
            ("help many drop", "many drop --help"),
            ("many help", "many --help"),
            ("many drop 7 --help", "many drop --help"),
            ("say --help -n", "say --help"),
            ("many drop 7 8 --help", "many drop --help"),
        ] {
            assert_eq!(sort(line).for_argh().join(" "), sorted, "{line}");
        }
    }

    #[test]
    fn a_wrong_command_line_is_one_line_with_the_way_to_the_help() {
        for (line, said) in [
            ("--loud", "no option --loud (see hello --help)"),
            ("--jsno many", "no option --jsno (did you mean --json? see hello many --help)"),
            ("--number 3 say bob hi", "no option --number (it goes after the command; see hello say --help)"),
            ("many -l", "-l: no value given (see hello many --help)"),
            ("say -n x bob", "-n 'x': expected a whole number from 0 to 9 (see hello say --help)"),
            ("say -n 1 -n 2 bob", "-n is given twice (see hello say --help)"),
            ("say --nubmer 3 bob", "no option --nubmer (did you mean --number? see hello say --help)"),
            ("say", "<whom> is missing (see hello say --help)"),
            ("", "no command given: say, many (see hello --help)"),
            ("many", "no command given: drop (see hello many --help)"),
            ("sya bob hi", "no command sya (did you mean say? see hello --help)"),
            ("frobnicate", "no command frobnicate (see hello --help)"),
            ("sya --help", "no command sya (did you mean say? see hello --help)"),
            ("help sya", "no command sya (did you mean say? see hello --help)"),
            ("sya say bob --help", "no command sya (did you mean say? see hello --help)"),
            ("many drpo -h", "no command drpo (did you mean drop? see hello many --help)"),
            ("many --version", "no option --version (see hello many --help)"),
            ("many drpo", "no command drpo (did you mean drop? see hello many --help)"),
            ("many drop", "<id> is missing (see hello many drop --help)"),
            ("many drop 7 8", "one argument too many: 8 (see hello many drop --help)"),
            ("many drop 7 -5", "no option -5 (see hello many drop --help)"),
            ("many drop 7 -", "one argument too many: - (see hello many drop --help)"),
            ("-", "no command - (see hello --help)"),
            (
                "many drop -- 7 --json",
                "one argument too many: --json (options go before --; see hello many drop --help)",
            ),
            ("-- --json many", "no command --json (options go before --; see hello --help)"),
            (
                "many drop 7 -- -x",
                "one argument too many: -x (options go before --; see hello many drop --help)",
            ),
            ("many drop 7 -- 8", "one argument too many: 8 (see hello many drop --help)"),
            ("say -", "no option - (put -- before a text that begins with a dash; see hello say --help)"),
            (
                "say -5 degrees",
                "no option -5 (put -- before a text that begins with a dash; see hello say --help)",
            ),
        ] {
            assert_eq!(parse::<Args>("hello", &sort(line)), Err(Early::Usage(said.to_owned())));
        }
    }

    #[test]
    fn an_argument_that_is_not_utf8_is_refused() {
        use std::os::unix::ffi::OsStringExt as _;
        let broken = OsString::from_vec(b"gr\xfcn".to_vec());
        for line in [vec!["say".into(), "bob".into(), broken.clone()], vec!["-l".into(), broken.clone()]] {
            let words = Words::sort(&Args::get_args_info(), line);
            let Err(Early::Usage(line)) = parse::<Args>("hello", &words) else { panic!("taken") };
            assert!(
                line.starts_with("'gr\u{fffd}n': not UTF-8, which every argument must be (see "),
                "{line}"
            );
        }
        let words = Words::sort(&Args::get_args_info(), ["-l".into(), broken, "--help".into()]);
        assert!(matches!(parse::<Args>("hello", &words), Err(Early::Help(_))));
    }

    #[test]
    fn help_speaks_of_exit_statuses() {
        let Err(Early::Help(help)) = parse::<Args>("hello", &sort("--help")) else { panic!("no help") };
        assert!(help.starts_with("Usage: hello ") && help.contains("Exit statuses:"), "{help}");
    }
}

//! The command line of this process, read with argh. What the options are is the program's own business.

use argh::FromArgs;

/// What there is to print instead of running.
#[derive(Debug, PartialEq, Eq)]
pub enum Early {
    /// The help that was asked for: goes to standard output, and the status is 0.
    Help(String),
    /// What is wrong, as one line without the program's name: goes to standard error, and the status is 2.
    Usage(String),
}

/// Reads the arguments of this process. Bytes that are not UTF-8 become U+FFFD.
///
/// # Errors
/// [`Early`], if there is something to print and nothing to do.
pub fn read<T: FromArgs>(program: &str) -> Result<T, Early> {
    let words: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    parse(program, &words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn parse<T: FromArgs>(program: &str, words: &[&str]) -> Result<T, Early> {
    T::from_args(&[program], words).map_err(|early| match early.status {
        // argh calls them error codes; the manuals and the shell call them exit statuses.
        Ok(()) => Early::Help(early.output.replace("Error codes:", "Exit statuses:")),
        Err(()) => Early::Usage(one_line(program, &early.output)),
    })
}

/// Words a complaint of argh as we word ours: one line, in lower case, with the way to the help.
pub fn one_line(program: &str, complaint: &str) -> String {
    let line = complaint.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut letters = line.trim_end_matches('.').chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    let line: String = first.into_iter().chain(letters).collect();
    format!("{line} (see {program} --help)")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says hello.
    #[derive(FromArgs, Debug, PartialEq, Eq)]
    #[argh(error_code(2, "usage"))]
    struct Args {
        /// to whom
        #[argh(option)]
        to: String,
        /// how often
        #[argh(option)]
        times: u8,
    }

    #[test]
    fn a_wrong_command_line_is_one_line_with_the_way_to_the_help() {
        for (words, line) in [
            (&["--to", "bob", "--loud"][..], "unrecognized argument: --loud (see hello --help)"),
            (&["--to"], "no value provided for option '--to' (see hello --help)"),
            (&[], "required options not provided: --to --times (see hello --help)"),
        ] {
            assert_eq!(parse::<Args>("hello", words), Err(Early::Usage(line.to_owned())));
        }
        assert_eq!(one_line("x", ""), " (see x --help)");
    }

    #[test]
    fn help_speaks_of_exit_statuses() {
        let Err(Early::Help(help)) = parse::<Args>("hello", &["--help"]) else { panic!("no help") };
        assert!(help.starts_with("Usage: hello ") && help.contains("Exit statuses:"), "{help}");
        let args = parse("hello", &["--to", "bob", "--times", "2"]);
        assert_eq!(args, Ok(Args { to: "bob".to_owned(), times: 2 }));
    }
}

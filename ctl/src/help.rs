//! What argh has to say, in our form: help that fits a terminal, and usage errors of one line.

use argh::EarlyExit;
use simp_control::FailureKind;
use simp_control::error::{Outcome, fail};
use simp_service::arguments;

use crate::globals::Globals;
use crate::show::Output;

/// Columns of the help.
const HELP_WIDTH: usize = 80;

/// Prints the help that was asked for.
///
/// # Errors
/// `usage`, with what is wrong with the arguments if that is why argh gave up.
pub(crate) fn print(early: &EarlyExit, globals: &Globals, output: &mut Output) -> Outcome {
    if early.status.is_ok() {
        return output.raw(&help(&early.output, globals));
    }
    Err(fail(FailureKind::Usage, arguments::one_line(&globals.program(), &early.output)))
}

/// The help as it is printed: a command's names the options that all have, and no line is too long.
fn help(text: &str, globals: &Globals) -> String {
    let more = match globals.command() {
        Some(_) => "\nEvery command also takes -d, --daemon and --json (see simpctl --help).\n",
        None => "",
    };
    // argh calls them error codes, and the manual exit statuses.
    let lines: String = text.replace("Error codes:", "Exit statuses:").trim_end().lines().map(wrap).collect();
    lines + more
}

/// Breaks a line between words, and indents what follows like its beginning.
fn wrap(line: &str) -> String {
    let indent = line.len() - line.trim_start().len();
    let (mut out, mut width) = (" ".repeat(indent), indent);
    for (index, word) in line.trim_start().split(' ').enumerate() {
        if index > 0 && width + 1 + word.len() > HELP_WIDTH {
            out += &format!("\n{:indent$}", "");
            width = indent;
        } else if index > 0 {
            out.push(' ');
            width += 1;
        }
        out += word;
        width += word.len();
    }
    out + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use argh::{ArgsInfo, FromArgs};

    #[test]
    fn every_help_fits_a_terminal_and_names_the_options_for_all() {
        for sub in Args::get_args_info().commands {
            let globals = Globals::take(vec![sub.name.to_owned(), "--help".to_owned()]);
            let text = help(&Args::from_args(&["simpctl"], &globals.words()).err().unwrap().output, &globals);
            assert!(text.lines().all(|line| line.len() <= HELP_WIDTH), "{text}");
            assert!(text.contains("Every command also takes "), "{text}");
        }
    }
}

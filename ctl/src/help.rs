//! The help that argh writes, in our form: it fits a terminal.

use simp_service::words::Words;

/// Columns of the help.
const HELP_WIDTH: usize = 80;

/// The help as it is printed: a command's names the options that all have, and no line is too long.
pub(crate) fn page(text: &str, words: &Words) -> String {
    let more = match words.path().next() {
        Some(_) => "\nEvery command also takes -d, --daemon and --json (see simpctl --help).\n",
        None => "",
    };
    let lines: String = text.trim_end().lines().map(wrap).collect();
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
    use argh::ArgsInfo as _;
    use simp_service::arguments::{self, Early};

    #[test]
    fn every_help_fits_a_terminal_and_names_the_options_for_all() {
        let info = Args::get_args_info();
        for sub in &info.commands {
            let words = Words::sort(&info, [sub.name.to_owned(), "--help".to_owned()]);
            let Err(Early::Help(help)) = arguments::parse::<Args>("simpctl", &words) else {
                panic!("{}", sub.name)
            };
            let text = page(&help, &words);
            assert!(text.lines().all(|line| line.len() <= HELP_WIDTH), "{text}");
            assert!(text.contains("Every command also takes "), "{text}");
        }
    }
}

//! Scripts that complete simpctl's arguments in a shell.

use argh::{ArgsInfo, FlagInfo, FlagInfoKind, Optionality};
use argh_complete::Generator;
use argh_complete::bash::Bash;
use argh_complete::fish::Fish;
use argh_complete::zsh::Zsh;
use simp_proto::control::FailureKind;

use crate::args::Args;
use crate::stop::{Outcome, fail};

/// The script for a shell.
///
/// # Errors
/// `usage` for a shell that we have none for.
pub(crate) fn script(shell: &str) -> Outcome<String> {
    let mut info = Args::get_args_info();
    for sub in &mut info.commands {
        let own = sub.command.flags.iter();
        let everywhere = info.flags.iter().filter(|flag| flag.long != "--version");
        // What is leaked lives as long as the program, which ends after this.
        sub.command.flags = own.chain(everywhere).map(copy).collect::<Vec<_>>().leak();
    }
    match shell {
        "bash" => Ok(Bash::generate("simpctl", &info)),
        "zsh" => Ok(Zsh::generate("simpctl", &info)),
        "fish" => Ok(Fish::generate("simpctl", &info)),
        _ => Err(fail(FailureKind::Usage, format!("completions: {shell}: not one of bash, zsh, fish"))),
    }
}

fn copy(flag: &FlagInfo<'static>) -> FlagInfo<'static> {
    let kind = match flag.kind {
        FlagInfoKind::Switch => FlagInfoKind::Switch,
        FlagInfoKind::Option { arg_name } => FlagInfoKind::Option { arg_name },
    };
    let optionality = Optionality::Optional;
    let FlagInfo { long, short, description, hidden, .. } = *flag;
    FlagInfo { kind, optionality, long, short, description, hidden }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_gets_every_command() {
        for shell in ["bash", "zsh", "fish"] {
            let script = script(shell).unwrap();
            for sub in Args::get_args_info().commands {
                assert!(script.contains(sub.name), "{shell} {}", sub.name);
            }
        }
        assert!(script("csh").is_err());
    }
}

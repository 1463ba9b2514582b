//! `completions`: scripts that complete simpctl's arguments in a shell.

use argh::{ArgsInfo, CommandInfoWithArgs, FlagInfo, FlagInfoKind, Optionality, SubCommandInfo};
use argh_complete::Generator;
use argh_complete::bash::Bash;
use argh_complete::fish::Fish;
use argh_complete::zsh::Zsh;
use simp_control::FailureKind;
use simp_control::error::{Outcome, fail};

use crate::args::{Args, CompletionsArgs};
use crate::show::Output;

/// The shells that there are scripts for.
const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// Prints the script.
pub(super) fn run(output: &mut Output, args: &CompletionsArgs) -> Outcome {
    output.raw(&script(&args.shell)?)
}

/// The script for a shell.
///
/// # Errors
/// `usage` for a shell that we have none for.
fn script(shell: &str) -> Outcome<String> {
    let mut info = Args::get_args_info();
    // `--version` means something only without a command, and each command has a `--help` of its own.
    let is_everywhere = |flag: &&FlagInfo<'_>| !matches!(flag.long, "--version" | "--help");
    let everywhere: Vec<_> = info.flags.iter().filter(is_everywhere).collect();
    for sub in &mut info.commands {
        add(&mut sub.command, &everywhere);
        // No generator knows of an argument with a few possible values; they are offered as commands are.
        if sub.name == "completions" {
            sub.command.commands = SHELLS.map(as_command).into();
        }
    }
    match shell {
        "bash" => Ok(before_a_text(&Bash::generate("simpctl", &info), &info)),
        "zsh" => Ok(Zsh::generate("simpctl", &info)),
        "fish" => Ok(Fish::generate("simpctl", &info)),
        _ => {
            let line = format!("completions: '{shell}': not one of {}", SHELLS.join(", "));
            Err(fail(FailureKind::Usage, line))
        }
    }
}

/// The script for bash, which offers nothing after the first word of a text: an option there would be sent.
fn before_a_text(script: &str, info: &CommandInfoWithArgs) -> String {
    let takes_text = |command: &&SubCommandInfo| {
        command.command.positionals.iter().any(|argument| argument.optionality == Optionality::Greedy)
    };
    let mut guard = String::new();
    for SubCommandInfo { name, command } in info.commands.iter().filter(takes_text) {
        let with_value = command.flags.iter().filter(|flag| flag.kind != FlagInfoKind::Switch);
        let names = with_value.flat_map(|flag| {
            let short = flag.short.map(|short| format!("-{short}"));
            short.into_iter().chain([flag.long.to_owned()])
        });
        let values = names.collect::<Vec<_>>().join(" | ");
        guard += &format!(
            r#"    local word is_value="" command=""
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$is_value:$word" in
            yes:*) is_value="" ;;
            :{values}) is_value=yes ;;
            :--) [[ $command == {name} ]] && return 0 ;;
            :-*) ;;
            *) [[ $command == {name} ]] && return 0; command=${{command:-$word}} ;;
        esac
    done
"#,
            values = values.replace(" | ", " | :"),
        );
    }
    script.replacen("_simpctl() {\n", &format!("_simpctl() {{\n{guard}"), 1)
}

/// Adds options to those of a command and of the commands below it.
fn add(command: &mut CommandInfoWithArgs, more: &[&FlagInfo<'static>]) {
    // What is leaked lives as long as the program, which ends after this.
    command.flags = command.flags.iter().chain(more.iter().copied()).map(copy).collect::<Vec<_>>().leak();
    for sub in &mut command.commands {
        add(&mut sub.command, more);
    }
}

/// A word that may follow, as generators know it.
fn as_command(name: &'static str) -> SubCommandInfo {
    SubCommandInfo { name, command: CommandInfoWithArgs { name, ..CommandInfoWithArgs::default() } }
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
                for below in sub.command.commands {
                    assert!(script.contains(below.name), "{shell} {} {}", sub.name, below.name);
                }
            }
        }
        assert!(script("csh").is_err());
        let bash = script("bash").unwrap();
        assert!(bash.contains("cmds=\"bash zsh fish\""), "{bash}");
        assert!(!bash.contains("--help --timeout --help"), "{bash}");
    }
}

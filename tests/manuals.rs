//! The manuals have the commands and the options that `--help` has, and no others.

use crate::harness::{World, run};

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// The commands that a help lists.
fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| !line.starts_with("Commands")).skip(1);
    let listed = listed.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    listed.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

/// The command and, if there is one, the command below it, of an item of the manual.
fn name<'a, 'b>(item: &'a [&'b str]) -> &'a [&'b str] {
    let is_name = |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase());
    &item[..item.iter().take(2).take_while(is_name).count()]
}

/// The options of an item of the manual, as they are typed.
fn flags(item: &[&str]) -> Vec<String> {
    let pairs = item.windows(2).filter(|pair| pair[0] == "Fl");
    pairs.map(|pair| format!("-{}", pair[1])).collect()
}

/// The options in the usage of a help.
fn options(help: &str) -> Vec<String> {
    let usage = help.lines().take_while(|line| !line.is_empty()).flat_map(str::split_whitespace);
    let options = usage.filter_map(|word| word.strip_prefix("[-"));
    let options = options.map(|word| format!("-{}", word.trim_end_matches(']')));
    // What ends the options is none.
    options.filter(|option| option != "--").collect()
}

/// Compares a manual with what `help` gives for a command, and for one below it.
fn has_all_of_help(page: &str, help: impl Fn(&[&str]) -> String) {
    let described: Vec<Vec<&str>> =
        page.lines().filter_map(|line| line.strip_prefix(".It Cm ")).map(words).collect();
    let mut in_help: Vec<Vec<String>> = Vec::new();
    for command in commands(&help(&[])) {
        let below = commands(&help(&[&command]));
        in_help.push(vec![command.clone()]);
        in_help.extend(below.into_iter().map(|below| vec![command.clone(), below]));
    }
    in_help.sort_unstable();
    let mut in_page: Vec<&[&str]> = described.iter().map(|words| name(words)).collect();
    in_page.sort_unstable();
    assert_eq!(in_help, in_page, "the manual has every command of --help, and no other");
    for words in &described {
        let help = help(name(words));
        // The options of a command that has others below it are theirs.
        if commands(&help).is_empty() || name(words).len() == 1 {
            assert_eq!(
                options(&help),
                flags(words),
                "the manual has every option of {:?}, and no other",
                name(words)
            );
        }
    }
}

#[test]
fn simpctl_has_the_commands_of_its_manual() {
    let world = World::new();
    has_all_of_help(include_str!("../man/simpctl.1"), |command| {
        world.ctl(1, &[command, &["--help"]].concat()).ok()
    });
}

#[test]
fn simp_room_has_the_commands_of_its_manual() {
    let world = World::new();
    has_all_of_help(include_str!("../man/simp-room.1"), |command| {
        let mut room = world.command("simp-room");
        room.args(command).arg("--help");
        run(room, "").ok()
    });
}

#[test]
fn the_loop_that_sends_texts_sends_all_of_them() {
    let page = include_str!("../man/simpctl.1");
    let example = page.split("Send texts in a script").nth(1).unwrap();
    let example = example.split(".Bd -literal -offset indent\n").nth(1).unwrap().split(".Ed").next().unwrap();
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let mut shell = world.command("sh");
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_simpctl")).parent().unwrap();
    shell.args(["-c", &format!("PATH={}:$PATH\n{example}", programs.display())]);
    shell.env("SIMP_DAEMON", world.address(1));
    run(shell, "--help\n\n  two  words \\n\n-x\nthe last").ok();
    let heard = world.ctl(2, &["listen", "-n", "4", "--text", "--timeout", "20"]).ok();
    assert_eq!(heard, "--help\n  two  words \\n\n-x\nthe last\n");
}

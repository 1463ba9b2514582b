//! The manuals have the commands and the options that `--help` has, and no others.

use simp_control::frame::FrameBuffer;
use simp_control::{Request, VERSION};
use simp_proto::secure::Frame;

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
    // One that must be given has no brackets.
    let options = usage.map(|word| word.trim_start_matches('[')).filter(|word| word.starts_with('-'));
    let options = options.map(|word| word.trim_end_matches(']').to_owned());
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
fn simp_web_has_the_commands_of_its_manual() {
    let world = World::new();
    has_all_of_help(include_str!("../man/simp-web.1"), |command| {
        let mut web = world.command("simp-web");
        web.args(command).arg("--help");
        run(web, "").ok()
    });
}

/// What stands between the lines that begin and end an example, of those that have this in them.
fn example<'a>(page: &'a str, has: &str) -> &'a str {
    let mut examples = page.split(".Bd -literal -offset indent\n").skip(1);
    examples.find_map(|rest| rest.split(".Ed").next().filter(|example| example.contains(has))).unwrap()
}

#[test]
fn the_frames_of_secure_chats_are_those_of_their_manual() {
    let page = include_str!("../man/simp-secure.7");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let schema = include_str!("../proto/src/secure/frame.cddl");
    let rules: String =
        schema.lines().filter(|line| !line.starts_with(';')).flat_map(|line| [line, "\n"]).collect();
    assert_eq!(words(example(page, "frame =")), words(&rules));

    let bytes = example(page, "00 00 00 17").split_whitespace();
    let bytes: Vec<u8> = bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    let mut buffer = FrameBuffer::default();
    buffer.push(&bytes);
    let text = Frame::Text { number: 2, text: "Hi".to_owned(), kept: false, answers: None };
    assert_eq!(buffer.take(), Ok(Some(text.clone())));
    assert!(!buffer.is_partial());
    let mut ours = Vec::new();
    simp_control::frame::encode(&text, &mut ours).unwrap();
    assert_eq!(ours, bytes);
}

#[test]
fn the_first_request_of_a_client_is_that_of_its_manual() {
    let page = include_str!("../man/simp-control.7");
    let bytes = example(page, "00 00 00 11").split_whitespace();
    let bytes: Vec<u8> = bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    let mut ours = Vec::new();
    simp_control::frame::encode(&Request::Hello { version: VERSION }, &mut ours).unwrap();
    assert_eq!(ours, bytes);
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

//! The Python client in contrib/python/simp: its own tests against the real simpd, everything it says and hears against the
//! schema of the control API, and the examples of simp-control(7), which use it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use cddl_cat::cbor::validate_cbor;
use cddl_cat::context::{BasicContext, LookupContext as _};
use cddl_cat::flatten::flatten_from_str;
use ciborium::Value;

use crate::harness::{Ran, World, has_program, run, skipped};

/// Where the client is.
pub const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/python/simp");
const TESTS: &str = include_str!("../contrib/python/simp/test_simp.py");
const SCHEMA: &str = include_str!("../control/src/control.cddl");

/// A program that finds the client, and whatever else PYTHONPATH has.
fn with_client(world: &World, program: &str, args: &[&str]) -> Command {
    let inherited = std::env::var_os("PYTHONPATH").unwrap_or_default();
    let folders = std::iter::once(CLIENT.into()).chain(std::env::split_paths(&inherited));
    let mut command = world.command(program);
    command.args(args).env("PYTHONPATH", std::env::join_paths(folders).unwrap());
    command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(world.path(""));
    command
}

fn python(world: &World, args: &[&str]) -> Command {
    with_client(world, "python3", args)
}

/// Whether there is a Python that has this module; says that `test` is skipped if not.
pub fn has_module(world: &World, test: &str, module: &str) -> bool {
    if !has_program(test, "python3") {
        return false;
    }
    let import = format!("import sys, {module}; sys.exit(sys.version_info < (3, 11))");
    let has = run(python(world, &["-c", &import]), "").status == Some(0);
    if !has {
        skipped(test, &format!("this machine has no Python 3.11 with {module}"));
    }
    has
}

/// The tests of a class, as they are named on the command line.
fn tests_of(class: &str) -> Vec<String> {
    let body = TESTS.split(&format!("\nclass {class}(")).nth(1).unwrap().split("\nclass ").next().unwrap();
    let named = body.split(" def test_").skip(1).map(|rest| rest.split('(').next().unwrap());
    named.map(|name| format!("{class}.test_{name}")).collect()
}

/// Runs it once for each of these groups of its tests, and gives what was said meanwhile: the rule that it goes by, and the
/// item.
fn passes(test: &str, groups: &[String]) -> Vec<(&'static str, Value)> {
    let world = World::new();
    if !has_module(&world, test, "cbor2") {
        return Vec::new();
    }
    let (file, frames) = (format!("{CLIENT}/test_simp.py"), world.path("frames"));
    for group in groups {
        let mut python = python(&world, &[&file]);
        python.args(group.split(' '));
        python.env("SIMP_SIMPD", env!("CARGO_BIN_EXE_simpd")).env("SIMP_FRAMES", &frames);
        python.env("SIMP_NETWORK", world.address(0).rsplit_once('.').unwrap().0);
        let ran = run(python, "");
        // Its report is on standard error.
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    }
    read(&frames)
}

/// What is in such a file: `>` or `<`, and the frame.
fn read(path: &Path) -> Vec<(&'static str, Value)> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let (mut rest, mut said) = (bytes.as_slice(), Vec::new());
    while let Some((direction, after)) = rest.split_first() {
        let (length, after) = after.split_first_chunk().unwrap();
        let (item, after) = after.split_at(u32::from_be_bytes(*length) as usize);
        let rule = if *direction == b'>' { "frame-from-client" } else { "frame-from-daemon" };
        said.push((rule, ciborium::from_reader(item).unwrap()));
        rest = after;
    }
    said
}

fn is_valid(said: &[(&str, Value)]) {
    let schema = BasicContext::new(flatten_from_str(SCHEMA).unwrap());
    for (rule, item) in said {
        let valid = validate_cbor(schema.lookup_rule(rule).unwrap(), item, &schema);
        assert!(valid.is_ok(), "{rule}: {item:?}: {valid:?}");
    }
}

/// The requests that the schema has, by their names.
fn requests() -> BTreeSet<String> {
    let rule = SCHEMA.split("\nrequest = ").nth(1).unwrap().split("\n\n").next().unwrap();
    let alternatives = rule.lines().enumerate().filter(|(at, line)| *at == 0 || line.trim().starts_with('/'));
    alternatives.map(|(_, line)| line.split('"').nth(1).unwrap().to_owned()).collect()
}

#[test]
fn the_python_client_does_what_simpctl_does() {
    // One at a time, as each may take its time.
    is_valid(&passes("the_python_client_does_what_simpctl_does", &tests_of("Chats")));
}

#[test]
fn the_python_client_goes_on_when_daemons_are_killed() {
    is_valid(&passes("the_python_client_goes_on_when_daemons_are_killed", &tests_of("Kills")));
}

#[test]
fn the_python_client_finds_the_daemon_and_bears_what_is_odd() {
    let test = "the_python_client_finds_the_daemon_and_bears_what_is_odd";
    is_valid(&passes(test, &["Finding Fakes Kinds".to_owned()]));
}

#[test]
fn everything_that_the_python_client_says_and_hears_is_in_the_schema() {
    let test = "everything_that_the_python_client_says_and_hears_is_in_the_schema";
    let said = passes(test, &["Requests".to_owned()]);
    is_valid(&said);
    if said.is_empty() {
        return;
    }
    let name = |item: &Value| match item {
        Value::Text(name) => Some(name.clone()),
        Value::Map(entries) => entries.first()?.0.as_text().map(str::to_owned),
        _ => None,
    };
    let asked = said.iter().filter(|(rule, _)| *rule == "frame-from-client");
    let asked: BTreeSet<String> = asked.filter_map(|(_, item)| name(item)).collect();
    assert_eq!(asked, requests(), "Requests in test_simp.py asks each request of control.cddl");
}

#[test]
fn every_class_of_python_tests_is_run() {
    let run = ["Chats", "Kills", "Finding", "Fakes", "Kinds", "Requests"];
    for class in TESTS.split("\nclass ").skip(1).filter(|class| class.contains("def test_")) {
        let name = class.split('(').next().unwrap();
        assert!(run.contains(&name), "{name}");
    }
}

#[test]
fn the_python_client_has_types() {
    let test = "the_python_client_has_types";
    let world = World::new();
    if !has_module(&world, test, "cbor2") || !has_module(&world, test, "mypy") {
        return;
    }
    let (client, tests) = (format!("{CLIENT}/simp.py"), format!("{CLIENT}/test_simp.py"));
    let found = run(python(&world, &["-m", "mypy", "--strict", "--no-incremental", &client, &tests]), "");
    assert_eq!(found.status, Some(0), "{}", found.stdout);
}

/// The examples of the manual, as they stand there: the programs by their names, and what is typed.
fn examples(world: &World) -> (Vec<(String, String)>, String) {
    let page = include_str!("../man/simp-control.7").split("\n.Sh EXAMPLES\n").nth(1).unwrap();
    // Other addresses than those of the page, which may be somebody's.
    let page = page.replace("127.0.0.1", &world.address(1)).replace("127.0.0.2", &world.address(2));
    let (mut programs, mut typed) = (Vec::new(), String::new());
    let mut rest = page.as_str();
    while let Some((before, after)) = rest.split_once("\n.Bd -literal") {
        let (_, example) = after.split_once('\n').unwrap();
        let (example, after) = example.split_once("\n.Ed\n").unwrap();
        match before.rsplit_once(".Pa ") {
            Some((_, name)) if !example.starts_with('$') => {
                let name = name.lines().next().unwrap().to_owned();
                programs.push((name, example.to_owned() + "\n"));
            }
            _ => typed = example.to_owned() + "\n",
        }
        rest = after;
    }
    (programs, typed)
}

#[test]
fn the_examples_of_the_manual_do_what_it_says() {
    let world = World::new();
    if !has_module(&world, "the_examples_of_the_manual_do_what_it_says", "cbor2") {
        return;
    }
    let (programs, typed) = examples(&world);
    let names: Vec<&str> = programs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["say.py", "answer.py", "ask.py"]);
    for (name, program) in &programs {
        std::fs::write(world.path(name), program).unwrap();
    }
    let commands = typed.lines().filter_map(|line| line.strip_prefix("$ "));
    let commands: String = commands.flat_map(|command| [command, "\n"]).collect();
    let said: String =
        typed.lines().filter(|line| !line.starts_with("$ ")).flat_map(|line| [line, "\n"]).collect();
    let ran = shell(&world, &commands);
    if ran.status != Some(0) {
        // Whatever it did not come to.
        for host in [1, 2] {
            world.ctl(host, &["stop"]);
        }
    }
    assert_eq!((ran.status, ran.stdout, ran.stderr), (Some(0), said, String::new()));
}

/// Types these commands, each of which must end well.
fn shell(world: &World, commands: &str) -> Ran {
    let programs = Path::new(env!("CARGO_BIN_EXE_simpctl")).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path))).unwrap();
    // What is left in the background when one fails would keep our end of its output open.
    let commands = format!("trap 'kill $! 2>/dev/null || true' EXIT\n{commands}");
    let mut shell = with_client(world, "sh", &["-ec", &commands]);
    shell.env("PATH", path);
    run(shell, "")
}

//! Programs in Python.

use std::fs;

use super::document::Recipe;
use super::{Machine, two_machines};
use crate::harness::{World, run};
use crate::python::{CLIENT, has_module};

/// What is typed there, if Python finds its modules in the place that the test knows.
fn with_modules(machine: &Machine<'_>, script: &str) -> std::process::Command {
    let mut command = machine.shell(script);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    if let Some(modules) = std::env::var_os("PYTHONPATH") {
        command.env("PYTHONPATH", modules);
    }
    command
}

#[test]
fn what_is_measured_is_stored_once_whatever_is_killed() {
    let (world, recipe) = (World::new(), Recipe::of("From Python"));
    if !has_module(&world, "what_is_measured_is_stored_once_whatever_is_killed", "cbor2") {
        return;
    }
    let (web1, ops) = two_machines(&world);
    for machine in [&web1, &ops] {
        machine.install(&recipe);
        machine.write("~/bin/simp.py", &fs::read_to_string(format!("{CLIENT}/simp.py")).unwrap());
    }
    let measure = || run(with_modules(&web1, "~/bin/measure 192.0.2.8"), "");
    let service = "~/.config/systemd/user/store.service";
    let mut store = ops.service_with(service, with_modules);
    assert_eq!(store.read_line(), "hello from web1");
    measure().ok();
    assert!(store.read_line().starts_with(r#"{"disk": "#));

    store.kill();
    ops.kill();
    measure().ok();
    ops.types("simpctl start").ok();
    let mut store = ops.service_with(service, with_modules);
    while !store.read_line().starts_with(r#"{"disk": "#) {}
    // It goes on with the next simpd.
    ops.kill();
    ops.types("simpctl start").ok();
    measure().ok();
    assert!(store.read_line().starts_with(r#"{"disk": "#));
    let count = "import sqlite3; print(*sqlite3.connect('messages.db').execute('SELECT count(*) FROM messages').fetchone())";
    assert_eq!(ops.types(&format!("python3 -c \"{count}\"")).ok(), "4\n");

    web1.kill();
    let none = measure();
    assert!(none.status == Some(3) && none.stderr.contains("simpd is not running"), "{}", none.stderr);
    assert_eq!(none.stderr.lines().count(), 1);
}

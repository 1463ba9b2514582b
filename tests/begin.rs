//! Where `simpctl listen` begins: at the mark of a consumer, or where it is told to.

use std::thread;

use nix::sys::signal::Signal;

use crate::harness::{Daemon, Ran, Running, World};

/// Alice and bob in a chat, in which bob has said these texts.
fn after(world: &World, texts: &[&str]) -> (Daemon, Daemon) {
    let daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    texts.iter().for_each(|text| say(world, text));
    daemons
}

fn say(world: &World, text: &str) {
    world.ctl(2, &["send", "--", text]).ok();
}

fn listen(world: &World, args: &[&str]) -> Ran {
    world.ctl(1, &[&["listen", "--text"], args].concat())
}

/// Bob says this again and again until a line is shown, which is given.
fn said_until_shown(world: &World, listening: &mut Running, text: &str) -> String {
    thread::scope(|scope| {
        let shown = scope.spawn(|| listening.read_line());
        while !shown.is_finished() {
            say(world, text);
        }
        shown.join().unwrap()
    })
}

#[test]
fn without_a_consumer_it_begins_where_it_is_told_and_moves_no_mark() {
    let world = World::new();
    let _daemons = after(&world, &["one", "two", "three"]);
    for (args, shown) in [
        (&["--last", "2", "-n", "2"][..], "two\nthree\n"),
        (&["--last", "9", "-n", "3"], "one\ntwo\nthree\n"),
        (&["--last", "1", "-n", "1", "--from", "bob"], "three\n"),
        (&["--since", "0", "-n", "1"], "one\n"),
        (&["--since", "1h", "-n", "3"], "one\ntwo\nthree\n"),
    ] {
        assert_eq!(listen(&world, args).ok(), shown, "{args:?}");
    }
    for args in [&["--new"][..], &["--last", "0"], &["--last", "3", "--from", "carol"]] {
        let args = [args, &["--timeout", "0.1"]].concat();
        listen(&world, &args).fails(6, "simpctl: no message within 0.1 s");
    }
    let mut listening = world.spawn_ctl(1, &["listen", "--text", "--new"]);
    assert_eq!(said_until_shown(&world, &mut listening, "later"), "later");
    drop(listening);
    assert_eq!(world.ctl(1, &["consumers"]).ok(), "");
    // What it counts is what it shows.
    let all = world.ctl(1, &["listen", "--json", "--all", "--last", "1", "-n", "1"]).ok();
    assert!(all.contains("later"), "{all}");
}

#[test]
fn a_new_consumer_begins_there_and_one_that_there_is_goes_on() {
    let world = World::new();
    let _daemons = after(&world, &["one", "two", "three"]);
    for (consumer, begin, first) in [
        ("a", &["--since", "0"][..], "one\n"),
        ("b", &["--last", "2"], "two\n"),
        ("c", &["--since", "1h"], "one\n"),
    ] {
        let args = [begin, &["--consumer", consumer, "-n", "1"]].concat();
        assert_eq!(listen(&world, &args).ok(), first);
        let next = if first == "one\n" { "two\n" } else { "three\n" };
        assert_eq!(listen(&world, &args).ok(), next, "the same line again");
    }
    let now = ["--new", "--consumer", "d", "--timeout", "0.1"];
    listen(&world, &now).fails(6, "simpctl: no message within 0.1 s");
    say(&world, "four");
    assert_eq!(listen(&world, &["--new", "--consumer", "d", "-n", "1"]).ok(), "four\n");
    // An entry that there is not yet is the newest one.
    let late = ["--since", "999999", "--consumer", "e", "--timeout", "0.1"];
    listen(&world, &late).fails(6, "simpctl: no message within 0.1 s");
    say(&world, "five");
    assert_eq!(listen(&world, &["--consumer", "e", "-n", "1"]).ok(), "five\n");
}

#[test]
fn a_consumer_that_is_killed_as_soon_as_it_has_begun_misses_nothing() {
    let world = World::new();
    let _daemons = after(&world, &["before"]);
    for (consumer, args) in [("desk", &["--new"][..]), ("run", &["--exec", "true"])] {
        let args = [&["listen", "--consumer", consumer], args].concat();
        let listening = world.spawn_ctl(1, &args);
        while !world.ctl(1, &["consumers"]).ok().contains(consumer) {}
        listening.signal(Signal::SIGKILL);
        listening.wait();
        say(&world, consumer);
        assert_eq!(listen(&world, &["--consumer", consumer, "-n", "1"]).ok(), format!("{consumer}\n"));
    }
}

#[test]
fn a_command_is_run_for_what_was_said_before_only_if_that_is_asked_for() {
    let world = World::new();
    let _daemons = after(&world, &["one", "two"]);
    let run = |args: &[&str]| world.ctl(1, &[&["listen", "--exec", "cat"], args].concat());
    for args in [&[][..], &["--consumer", "new"], &["--from", "bob"]] {
        let args = [args, &["--timeout", "0.1"]].concat();
        run(&args).fails(6, "simpctl: no message within 0.1 s");
    }
    assert_eq!(run(&["--consumer", "all", "--since", "0", "-n", "2"]).ok(), "one\ntwo\n");
    assert_eq!(run(&["--last", "1", "-n", "1"]).ok(), "two\n");
    say(&world, "three");
    assert_eq!(run(&["-n", "1"]).ok(), "three\n");
    // For whoever reads them, nothing is missed.
    assert_eq!(listen(&world, &["--consumer", "reader", "-n", "3"]).ok(), "one\ntwo\nthree\n");
}

#[test]
fn two_places_to_begin_at_are_wrong_usage() {
    let world = World::new();
    let _alice = world.start(1, &[]);
    for (args, line) in [
        (
            &["--new", "--since", "0"][..],
            "--new, --since and --last say where to begin: only one of them can be given",
        ),
        (
            &["--new", "--last", "1"],
            "--new, --since and --last say where to begin: only one of them can be given",
        ),
        (
            &["--since", "1h", "--last", "1", "--consumer", "x"],
            "--new, --since and --last say where to begin: only one of them can be given",
        ),
        (
            &["--last", "-1"],
            "--last '-1': expected a whole number from 0 to 4294967295 (see simpctl listen --help)",
        ),
        (&["--last"], "--last: no value given (see simpctl listen --help)"),
    ] {
        listen(&world, args).fails(2, &format!("simpctl: {line}"));
    }
    assert_eq!(world.ctl(1, &["consumers"]).ok(), "");
}

//! `simpctl listen --exec`: commands that hang, that fail, and that run side by side.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::harness::{Daemon, Peer, Ran, Running, World, run, within};

const ALICE: [&str; 6] = ["--user", "alice", "--accept", "all", "--max-chats", "9"];

/// Alice, and peers of these names, each in a chat with her.
fn with_peers<const COUNT: usize>(world: &World, names: [&str; COUNT]) -> (Daemon, [Peer; COUNT]) {
    let alice = world.start(1, &ALICE);
    let mut host = 2;
    let peers = names.map(|name| {
        host += 1;
        let peer = world.peer(host, name);
        peer.open(&world.address(1));
        peer
    });
    (alice, peers)
}

/// The arguments of a listener that begins with all, as consumer `c`.
fn args<'a>(command: &'a str, others: &[&'a str]) -> Vec<&'a str> {
    [&["listen", "--since", "0", "--consumer", "c", "--exec", command], others].concat()
}

fn listen(world: &World, command: &str, others: &[&str]) -> Ran {
    world.ctl(1, &args(command, others))
}

fn spawn(world: &World, command: &str, others: &[&str]) -> Running {
    world.spawn_ctl(1, &args(command, others))
}

/// Where a command waits until the test lets it go on.
fn gate(world: &World, name: &str) -> String {
    let path = world.path(name);
    mkfifo(&path, Mode::S_IRWXU).unwrap();
    path.display().to_string()
}

fn open(gate: &str) {
    let path = gate.to_owned();
    within(move || File::create(path).unwrap().write_all(b"\n").unwrap());
}

/// The consumer has nothing left to be run for.
#[track_caller]
fn is_done(world: &World) {
    let args = ["listen", "--consumer", "c", "-n", "1", "--timeout", "0.1"];
    world.ctl(1, &args).fails(6, "simpctl: no message within 0.1 s");
}

#[test]
fn a_command_that_cannot_be_started_has_not_failed() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    world.ctl(1, &["send", "hi"]).ok();
    let mut listen = world.command("simpctl");
    listen.args(["-d", &world.address(2), "listen", "--since", "0", "--exec", "true", "--exec-tries", "1"]);
    listen.args(["-n", "1", "--timeout", "0.5"]).env("PATH", "/nonexistent");
    let ended = run(listen, "");
    let line = "simpctl: message 3: not done yet (sh: no such file or directory), retrying in 1 s\n\
                simpctl: message 3: the command did not succeed within the time limit\n";
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(6), line));
}

#[test]
fn one_that_hangs_is_ended_and_one_that_fails_is_given_up() {
    let world = World::new();
    let (_alice, [eve]) = with_peers(&world, ["eve"]);
    for (seq, text) in [(0, "hang"), (1, "fail"), (0, "fine")] {
        eve.say(&world.address(1), seq, text);
    }
    let command = "case $SIMP_TEXT in hang) sleep 600 & wait;; fail) exit 3;; esac; echo \"$SIMP_TEXT\"";
    let limits = ["-n", "3", "--exec-timeout", "1", "--exec-tries", "1"];
    let outcome = listen(&world, command, &limits);
    let said = "simpctl: message 3: given up after 1 try (no end within 1 s)\n\
                simpctl: message 4: given up after 1 try (exit status 3)\n\
                simpctl: 2 messages were given up\n";
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(1), said));
    assert_eq!(outcome.stdout, "fine\n");
    is_done(&world);
}

#[test]
fn what_is_given_up_is_handed_to_another_command() {
    let world = World::new();
    let (_alice, [eve]) = with_peers(&world, ["eve"]);
    eve.say(&world.address(1), 0, "one");
    let failed = "read -r text; echo \"$text $SIMP_TEXT $SIMP_ID $SIMP_USER: $SIMP_TRIES, $SIMP_STATUS\"";
    let command = "test -z \"${SIMP_TRIES+set}\" || echo wrong; exit 3";
    let outcome = listen(&world, command, &["-n", "1", "--exec-tries", "2", "--exec-failed", failed]);
    let said = "simpctl: message 3: the command failed (exit status 3), retrying in 1 s\n\
                simpctl: message 3: given up after 2 tries (exit status 3)\n\
                simpctl: 1 message was given up\n";
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(1), said));
    assert_eq!(outcome.stdout, "one one 3 eve: 2, exit status 3\n");
    is_done(&world);

    eve.say(&world.address(1), 1, "two");
    let outcome = listen(&world, command, &["-n", "1", "--exec-tries", "1", "--exec-failed", "exit 4"]);
    let said = "simpctl: message 4: given up after 1 try (exit status 3)\n\
                simpctl: message 4: the command of --exec-failed failed too (exit status 4)\n\
                simpctl: 1 message was given up\n";
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(1), said));
    is_done(&world);
}

#[test]
fn one_that_fails_for_ever_holds_up_no_other_peer() {
    let world = World::new();
    let (_alice, [eve, frank]) = with_peers(&world, ["eve", "frank"]);
    eve.say(&world.address(1), 0, "fail");
    eve.say(&world.address(1), 1, "after it");
    let mut listening = spawn(&world, "test \"$SIMP_TEXT\" != fail && echo \"$SIMP_TEXT\"", &[]);
    assert!(listening.read_error_line().contains("retrying in 1 s"));
    frank.say(&world.address(1), 0, "one");
    assert_eq!(listening.read_line(), "one");
    assert!(listening.read_error_line().contains("retrying in 2 s"));
    frank.say(&world.address(1), 1, "two");
    assert_eq!(listening.read_line(), "two");
    // A kill brings back all that the mark is not past.
    listening.signal(Signal::SIGKILL);
    listening.wait();
    let shown = world.ctl(1, &["listen", "--consumer", "c", "-n", "4", "--text"]).ok();
    assert_eq!(shown, "fail\nafter it\none\ntwo\n");
}

#[test]
fn side_by_side_each_peer_keeps_its_order() {
    let world = World::new();
    let (_alice, [eve, frank]) = with_peers(&world, ["eve", "frank"]);
    for name in ["eve", "frank"] {
        gate(&world, name);
    }
    for (seq, text) in [(0, "1"), (1, "2"), (0, "3")] {
        eve.say(&world.address(1), seq, text);
    }
    for (seq, text) in [(0, "1"), (1, "2"), (0, "3")] {
        frank.say(&world.address(1), seq, text);
    }
    // The first of each waits for that of the other.
    let folder = world.path("").display().to_string();
    let command = format!(
        "cd {folder}; case $SIMP_USER$SIMP_TEXT in eve1) echo >frank; read -r _ <eve;; frank1) read -r _ <frank; \
         echo >eve;; esac; echo \"$SIMP_USER$SIMP_TEXT\" >>out"
    );
    listen(&world, &command, &["-n", "6", "--jobs", "2"]).ok();
    let out = fs::read_to_string(world.path("out")).unwrap();
    for peer in ["eve", "frank"] {
        let of_peer: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix(peer)).collect();
        assert_eq!(of_peer, ["1", "2", "3"], "{out}");
    }
    is_done(&world);
}

#[test]
fn the_mark_moves_only_past_what_is_done() {
    let world = World::new();
    let (_alice, [eve, frank]) = with_peers(&world, ["eve", "frank"]);
    let gate = gate(&world, "gate");
    eve.say(&world.address(1), 0, "slow");
    frank.say(&world.address(1), 0, "quick");
    let command = format!("echo \"$SIMP_TEXT\"; test \"$SIMP_TEXT\" = quick || read -r _ <{gate}");
    let mut listening = spawn(&world, &command, &["-n", "2", "--jobs", "2"]);
    let mut began = [listening.read_line(), listening.read_line()];
    began.sort();
    assert_eq!(began, ["quick", "slow"]);
    let mark = world.ctl(1, &["consumers"]).ok();
    let mark: Vec<&str> = mark.split_whitespace().collect();
    assert_eq!((mark[0], mark[1]), ("c", "0"));
    open(&gate);
    listening.wait().ok();
    is_done(&world);
}

#[test]
fn a_time_limit_interrupts_no_command_and_begins_none() {
    let world = World::new();
    let (_alice, [eve]) = with_peers(&world, ["eve"]);
    let gate = gate(&world, "gate");
    eve.say(&world.address(1), 0, "one");
    eve.say(&world.address(1), 1, "two");
    let mut listening =
        spawn(&world, &format!("echo \"$SIMP_TEXT\"; read -r _ <{gate}"), &["--timeout", "1"]);
    assert_eq!(listening.read_line(), "one");
    // Its time is over then.
    world.ctl(1, &["listen", "--new", "--timeout", "1.1"]).fails(6, "simpctl: no message within 1.1 s");
    open(&gate);
    assert_eq!(listening.wait().ok(), "");
    let outcome = listen(&world, "exit 1", &["--timeout", "1"]);
    let said = "simpctl: message 4: the command did not succeed within the time limit";
    assert_eq!((outcome.status, outcome.stderr.lines().last()), (Some(6), Some(said)));
    assert_eq!(world.ctl(1, &["listen", "--consumer", "c", "-n", "1", "--text"]).ok(), "two\n");
}

#[test]
fn the_signals_of_a_terminal_reach_a_command_with_a_time_limit_too() {
    let world = World::new();
    let (_alice, [eve]) = with_peers(&world, ["eve"]);
    let gate = gate(&world, "gate");
    eve.say(&world.address(1), 0, "one");
    // A shell may miss what comes just before it starts something.
    let command = format!("exec cat {gate}");
    for signal in [Signal::SIGINT, Signal::SIGHUP] {
        let mut listening = spawn(&world, &command, &["--exec-timeout", "1h"]);
        let path = gate.clone();
        let mut open = within(move || File::create(path).unwrap());
        open.write_all(b"runs\n").unwrap();
        assert_eq!(listening.read_line(), "runs");
        listening.signal(signal);
        // Whoever holds its output has ended too.
        assert_eq!(listening.wait().status, None);
    }
}

#[test]
fn nothing_is_left_of_commands_that_have_ended() {
    let world = World::new();
    let (_alice, [eve]) = with_peers(&world, ["eve"]);
    let mut listening = spawn(&world, "echo \"$SIMP_TEXT\"", &["--jobs", "4", "--exec-timeout", "1h"]);
    for number in 0..20 {
        eve.say(&world.address(1), number % 2, number.to_string());
        assert_eq!(listening.read_line(), number.to_string());
    }
    let threads = Path::new("/proc").join(listening.id().to_string()).join("task");
    let has_children = move || {
        let mut children = String::new();
        for thread in fs::read_dir(&threads).unwrap().flatten() {
            // A thread may have ended meanwhile.
            let list = File::open(thread.path().join("children"));
            let _ = list.and_then(|mut list| list.read_to_string(&mut children));
        }
        !children.trim().is_empty()
    };
    within(move || while has_children() {});
}

#[test]
fn limits_that_make_no_sense_are_status_2_and_nothing_is_run() {
    let world = World::new();
    let (_alice, [eve]) = with_peers(&world, ["eve"]);
    eve.say(&world.address(1), 0, "one");
    let number = "expected a whole number from 1 to";
    for (args, line) in [
        (&["--exec-timeout", "5"][..], "--exec-timeout is about commands, and needs --exec CMD".to_owned()),
        (&["--exec-tries", "5"], "--exec-tries is about commands, and needs --exec CMD".to_owned()),
        (&["--exec-failed", "true"], "--exec-failed is about commands, and needs --exec CMD".to_owned()),
        (&["--jobs", "2"], "--jobs is about commands, and needs --exec CMD".to_owned()),
        (
            &["--exec", "touch ran", "--exec-failed", "true"],
            "--exec-failed needs --exec-tries: without it no message is given up".to_owned(),
        ),
        (
            &["--exec", "touch ran", "--exec-tries", "1", "--exec-failed", " "],
            "--exec-failed needs a command".to_owned(),
        ),
        (
            &["--exec", "touch ran", "--exec-tries", "0"],
            format!("--exec-tries '0': {number} 4294967295 (see simpctl listen --help)"),
        ),
        (
            &["--exec", "touch ran", "--jobs", "0"],
            format!("--jobs '0': {number} 256 (see simpctl listen --help)"),
        ),
        (
            &["--exec", "touch ran", "--exec-timeout", "0"],
            "--exec-timeout '0': a time is more than 0 (see simpctl listen --help)".to_owned(),
        ),
    ] {
        let mut command = world.command("simpctl");
        command.args(["-d", &world.address(1), "listen", "--since", "0"]).args(args);
        command.current_dir(world.path(""));
        crate::harness::run(command, "").fails(2, &format!("simpctl: {line}"));
    }
    assert!(!world.path("ran").exists());
}

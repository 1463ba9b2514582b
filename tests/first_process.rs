//! The programs as the first process of a container, which the kernel ends by no signal that it has not asked for.

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Running, World, has_program, is_root, run, skipped, within};

/// Whether a container can be made here; says that `test` is skipped if not.
fn can_contain(test: &str, world: &World) -> bool {
    if !is_root(test) || !has_program(test, "unshare") {
        return false;
    }
    let mut command = world.command("unshare");
    command.args(["-pf", "true"]);
    let can = run(command, "").status == Some(0);
    if !can {
        skipped(test, "no container can be made here");
    }
    can
}

/// This command as the first process of a container.
fn contained(world: &World, inner: &Command) -> Running {
    let mut command = world.command("unshare");
    command.args(["-pf", "--kill-child"]).arg(inner.get_program()).args(inner.get_args());
    Running::start(command)
}

/// The only child of a process.
fn child(parent: u32) -> Pid {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    Pid::from_raw(children.trim().parse().unwrap())
}

#[test]
fn a_command_that_waits_is_ended_by_a_signal() {
    let world = World::new();
    if !can_contain("a_command_that_waits_is_ended_by_a_signal", &world) {
        return;
    }
    let _daemons = world.alice_and_bob();
    let (silent, other) = (world.peer(3, "silent"), world.peer(4, "other"));
    let bob = world.address(2);
    world.ctl(1, &["connect", &bob]).ok();
    world.ctl(2, &["send", "hi"]).ok();
    let ctl = |args: &[&str]| {
        let mut command = world.command("simpctl");
        command.arg("-d").arg(world.address(1)).args(args);
        contained(&world, &command)
    };
    let ends = |running: Running, signal: Signal| {
        kill(child(running.id()), signal).unwrap();
        assert_eq!(running.wait().status, Some(128 + signal as i32), "{signal}");
    };
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut listening = ctl(&["listen", "--text", "--consumer", &format!("shown-{signal}")]);
        assert_eq!(listening.read_line(), "hi");
        ends(listening, signal);

        let consumer = format!("run-{signal}");
        let mut running =
            ctl(&["listen", "--since", "0", "--consumer", &consumer, "--exec", "echo runs; exec sleep 600"]);
        assert_eq!(running.read_line(), "runs");
        ends(running, signal);
        // What it ran ended with it, and the message is handed over again.
        assert_eq!(world.ctl(1, &["listen", "--consumer", &consumer, "-n", "1", "--text"]).ok(), "hi\n");

        let mut sending = ctl(&["send", "--json"]);
        sending.write_line("one");
        assert!(sending.read_line().contains("delivered"));
        ends(sending, signal);

        let mut probing = ctl(&["probe", "--from", &world.address(5), &world.address(3)]);
        silent.receive_raw();
        assert!(!probing.read_error_line().is_empty());
        ends(probing, signal);
    }
    world.ctl(1, &["quit"]).ok();
    let connecting = ctl(&["connect", &world.address(4)]);
    other.receive_raw();
    ends(connecting, Signal::SIGTERM);
}

#[test]
fn a_room_is_stopped_by_a_signal() {
    let world = World::new();
    if !can_contain("a_room_is_stopped_by_a_signal", &world) {
        return;
    }
    let _daemon = world.start(1, &["--accept", "all", "--max-chats", "2"]);
    let mut room = world.command("simp-room");
    room.args(["run", "--open", "-d", &world.address(1)]);
    let mut running = contained(&world, &room);
    assert!(running.read_line().starts_with("simp-room: the room lobby is open on simpd "));
    kill(child(running.id()), Signal::SIGTERM).unwrap();
    assert_eq!(running.wait().status, Some(0), "stopped in order, as ever");
    // A command for it is ended while it waits for the answer of one that says nothing.
    let socket = world.path("run/simp-room/lobby.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let mut status = world.command("simp-room");
    status.args(["status", "--name", "lobby"]);
    let asking = contained(&world, &status);
    let _silent = within(move || listener.accept().unwrap());
    kill(child(asking.id()), Signal::SIGINT).unwrap();
    assert_eq!(asking.wait().status, Some(128 + 2));
}

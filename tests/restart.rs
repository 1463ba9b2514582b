//! Commands that wait go on when simpd is killed, or stopped, and started again: nothing is lost and nothing
//! comes twice.

use std::io::{Read as _, Write as _};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use simp_proto::Operation;

use crate::harness::{Daemon, Peer, Ran, Running, World, within};

const ALICE: [&str; 4] = ["--user", "alice", "--accept", "all"];

/// Kills the daemon on this address, once it has answered what it was asked, and starts it again.
fn restart(world: &World, host: u8, daemon: Daemon, args: &[&str]) -> Daemon {
    daemon.client().status();
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
    world.start(host, args)
}

/// Status 0, and the loss of the daemon on this address and its return were said so often; returns standard output.
#[track_caller]
fn survived(world: &World, host: u8, outcome: Ran, losses: usize) -> String {
    let simpd = format!("simpctl: simpd on {}", world.address(host));
    let said = format!("{simpd} went away, waiting for it\n{simpd} is back\n").repeat(losses);
    assert_eq!((outcome.status, outcome.stderr), (Some(0), said), "stdout: {}", outcome.stdout);
    outcome.stdout
}

/// Waits for a datagram of this operation, past copies of others.
#[track_caller]
fn await_operation(peer: &Peer, operation: Operation) -> Vec<u8> {
    loop {
        let datagram = peer.receive();
        if datagram.operation == operation {
            return datagram.payload;
        }
    }
}

#[test]
fn a_connect_that_waits_survives_a_killed_daemon() {
    let world = World::new();
    let alice = world.start(1, &ALICE);
    let peer = world.peer(3, "eve");
    let connecting = world.spawn_ctl(1, &["connect", &world.address(3)]);
    peer.expect(Operation::Syn, 0, b"");
    let _alice = restart(&world, 1, alice, &ALICE);
    await_operation(&peer, Operation::Syn);
    peer.send(&world.address(1), Operation::SynAck, 0, b"");
    let connected = survived(&world, 1, connecting.wait(), 1);
    assert_eq!(connected, format!("connected to eve@{}:7777\n", world.address(3)));
}

#[test]
fn an_accept_that_waits_survives_a_killed_daemon() {
    let world = World::new();
    let alice = world.start(1, &["--user", "alice"]);
    let peer = world.peer(3, "eve");
    peer.send(&world.address(1), Operation::Syn, 0, b"");
    alice.client().status_when(|status| status.requests == 1);
    let accepting = world.spawn_ctl(1, &["accept"]);
    peer.expect(Operation::SynAck, 0, b"");
    let _alice = restart(&world, 1, alice, &["--user", "alice"]);
    await_operation(&peer, Operation::SynAck);
    peer.send(&world.address(1), Operation::Ack, 0, b"");
    let connected = survived(&world, 1, accepting.wait(), 1);
    assert_eq!(connected, format!("connected to eve@{}:7777\n", world.address(3)));
}

#[test]
fn a_send_that_waits_survives_a_killed_daemon_and_is_sent_once() {
    let world = World::new();
    let alice = world.start(1, &ALICE);
    let peer = world.peer(3, "eve");
    peer.open(&world.address(1));
    let sending = world.spawn_ctl(1, &["send", "important"]);
    peer.expect(Operation::Chat, 0, b"important");
    let _alice = restart(&world, 1, alice, &ALICE);
    assert_eq!(await_operation(&peer, Operation::Chat), b"important");
    peer.send(&world.address(1), Operation::Ack, 0, b"");
    survived(&world, 1, sending.wait(), 1);
    assert_eq!(world.ctl(1, &["history"]).ok().lines().count(), 1);
}

#[test]
fn a_quit_that_waits_survives_a_killed_daemon() {
    let world = World::new();
    let alice = world.start(1, &ALICE);
    let peer = world.peer(3, "eve");
    peer.open(&world.address(1));
    let quitting = world.spawn_ctl(1, &["quit"]);
    peer.expect(Operation::Fin, 0, b"");
    let _alice = restart(&world, 1, alice, &ALICE);
    await_operation(&peer, Operation::Fin);
    peer.send(&world.address(1), Operation::Ack, 0, b"");
    survived(&world, 1, quitting.wait(), 1);
    assert_eq!(world.ctl(1, &["chats"]).ok(), "");
}

#[test]
fn a_listener_survives_daemons_that_are_killed_and_stopped_and_shows_everything_once() {
    let world = World::new();
    let alice = world.start(1, &ALICE);
    let peer = world.peer(3, "eve");
    peer.open(&world.address(1));
    let say = |seq: u8, text: &str| {
        peer.send(&world.address(1), Operation::Chat, seq, text.as_bytes());
        await_operation(&peer, Operation::Ack);
    };
    let mut listening = world.spawn_ctl(1, &["listen", "-n", "4"]);
    say(0, "one");
    assert_eq!(listening.read_line(), "eve: one");
    let alice = restart(&world, 1, alice, &ALICE);
    say(1, "two");
    say(0, "three");
    assert_eq!(listening.read_line(), "eve: two");
    assert_eq!(listening.read_line(), "eve: three");
    world.ctl(1, &["stop"]).ok();
    alice.wait();
    let _alice = world.start(1, &ALICE);
    say(1, "four");
    assert_eq!(survived(&world, 1, listening.wait(), 2), "eve: four\n");
    world.ctl(1, &["listen", "-n", "1", "--timeout", "0.1"]).fails(6, "simpctl: no message within 0.1 s");
}

#[test]
fn a_command_for_a_message_runs_once_though_the_daemon_is_killed_meanwhile() {
    let world = World::new();
    let alice = world.start(1, &ALICE);
    let peer = world.peer(3, "eve");
    peer.open(&world.address(1));
    for name in ["began", "gate"] {
        mkfifo(&world.path(name), Mode::S_IRWXU).unwrap();
    }
    // Says that it runs, and waits until it may end.
    let command = format!("cat >> {0}/out; echo > {0}/began; read -r _ < {0}/gate", world.path("").display());
    let began = || {
        let path = world.path("began");
        within(move || std::fs::File::open(path).unwrap().read_to_end(&mut Vec::new()).unwrap());
    };
    let end = || {
        let path = world.path("gate");
        within(move || std::fs::File::create(path).unwrap().write_all(b"\n").unwrap());
    };
    let say = |seq: u8, text: &str| {
        peer.send(&world.address(1), Operation::Chat, seq, text.as_bytes());
        await_operation(&peer, Operation::Ack);
    };
    let listening =
        world.spawn_ctl(1, &["listen", "--since", "0", "--consumer", "run", "-n", "3", "--exec", &command]);
    // The first kill finds one connection, the second one also that for the marks.
    say(0, "one");
    began();
    let alice = restart(&world, 1, alice, &ALICE);
    end();
    say(1, "two");
    began();
    end();
    say(0, "three");
    began();
    let _alice = restart(&world, 1, alice, &ALICE);
    end();
    survived(&world, 1, listening.wait(), 2);
    assert_eq!(std::fs::read_to_string(world.path("out")).unwrap(), "one\ntwo\nthree\n");
    world
        .ctl(1, &["listen", "--consumer", "run", "-n", "1", "--timeout", "0.1"])
        .fails(6, "simpctl: no message within 0.1 s");
}

#[test]
fn lines_that_are_sent_while_daemons_are_killed_arrive_in_order_and_once() {
    let world = World::new();
    let (mut alice, mut bob) = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let mut sending = world.spawn_ctl(1, &["send"]);
    let mut listening = world.spawn_ctl(2, &["listen", "--text", "-n", "10"]);
    for number in 0..10 {
        if number == 2 {
            alice = restart(&world, 1, alice, &["--user", "alice"]);
        }
        sending.write_line(&format!("line {number}"));
        if number == 5 {
            alice = restart(&world, 1, alice, &["--user", "alice"]);
        }
        if number == 8 {
            bob = restart(&world, 2, bob, &["--user", "bob", "--accept", "all"]);
        }
        assert_eq!(listening.read_line(), format!("line {number}"));
    }
    let sent = sending.wait();
    assert_eq!(sent.status, Some(0), "{sent:?}");
    survived(&world, 2, listening.wait(), 1);
    drop((alice, bob));
}

#[test]
fn a_daemon_that_does_not_come_back_in_time_is_status_3_with_what_it_will_go_on_with() {
    let world = World::new();
    let flags = ["--user", "alice", "--max-chats", "9"];
    let alice = world.start(1, &flags);
    let one = world.address(1);
    let peers: Vec<Peer> = (3..=6).map(|host| world.peer(host, "eve")).collect();
    let address = |at: usize| world.address(at as u8 + 3);
    let spawn = |args: &[&str]| world.spawn_ctl(1, &[&args[..1], &["--timeout", "8"], &args[1..]].concat());
    for peer in &peers[1..] {
        peer.send(&one, Operation::Syn, 0, b"");
    }
    alice.client().status_when(|status| status.requests == 3);
    for at in [2, 3] {
        let accepting = spawn(&["accept", &address(at)]);
        peers[at].is_accepted(&one);
        accepting.wait().ok();
    }
    let waits = |args: &[&str], peer: usize, operation, payload: &[u8]| {
        let running = spawn(args);
        peers[peer].expect(operation, 0, payload);
        running
    };
    let to = |at: usize| format!("{}:7777", address(at));
    let running = [
        (waits(&["connect", &address(0)], 0, Operation::Syn, b""), format!("{} is invited, but ", to(0))),
        (waits(&["accept", &address(1)], 1, Operation::SynAck, b""), format!("{} is accepted, but ", to(1))),
        (
            waits(&["quit", &address(2)], 2, Operation::Fin, b""),
            format!("the chat with {} is closing, but ", to(2)),
        ),
        (
            waits(&["send", "-t", &address(3), "hi"], 3, Operation::Chat, b"hi"),
            "message 7 is queued, but ".to_owned(),
        ),
        (spawn(&["listen"]), String::new()),
    ];
    // Five that wait, and the one that asks.
    alice.client().status_when(|status| status.clients == 6);
    alice.signal(Signal::SIGKILL);
    alice.wait();
    for (running, what) in running {
        let remedy = if what.is_empty() {
            format!("start it with: simpctl start {one}")
        } else {
            "it resumes when simpd is started again".into()
        };
        let lines = format!(
            "simpctl: simpd on {one} went away, waiting for it\nsimpctl: {what}simpd on {one} went away ({remedy})\n"
        );
        let outcome = running.wait();
        assert_eq!((outcome.status, outcome.stderr), (Some(3), lines));
    }
}

#[test]
fn a_listener_whose_reader_goes_away_does_not_wait_for_its_daemon() {
    let world = World::new();
    let alice = world.start(1, &ALICE);
    let peer = world.peer(3, "eve");
    peer.open(&world.address(1));
    peer.say(&world.address(1), 0, "one");
    let mut command = world.command("simpctl");
    command.arg("-d").arg(world.address(1)).args(["listen", "--text"]);
    let mut listening = Running::start(command);
    assert_eq!(listening.read_line(), "one");
    alice.signal(Signal::SIGKILL);
    alice.wait();
    let said = format!("simpctl: simpd on {} went away, waiting for it", world.address(1));
    assert_eq!(listening.read_error_line(), said);
    listening.close_stdout();
    listening.wait().ok();
}

#[test]
fn a_daemon_that_does_not_answer_is_named_and_waited_for() {
    let world = World::new();
    let alice = world.start(1, &ALICE);
    let peer = world.peer(3, "eve");
    peer.open(&world.address(1));
    peer.say(&world.address(1), 0, "one");
    alice.client().status();
    alice.signal(Signal::SIGSTOP);
    let one = world.address(1);
    let line = format!(
        "simpctl: simpd on {one} does not answer, waiting for it (is it stopped, or does its disk hang?)"
    );
    let commands = [
        &["status"][..],
        &["chats"],
        &["history"],
        &["outbox"],
        &["listen", "-n", "1"],
        &["send", "--no-wait", "hi"],
        &["connect", &world.address(3)],
        &["status", "--json"],
    ];
    let mut waiting = commands.map(|args| world.spawn_ctl(1, args));
    for running in &mut waiting {
        assert_eq!(running.read_error_line(), line);
    }
    alice.signal(Signal::SIGCONT);
    for running in waiting {
        // Nothing more is said of it.
        running.wait().ok();
    }
}

#[test]
fn a_listener_says_once_that_its_daemon_is_back() {
    let world = World::new();
    let alice = world.start(1, &ALICE);
    let mut listening = world.spawn_ctl(1, &["listen", "-n", "1", "--text"]);
    alice.client().status_when(|status| status.clients == 2);
    let _alice = restart(&world, 1, alice, &ALICE);
    let simpd = format!("simpctl: simpd on {}", world.address(1));
    for line in ["went away, waiting for it", "is back"] {
        assert_eq!(listening.read_error_line(), format!("{simpd} {line}"));
    }
    let peer = world.peer(3, "eve");
    peer.open(&world.address(1));
    peer.say(&world.address(1), 0, "one");
    assert_eq!(listening.wait().ok(), "one\n");
}

#[test]
fn who_asks_one_thing_of_a_daemon_that_is_gone_does_not_wait() {
    let world = World::new();
    let alice = world.start(1, &ALICE);
    alice.signal(Signal::SIGKILL);
    alice.wait();
    let (socket, one) = (world.socket(1), world.address(1));
    for args in [&["status"][..], &["history"], &["outbox"], &["consumers"], &["send", "hi"], &["listen"]] {
        world.ctl(1, args).fails(
            3,
            &format!(
                "simpctl: {}: simpd is not running (start it with: simpctl start {one})",
                socket.display()
            ),
        );
    }
}

//! simpctl at a terminal: what is there and what to type next, if no command is typed, and what is waited for.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Child;

use nix::pty::openpty;
use simp_control::{Reply, Request};

use crate::harness::{Running, World, message, run, within};

/// Starts simpctl with these words at a terminal, and gives what is shown there.
fn at_terminal(world: &World, args: &[&str]) -> (Child, File) {
    let terminal = openpty(None, None).unwrap();
    let mut command = world.command("simpctl");
    command.args(args).stdin(terminal.slave.try_clone().unwrap());
    command.stdout(terminal.slave.try_clone().unwrap()).stderr(terminal.slave);
    // Whoever reads learns of the end only if nobody else has the terminal open: the command goes with this.
    (command.spawn().unwrap(), File::from(terminal.master))
}

/// What a person sees who types `simpctl` and these words.
fn seen(world: &World, args: &[&str]) -> String {
    let (mut child, mut screen) = at_terminal(world, args);
    let seen = within(move || {
        let mut seen = Vec::new();
        // The end of a terminal is an error.
        let _ = screen.read_to_end(&mut seen);
        seen
    });
    assert!(child.wait().unwrap().success());
    String::from_utf8(seen).unwrap().replace("\r\n", "\n")
}

const HELP: &str = "all commands";

/// The commands that are proposed.
fn next(seen: &str) -> Vec<&str> {
    let (_, next) = seen.split_once("\nnext:\n").unwrap();
    next.lines().map(|line| line.trim_start().split("  ").next().unwrap()).collect()
}

#[test]
fn without_a_daemon_it_says_how_to_start_one() {
    let world = World::new();
    let screen = seen(&world, &[]);
    assert_eq!(screen.lines().next(), Some("no simpd is running"));
    assert_eq!(next(&screen), ["simpctl start", "simpctl start ADDR", "simpctl --help"]);
    assert!(screen.ends_with(&format!("{HELP}\n")), "{screen}");
}

#[test]
fn it_says_what_waits_and_what_to_type() {
    let world = World::new();
    let alice = world.start(1, &["--user", "alice", "--max-chats", "3"]);
    let two = format!("{}:7777", world.address(2));
    assert_eq!(
        seen(&world, &[]).lines().next().unwrap(),
        format!("simpd {} as alice: no chat", world.address(1))
    );
    assert_eq!(next(&seen(&world, &[])), ["simpctl connect ADDR", "simpctl chat", "simpctl --help"]);

    // What a peer is called reaches neither the terminal nor a command line as it is.
    let _bob = world.start(2, &["--user", "$(id)"]);
    let inviting = world.spawn_ctl(2, &["connect", "--plain", &world.address(1)]);
    alice.client().status_when(|status| status.requests == 1);
    let screen = seen(&world, &["-d", &world.address(1)]);
    let lines: Vec<&str> = screen.lines().take(2).collect();
    assert_eq!(
        lines,
        [format!("simpd {} as alice: 1 request", world.address(1)), format!("  invited  \"$(id)\"@{two}"),]
    );
    let with = format!("simpctl -d {}", world.address(1));
    assert_eq!(
        next(&screen),
        [format!("{with} accept {two}"), format!("{with} connect ADDR"), format!("{with} chat")]
    );

    world.ctl(1, &["accept"]).ok();
    assert_eq!(inviting.wait().status, Some(0));
    world.ctl(1, &["send", "--queue", "-t", &world.address(3), "later"]).ok();
    let screen = seen(&world, &["-d", &world.address(1)]);
    let first = screen.lines().next().unwrap();
    assert!(first.starts_with(&format!("simpd {} as alice: 1 chat, ", world.address(1))), "{screen}");
    assert!(first.ends_with("1 message in the outbox"), "{screen}");
    assert_eq!(next(&screen)[..2], [format!("{with} chat"), format!("{with} send -t {two} TEXT")]);
    for text in ["one", "two", "three"] {
        world.ctl(2, &["send", text]).ok();
    }
    let screen = seen(&world, &["-d", &world.address(1)]);
    assert!(screen.lines().next().unwrap().contains(" as alice: 3 unread, 1 chat, "), "{screen}");
    assert_eq!(next(&screen)[..2], [format!("{with} chat"), format!("{with} send -t {two} TEXT")]);
    // What was read on a screen or shown by a `listen` is not counted.
    let mut client = alice.client();
    let id = client.log().iter().find(|event| event.what == message("one")).unwrap().id;
    assert_eq!(client.reply(&Request::Read { address: two.clone(), id }), Reply::Done);
    assert!(seen(&world, &["-d", &world.address(1)]).contains(": 2 unread, "));
    // Of several that in which something waits is named.
    let screen = seen(&world, &[]);
    assert_eq!(screen.lines().filter(|line| line.starts_with("simpd ")).count(), 2);
    assert_eq!(next(&screen)[0], format!("{with} chat"));
    world.ctl(1, &["listen", "-n", "3"]).ok();
    assert!(!seen(&world, &["-d", &world.address(1)]).contains("unread"));
}

#[test]
fn a_script_that_forgot_the_command_gets_an_error() {
    let world = World::new();
    let line = "simpctl: no command given (see simpctl --help)";
    run(world.command("simpctl"), "").fails(2, line);
    let mut json = world.command("simpctl");
    json.arg("--json");
    let ran = Running::start(json).wait();
    assert_eq!((ran.status, ran.stderr), (Some(2), format!("{line}\n")));
}

#[test]
fn whoever_waits_for_an_answer_is_told_so() {
    let world = World::new();
    let (_alice, _bob) = (world.start(1, &["--user", "alice"]), world.start(2, &["--user", "bob"]));
    let (one, two) = (world.address(1), world.address(2));
    let (mut child, screen) = at_terminal(&world, &["-d", &one, "connect", &two]);
    let mut screen = BufReader::new(screen);
    let (screen, line) = within(move || {
        let mut line = String::new();
        screen.read_line(&mut line).unwrap();
        (screen, line)
    });
    let waiting = "to answer (to take the invitation back: simpctl quit)";
    assert_eq!(line, format!("simpctl: waiting for {two}:7777 {waiting}\r\n"));
    world.ctl(2, &["accept"]).ok();
    let connected = within(move || screen.lines().map_while(Result::ok).next().unwrap());
    assert!(connected.starts_with(&format!("connected to bob@{two}:7777 (secure")), "{connected}");
    assert!(child.wait().unwrap().success());
    // A script waits without a word.
    world.ctl(1, &["quit"]).ok();
    let waiting = world.spawn_ctl(1, &["connect", "--timeout", "2", &two]).wait();
    assert_eq!(
        (waiting.status, waiting.stderr),
        (
            Some(6),
            format!(
                "simpctl: {two}:7777: no answer (nobody has accepted, or a firewall closes its port or the one below)\n"
            )
        )
    );
}

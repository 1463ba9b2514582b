//! The terminal: what it must be, how it is given back, and that nothing wakes up whoever waits at it.

use super::*;

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let world = World::new();
    let line =
        "simpctl: chat needs a terminal for its input and output (in a script: simpctl listen, simpctl send)";
    // Before any simpd is looked for.
    world.ctl(1, &["chat"]).fails(2, line);
    let mut command = world.command("simpctl");
    command.args(["-d", &world.address(1), "chat"]);
    let mut dumb = world.command("sh");
    dumb.args(["-c", "TERM=dumb exec \"$0\" chat"]).arg(command.get_program());
    let (status, said) = Terminal::start(&dumb, 20, 90).ends();
    assert_eq!(status.code(), Some(2));
    assert!(said.contains("this terminal has no screen; TERM is not set, or dumb"), "{said}");
    let (status, said) = screen(&world, 1, &[]).ends();
    assert_eq!(status.code(), Some(3));
    assert!(said.contains("simpd is not running"), "{said}");
}

#[test]
fn nobody_of_this_name_is_said_without_a_screen() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let (status, said) = screen(&world, 1, &["no/host"]).ends();
    assert_eq!(status.code(), Some(2));
    assert!(said.starts_with("simpctl: no/host: neither ADDR[:PORT] nor HOST[:PORT]"), "{said}");
}

#[test]
fn the_terminal_is_given_back_however_it_ends() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let alice = screen(&world, 1, &[]);
        alice.shows("You are alice");
        assert!(!alice.is_as_before());
        alice.signal(signal);
        let (status, _) = alice.ends();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(signal as i32));
    }
    for stop in ["\x1a", ""] {
        let mut alice = screen(&world, 1, &[]);
        alice.shows("You are alice");
        match stop {
            "" => alice.signal(Signal::SIGTSTP),
            key => alice.keys(key),
        }
        alice.is_stopped();
        assert!(alice.is_as_before());
        alice.signal(Signal::SIGCONT);
        alice.when("the screen again", |screen, _| screen.alternate_screen());
        alice.shows("You are alice");
        alice.keys("/help\r");
        alice.shows("Ctrl-N, Ctrl-P");
        assert!(!alice.is_as_before());
    }
}

#[test]
fn a_screen_on_which_nothing_happens_does_nothing() {
    let test = "a_screen_on_which_nothing_happens_does_nothing";
    if !has_program(test, "strace") {
        return;
    }
    let world = World::new();
    let _daemons = world.alice_and_bob();
    let mut alice = screen(&world, 1, &[&world.address(2)]);
    alice.shows("* the chat is open");
    alice.keys("hi\r");
    alice.shows("you: hi \u{2713}");
    let trace = world.path("trace");
    let mut command = world.command("timeout");
    command.args(["-s", "INT", "2", "strace", "-f", "-o"]).arg(&trace).args(["-p", &alice.id().to_string()]);
    let outcome = run(command, "");
    if !outcome.stderr.contains("attached") || outcome.stderr.contains("not permitted") {
        return skipped(test, outcome.stderr.trim());
    }
    let trace = std::fs::read_to_string(trace).unwrap();
    // Each thread waits in one call, which strace leaves.
    let threads = std::fs::read_dir(format!("/proc/{}/task", alice.id())).unwrap().count();
    let waits = |line: &&str| line.ends_with("<unfinished ...>") || line.ends_with("<detached ...>");
    assert_eq!((trace.lines().count(), trace.lines().filter(waits).count()), (threads, threads), "{trace}");
}

//! What simpctl says when something is wrong: the exact line, and the exit status.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;

use simp_control::frame;
use simp_control::{Answer, Failure, FailureKind};

use crate::harness::{Peer, World, has_program, is_connected_to, is_root, run};

#[test]
fn without_a_daemon_it_says_how_to_start_one() {
    let world = World::new();
    let mut command = world.command("simpctl");
    command.arg("status");
    run(command, "").fails(3, "simpctl: simpd is not running (start it with: simpctl start)");
    let (socket, address) = (world.socket(1), world.address(1));
    world.ctl(1, &["status"]).fails(
        3,
        &format!(
            "simpctl: {}: simpd is not running (start it with: simpctl start {address})",
            socket.display()
        ),
    );
}

#[test]
fn the_only_daemon_is_found_and_of_several_they_are_listed() {
    let world = World::new();
    let _one = world.start(1, &["--user", "alice"]);
    let status = || {
        let mut command = world.command("simpctl");
        command.arg("status");
        run(command, "")
    };
    assert!(status().ok().contains(&world.address(1)));
    let killed = world.start(2, &["--user", "bob"]);
    let line = format!(
        "simpctl: several simpd are running: {}, {} (choose one with -d ADDR)",
        world.address(1),
        world.address(2)
    );
    status().fails(3, &line);
    killed.signal(nix::sys::signal::Signal::SIGKILL);
    killed.wait();
    assert!(status().ok().contains(&world.address(1)), "a socket left by a killed daemon does not count");
    let mut command = world.command("simpctl");
    command.env("SIMP_DAEMON", world.address(1)).arg("status");
    assert!(run(command, "").ok().contains(&world.address(1)));
    let mut command = world.command("simpctl");
    command.env("SIMP_DAEMON", "here").arg("status");
    let line = "simpctl: SIMP_DAEMON: 'here': neither the address of a simpd nor the path of its socket";
    run(command, "").fails(2, line);
}

#[test]
fn wrong_usage_is_status_2_and_one_line() {
    let world = World::new();
    let _one = world.start(1, &["--user", "alice"]);
    for (args, line) in [
        (&["frobnicate"][..], "no command frobnicate (see simpctl --help)"),
        (&[], "no command given (see simpctl --help)"),
        (&["send", ""], "an empty text cannot be sent"),
        (&["send", "-"], "standard input: an empty text cannot be sent"),
        (
            &["connect", "127.0.0.1:99999"],
            "127.0.0.1:99999: neither ADDR[:PORT] nor HOST[:PORT] (see simpctl connect --help)",
        ),
        (&["connect", " "], "' ': neither ADDR[:PORT] nor HOST[:PORT] (see simpctl connect --help)"),
        (&["send", "-t", " ", "hi"], "' ': nobody is called so (leave it out if there is only one)"),
        (
            &["listen", "--json", "--exec", "true"],
            "--exec prints no messages, so that --json means nothing (leave one out)",
        ),
        (&["listen", "--consumer", " "], "a consumer's name is more than spaces"),
        (&["help", "nonsense"], "no command nonsense (see simpctl --help)"),
        (&["listne", "--help"], "no command listne (did you mean listen? see simpctl --help)"),
        (&["status", "--version"], "no option --version (see simpctl status --help)"),
        (&["connect", "0.0.0.0"], "0.0.0.0:7777: not the address of one host"),
        (
            &["listen", "-n", "x"],
            "-n 'x': expected a whole number from 0 to 4294967295 (see simpctl listen --help)",
        ),
        (
            &["resend", "x"],
            "'x': an id is a whole number, as history and outbox list it (see simpctl resend --help)",
        ),
        (
            &["connect", "--timeout", "-1", "127.0.0.1"],
            "--timeout '-1': a time is one of: 5 or 0.5 (seconds), 90s, 30m, 2h, 7d, 1w, 2026-11-21, 2026-11-21T10:00 or RFC 3339 (see simpctl connect --help)",
        ),
        (
            &["send", "--queue", "--expire", "2020-01-01", "hi"],
            "--expire '2020-01-01': this time has passed (see simpctl send --help)",
        ),
        (
            &["listen", "--timeout", "101w", "--since", "99999d"],
            "--since '99999d': this time is before 1970 (see simpctl listen --help)",
        ),
        (
            &["history", "--until", "2026-02-30"],
            "--until '2026-02-30': there is no such date (see simpctl history --help)",
        ),
        (&["history", "--search", ""], "--search '': nothing to search for (see simpctl history --help)"),
        (&["status", "-d"], "-d: no value given (see simpctl status --help)"),
        (&["listne", "-n", "1"], "no command listne (did you mean listen? see simpctl --help)"),
        (&["outbox", "cancle", "7"], "no command cancle (did you mean cancel? see simpctl outbox --help)"),
        (&["accept", "a", "b"], "one argument too many: b (see simpctl accept --help)"),
        (&["listen", "-n", "1", "-n", "2"], "-n is given twice (see simpctl listen --help)"),
        (
            &["connect", "--tiemout", "1"],
            "no option --tiemout (did you mean --timeout? see simpctl connect --help)",
        ),
        (
            &["outbox", "cancel"],
            "which messages? (give an id, whom they are for, or --all; see: simpctl outbox)",
        ),
        (
            &["send", "-5", "degrees"],
            "no option -5 (put -- before a text that begins with a dash; see simpctl send --help)",
        ),
    ] {
        world.ctl(1, args).fails(2, &format!("simpctl: {line}"));
    }
    for args in
        [&["listen", "-n", "x"][..], &["listen", "--timeout", "-1"], &["connect"], &["completions", "tcsh"]]
    {
        let outcome = world.ctl(1, args);
        assert_eq!((outcome.status, outcome.stderr.lines().count()), (Some(2), 1), "{args:?}: {outcome:?}");
    }
}

#[test]
fn what_is_not_utf8_is_refused_and_not_changed() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let broken = OsStr::from_bytes(b"gr\xfcn");
    for before in [&["send"][..], &["send", "--"], &["history", "--from"], &["-d"]] {
        let mut command = world.command("simpctl");
        command.args(["-d", &world.address(1)]).args(before).arg(broken);
        let said = run(command, "");
        assert_eq!(said.status, Some(2), "{before:?}");
        let line = "simpctl: 'gr\u{fffd}n': not UTF-8, which every argument must be (see simpctl";
        assert!(said.stderr.starts_with(line), "{}", said.stderr);
    }
    let mut command = world.command("simpctl");
    command.env("SIMP_DAEMON", broken).arg("status");
    run(command, "").fails(2, "simpctl: SIMP_DAEMON: 'gr\u{fffd}n': not UTF-8 (unset it, or use -d)");
    let mut command = world.command("simpd");
    command.args([OsStr::new("--config"), broken]);
    run(command, "")
        .fails(2, "simpd: 'gr\u{fffd}n': not UTF-8, which every argument must be (see simpd --help)");
}

#[test]
fn bash_is_offered_no_options_within_a_text() {
    if !has_program("bash_is_offered_no_options_within_a_text", "bash") {
        return;
    }
    let world = World::new();
    let script = world.ctl(1, &["completions", "bash"]).ok();
    for (typed, offered) in [
        ("send --t", "--to --token --timeout"),
        ("send -t bob --t", "--to --token --timeout"),
        ("-d send send --no", "--no-wait"),
        ("send hi --t", ""),
        ("send -- --t", ""),
        ("quit bob --ti", "--timeout"),
        ("completions b", "bash"),
    ] {
        let mut bash = world.command("bash");
        let call = format!(
            "{script}\nCOMP_WORDS=(simpctl {typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _simpctl; echo ${{COMPREPLY[@]}}"
        );
        bash.args(["-c", &call]);
        assert_eq!(run(bash, "").ok(), format!("{offered}\n"), "{typed}");
    }
}

#[test]
fn what_looks_like_an_option_in_a_text_is_text() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    for args in [
        &["send", "please", "read", "--help", "first"][..],
        &["send", "say", "--json", "now"],
        &["send", "-t", "bob", "hi", "--timeout", "0", "-d", "x", "--", "--no-wait"],
        &["send", "--", "-h"],
        &["send", "--", "--", "two"],
    ] {
        assert_eq!(world.ctl(1, args).ok(), "", "{args:?}");
    }
    assert_eq!(
        world.ctl(2, &["listen", "-n", "5", "--text"]).ok(),
        "please read --help first\nsay --json now\nhi --timeout 0 -d x -- --no-wait\n-h\n-- two\n"
    );
    assert!(world.ctl(1, &["send", "--json", "hi"]).ok().starts_with("{\"id\":"));
}

#[test]
fn a_wrong_line_of_standard_input_is_named_and_what_came_before_is_sent() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", "--plain", &world.address(2)]).ok();
    world.ctl_with(1, &["send", "--on-error", "stop"], "one\n\ntw\u{f6}\nthree\n").fails(
        2,
        "simpctl: standard input line 3: a text must be ASCII; '\u{f6}' (U+00F6) at position 3 is not",
    );
    assert_eq!(world.ctl(2, &["listen", "-n", "1", "--text"]).ok(), "one\n");
    world.ctl(2, &["listen", "-n", "1", "--timeout", "0.1"]).fails(6, "simpctl: no message within 0.1 s");
}

#[test]
fn what_is_not_there_is_status_7() {
    let world = World::new();
    let _one = world.start(1, &["--user", "alice", "--accept", "all", "--max-chats", "2"]);
    for (args, line) in [
        (
            &["send", "hi"][..],
            "there is no open chat (open a chat: simpctl connect ADDR, or queue the message for a later one: send --queue -t ADDR)",
        ),
        (&["accept"], "there is no request"),
        (&["decline", "bob"], "there is no request"),
        (&["quit"], "there is no chat to quit"),
        (&["connect", "no-such-host.invalid"], "no-such-host.invalid: unknown host"),
    ] {
        world.ctl(1, args).fails(7, &format!("simpctl: {line}"));
    }
    let (ann, cid) =
        (Peer::new(&(world.address(5) + ":7777"), "ann"), Peer::new(&(world.address(6) + ":7777"), "cid"));
    ann.open(&world.address(1));
    let ann_is = format!("ann@{}:7777", world.address(5));
    world
        .ctl(1, &["send", "-t", "127.0.0.1", "hi"])
        .fails(7, &format!("simpctl: no match for 127.0.0.1 among {ann_is} (open a chat: simpctl connect ADDR, or queue the message for a later one: send --queue -t ADDR)"));
    cid.open(&world.address(1));
    let cid_is = format!("cid@{}:7777", world.address(6));
    world
        .ctl(1, &["send", "hi"])
        .fails(7, &format!("simpctl: several match: {ann_is}, {cid_is} (choose one with -t WHO)"));
    for who in ["ann", &world.address(5), &ann_is, &format!("ann@{}", world.address(5))] {
        world.ctl(1, &["send", "--no-wait", "-t", who, "hi"]).ok();
    }
}

#[test]
fn a_second_chat_needs_room() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let bob = format!("bob@{}:7777", world.address(2));
    world.ctl(1, &["connect", &world.address(3)]).fails(
        1,
        &format!(
            "simpctl: already in a chat with {bob} (end it: simpctl quit, or start simpd with --max-chats 2)"
        ),
    );
    is_connected_to(&bob, &world.ctl(1, &["connect", &world.address(2)]).ok());
    world
        .ctl(1, &["connect", &world.address(1)])
        .fails(1, &format!("simpctl: {}:7777: this is the address of this simpd", world.address(1)));
}

#[test]
fn a_failure_is_json_too_where_json_is_asked_for() {
    let world = World::new();
    let _one = world.start(1, &["--user", "alice"]);
    for args in [["--json", "quit"], ["quit", "--json"]] {
        let outcome = world.ctl(1, &args);
        assert_eq!(
            (outcome.status, outcome.stderr.as_str()),
            (Some(7), "simpctl: there is no chat to quit\n")
        );
        assert_eq!(outcome.stdout, "{\"error\":\"there is no chat to quit\",\"kind\":\"no_such\"}\n");
    }
    let kind = |args: &[&str]| {
        let json: serde_json::Value = serde_json::from_str(&world.ctl(1, args).stdout).unwrap();
        json["kind"].as_str().unwrap().to_owned()
    };
    assert_eq!(kind(&["send", "--json", "hi"]), "no_such");
    assert_eq!(kind(&["connect", "--json", ""]), "usage");
    assert_eq!(kind(&["outbox", "cancel", "--json", "7"]), "no_such");
}

#[test]
fn a_time_is_written_alike_everywhere() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    let bob = world.address(2);
    let soon = simp_control::clock::rfc3339(simp_control::clock::now_ms() + 60_000);
    for time in ["60", "60.5", "60s", "1m", "1h", "1d", &soon] {
        world.ctl(1, &["connect", "--timeout", time, &bob]).ok();
        world.ctl(1, &["send", "--timeout", time, "hi"]).ok();
        world.ctl(1, &["send", "--queue", "--expire", time, "-t", "bob", "hi"]).ok();
        assert!(!world.ctl(1, &["listen", "--all", "-n", "1", "--timeout", time]).ok().is_empty());
    }
    for since in ["1d", "1.5h", "60m", "2020-01-01", "2020-01-01T10:00", "2020-01-01T10:00:00Z", "0"] {
        assert!(!world.ctl(1, &["history", "--since", since]).ok().is_empty(), "{since}");
        assert!(!world.ctl(1, &["listen", "--all", "-n", "1", "--since", since]).ok().is_empty(), "{since}");
    }
    assert_eq!(world.ctl(1, &["history", "--since", &soon]).ok(), "");
    world
        .ctl(1, &["listen", "--since", &soon, "--timeout", "0.05"])
        .fails(6, "simpctl: no message within 0.05 s");
}

#[test]
fn a_stream_of_json_holds_no_failure() {
    let world = World::new();
    for (args, input, status) in [
        (&["listen", "--json", "--timeout", "x"][..], "", 2),
        (&["history", "--json"], "", 3),
        (&["chats", "--json"], "", 3),
        (&["probe", "--json", "no-such-host.invalid"], "", 7),
    ] {
        let outcome = world.ctl_with(1, args, input);
        assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(status), ""), "{args:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    }
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", "--plain", &world.address(2)]).ok();
    let outcome = world.ctl(2, &["listen", "--json", "-n", "1", "--timeout", "0.05"]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(6), ""));
    assert_eq!(outcome.stderr, "simpctl: no message within 0.05 s\n");
    let outcome = world.ctl_with(1, &["send", "--json"], "\u{f6}\n");
    assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(1), ""), "{outcome:?}");
    let outcome = world.ctl_with(1, &["send", "--json"], "one\ntw\u{f6}\n");
    assert_eq!((outcome.status, outcome.stdout.lines().count()), (Some(1), 1), "{outcome:?}");
    assert!(outcome.stdout.contains("\"event\":\"delivered\""), "{outcome:?}");
}

#[test]
fn another_users_daemon_is_refused_with_the_reason() {
    if !is_root("another_users_daemon_is_refused_with_the_reason") {
        return;
    }
    let world = World::new();
    let _one = world.start(1, &["--user", "alice"]);
    let nobody = |world: &World| {
        // The program itself is where others may not look; a copy is where they may.
        let copy = world.path("simpctl");
        // By another program: a command that is started meanwhile elsewhere would hold the copy open for
        // writing, and what is open for writing cannot be run.
        let mut cp = world.command("cp");
        cp.args([env!("CARGO_BIN_EXE_simpctl").as_ref(), copy.as_os_str()]);
        run(cp, "").ok();
        let mut command = world.command(copy.to_str().unwrap());
        command.arg("-d").arg(world.socket(1)).arg("status").uid(65_534).gid(65_534).current_dir("/");
        run(command, "")
    };
    let open_to_all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(world.path(""), open_to_all.clone()).unwrap();
    let socket = world.socket(1);
    nobody(&world).fails(
        3,
        &format!(
            "simpctl: {}: permission denied (this simpd belongs to root; only root may use it)",
            socket.display()
        ),
    );
    // If the folder is open by mistake, simpd itself looks who it is.
    std::fs::set_permissions(world.path("run/simp"), open_to_all).unwrap();
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o777)).unwrap();
    nobody(&world).fails(
        3,
        "simpctl: permission denied: this simpd belongs to another user (start your own: simpctl start ADDR)",
    );
}

#[test]
fn a_daemon_of_another_version_is_told_from_one_that_is_broken() {
    let world = World::new();
    let serve = |answer: Vec<u8>| {
        let path = world.path("other.sock");
        let _ = std::fs::remove_file(&path);
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let serving = std::thread::spawn(move || {
            use std::io::{Read as _, Write as _};
            let (mut stream, _) = listener.accept().unwrap();
            let mut hello = [0; 4];
            stream.read_exact(&mut hello).unwrap();
            stream.write_all(&answer).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let mut command = world.command("simpctl");
        command.arg("-d").arg(&path).arg("status");
        let outcome = run(command, "");
        serving.join().unwrap();
        outcome
    };
    let mut answer = Vec::new();
    let failure =
        Failure::new(FailureKind::NoDaemon, "simpd 9 speaks version 9, this client 1 (install both)");
    frame::encode(&Answer::Failure(failure), &mut answer).unwrap();
    serve(answer).fails(3, "simpctl: simpd 9 speaks version 9, this client 1 (install both)");
    let broken = serve(b"\xff\xff\xff\xffgarbage".to_vec());
    broken.fails(
        3,
        &format!(
            "simpctl: {}: not a simpd (its answer makes no sense; name another with -d)",
            world.path("other.sock").display()
        ),
    );
}

#[test]
fn a_socket_path_too_long_for_the_kernel_is_named() {
    let world = World::new();
    let mut command = world.command("simpctl");
    let folder = format!("/tmp/{}", "x".repeat(120));
    command.env("XDG_RUNTIME_DIR", &folder).args(["-d", "127.0.0.1", "status"]);
    run(command, "").fails(
        3,
        &format!("simpctl: {folder}/simp/127.0.0.1.sock: too long for a Unix socket, which has at most 107 bytes (set XDG_RUNTIME_DIR to a shorter path)"),
    );
}

#[test]
fn help_names_every_command_and_completions_are_made_for_each_shell() {
    let world = World::new();
    let help = world.ctl(1, &["--help"]).ok();
    for command in [
        "connect", "accept", "decline", "requests", "send", "listen", "quit", "chats", "status", "history",
        "stop",
    ] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "{command} in {help}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(world.ctl(1, &["completions", shell]).ok().contains("simpctl"), "{shell}");
    }
    assert_eq!(world.ctl(1, &["--version"]).ok(), concat!("simpctl ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_command_that_is_empty_takes_no_messages() {
    let world = World::new();
    let _alice = world.start(1, &[]);
    for command in ["", " "] {
        world
            .ctl(1, &["listen", "--exec", command])
            .fails(2, "simpctl: --exec needs a command: an empty one would mark every message as seen");
        // Without a simpd too: what is wrong in itself is said first.
        world
            .ctl(2, &["listen", "--exec", command])
            .fails(2, "simpctl: --exec needs a command: an empty one would mark every message as seen");
    }
    world
        .ctl(1, &["send", "--queue", "-t", "255.255.255.255", "hi"])
        .fails(2, "simpctl: 255.255.255.255:7777: not the address of one host");
}

#[test]
fn status_counts_what_happened() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    world.ctl(1, &["send", "hi"]).ok();
    let status: serde_json::Value = serde_json::from_str(&world.ctl(1, &["status", "--json"]).ok()).unwrap();
    assert_eq!(status["user"], "alice");
    assert_eq!(status["chats"], 1);
    for plain in ["version", "uptime", "datagrams_in", "retransmitted", "duplicates", "commits", "log_bytes"]
    {
        let status = world.ctl(1, &["status"]).ok();
        assert!(status.contains(plain) || plain == "version", "{plain} in {status}");
    }
}

#[test]
fn standard_input_that_cannot_be_read_is_a_failure_and_no_wrong_usage() {
    let world = World::new();
    let _one = world.start(1, &["--user", "alice"]);
    let mut shell = world.command("sh");
    let script = format!("{} -d {} send < /", env!("CARGO_BIN_EXE_simpctl"), world.address(1));
    shell.args(["-c", &script]);
    run(shell, "").fails(1, "simpctl: standard input: is a directory");
}

//! What simpd says when it cannot start, how it stops, and what it goes on with when it starts again.

use std::fs::{self, Permissions};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use simp_proto::Operation;
use simp_proto::control::{FailureKind, From, Reason, Reply, Request, State, What};

use crate::harness::{Client, Daemon, World, connect, is_root, message, queued, run};

fn mode(path: &PathBuf, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The folder with the log of the daemon on address 1.
fn state(world: &World) -> PathBuf {
    world.path("state/simp").join(world.address(1))
}

#[test]
fn wrong_usage_is_status_2_and_one_line() {
    let world = World::new();
    let address = world.address(1);
    let max = "simpd: max_chats must be from 1 to 100000";
    for (args, line) in [
        (&[][..], "simpd: on which address? (for example: simpd 127.0.0.1)"),
        (
            &["localhost"],
            "simpd: localhost: not an address (ADDR or ADDR:PORT, for example 127.0.0.1 or [::1]:7777)",
        ),
        (
            &["127.0.0.1:0"],
            "simpd: 127.0.0.1:0: not an address (ADDR or ADDR:PORT, for example 127.0.0.1 or [::1]:7777)",
        ),
        (&["--verbose"], "simpd: unrecognized argument: --verbose (see simpd --help)"),
        (&[&address, "127.0.0.2"], "simpd: unrecognized argument: 127.0.0.2 (see simpd --help)"),
        (&[&address, "--user"], "simpd: no value provided for option '--user' (see simpd --help)"),
        (&[&address, "--max-chats", "0"], max),
        (&[&address, "--max-chats", "100001"], max),
        (&[&address, "--log", "loud"], "simpd: the log level 'loud' is none of error, warn, info, debug"),
        (
            &[&address, "--user", &"x".repeat(33)],
            "simpd: a user name has at most 32 bytes, this one has 33 (choose another with --user NAME)",
        ),
        (
            &[&address, "--user", "j\u{f6}rg"],
            "simpd: a user name is printable ASCII, '\u{f6}' (U+00F6) is not (choose another with --user NAME)",
        ),
        (
            &[&address, "--user", "a\x1b"],
            "simpd: a user name is printable ASCII, the character U+001B is not (choose another with --user NAME)",
        ),
        (&[&address, "--user", ""], "simpd: a user name cannot be empty (choose another with --user NAME)"),
    ] {
        world.simpd(args).fails(2, line);
    }
}

#[test]
fn version_and_help_are_printed() {
    let world = World::new();
    assert_eq!(world.simpd(&["--version"]).ok(), "simpd 0.1.0\n");
    assert!(world.simpd(&["--help"]).ok().starts_with("Usage: simpd "));
}

#[test]
fn an_address_that_cannot_be_had_is_explained() {
    let world = World::new();
    let address = world.address(1);
    world
        .simpd(&["192.0.2.1"])
        .fails(1, "simpd: 192.0.2.1:7777: not an address of this machine (list them: ip address)");
    let taken = world.address(3);
    let _socket = UdpSocket::bind((taken.as_str(), 7777)).unwrap();
    world.simpd(&[&taken]).fails(
        1,
        &format!(
            "simpd: {taken}:7777: the port is taken by another program (choose another: simpd {taken}:PORT)"
        ),
    );
    let _alice = world.start(1, &[]);
    let line = format!("simpd: {address}: simpd is already running there (see: simpctl -d {address} status)");
    world.simpd(&[&address]).fails(1, &line);
    world.simpd(&[&format!("{address}:7777")]).fails(1, &line);
    // With its log elsewhere it has another lock, but the same socket.
    let mut command = world.command("simpd");
    command.arg(&address).env("XDG_STATE_HOME", world.path("other"));
    run(command, "").fails(1, &line);
    world.start(2, &[]).client().status();
}

#[test]
fn a_folder_that_others_can_reach_is_refused() {
    let world = World::new();
    let address = world.address(1);
    let runtime = world.path("run/simp");
    let state = state(&world);
    let all = state.parent().unwrap().to_owned();
    for (folder, variable) in
        [(runtime, "XDG_RUNTIME_DIR"), (all.clone(), "XDG_STATE_HOME"), (state, "XDG_STATE_HOME")]
    {
        fs::create_dir_all(&folder).unwrap();
        mode(&folder.parent().unwrap().to_path_buf(), 0o700);
        let line = format!(
            "simpd: {}: this folder must be yours alone (make it so: chmod 700, or set {variable} to a folder of \
             yours)",
            folder.display()
        );
        for open in [0o755, 0o710, 0o701] {
            mode(&folder, open);
            world.simpd(&[&address]).fails(1, &line);
        }
        mode(&folder, 0o700);
        if is_root("a_folder_that_others_can_reach_is_refused (the folder of another user)") {
            std::os::unix::fs::chown(&folder, Some(65_534), None).unwrap();
            let line = format!(
                "simpd: {}: this folder belongs to another user (set {variable} to a folder of yours)",
                folder.display()
            );
            world.simpd(&[&address]).fails(1, &line);
        }
        fs::remove_dir(&folder).unwrap();
        // Somebody else might put a link in our way.
        fs::create_dir(world.path("elsewhere")).unwrap();
        mode(&world.path("elsewhere"), 0o700);
        std::os::unix::fs::symlink(world.path("elsewhere"), &folder).unwrap();
        world.simpd(&[&address]).fails(1, &line);
        fs::remove_file(&folder).unwrap();
        fs::remove_dir(world.path("elsewhere")).unwrap();

        fs::write(&folder, "").unwrap();
        let line = format!(
            "simpd: {}: File exists (os error 17) (set {variable} to a folder of yours)",
            folder.display()
        );
        world.simpd(&[&address]).fails(1, &line);
        fs::remove_file(&folder).unwrap();
    }
    world.start(1, &[]);
    for folder in [world.path("run/simp"), self::state(&world)] {
        assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn a_second_daemon_on_one_log_is_shown_the_way_to_the_first() {
    let world = World::new();
    let address = world.address(1);
    let alice = world.start(1, &[]);
    let mut command = world.command("simpd");
    command.arg(&address).env("XDG_RUNTIME_DIR", world.path("home"));
    fs::create_dir(world.path("home")).unwrap();
    let socket = alice.socket.display();
    let line = format!("simpd: {address}: simpd is already running there (see: simpctl -d {socket} status)");
    run(command, "").fails(1, &line);
    let mut command = world.command("simpctl");
    command.args(["-d", &socket.to_string(), "status"]);
    assert!(run(command, "").ok().contains(&address));
}

#[test]
fn a_socket_path_that_is_too_long_is_explained() {
    let world = World::new();
    let long = format!("/tmp/{}", "x".repeat(115));
    let mut command = world.command("simpd");
    command.arg("127.0.0.1").env("XDG_RUNTIME_DIR", &long);
    let line = format!(
        "simpd: {long}/simp/127.0.0.1.sock: the path has 140 bytes, a socket's has at most 107 (set \
         XDG_RUNTIME_DIR to a shorter folder)"
    );
    run(command, "").fails(1, &line);
    assert!(!PathBuf::from(long).exists());
}

#[test]
fn without_a_home_there_is_no_place_for_the_log() {
    let world = World::new();
    let mut command = world.command("simpd");
    command.arg(world.address(1)).env_remove("HOME").env_remove("XDG_STATE_HOME");
    run(command, "")
        .fails(1, "simpd: neither XDG_STATE_HOME nor HOME is set (set one, for the folder of the log)");
    // One of them is enough.
    let mut command = world.command("simpd");
    command.arg(world.address(1)).env_remove("XDG_STATE_HOME");
    let _alice = Daemon::start(command, world.socket(1));
    let name = format!("home/.local/state/simp/{}/log.db", world.address(1));
    assert!(world.path(&name).exists());
}

#[test]
fn a_full_disk_is_found_at_the_start() {
    if !is_root("a_full_disk_is_found_at_the_start") {
        return;
    }
    let world = World::new();
    fs::create_dir(world.path("state")).unwrap();
    let mut command = world.command("unshare");
    // The mount is gone with the shell.
    let script = r#"set -e
        mount -t tmpfs -o size=64k,mode=700 tmpfs "$XDG_STATE_HOME"
        dd if=/dev/zero of="$XDG_STATE_HOME/filler" bs=4k count=14 2>/dev/null
        exec "$0" "$1""#;
    command.args(["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_simpd"), &world.address(1)]);
    let outcome = run(command, "");
    if outcome.stderr.contains("unshare") || outcome.stderr.contains("mount:") {
        eprintln!("SKIPPED a_full_disk_is_found_at_the_start: {}", outcome.stderr.trim());
        return;
    }
    let line = format!(
        "simpd: {}: the disk is full (free some space, or set XDG_STATE_HOME to a folder on another disk)",
        state(&world).join("log.db").display()
    );
    outcome.fails(1, &line);
    assert!(!world.socket(1).exists());
}

#[test]
fn a_file_that_is_no_log_of_ours_is_left_alone() {
    let world = World::new();
    let address = world.address(1);
    let alice = world.start(1, &[]);
    alice.signal(Signal::SIGTERM);
    assert_eq!(alice.wait(), Some(0));
    let path = state(&world).join("log.db");
    let good = fs::read(&path).unwrap();
    let shown = path.display();
    let foreign =
        format!("simpd: {shown}: not a log of simpd (move it away, or set XDG_STATE_HOME to another folder)");
    let newer = format!(
        "simpd: {shown}: written by a newer simpd (schema 4, this one knows 3; install the newer one)"
    );
    let damaged = format!(
        "simpd: {shown}: damaged, or the disk fails to read it (see the system's log; if that has nothing, move it \
         away to start with an empty log)"
    );
    // Offsets of SQLite's header: 60 is user_version, 68 application_id, 28 the number of pages.
    let with = |at: usize, bytes: &[u8]| {
        let mut log = good.clone();
        log[at..at + bytes.len()].copy_from_slice(bytes);
        log
    };
    for (name, bytes, line) in [
        ("a text", b"My diary. ".repeat(200), &foreign),
        ("a database of another program", with(68, b"\0\0\x30\x39"), &foreign),
        ("a database of no program in particular", with(60, &[0; 12]), &foreign),
        ("a newer log", with(60, &4_u32.to_be_bytes()), &newer),
        ("a damaged log", with(100, &[0xff; 3_000]), &damaged),
    ] {
        fs::write(&path, &bytes).unwrap();
        let outcome = world.simpd(&[&address]);
        assert_eq!((outcome.status, outcome.stderr), (Some(1), format!("{line}\n")), "{name}");
        assert!(fs::read(&path).unwrap() == bytes, "{name} was written to");
        assert!(!world.socket(1).exists());
    }
    fs::write(&path, &good).unwrap();
    world.start(1, &[]);
}

#[test]
fn a_wrong_configuration_names_the_line() {
    let world = World::new();
    let folder = world.path("config/simp");
    fs::create_dir_all(&folder).unwrap();
    let default = folder.join("simpd.toml");
    let shown = default.display();
    for (toml, line) in [
        (
            "accept = 'all'\nmax_chat = 2\n",
            format!(
                "{shown}: line 2: unknown field `max_chat`, expected one of `address`, `user`, `accept`, `max_chats`, \
                 `attempts`, `request_expiry`, `durability`, `retain_age`, `retain_count`, `retain_discard`, `log`, `peers`"
            ),
        ),
        ("\n\nuser = 'x\n", format!("{shown}: line 3: invalid literal string, expected `'`")),
        ("max_chats = 'many'\n", format!("{shown}: line 1: invalid type: string \"many\", expected usize")),
        ("attempts = 0\n", "attempts must be from 1 to 100".to_owned()),
    ] {
        fs::write(&default, toml).unwrap();
        world.simpd(&[&world.address(1)]).fails(2, &format!("simpd: {line}"));
    }
    let missing = world.path("no.toml");
    world
        .simpd(&["--config", missing.to_str().unwrap()])
        .fails(2, &format!("simpd: {}: No such file or directory (os error 2)", missing.display()));
    // The file may say everything, and the command line goes before it.
    fs::write(&default, format!("address = '{}'\nuser = 'eve'\naccept = 'all'", world.address(1))).unwrap();
    let mut command = world.command("simpd");
    command.args(["--user", "alice"]);
    let status = Daemon::start(command, world.socket(1)).client().status();
    assert_eq!((status.user.as_str(), status.accept.as_str()), ("alice", "all"));
}

/// A daemon in the background, killed when the test ends.
struct Killed(Pid);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGKILL);
    }
}

#[test]
fn in_the_background_it_returns_when_it_is_ready_and_leaves_the_session() {
    let world = World::new();
    let address = world.address(1);
    fs::write(world.path("my.toml"), "user = 'eve'").unwrap();
    let mut command = world.command("simpd");
    // A name relative to this folder, which the daemon leaves.
    command.args([&address, "--background", "--config", "my.toml"]).current_dir(world.path(""));
    assert_eq!(run(command, "").ok(), format!("simpd: ready on {address}:7777 as eve\n"));
    let mut client = Client::connect(&world.socket(1));
    let pid = client.status().pid;
    let daemon = Killed(Pid::from_raw(pid as i32));
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = stat.rsplit(')').next().unwrap().split_whitespace().nth(3).unwrap();
    assert_eq!(session, pid.to_string());
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), PathBuf::from("/"));

    fs::write(world.path("my.toml"), "user = 'eve'\naccept = 'all'").unwrap();
    kill(daemon.0, Signal::SIGHUP).unwrap();
    client.status_when(|status| status.accept == "all");

    let line = format!("simpd: {address}: simpd is already running there (see: simpctl -d {address} status)");
    world.simpd(&[&address, "--background"]).fails(1, &line);
    assert_eq!(client.reply(&Request::Stop), Reply::Done);
    assert_eq!(client.read(), None);
    let said = fs::read_to_string(state(&world).join("simpd.log")).unwrap();
    assert!(said.contains(&line), "{said}");
    let line = "simpd: 192.0.2.1:7777: not an address of this machine (list them: ip address)";
    world.simpd(&["192.0.2.1", "--background"]).fails(1, line);
    // Only the last failure is said, not what the file holds from before.
    world.simpd(&["192.0.2.1", "--background"]).fails(1, line);
}

#[test]
fn sigterm_and_sigint_and_stop_end_it_with_status_0_and_no_socket_is_left() {
    let world = World::new();
    for signal in [Some(Signal::SIGTERM), Some(Signal::SIGINT), None] {
        let alice = world.start(1, &[]);
        let mut client = alice.client();
        match signal {
            Some(signal) => alice.signal(signal),
            None => assert_eq!(client.reply(&Request::Stop), Reply::Done),
        }
        // Whoever sees it hang up may start the next one.
        assert_eq!(client.read(), None);
        assert!(!world.socket(1).exists());
        world.start(1, &[]).signal(Signal::SIGTERM);
        assert_eq!(alice.wait(), Some(0));
        assert!(alice.log().ends_with("INFO stopped\n"), "{}", alice.log());
    }
}

#[test]
fn a_socket_that_a_killed_daemon_left_is_replaced() {
    let world = World::new();
    let alice = world.start(1, &[]);
    alice.signal(Signal::SIGKILL);
    assert_eq!(alice.wait(), None);
    assert!(world.socket(1).exists());
    world.start(1, &[]).client().status();
}

#[test]
fn sighup_reads_the_configuration_again_and_a_broken_one_changes_nothing() {
    let world = World::new();
    let to = world.address(1);
    let path = world.path("my.toml");
    fs::write(&path, "accept = 'ask'").unwrap();
    let alice = world.start(1, &["--user", "alice", "--config", path.to_str().unwrap()]);
    let mut client = alice.client();
    client.follow(From::End);
    let bob = world.peer(2, "bob");
    bob.send(&to, Operation::Syn, 0, b"");
    client.expect(What::Request);
    bob.send(&to, Operation::Fin, 0, b"");
    client.expect(What::Closed { reason: Reason::Withdrawn, text: None });
    bob.expect(Operation::Ack, 0, b"");

    fs::write(&path, "accept = 'all'").unwrap();
    alice.signal(Signal::SIGHUP);
    client.status_when(|status| status.accept == "all");
    fs::write(&path, "accept = 'nobody'\nmax_chats = none").unwrap();
    alice.signal(Signal::SIGHUP);
    client.status_when(|_| alice.log().contains("configuration not changed: "));
    let line = format!("ERROR configuration not changed: {}: line 2: ", path.display());
    assert!(alice.log().contains(&line), "{}", alice.log());
    assert_eq!(client.status().accept, "all");
    bob.open(&to);
    client.expect(What::Request);
    client.expect(What::Opened { note: None });
}

/// Stops the daemon on address 1 and starts it again.
fn restart(world: &World, alice: Daemon, signal: Signal) -> (Daemon, Client) {
    alice.signal(signal);
    alice.wait();
    let alice = world.start(1, &["--user", "alice"]);
    let mut client = alice.client();
    client.follow(From::End);
    (alice, client)
}

/// An open chat goes on after a restart as if nothing had been.
fn goes_on(signal: Signal) {
    let world = World::new();
    let to = world.address(1);
    let alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let mut client = alice.client();
    let bob = world.peer(2, "bob");
    let (chat, ack) = (Operation::Chat, Operation::Ack);
    bob.open(&to);
    bob.send(&to, chat, 0, b"a");
    bob.expect(ack, 0, b"");
    client.send("one");
    bob.expect(chat, 0, b"one");
    bob.send(&to, ack, 0, b"");
    // Opened, a message in, one out and delivered: five entries with the request.
    client.status_when(|status| status.last_id == 5);

    let (alice, mut client) = restart(&world, alice, signal);
    assert_eq!(bob.arrived(), []);
    let Reply::Chats { chats, .. } = client.reply(&Request::Chats { after: 0 }) else { panic!("no chats") };
    assert_eq!((chats.len(), chats[0].state, chats[0].peer.user.as_str()), (1, State::Open, "bob"));
    // A duplicate of the last one received, and the one behind it.
    bob.send(&to, chat, 0, b"a");
    bob.expect(ack, 0, b"");
    assert_eq!(client.status().counters.duplicates, 1);
    bob.send(&to, chat, 1, b"b");
    bob.expect(ack, 1, b"");
    assert_eq!(client.expect(message("b")).chat, chats[0].chat);
    // The next of ours, with two behind it, and no answer before the next restart.
    for text in ["two", "three", "four"] {
        client.send(text);
        client.expect(queued(text));
    }
    bob.expect(chat, 1, b"two");

    let (_alice, mut client) = restart(&world, alice, signal);
    let Reply::Chats { chats, .. } = client.reply(&Request::Chats { after: 0 }) else { panic!("no chats") };
    assert_eq!(chats[0].queued, 3);
    bob.send(&to, chat, 1, b"b");
    bob.expect(ack, 1, b"");
    for (seq, text) in [(1, "two"), (0, "three"), (1, "four")] {
        bob.expect(chat, seq, text.as_bytes());
        bob.send(&to, ack, seq, b"");
        assert!(matches!(client.event().what, What::Delivered { .. }));
    }
    let shown = client.log().into_iter().filter(|event| matches!(event.what, What::Message { .. }));
    assert!(shown.map(|event| event.what).eq([message("a"), message("b")]));
}

#[test]
fn a_chat_goes_on_after_sigterm() {
    goes_on(Signal::SIGTERM);
}

#[test]
fn a_chat_goes_on_after_sigkill() {
    goes_on(Signal::SIGKILL);
}

#[test]
fn a_request_an_invitation_and_a_leaving_outlive_a_killed_daemon() {
    let world = World::new();
    let to = world.address(1);
    let alice = world.start(1, &["--user", "alice"]);
    let mut client = alice.client();
    client.follow(From::End);
    let (bob, carol) = (world.peer(2, "bob"), world.peer(3, "carol"));
    bob.send(&to, Operation::Syn, 0, b"");
    client.expect(What::Request);
    client.reply(&connect(&world.address(3)));
    client.expect(What::Inviting);
    carol.expect(Operation::Syn, 0, b"");

    let (alice, mut client) = restart(&world, alice, Signal::SIGKILL);
    carol.expect(Operation::Syn, 0, b"");
    carol.send(&to, Operation::SynAck, 0, b"");
    carol.expect(Operation::Ack, 0, b"");
    client.expect(What::Opened { note: None });
    client.reply(&Request::Quit { who: None, now: false });
    carol.expect(Operation::Fin, 0, b"");

    let (_alice, mut client) = restart(&world, alice, Signal::SIGKILL);
    carol.expect(Operation::Fin, 0, b"");
    carol.send(&to, Operation::Ack, 0, b"");
    client.expect(What::Closed { reason: Reason::Quit, text: None });
    client.reply(&Request::Accept { who: None });
    bob.expect(Operation::SynAck, 0, b"");
    bob.send(&to, Operation::Ack, 0, b"");
    client.expect(What::Opened { note: None });
    client.fails(&Request::Accept { who: None }, FailureKind::NoSuch, "there is no request");
}

#[test]
fn the_log_on_standard_error_holds_no_texts() {
    let world = World::new();
    let to = world.address(1);
    let alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let mut client = alice.client();
    let bob = world.peer(2, "bob");
    bob.open(&to);
    bob.send(&to, Operation::Chat, 0, b"PRIVATE in");
    bob.expect(Operation::Ack, 0, b"");
    client.send("PRIVATE out");
    bob.expect(Operation::Chat, 0, b"PRIVATE out");
    bob.send(&to, Operation::Ack, 0, b"");
    client.send("PRIVATE never delivered");
    bob.expect(Operation::Chat, 1, b"PRIVATE never delivered");
    bob.send(&to, Operation::Err, 0, b"PRIVATE error");
    bob.send(&to, Operation::Fin, 0, b"");
    bob.expect(Operation::Ack, 0, b"");
    client.reply(&connect(&world.address(2)));
    bob.expect(Operation::Syn, 0, b"");
    bob.send(&to, Operation::Err, 0, b"PRIVATE refusal");
    client.status_when(|status| status.chats == 0);
    alice.signal(Signal::SIGTERM);
    assert_eq!(alice.wait(), Some(0));
    let log = alice.log();
    assert!(log.contains("opened user=bob") && log.contains("undelivered message="), "{log}");
    assert!(!log.contains("PRIVATE"), "{log}");
}

#[test]
fn what_a_daemon_makes_is_its_users_alone() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let state = world.path("state/simp").join(world.address(1));
    for (path, mode) in [
        (world.socket(1), 0o600),
        (world.path("run/simp"), 0o700),
        (state.join("log.db"), 0o600),
        (state.join("lock"), 0o600),
        (state, 0o700),
    ] {
        let found = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{}", path.display());
    }
}

//! A simpd that runs: in the background, at the signals that it knows, and what it writes on standard error.

use std::fs::{self, Permissions};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use simp_control::{FollowFrom, Reason, Reply, Request, What};
use simp_proto::Operation;

use super::state;
use crate::harness::{Daemon, Running, TestClient, World, connect, has_program, run, skipped};

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
    // As a program inherits it that a daemon in the background has started.
    command.env("SIMP_DETACHED", "1");
    assert_eq!(run(command, "").ok(), format!("simpd: ready on {address}:7777 as eve\n"));
    let mut client = TestClient::connect(&world.socket(1));
    let pid = client.status().pid;
    let daemon = Killed(Pid::from_raw(pid as i32));
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = stat.rsplit(')').next().unwrap().split_whitespace().nth(3).unwrap();
    assert_eq!(session, pid.to_string());
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), PathBuf::from("/"));

    fs::write(world.path("my.toml"), "user = 'eve'\naccept = 'all'").unwrap();
    kill(daemon.0, Signal::SIGHUP).unwrap();
    client.status_when(|status| status.accept == "all");

    let line = format!(
        "simpd: {address}: simpd is already running there, with pid {pid} (see: simpctl -d {address} status)"
    );
    world.simpd(&[&address, "--background"]).fails(1, &line);
    assert_eq!(client.reply(&Request::Stop), Reply::Done);
    assert_eq!(client.read(), None);
    let said = fs::read_to_string(state(&world).join("simpd.log")).unwrap();
    assert!(said.contains(&line), "{said}");
    let taken = world.address(3);
    let _socket = UdpSocket::bind((taken.as_str(), 7777)).unwrap();
    let line = format!(
        "simpd: {taken}:7777: the port is taken by another program (choose another: simpd {taken}:PORT)"
    );
    world.simpd(&[&taken, "--background"]).fails(1, &line);
    // Only the last failure is said, not what the file holds from before.
    world.simpd(&[&taken, "--background"]).fails(1, &line);
}

/// Starts one in the background by this script for sh, in which it is `$0` and its address `$1`.
fn in_the_background(world: &World, script: &str) -> (Killed, TestClient) {
    let mut command = world.command("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_simpd"), &world.address(1)]).current_dir(world.path(""));
    assert!(run(command, "").ok().starts_with("simpd: ready on "));
    let mut client = TestClient::connect(&world.socket(1));
    let pid = client.status().pid;
    (Killed(Pid::from_raw(pid as i32)), client)
}

#[test]
fn in_the_background_it_has_none_of_its_starters_descriptors() {
    let world = World::new();
    let (daemon, _client) =
        in_the_background(&world, "exec 3>three 9>nine 8<nine; exec \"$0\" \"$1\" --background");
    let open = fs::read_dir(format!("/proc/{}/fd", daemon.0)).unwrap();
    let open: Vec<PathBuf> =
        open.map(|open| fs::read_link(open.unwrap().path()).unwrap_or_default()).collect();
    assert!(!open.contains(&world.path("three")) && !open.contains(&world.path("nine")), "{open:?}");
    assert!(open.contains(&state(&world).join("log.db")), "{open:?}");
}

#[test]
fn in_the_background_its_log_has_a_bound_and_a_flood_of_strangers_hardly_adds_to_it() {
    let world = World::new();
    let to = world.address(1);
    let log = state(&world).join("simpd.log");
    fs::create_dir_all(state(&world)).unwrap();
    for folder in [state(&world), world.path("state/simp")] {
        fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
    }
    fs::write(&log, "x".repeat((1 << 20) - 10)).unwrap();
    let (_daemon, mut client) =
        in_the_background(&world, "exec \"$0\" \"$1\" --background --accept all --max-chats 50");
    let before = format!("{}.1", log.display());
    assert_eq!(fs::metadata(&before).unwrap().len(), (1 << 20) - 10);
    let eve = world.peer(2, "eve");
    // Of what comes in one turn the acknowledgement is too early to open anything.
    eve.open(&to);
    eve.send(&to, Operation::Fin, 0, b"");
    for _ in 0..400 {
        for operation in [Operation::Syn, Operation::Ack, Operation::Fin] {
            eve.send(&to, operation, 0, b"");
        }
        client.status();
        eve.arrived();
    }
    let said = fs::read_to_string(&log).unwrap();
    assert!(said.lines().count() < 400 && said.contains("event=opened user=eve"), "{}", said.lines().count());
}

#[test]
fn a_socket_whose_folder_goes_is_made_again_and_clients_stay() {
    let world = World::new();
    let (address, socket) = (world.address(1), world.socket(1));
    let alice = world.start(1, &["--user", "alice"]);
    let mut client = alice.client();
    client.follow(FollowFrom::End);
    let pid = alice.pid();
    // As long as the folder above is gone, nothing can be made: that one is not simpd's.
    fs::remove_dir_all(world.path("run")).unwrap();
    let gone = format!("its socket is gone (make it again with: kill -HUP {pid})");
    let line = format!("simpctl: {}: simpd runs (pid {pid}), but {gone}", socket.display());
    world.ctl(1, &["status"]).fails(3, &line);
    let mut command = world.command("simpctl");
    command.arg("status");
    run(command, "").fails(3, &line);
    alice.signal(Signal::SIGHUP);
    let warning = "WARN the control socket is gone, and cannot be made again yet: ";
    client.status_when(|_| alice.log().contains(warning));
    assert!(!world.path("run").exists());
    let line = format!("simpd: {address}: simpd is already running there, with pid {pid}, but {gone}");
    world.simpd(&[&address]).fails(1, &line);
    // As the next login does.
    fs::create_dir(world.path("run")).unwrap();
    client.status_when(|_| socket.exists());
    assert!(world.ctl(1, &["status"]).ok().contains("user               alice\n"));
    for go in [
        |world: &World| fs::remove_dir_all(world.path("run/simp")).unwrap(),
        |world: &World| fs::remove_file(world.socket(1)).unwrap(),
        |world: &World| fs::rename(world.path("run/simp"), world.path("run/old")).unwrap(),
    ] {
        go(&world);
        client.status_when(|_| socket.exists());
        assert!(world.ctl(1, &["status"]).ok().contains("user               alice\n"));
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // The one that followed before still does.
    world.peer(2, "bob").send(&address, Operation::Syn, 0, b"");
    client.expect(What::Request);
}

#[test]
fn a_configuration_that_is_gone_at_sighup_changes_nothing() {
    let world = World::new();
    let default = world.path("config/simp/simpd.toml");
    fs::create_dir_all(default.parent().unwrap()).unwrap();
    fs::write(&default, "accept = 'all'").unwrap();
    let alice = world.start(1, &["--user", "alice"]);
    let mut client = alice.client();
    fs::remove_file(&default).unwrap();
    alice.signal(Signal::SIGHUP);
    let line = format!("ERROR configuration not changed: {}: no such file", default.display());
    client.status_when(|_| alice.log().contains(&line));
    assert_eq!(client.status().accept, "all");
    // One that there is only now is read, and from then on missed.
    let bob = world.start(2, &["--user", "bob"]);
    let mut client = bob.client();
    fs::write(&default, "accept = 'ann'").unwrap();
    bob.signal(Signal::SIGHUP);
    client.status_when(|status| status.accept == "ann");
    fs::remove_file(&default).unwrap();
    bob.signal(Signal::SIGHUP);
    client.status_when(|_| bob.log().contains(&line));
    assert_eq!(client.status().accept, "ann");
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
fn the_lock_is_let_go_when_all_else_is_closed() {
    let test = "the_lock_is_let_go_when_all_else_is_closed";
    if !has_program(test, "strace") {
        return;
    }
    let world = World::new();
    let alice = world.start(1, &[]);
    let mut client = alice.client();
    let trace = world.path("trace");
    let mut command = world.command("strace");
    command.args(["-yy", "-e", "trace=close,unlink,unlinkat", "-o"]).arg(&trace);
    command.args(["-p", &alice.pid().to_string()]);
    let mut strace = Running::start(command);
    let attached = strace.read_error_line();
    if !attached.contains("attached") {
        return skipped(test, &attached);
    }
    assert_eq!(client.reply(&Request::Stop), Reply::Done);
    assert_eq!((client.read(), alice.wait()), (None, Some(0)));
    strace.wait();
    let trace = fs::read_to_string(trace).unwrap();
    let address = format!("UDP:[{}:7777]", world.address(1));
    let socket = format!("unlink(\"{}\")", world.socket(1).display());
    let ends = [socket.as_str(), "/log.db>", &address, "/lock>", "UNIX-STREAM"];
    // The last line with each: not only the clients are streams.
    let lines: Vec<&str> = trace.lines().collect();
    let at = |end: &&str| lines.iter().rposition(|line| line.contains(end)).unwrap();
    let order: Vec<usize> = ends.iter().map(at).collect();
    assert!(order.is_sorted(), "{order:?}: {trace}");
}

#[test]
fn a_daemon_without_a_descriptor_for_a_client_sleeps_until_there_is_one() {
    let test = "a_daemon_without_a_descriptor_for_a_client_sleeps_until_there_is_one";
    if !has_program(test, "strace") {
        return;
    }
    let world = World::new();
    let mut command = world.command("sh");
    command.args(["-c", "ulimit -n 24; exec \"$0\" \"$1\"", env!("CARGO_BIN_EXE_simpd"), &world.address(1)]);
    let alice = Daemon::start(command, world.socket(1));
    let mut client = alice.client();
    let others: Vec<UnixStream> = (0..24).map(|_| UnixStream::connect(world.socket(1)).unwrap()).collect();
    let line = "WARN a client cannot be accepted: ";
    client.status_when(|_| alice.log().contains(line));
    let trace = world.path("trace");
    let mut command = world.command("timeout");
    command.args(["-s", "INT", "2", "strace", "-o"]).arg(&trace).args(["-p", &alice.pid().to_string()]);
    let outcome = run(command, "");
    if !outcome.stderr.contains("attached") || outcome.stderr.contains("not permitted") {
        return skipped(test, outcome.stderr.trim());
    }
    // It waits in one call, all the time.
    let trace = fs::read_to_string(trace).unwrap();
    assert_eq!(trace.lines().count(), 1, "{trace}");
    drop(others);
    alice.client().status();
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
    client.follow(FollowFrom::End);
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

#[test]
fn sighup_names_what_takes_effect_only_at_the_next_start() {
    let world = World::new();
    let path = world.path("my.toml");
    let address = format!("address = '{}'\n", world.address(1));
    fs::write(&path, &address).unwrap();
    let mut command = world.command("simpd");
    command.args(["--user", "alice", "--config", path.to_str().unwrap()]);
    let alice = Daemon::start(command, world.socket(1));
    let mut client = alice.client();
    let mut reload = |settings: &str, accept: &str| {
        let before = alice.log().len();
        fs::write(&path, format!("{settings}\naccept = '{accept}'")).unwrap();
        alice.signal(Signal::SIGHUP);
        client.status_when(|status| status.accept == accept);
        alice.log()[before..]
            .lines()
            .filter_map(|line| Some(line.split_once("WARN ")?.1.to_owned()))
            .collect::<Vec<_>>()
    };
    let another = |setting: &str| format!("{setting} is another now, which takes effect at the next start");
    let nothing: Vec<String> = Vec::new();
    assert_eq!(reload(&format!("{address}durability = 'disk'\nlog = 'info'"), "all"), nothing);
    let groups = "socket_group = '0'\nread_group = '1'";
    let elsewhere =
        format!("address = '{}'\ndurability = 'process'\nlog = 'debug'\n{groups}", world.address(2));
    let all = ["address", "durability", "log", "socket_group", "read_group"];
    assert_eq!(reload(&elsewhere, "ann"), all.map(another));
    assert_eq!(reload(&address, "bob"), nothing);
    // Without an address the next start would fail.
    fs::write(&path, "accept = 'all'").unwrap();
    alice.signal(Signal::SIGHUP);
    let line = "ERROR configuration not changed: no address given (for example: simpd 127.0.0.1)";
    client.status_when(|_| alice.log().contains(line));
    fs::write(&path, "address = 'here'").unwrap();
    alice.signal(Signal::SIGHUP);
    let line = format!(
        "ERROR configuration not changed: {}: line 1: address 'here': not an address",
        path.display()
    );
    client.status_when(|_| alice.log().contains(&line));
    assert_eq!(client.status().accept, "bob");
}

#[test]
fn the_log_on_standard_error_holds_no_texts() {
    let world = World::new();
    let to = world.address(1);
    let alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let mut client = alice.client();
    let bob = world.peer(2, "bob");
    bob.open(&to);
    bob.say(&to, 0, "PRIVATE in");
    client.send("PRIVATE out");
    bob.hear(&to, 0, "PRIVATE out");
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
    assert!(log.contains("event=opened user=bob") && log.contains("event=undelivered message_id="), "{log}");
    assert!(!log.contains("PRIVATE"), "{log}");
}

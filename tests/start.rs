//! `simpctl start`: a simpd in the background, on the address that is meant.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use crate::harness::{Ran, World, has_program, is_root, run};

/// Stops the daemon on address number 1, whatever became of it.
struct Stopped<'a>(&'a World);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.ctl(1, &["stop"]);
    }
}

/// simpctl without any `-d`.
fn simpctl(world: &World, args: &[&str], change: impl FnOnce(&mut Command)) -> Ran {
    let mut command = world.command("simpctl");
    command.args(args);
    change(&mut command);
    run(command, "")
}

fn programs() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_simpctl")).parent().unwrap()
}

#[test]
fn it_starts_simpd_once_and_then_says_that_it_runs() {
    let world = World::new();
    let _stopped = Stopped(&world);
    let (one, as_it_is) = (world.address(1), |_: &mut Command| ());
    let ready = format!("simpd: ready on {one}:7777 as eve\n");
    assert_eq!(simpctl(&world, &["start", &one, "--user", "eve"], as_it_is).ok(), ready);
    let runs = format!("simpd is already running on {one} (another one: simpctl start ADDR)\n");
    for args in
        [vec!["start", &one], vec!["start"], vec!["-d", &one, "start"], vec!["start", &one, "--user", "x"]]
    {
        assert_eq!(simpctl(&world, &args, as_it_is).ok(), runs, "{args:?}");
    }
    let named = |command: &mut Command| {
        command.env("SIMP_DAEMON", &one);
    };
    assert_eq!(simpctl(&world, &["start"], named).ok(), runs);
    let json = |started| format!("{{\"daemon\":\"{one}\",\"started\":{started}}}\n");
    assert_eq!(simpctl(&world, &["--json", "start", &one], as_it_is).ok(), json(false));
    world.ctl(1, &["stop"]).ok();
    assert_eq!(simpctl(&world, &["--json", "start", &one], as_it_is).ok(), json(true));
}

#[test]
fn the_address_is_that_of_the_option_the_variable_or_the_configuration() {
    let world = World::new();
    let _stopped = Stopped(&world);
    let one = world.address(1);
    let ready = format!("simpd: ready on {one}:7777 as eve\n");
    let start = ["start", "--user", "eve"];
    let named = |command: &mut Command| {
        command.env("SIMP_DAEMON", &one);
    };
    assert_eq!(world.ctl(1, &start).ok(), ready);
    world.ctl(1, &["stop"]).ok();
    assert_eq!(simpctl(&world, &start, named).ok(), ready);
    world.ctl(1, &["stop"]).ok();
    fs::create_dir_all(world.path("config/simp")).unwrap();
    fs::write(world.path("config/simp/simpd.toml"), format!("address = '{one}'\n")).unwrap();
    assert_eq!(simpctl(&world, &start, |_| ()).ok(), ready);
}

#[test]
fn what_simpd_says_when_it_cannot_start_is_passed_on_with_its_status() {
    let world = World::new();
    let (one, two) = (world.address(1), world.address(2));
    let _taken = UdpSocket::bind((one.as_str(), 7777)).unwrap();
    let taken =
        format!("simpd: {one}:7777: the port is taken by another program (choose another: simpd {one}:PORT)");
    for (args, status, line) in [
        (&["start", one.as_str()][..], 1, taken.as_str()),
        (
            &["start", "nas"],
            2,
            "simpd: 'nas': not an address (ADDR or ADDR:PORT, for example 127.0.0.1 or [::1]:7777)",
        ),
        (
            &["start", "--", "--help"],
            2,
            "simpd: '--help': not an address (ADDR or ADDR:PORT, for example 127.0.0.1 or [::1]:7777)",
        ),
        (
            &["start", &two, "--user", ""],
            2,
            "simpd: --user: a user name cannot be empty (choose another with --user NAME)",
        ),
        (&["-d", &two, "start", &one], 2, &format!("two addresses: {one} and {two} (give one)")),
        (
            &["-d", "/run/a.sock", "start"],
            2,
            "/run/a.sock: a socket, which simpd makes by itself (give the address: simpctl start ADDR)",
        ),
    ] {
        simpctl(&world, args, |_| ()).fails(status, &format!("simpctl: {line}"));
    }
    // A line before the last is passed on too.
    fs::create_dir(world.path("other")).unwrap();
    let elsewhere = |command: &mut Command| {
        command.env("XDG_RUNTIME_DIR", "other");
    };
    let ran = simpctl(&world, &["start", &one], elsewhere);
    let ignored = "simpd: XDG_RUNTIME_DIR is ignored: other is not an absolute path";
    assert_eq!((ran.status, ran.stderr), (Some(1), format!("{ignored}\nsimpctl: {taken}\n")));
    let ran = simpctl(&world, &["--json", "start", &one], |_| ());
    assert_eq!(ran.stdout, format!("{{\"error\":\"{taken}\",\"kind\":\"failed\"}}\n"));
}

#[test]
fn simpd_is_that_beside_simpctl_or_else_that_in_the_path() {
    let world = World::new();
    let _stopped = Stopped(&world);
    let alone = world.path("simpctl");
    fs::copy(env!("CARGO_BIN_EXE_simpctl"), &alone).unwrap();
    let start = |path: &Path| {
        let mut command = world.command(alone.to_str().unwrap());
        command.env("PATH", path).args(["start", &world.address(1), "--user", "eve"]);
        run(command, "")
    };
    start(&world.path("nowhere")).fails(
        3,
        "simpctl: simpd: neither beside simpctl nor in PATH (install it, or add its folder to PATH)",
    );
    assert_eq!(start(programs()).ok(), format!("simpd: ready on {}:7777 as eve\n", world.address(1)));
}

#[test]
fn without_an_address_it_is_the_one_that_others_reach_this_machine_at() {
    let test = "without_an_address_it_is_the_one_that_others_reach_this_machine_at";
    if !is_root(test) || !["unshare", "ip"].iter().all(|program| has_program(test, program)) {
        return;
    }
    let in_network = |setup: &str| {
        // Where there is a log already, that is the one that is meant.
        let world = World::new();
        let mut command = world.command("unshare");
        let script = format!("set -e; ip link set lo up; {setup}; simpctl start --user eve; simpctl stop");
        let path = std::env::join_paths([
            programs(),
            Path::new("/usr/sbin"),
            Path::new("/usr/bin"),
            Path::new("/bin"),
        ]);
        command.env("PATH", path.unwrap()).args(["--net", "sh", "-c", &script]);
        run(command, "")
    };
    let v4 = "ip address add 198.51.100.7/32 dev lo; ip route add default dev lo";
    assert_eq!(in_network(v4).ok(), "simpd: ready on 198.51.100.7:7777 as eve\n");
    let v6 = "ip address add fd00::7/128 dev lo nodad; ip -6 route add default dev lo src fd00::7";
    assert_eq!(in_network(v6).ok(), "simpd: ready on [fd00::7]:7777 as eve\n");
    let ran = in_network("true");
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), "simpd: ready on 127.0.0.1:7777 as eve\n"));
    let alone =
        "no route leads to other hosts, so only this one reaches it (another address: simpctl start ADDR)";
    assert_eq!(ran.stderr, format!("simpctl: {alone}\n"));
}

const AS_IT_IS: fn(&mut Command) = |_| ();

#[test]
fn a_daemon_that_was_stopped_comes_back_as_it_was_without_being_told_how() {
    let world = World::new();
    let _stopped = Stopped(&world);
    let one = world.address(1);
    let ready = format!("simpd: ready on {one}:7777 as eve\n");
    let start = |args: &[&str]| simpctl(&world, &[&["start"], args].concat(), AS_IT_IS).ok();
    assert_eq!(start(&[&one, "--user", "eve", "--max-chats", "7", "--accept", "all"]), ready);
    let (key, before) = (world.ctl(1, &["key"]).ok(), log_id(&world));
    let is_same = |max_chats| {
        let status = world.ctl(1, &["--json", "status"]).ok();
        assert!(status.contains(&format!("\"max_chats\":{max_chats},")), "{status}");
        assert!(status.contains("\"accept\":\"all\""), "{status}");
        assert_eq!((world.ctl(1, &["key"]).ok(), log_id(&world)), (key.clone(), before.clone()));
    };
    let file = world.path("state/simp").join(&one).join("start.json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for args in [&[][..], &[one.as_str()]] {
        world.ctl(1, &["stop"]).ok();
        assert_eq!(start(args), ready, "{args:?}");
        is_same(7);
    }
    // What is given anew goes before it, and stays.
    world.ctl(1, &["stop"]).ok();
    assert_eq!(start(&["--max-chats", "9"]), ready);
    is_same(9);
    world.ctl(1, &["stop"]).ok();
    assert_eq!(start(&[]), ready);
    is_same(9);
    // What the daemon has not taken is not remembered.
    world.ctl(1, &["stop"]).ok();
    simpctl(&world, &["start", &one, "--user", ""], AS_IT_IS)
        .fails(2, "simpctl: simpd: --user: a user name cannot be empty (choose another with --user NAME)");
    // It goes before simpd.toml too.
    fs::create_dir_all(world.path("config/simp")).unwrap();
    fs::write(world.path("config/simp/simpd.toml"), format!("address = '{one}'\nuser = 'other'\n")).unwrap();
    assert_eq!(start(&[]), ready);
}

/// Which log the daemon on address number 1 has.
fn log_id(world: &World) -> String {
    let path = world.path("state/simp").join(world.address(1)).join("log.db");
    format!("{}", fs::metadata(path).unwrap().ino())
}

#[test]
fn of_several_logs_one_must_be_named_unless_the_configuration_does() {
    let world = World::new();
    let _stopped = Stopped(&world);
    let (one, two) = (world.address(1), world.address(2));
    for (host, user) in [(1, "eve"), (2, "bob")] {
        simpctl(&world, &["start", &world.address(host), "--user", user], AS_IT_IS).ok();
        world.ctl(host, &["stop"]).ok();
    }
    let line = format!("simpctl: several simpd have a log: {one}, {two} (name one: simpctl start ADDR)");
    simpctl(&world, &["start"], AS_IT_IS).fails(2, &line);
    fs::create_dir_all(world.path("config/simp")).unwrap();
    let toml = world.path("config/simp/simpd.toml");
    fs::write(&toml, "address = 'nas'\n").unwrap();
    let not = "not an address (ADDR or ADDR:PORT, for example 127.0.0.1 or [::1]:7777)";
    let line = format!("simpctl: simpd: {}: line 1: address 'nas': {not}", toml.display());
    simpctl(&world, &["start"], AS_IT_IS).fails(2, &line);
    fs::write(&toml, format!("address = '{one}'\n")).unwrap();
    let ready = format!("simpd: ready on {one}:7777 as eve\n");
    assert_eq!(simpctl(&world, &["start"], AS_IT_IS).ok(), ready);
    // A folder without a log is none of a daemon's that was there.
    world.ctl(1, &["stop"]).ok();
    fs::remove_file(&toml).unwrap();
    world.remove_log(2);
    assert_eq!(simpctl(&world, &["start"], AS_IT_IS).ok(), ready);
}

#[test]
fn options_that_are_damaged_are_ignored_with_a_line_and_replaced() {
    let world = World::new();
    let _stopped = Stopped(&world);
    let one = world.address(1);
    simpctl(&world, &["start", &one, "--user", "eve"], AS_IT_IS).ok();
    world.ctl(1, &["stop"]).ok();
    let file = world.path("state/simp").join(&one).join("start.json");
    let login = |command: &mut Command| {
        command.env("USER", "ann");
    };
    let ready = format!("simpd: ready on {one}:7777 as ann\n");
    let refused = "simpd does not take what it says";
    for (text, why) in [
        ("", "it is damaged"),
        ("{\"user\":\"eve\"", "it is damaged"),
        ("{\"user\":\"eve\",\"config\":\"x\"}", "it is damaged"),
        ("{\"max_chats\":7}", "it is damaged"),
        ("{\"user\":\"\"}", refused),
        ("{\"user\":\"eve\",\"max_chats\":\"0\"}", refused),
        ("{\"user\":\"e\\u0000ve\"}", "it is damaged"),
        (&format!("{{\"accept\":\"{}\"}}", "x".repeat(128 << 10)), "it is damaged"),
    ] {
        fs::write(&file, text).unwrap();
        let ran = simpctl(&world, &["start"], login);
        let ignored = format!(
            "simpctl: {}: {why}; the options of the last start are not known (give them again)\n",
            file.display()
        );
        assert_eq!((ran.status, ran.stdout, ran.stderr), (Some(0), ready.clone(), ignored), "{text}");
        world.ctl(1, &["stop"]).ok();
        // Once is enough.
        assert_eq!(simpctl(&world, &["start"], login).ok(), ready, "{text}");
        world.ctl(1, &["stop"]).ok();
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let ran = simpctl(&world, &["start", "--user", "eve"], AS_IT_IS);
    assert_eq!((ran.status, ran.stdout), (Some(0), format!("simpd: ready on {one}:7777 as eve\n")));
    let line = format!("simpctl: {}:", file.display());
    let not_a_file =
        format!("{line} not a regular file; the options of the last start are not known (give them again)");
    let kept = format!("{line} is a directory; the options of this start are not remembered");
    assert_eq!(ran.stderr, format!("{not_a_file}\n{kept}\n"));
}

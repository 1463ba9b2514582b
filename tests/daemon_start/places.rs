//! What simpd needs of the machine: its address, its folders, its socket and the file of its log. Where it cannot have
//! one it says what to do, and touches nothing that is not its own.

use std::fs::{self, Permissions};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use super::state;
use crate::harness::{Daemon, World, is_root, run};

fn mode(path: &PathBuf, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn an_address_that_cannot_be_had_is_explained() {
    let world = World::new();
    let address = world.address(1);
    let taken = world.address(3);
    let _socket = UdpSocket::bind((taken.as_str(), 7777)).unwrap();
    world.simpd(&[&taken]).fails(
        1,
        &format!(
            "simpd: {taken}:7777: the port is taken by another program (choose another: simpd {taken}:PORT)"
        ),
    );
    let alice = world.start(1, &[]);
    let running = |pid: &str| {
        format!("simpd: {address}: simpd is already running there{pid} (see: simpctl -d {address} status)")
    };
    let line = running(&format!(", with pid {}", alice.pid()));
    world.simpd(&[&address]).fails(1, &line);
    world.simpd(&[&format!("{address}:7777")]).fails(1, &line);
    // With its log elsewhere it has another lock, but the same socket.
    let mut command = world.command("simpd");
    command.arg(&address).env("XDG_STATE_HOME", world.path("other"));
    run(command, "").fails(1, &running(""));
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
            "simpd: {}: this folder must be yours alone (chmod 700, or set {variable} to a folder of \
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
        let line = format!("simpd: {}: file exists (set {variable} to a folder of yours)", folder.display());
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
    let pid = alice.pid();
    let line = format!(
        "simpd: {address}: simpd is already running there, with pid {pid} (see: simpctl -d {socket} status)"
    );
    run(command, "").fails(1, &line);
    let mut command = world.command("simpctl");
    command.args(["-d", &socket.to_string(), "status"]);
    assert!(run(command, "").ok().contains(&address));
}

#[test]
fn a_daemon_that_was_started_in_another_environment_is_found_by_its_lock() {
    let world = World::new();
    let address = world.address(1);
    let alice = world.start(1, &["--user", "alice"]);
    let elsewhere = |args: &[&str]| {
        let mut command = world.command("simpctl");
        command.args(args).env("XDG_RUNTIME_DIR", world.path("other"));
        run(command, "")
    };
    for args in [&["-d", &address, "status"][..], &["status"]] {
        assert!(elsewhere(args).ok().contains("user               alice\n"));
    }
    // By another path it is still one.
    std::os::unix::fs::symlink(world.path("run"), world.path("link")).unwrap();
    let mut command = world.command("simpctl");
    command.arg("status").env("XDG_RUNTIME_DIR", world.path("link"));
    assert!(run(command, "").ok().contains("user               alice\n"));
    let bob = world.start(2, &["--user", "bob"]);
    let both = format!("{address}, {}", world.address(2));
    let line = format!("simpctl: several simpd are running: {both} (choose one with -d ADDR)");
    elsewhere(&["status"]).fails(3, &line);
    // A lock that nobody holds any more leads nowhere.
    alice.signal(Signal::SIGKILL);
    alice.wait();
    let socket = world.path("other/simp").join(format!("{address}.sock"));
    let line = format!(
        "simpctl: {}: simpd is not running (start it with: simpctl start {address})",
        socket.display()
    );
    elsewhere(&["-d", &address, "status"]).fails(3, &line);
    assert!(elsewhere(&["status"]).ok().contains("user               bob\n"));
    drop(bob);
    elsewhere(&["status"]).fails(3, "simpctl: simpd is not running (start it with: simpctl start)");
}

#[test]
fn a_start_that_fails_leaves_nothing() {
    let world = World::new();
    let alice = world.start(1, &[]);
    let folders = |name: &str| fs::read_dir(world.path(name)).unwrap().count();
    let _taken = UdpSocket::bind((world.address(2).as_str(), 7777)).unwrap();
    let taken = world.address(2);
    for args in [&[taken.as_str()][..], &[&taken, "--background"]] {
        assert_eq!(world.simpd(args).status, Some(1));
        assert_eq!(folders("state/simp"), 1, "{args:?}");
    }
    // With its log elsewhere it makes a folder there before it finds the other.
    let mut command = world.command("simpd");
    command.arg(world.address(1)).env("XDG_STATE_HOME", world.path("other"));
    assert_eq!(run(command, "").status, Some(1));
    assert!(!world.path("other").exists());
    // The first start of a user: none of the folders is there yet.
    let open = world.path("open");
    fs::create_dir_all(open.join("simp")).unwrap();
    mode(&open.join("simp"), 0o755);
    for (args, variable, folder) in [
        (&[taken.as_str()][..], "XDG_RUNTIME_DIR", world.path("new/run")),
        (&[&taken, "--background"], "XDG_RUNTIME_DIR", world.path("new/run")),
        (&["192.0.2.7:7"], "XDG_RUNTIME_DIR", open.clone()),
        (&["192.0.2.7", "--background"], "XDG_RUNTIME_DIR", open.clone()),
        (&[&world.address(3), "--background"], "XDG_RUNTIME_DIR", open.clone()),
        (&[&world.address(3)], "XDG_STATE_HOME", open.clone()),
    ] {
        let mut command = world.command("simpd");
        command.args(args).env("XDG_RUNTIME_DIR", world.path("new/run"));
        command.env("XDG_STATE_HOME", world.path("new/state")).env(variable, &folder);
        let failed = run(command, "");
        assert_eq!((failed.status, failed.stdout.as_str()), (Some(1), ""), "{args:?}: {failed:?}");
        assert!(!world.path("new").exists(), "{args:?}: {}", failed.stderr);
    }
    assert_eq!(fs::read_dir(open.join("simp")).unwrap().count(), 0);
    // The one that runs keeps what it has, and so does one that ran.
    assert_eq!(world.simpd(&[&world.address(1)]).status, Some(1));
    alice.client().status();
    alice.signal(Signal::SIGKILL);
    alice.wait();
    let _taken = UdpSocket::bind((world.address(1).as_str(), 7777)).unwrap();
    assert_eq!(world.simpd(&[&world.address(1)]).status, Some(1));
    assert!(state(&world).join("log.db").exists());
}

#[test]
fn what_has_the_name_of_the_file_that_tries_the_disk_goes_and_what_is_behind_it_stays() {
    let world = World::new();
    world.start(1, &[]).client().status();
    let (kept, room) = (world.path("kept"), state(&world).join("room"));
    fs::write(&kept, "kept").unwrap();
    let link = |room: &Path| std::os::unix::fs::symlink(&kept, room).unwrap();
    let second = |room: &Path| fs::hard_link(&kept, room).unwrap();
    let pipe = |room: &Path| nix::unistd::mkfifo(room, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for make in [&link as &dyn Fn(&Path), &second, &pipe] {
        make(&room);
        world.start(1, &[]).client().status();
        assert!(room.symlink_metadata().is_err());
        assert_eq!(fs::read_to_string(&kept).unwrap(), "kept");
    }
    fs::create_dir(&room).unwrap();
    let line = format!("simpd: {}: in the way of a file of simpd (move it away)", room.display());
    world.simpd(&[&world.address(1)]).fails(1, &line);
}

#[test]
fn with_too_few_descriptors_it_says_so_and_what_to_do() {
    let world = World::new();
    for limit in 4..=9 {
        let mut command = world.command("sh");
        let script = format!("ulimit -n {limit}; exec \"$0\" \"$1\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_simpd"), &world.address(1)]);
        let ran = run(command, "");
        assert_eq!(ran.status, Some(1), "{limit}: {ran:?}");
        let line = ran.stderr.trim_end();
        assert!(line.ends_with(": too many open files (allow more of them: ulimit -n)"), "{limit}: {line}");
        assert_eq!(line.lines().count(), 1, "{limit}: {line}");
    }
}

#[test]
fn a_file_that_is_none_is_not_opened_and_what_a_link_leads_to_stays_as_it_is() {
    let world = World::new();
    let address = world.address(1);
    world.start(1, &[]).client().status();
    let kept = world.path("kept");
    fs::write(&kept, "kept").unwrap();
    let place = |name: &str| state(&world).join(name);
    let (lock, log) = (place("lock"), place("simpd.log"));
    let lock_line =
        format!("simpd: {}: not a regular file (set XDG_STATE_HOME to a folder of yours)", lock.display());
    let log_line = format!(
        "simpd: cannot start in the background: {}: not a regular file (move it away)",
        log.display()
    );
    for (path, args, line) in
        [(&lock, &[address.as_str()][..], &lock_line), (&log, &[address.as_str(), "--background"], &log_line)]
    {
        let _ = fs::remove_file(path);
        std::os::unix::fs::symlink(&kept, path).unwrap();
        world.simpd(args).fails(1, line);
        fs::remove_file(path).unwrap();
        nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        world.simpd(args).fails(1, line);
        fs::remove_file(path).unwrap();
    }
    assert_eq!(fs::read_to_string(&kept).unwrap(), "kept");
    world.start(1, &[]).client().status();
}

#[test]
fn a_socket_path_that_is_too_long_is_explained() {
    let world = World::new();
    let long = format!("/tmp/{}", "x".repeat(115));
    let mut command = world.command("simpd");
    command.arg("127.0.0.1").env("XDG_RUNTIME_DIR", &long);
    let line = format!(
        "simpd: {long}/simp/127.0.0.1.sock: the path has 140 bytes, a socket's has at most 107 (set \
         XDG_RUNTIME_DIR to a shorter path)"
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
    // Where SQLite has user_version.
    let known = u32::from_be_bytes(good[60..64].try_into().unwrap());
    let next = known + 1;
    let newer = format!(
        "simpd: {shown}: written by a newer simpd (schema {next}, this one knows {known}; install the newer one)"
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
        ("a newer log", with(60, &next.to_be_bytes()), &newer),
        ("a damaged log", with(100, &[0xff; 3_000]), &damaged),
    ] {
        fs::write(&path, &bytes).unwrap();
        let outcome = world.simpd(&[&address]);
        assert_eq!((outcome.status, outcome.stderr), (Some(1), format!("{line}\n")), "{name}");
        assert!(fs::read(&path).unwrap() == bytes, "{name} was written to");
        assert!(!world.socket(1).exists());
    }
    fs::remove_file(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    world.simpd(&[&address]).fails(1, &foreign);
    fs::remove_file(&path).unwrap();
    fs::write(&path, &good).unwrap();
    world.start(1, &[]);
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

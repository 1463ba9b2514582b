//! How a room starts and stops.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use simp_control::Holder;

use super::Lobby;
use super::guest::Guest;
use crate::harness::{DEADLINE, Running, World, has_program, run, skipped};

#[test]
fn a_room_that_says_it_is_open_can_be_told_what_to_do() {
    let mut lobby = Lobby::closed("");
    let socket = lobby.world.path("run/simp-room/lobby.sock");
    for _ in 0..10 {
        lobby.start_room(&["--open"]);
        UnixStream::connect(&socket).unwrap();
        lobby.end_room(Signal::SIGTERM).ok();
    }
}

#[test]
fn whoever_sends_a_request_byte_by_byte_has_no_place_among_the_operators_for_long() {
    let lobby = Lobby::start(&[]);
    let socket = lobby.world.path("run/simp-room/lobby.sock");
    let connect = || UnixStream::connect(&socket).unwrap();
    let mut clients: Vec<UnixStream> = (0..16).map(|_| connect()).collect();
    clients.iter_mut().for_each(|client| client.write_all(&[0, 0x10, 0, 0]).unwrap());
    let line = "simp-room: the room lobby: 16 operators are connected already";
    lobby.does(&["who"]).fails(3, line);
    // There is always more to come, for a minute and longer.
    let began = Instant::now();
    while lobby.does(&["who"]).status != Some(0) {
        assert!(began.elapsed() < Duration::from_secs(40), "they still have their places");
        clients.iter_mut().for_each(|client| drop(client.write_all(&[0x9f])));
    }
    let mut told = Vec::new();
    let _ = clients.swap_remove(0).read_to_end(&mut told);
    let told = String::from_utf8_lossy(&told).into_owned();
    assert!(told.ends_with("no complete request came within 10 s"), "{told}");
}

#[test]
fn a_room_stops_on_a_signal_and_leaves_no_socket() {
    let mut lobby = Lobby::closed("");
    let socket = lobby.world.path("run/simp-room/lobby.sock");
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        lobby.start_room(&["--open"]);
        lobby.does(&["status"]).ok();
        assert!(socket.exists());
        assert_eq!(lobby.end_room(signal).ok(), "");
        assert!(!socket.exists());
    }
}

#[test]
fn a_room_stops_although_its_simpd_is_away() {
    let mut lobby = Lobby::start(&["--open"]);
    let _ann = Guest::enters(&lobby, 2, "ann");
    lobby.kill_simpd();
    let away = format!("simp-room: simpd on {} went away, waiting for it", lobby.to());
    assert_eq!(lobby.says(), away);
    let ended = lobby.end_room(Signal::SIGTERM);
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);
}

#[test]
fn a_room_stops_although_its_simpd_answers_nothing() {
    let mut lobby = Lobby::start(&["--open"]);
    let _ann = Guest::enters(&lobby, 2, "ann");
    lobby.simpd().signal(Signal::SIGSTOP);
    assert_eq!(lobby.end_room(Signal::SIGTERM).ok(), "");
}

#[test]
fn a_room_runs_once() {
    let mut lobby = Lobby::start(&["--open"]);
    let again = ["run", "--open", "-d", &lobby.to()].map(str::to_owned);
    let again: Vec<&str> = again.iter().map(String::as_str).collect();
    let pid = lobby.room.as_ref().unwrap().id();
    let line = format!(
        "simp-room: the room lobby is already running, with pid {pid} (see: simp-room status --name lobby)"
    );
    lobby.does(&again).fails(1, &line);
    // The one that runs is still told what to do, and the lock of one that was killed holds nobody up.
    lobby.does(&["status"]).ok();
    lobby.end_room(Signal::SIGKILL);
    lobby.start_room(&["--open"]);
}

#[test]
fn a_simpd_has_one_room() {
    let mut lobby = Lobby::start(&["--open"]);
    let to = lobby.to();
    let line = format!("simp-room: another room runs on simpd {to}:7777 (give each room a simpd of its own)");
    let attic = ["run", "--open", "--name", "attic", "-d", &to];
    lobby.does(&attic).fails(1, &line);
    lobby.end_room(Signal::SIGKILL);
    assert!(lobby.spawn(&attic).read_line().starts_with("simp-room: the room attic is open on "));
}

#[test]
fn a_room_is_stopped_by_its_operator_and_gone_when_that_is_answered() {
    let mut lobby = Lobby::closed("");
    let socket = lobby.world.path("run/simp-room/lobby.sock");
    for _ in 0..20 {
        lobby.start_room(&["--open"]);
        assert_eq!(lobby.does(&["stop"]).ok(), "the room lobby is stopped\n");
        assert!(!socket.exists());
        lobby.does(&["stop"]).fails(3, "simp-room: no room runs (start one with: simp-room run)");
    }
}

/// Stops the room, however the test ends.
struct Stopped<'a>(&'a Lobby);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        let _ = self.0.does(&["stop"]);
    }
}

#[test]
fn a_room_in_the_background_runs_on_until_it_is_stopped() {
    let lobby = Lobby::closed("");
    let _stopped = Stopped(&lobby);
    let to = lobby.to();
    let run = ["run", "--open", "--background", "-d", &to];
    let open = format!("simp-room: the room lobby is open on simpd {to}:7777\n");
    assert_eq!(lobby.does(&run).ok(), open);
    let lock = lobby.world.path("state/simp-room/lobby/lock");
    let pid = Holder::of(&lock).unwrap().pid.unwrap();
    let line = format!(
        "simp-room: the room lobby is already running, with pid {pid} (see: simp-room status --name lobby)"
    );
    lobby.does(&run).fails(1, &line);
    Guest::enters(&lobby, 2, "ann").asks("hello", "sent to 0");
}

#[test]
fn a_room_in_the_background_says_what_it_says_in_the_foreground() {
    let mut lobby = Lobby::closed("");
    lobby.kill_simpd();
    lobby.simpd = Some(lobby.world.start(1, &[]));
    let _stopped = Stopped(&lobby);
    let simpd = format!("simpd {}:7777", lobby.to());
    let ran = lobby.does(&["run", "--open", "--background", "-d", &lobby.to()]);
    let said = format!(
        "simp-room: {simpd} asks about each request, so nobody can come in by themselves (start it with \
         --accept all)\nsimp-room: {simpd} takes one chat at a time (start it with --max-chats N)\n"
    );
    assert_eq!((ran.status, ran.stderr), (Some(0), said));
    assert_eq!(ran.stdout, format!("simp-room: the room lobby is open on {simpd}\n"));
}

#[test]
fn a_room_that_was_started_in_another_environment_is_found() {
    let lobby = Lobby::start(&["--open"]);
    let elsewhere = |args: &[&str]| {
        let mut command = lobby.world.command("simp-room");
        command.args(args).env("XDG_RUNTIME_DIR", lobby.world.path("other"));
        crate::harness::run(command, "")
    };
    assert!(elsewhere(&["status"]).ok().starts_with("room         lobby\n"));
    assert_eq!(elsewhere(&["topic", "--name", "lobby", "here"]).ok(), "topic: here\n");
    assert_eq!(elsewhere(&["stop"]).ok(), "the room lobby is stopped\n");
    elsewhere(&["status"]).fails(3, "simp-room: no room runs (start one with: simp-room run)");
    // It finds its simpd the same way.
    let mut command = lobby.world.command("simp-room");
    command.args(["run", "--open"]).env("XDG_RUNTIME_DIR", lobby.world.path("other"));
    let mut room = crate::harness::Running::start(command);
    assert_eq!(room.read_line(), format!("simp-room: the room lobby is open on simpd {}:7777", lobby.to()));
}

#[test]
fn the_socket_of_a_room_is_made_again_with_its_folder() {
    let mut lobby = Lobby::start(&["--open"]);
    let socket = lobby.world.path("run/simp-room/lobby.sock");
    let is_back = || {
        let deadline = Instant::now() + DEADLINE;
        while !socket.exists() {
            assert!(Instant::now() < deadline, "the socket is not made again");
            std::thread::yield_now();
        }
        assert!(lobby.does(&["status"]).ok().starts_with("room         lobby\n"));
    };
    std::fs::remove_dir_all(socket.parent().unwrap()).unwrap();
    is_back();
    std::fs::remove_dir_all(lobby.world.path("run")).unwrap();
    let gone = format!(
        "simp-room: {}: the room lobby runs (pid {}), but its socket is gone (it makes it again once the folder {} is \
         there)",
        socket.display(),
        lobby.room_pid(),
        lobby.world.path("run").display()
    );
    lobby.does(&["say", "hi"]).fails(3, &gone);
    lobby.does(&["say", "--name", "lobby", "hi"]).fails(3, &gone);
    std::fs::create_dir(lobby.world.path("run")).unwrap();
    is_back();
    assert_eq!(lobby.end_room(Signal::SIGTERM).ok(), "");
    assert!(!socket.exists());
}

#[test]
fn a_room_without_a_descriptor_for_an_operator_waits_and_does_not_spin() {
    let test = "a_room_without_a_descriptor_for_an_operator_waits_and_does_not_spin";
    if !has_program(test, "strace") {
        return;
    }
    let lobby = Lobby::closed("");
    let trace = lobby.world.path("trace");
    let mut command = lobby.world.command("sh");
    // Room for what it needs itself, and for some operators of the 16 that it would take.
    let script = r#"ulimit -n 24; exec strace -f -e trace=accept4 -o "$1" "$0" run --open -d "$2""#;
    command.args(["-c", script, env!("CARGO_BIN_EXE_simp-room")]).arg(&trace).arg(lobby.to());
    let mut room = Running::start(command);
    let line = room.read_line();
    if line.is_empty() {
        return skipped(test, &room.read_error_line());
    }
    let started = Instant::now();
    let mut operators: Vec<_> =
        (0..16).map(|_| UnixStream::connect(lobby.world.path("run/simp-room/lobby.sock")).unwrap()).collect();
    let refused = || std::fs::read_to_string(&trace).unwrap().matches("EMFILE").count();
    while refused() < 3 {
        assert!(started.elapsed() < DEADLINE, "{}", refused());
        std::thread::yield_now();
    }
    let (count, elapsed) = (refused() as u64, started.elapsed().as_secs());
    assert!(count <= elapsed + 2, "{count} in {elapsed} s");
    // Whoever leaves makes room for those who wait.
    operators.drain(..15).for_each(drop);
    assert!(lobby.does(&["status"]).ok().starts_with("room         lobby\n"));
    assert_eq!(lobby.does(&["stop"]).ok(), "the room lobby is stopped\n");
    room.wait();
}

#[test]
fn a_room_that_does_not_open_leaves_nothing() {
    let world = World::new();
    let room = |args: &[&str]| {
        let mut command = world.command("simp-room");
        command.args(args);
        crate::harness::run(command, "")
    };
    for args in [
        &["run"][..],
        &["run", "--background"],
        &["run", "-d", "nowhere"],
        &["users", "list"],
        &["users", "add", "bob"],
        &["status"],
    ] {
        assert_ne!(room(args).status, Some(0), "{args:?}");
        assert!(!world.path("state/simp-room").exists(), "{args:?}");
    }
}

#[test]
fn a_file_that_is_far_too_long_is_refused_and_not_held() {
    let lobby = Lobby::closed("");
    let file = lobby.world.path("long");
    // More than any machine has memory for.
    std::fs::File::create(&file).unwrap().set_len(1 << 42).unwrap();
    let name = file.to_str().unwrap();
    lobby
        .does(&["run", "-d", &lobby.to(), "--motd", name])
        .fails(1, &format!("simp-room: {name}: more than 1 MiB (the file for --motd)"));
    let line = format!("simp-room: {name}: more than 64 MiB (import it in parts)");
    lobby.does(&["users", "import", name]).fails(1, &line);
}

#[test]
fn with_too_few_descriptors_a_room_says_so_and_what_to_do() {
    let lobby = Lobby::closed("");
    for limit in 6..=12 {
        let mut command = lobby.world.command("sh");
        let script = format!("ulimit -n {limit}; exec \"$0\" run --open -d \"$1\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_simp-room"), &lobby.to()]);
        let ran = run(command, "");
        let line = ran.stderr.trim_end();
        let said = line.ends_with(": too many open files (allow more of them: ulimit -n)");
        assert!(ran.status != Some(0) && said && line.lines().count() == 1, "{limit}: {ran:?}");
    }
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let lobby = Lobby::closed("");
    let pipe = lobby.world.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let name = pipe.to_str().unwrap();
    lobby
        .does(&["run", "-d", &lobby.to(), "--motd", name])
        .fails(1, &format!("simp-room: {name}: not a regular file (the file for --motd)"));
    let line =
        format!("simp-room: {name}: not a regular file (to read from a pipe: simp-room users import -)");
    lobby.does(&["users", "import", name]).fails(1, &line);
    let folder = lobby.world.path("state/simp-room/lobby");
    std::fs::create_dir_all(&folder).unwrap();
    for private in [&folder, folder.parent().unwrap()] {
        std::fs::set_permissions(private, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    }
    for (file, why) in [
        ("room.lock", "not a regular file (move it away)"),
        ("room.db", "not a simp-room database (move it away)"),
    ] {
        let file = folder.join(file);
        nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let line = format!("simp-room: {}: {why}", file.display());
        lobby.does_with(&["users", "add", "bob"], "secret\n").fails(1, &line);
        std::fs::remove_file(&file).unwrap();
    }
    // What a link leads to stays as it is.
    let kept = lobby.world.path("kept");
    std::fs::write(&kept, "kept").unwrap();
    for (file, args) in [("lock", &["run"][..]), ("room.log", &["run", "--background"])] {
        let file = folder.join(file);
        std::os::unix::fs::symlink(&kept, &file).unwrap();
        let failed = lobby.does(args);
        assert_eq!(failed.status, Some(1));
        assert!(failed.stderr.contains(&format!("{}: not a regular file", file.display())), "{failed:?}");
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), "kept");
        std::fs::remove_file(&file).unwrap();
    }
}

#[test]
fn without_a_simpd_there_is_no_room() {
    let world = World::new();
    let run = |args: &[&str]| {
        let mut command = world.command("simp-room");
        command.args(args);
        crate::harness::run(command, "")
    };
    run(&["run"]).fails(3, "simp-room: simpd is not running (start it with: simpctl start)");
    let line = format!(
        "simp-room: {}: simpd is not running (start it with: simpctl start {})",
        world.socket(1).display(),
        world.address(1)
    );
    run(&["run", "-d", &world.address(1)]).fails(3, &line);
    run(&["run", "-d", &world.address(1), "--background"]).fails(3, &line);
    run(&["run", "-d", "nowhere"])
        .fails(2, "simp-room: 'nowhere': neither the address of a simpd nor the path of its socket");
}

#[test]
fn what_a_room_cannot_be_run_with_is_said() {
    let lobby = Lobby::closed("");
    let to = lobby.to();
    for (option, value, why) in [
        ("--rate", "0", "'0': expected a whole number from 1 to 100000"),
        ("--rate", "many", "'many': expected a whole number from 1 to 100000"),
        ("--rate", "100001", "'100001': expected a whole number from 1 to 100000"),
        ("--name", "", "a room's name has 1 to 32 letters, digits, _ and -"),
        ("--name", "../x", "a room's name has 1 to 32 letters, digits, _ and -"),
        ("--name", "a b", "a room's name has 1 to 32 letters, digits, _ and -"),
        (
            "--nats",
            "nats://ann:secret@",
            "--nats '': expected nats://HOST:PORT or tls://HOST:PORT, several with commas",
        ),
        (
            "--nats",
            "a,http://b",
            "--nats 'http://b': expected nats://HOST:PORT or tls://HOST:PORT, several with commas",
        ),
        ("--nats-creds", "x", "simp-room: --nats-creds is of use only with --nats URL"),
        ("--nats-ca", "x", "simp-room: --nats-ca is of use only with --nats URL"),
        ("--replicas", "3", "simp-room: --replicas is of use only with --nats URL"),
        ("--replicas", "6", "'6': expected a whole number from 1 to 5"),
        ("--door", "north", "simp-room: --door is of use only with --nats URL"),
        ("--door", "a.b", "'a.b': a door's name has 1 to 32 letters, digits, _ and -"),
    ] {
        let failed = lobby.does(&["run", "-d", &to, option, value]);
        assert_eq!((failed.status, failed.stdout.as_str()), (Some(2), ""), "{option} {value}");
        assert_eq!(failed.stderr.lines().count(), 1, "{}", failed.stderr);
        assert!(failed.stderr.contains(why), "{}", failed.stderr);
        assert!(!failed.stderr.contains("secret"), "{}", failed.stderr);
    }
    let missing = lobby.world.path("motd");
    let line = format!("simp-room: {}: no such file or directory (the file for --motd)", missing.display());
    lobby.does(&["run", "-d", &to, "--motd", missing.to_str().unwrap()]).fails(1, &line);
}

#[test]
fn a_simpd_that_does_not_suit_a_room_is_pointed_out() {
    let world = World::new();
    let _simpd = world.start(1, &[]);
    let mut command = world.command("simp-room");
    command.args(["run", "-d", &world.address(1)]);
    let mut room = crate::harness::Running::start(command);
    let simpd = format!("simp-room: simpd {}:7777", world.address(1));
    assert_eq!(
        room.read_error_line(),
        format!(
            "{simpd} asks about each request, so nobody can come in by themselves (start it with --accept all)"
        )
    );
    assert_eq!(
        room.read_error_line(),
        format!("{simpd} takes one chat at a time (start it with --max-chats N)")
    );
    assert_eq!(
        room.read_line(),
        format!("simp-room: the room lobby is open on simpd {}:7777", world.address(1))
    );
}

#[test]
fn a_room_whose_simpd_has_lost_its_log_greets_everybody_anew() {
    let mut lobby = Lobby::start(&["--open"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    for n in 0..5 {
        ann.asks(&format!("line {n}"), "sent to 0");
    }
    lobby.kill_simpd();
    std::fs::remove_dir_all(lobby.world.path("state/simp")).unwrap();
    lobby.start_simpd();
    let mut bob = Guest::comes(&lobby, 3, "bob");
    assert!(lobby.says().contains("went away"));
    assert!(
        (0..3)
            .any(|_| lobby.says() == "simp-room: simpd has a different log than before: all chats are over")
    );
    while !bob.next_line().starts_with("You are in lobby. Here: nobody.") {}
    bob.asks("hello", "sent to 0");
}

#[test]
fn whose_name_is_wanted_by_somebody_else_hears_of_it_so_that_a_dead_chat_is_noticed() {
    let lobby = Lobby::start(&["--open"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    let mut other = Guest::comes(&lobby, 3, "Ann");
    other.is_left_with("that name is in use: choose another, or wait until Ann leaves");
    assert_eq!(ann.next_news(), "* somebody else wants to come in with your name");
}

#[test]
fn stop_ends_a_room_although_its_simpd_is_away() {
    let mut lobby = Lobby::start(&["--open"]);
    let _ann = Guest::enters(&lobby, 2, "ann");
    lobby.kill_simpd();
    assert!(lobby.says().contains("went away"));
    assert_eq!(lobby.does(&["stop"]).ok(), "the room lobby is stopped\n");
}

#[test]
fn a_message_of_the_day_that_cannot_be_sent_is_named_with_its_line() {
    let lobby = Lobby::closed("");
    let motd = lobby.world.path("motd");
    let run = || lobby.does(&["run", "-d", &lobby.to(), "--open", "--motd", motd.to_str().unwrap()]);
    for (text, why) in [
        (
            "Welcome!\n\nza\u{17c}\u{f3}\u{142}\u{107}\n".as_bytes(),
            "line 3: a text must be ASCII; '\u{17c}' (U+017C) at position 3 is not",
        ),
        (b"\xff\n", "line 1: a text must be ASCII; this line is not valid UTF-8"),
        (&[b'x'; 986], "line 1: a text has at most 985 characters, this one has 986 (send it in parts)"),
    ] {
        std::fs::write(&motd, text).unwrap();
        run().fails(2, &format!("simp-room: {}: {why} (the file for --motd)", motd.display()));
    }
}

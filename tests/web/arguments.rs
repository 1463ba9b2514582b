//! What simp-web says in the terminal, and how it ends.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixStream};

use nix::sys::signal::Signal;

use super::Web;
use crate::harness::{DEADLINE, Running, World, run};

/// Runs it with these arguments to its end.
fn web(world: &World, args: &[&str]) -> crate::harness::Ran {
    let mut command = world.command("simp-web");
    command.args(args);
    run(command, "")
}

#[test]
fn what_makes_no_sense_is_said_in_one_line() {
    let world = World::new();
    for (args, line) in [
        (
            &["--listen", "0.0.0.0:7777"][..],
            "--listen '0.0.0.0:7777': only this machine may reach the page: give an address such as 127.0.0.1:7777 (from elsewhere: ssh -L 7777:127.0.0.1:7777) (see simp-web --help)",
        ),
        (
            &["--listen", "7777"],
            "--listen '7777': expected ADDR:PORT, such as 127.0.0.1:7777 (see simp-web --help)",
        ),
        (
            &["--listen", "127.0.0.1:0", "--socket", "/s"],
            "the page is at an address or at a socket: give only one of --listen and --socket",
        ),
        (
            &["--socket", "/s"],
            "a --socket needs --origin: what browsers call the proxy before it, such as https://chat.example",
        ),
        (
            &["--origin", "https://chat.example"],
            "--origin is what browsers call the proxy before a --socket: give both",
        ),
        (
            &["--socket", "/s", "--origin", "chat.example"],
            "--origin 'chat.example': expected https://HOST, as browsers call the page (no path, no upper case) (see simp-web --help)",
        ),
        (&["open", "--listen", "127.0.0.1:0"], "open takes none of --listen, --socket and --origin"),
        (&["opne"], "no command opne (did you mean open? see simp-web --help)"),
    ] {
        web(&world, args).fails(2, &format!("simp-web: {line}"));
    }
}

#[test]
fn without_a_simpd_there_is_no_page() {
    let world = World::new();
    web(&world, &[]).fails(3, "simp-web: simpd is not running (start it with: simpctl start)");
    let address = world.address(1);
    let path = world.socket(1);
    web(&world, &["-d", &address]).fails(
        3,
        &format!(
            "simp-web: {}: simpd is not running (start it with: simpctl start {address})",
            path.display()
        ),
    );
    web(&world, &["open"]).fails(3, "simp-web: no simp-web runs (start it with: simp-web)");
    web(&world, &["open", "-d", &address]).fails(
        3,
        &format!("simp-web: no simp-web runs for simpd {address} (start it with: simp-web -d {address})"),
    );
}

#[test]
fn a_place_that_is_taken_is_said_with_the_remedy() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    web(&world, &["--listen", &address]).fails(
        1,
        &format!(
            "simp-web: {address}: another program is there (take a port that is free: --listen 127.0.0.1:0)"
        ),
    );
    let file = world.path("file");
    fs::write(&file, "kept").unwrap();
    let file = file.display().to_string();
    web(&world, &["--socket", &file, "--origin", "https://chat.example"])
        .fails(1, &format!("simp-web: {file}: something else is there (choose another path)"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
    // Whoever failed has left nothing that could be taken for one that runs.
    web(&world, &["open"]).fails(3, "simp-web: no simp-web runs (start it with: simp-web)");
}

#[test]
fn one_runs_for_a_simpd_and_open_finds_it() {
    let world = World::new();
    let _daemons = (world.start(1, &["--user", "alice"]), world.start(2, &["--user", "bob"]));
    let one = Web::start(&world, 1);
    let first = world.address(1);
    web(&world, &["-d", &first]).fails(
        1,
        &format!("simp-web: it runs already for simpd {first} (show it: simp-web open -d {first})"),
    );
    // What opens a page writes down what it was given; without one the URL is for people.
    let bin = world.path("bin");
    fs::create_dir_all(&bin).unwrap();
    let open = |args: &[&str]| {
        let mut command = world.command("simp-web");
        command.arg("open").args(args).env("PATH", &bin);
        run(command, "")
    };
    let ran = open(&[]);
    assert_eq!((ran.status, ran.stdout.trim_end()), (Some(0), one.url.as_str()));
    assert_eq!(ran.stderr, "simp-web: xdg-open is not installed; open this one yourself:\n");
    let opener = bin.join("xdg-open");
    fs::write(&opener, "#!/bin/sh\nprintf '%s\\n' \"$@\" >\"$0.args\"\n").unwrap();
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(open(&["-d", &first]).ok(), "");
    let given = fs::read_to_string(bin.join("xdg-open.args")).unwrap();
    let page = given.trim_end();
    assert!(!given.contains("token"), "{given}");
    assert!(fs::read_to_string(page).unwrap().contains(&format!("url={}", one.url)));
    let folder = world.path("run/simp-web").join(&first);
    for (path, mode) in
        [(page.into(), 0o600), (folder.join("url"), 0o600), (folder.join("lock"), 0o600), (folder, 0o700)]
    {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
    }
    let other = Web::start(&world, 2);
    let second = world.address(2);
    let line = format!("simp-web: several simp-web run: {first}, {second} (choose one with -d ADDR)");
    open(&[]).fails(3, &line);
    // One that was killed is none that runs.
    other.running.signal(Signal::SIGKILL);
    assert_eq!(other.running.wait().status, None);
    assert_eq!(open(&[]).ok(), "");
    end(one, page);
}

fn end(web: Web, page: &str) {
    web.running.signal(Signal::SIGTERM);
    let ran = web.running.wait();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    assert!(!std::path::Path::new(page).exists(), "whoever finds it later gets nowhere");
}

#[test]
fn a_service_manager_is_told_when_the_page_is_there_but_not_the_token() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let manager = UnixDatagram::bind(world.path("notify")).unwrap();
    manager.set_read_timeout(Some(DEADLINE)).unwrap();
    let told = || {
        let mut bytes = [0; 4_096];
        let length = manager.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    let mut command = world.command("simp-web");
    command.args(["--listen", "127.0.0.1:0"]).env("NOTIFY_SOCKET", world.path("notify"));
    let running = Running::start(command);
    assert_eq!(told(), format!("READY=1\nSTATUS=the page of simpd {} is there", world.address(1)));
    running.signal(Signal::SIGTERM);
    assert_eq!(told(), "STOPPING=1\nSTATUS=stopping");
    assert_eq!(running.wait().status, Some(0));
}

#[test]
fn a_socket_is_for_a_proxy() {
    let world = World::new();
    let _alice = world.start(1, &["--user", "alice"]);
    let path = world.path("page.sock").display().to_string();
    let start = || {
        let mut command = world.command("simp-web");
        command.args(["--socket", &path, "--origin", "https://chat.example"]);
        let mut running = Running::start(command);
        let said = running.read_line();
        assert!(said.contains(" is at https://chat.example/?token="), "{said}");
        (running, said)
    };
    let (killed, _) = start();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o002, 0);
    killed.signal(Signal::SIGKILL);
    killed.wait();
    // What a killed one has left is in nobody's way.
    let (running, said) = start();
    // What a proxy passes on: its own name, and the cookie only where it is encrypted.
    let url = said.rsplit(' ').next().unwrap().to_owned();
    let query = url.strip_prefix("https://chat.example").unwrap();
    let ask = |host: &str| {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(stream, "GET {query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut got = String::new();
        stream.read_to_string(&mut got).unwrap();
        got
    };
    let got = ask("chat.example");
    assert!(got.starts_with("HTTP/1.1 200 ") && got.contains("; SameSite=Strict; Secure\r\n"), "{got}");
    assert!(ask("localhost").starts_with("HTTP/1.1 403 "));
    running.signal(Signal::SIGINT);
    assert_eq!(running.wait().status, Some(0));
    assert!(!std::path::Path::new(&path).exists());
}

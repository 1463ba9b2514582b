//! A simpd that a service manager has started, which wants to be told how it is (sd_notify(3)).

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use nix::sys::signal::Signal;
use simp_control::{Reply, Request};

use crate::harness::{DEADLINE, Daemon, TestClient, World, run};

/// What the service manager is told next.
#[track_caller]
fn told(manager: &UnixDatagram) -> String {
    manager.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut bytes = [0; 4_096];
    let length = manager.recv(&mut bytes).unwrap();
    String::from_utf8(bytes[..length].to_vec()).unwrap()
}

#[test]
fn a_service_manager_is_told_when_it_is_ready_and_when_it_ends() {
    let world = World::new();
    let (path, abstract_name) = (world.path("notify"), format!("simp-notify-{}", world.address(1)));
    let at_path = UnixDatagram::bind(&path).unwrap();
    let abstract_one =
        UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&abstract_name).unwrap()).unwrap();
    for (manager, name) in
        [(at_path, path.to_str().unwrap().to_owned()), (abstract_one, format!("@{abstract_name}"))]
    {
        let mut command = world.command("simpd");
        command.arg(world.address(1)).env("NOTIFY_SOCKET", name);
        let daemon = Daemon::start(command, world.socket(1));
        assert_eq!(told(&manager), format!("READY=1\nSTATUS=receiving on {}:7777", world.address(1)));
        assert_eq!(daemon.client().reply(&Request::Stop), Reply::Done);
        assert_eq!(told(&manager), "STOPPING=1\nSTATUS=stopping");
        assert_eq!(daemon.wait(), Some(0));
    }
}

#[test]
fn a_service_manager_is_told_what_is_wrong_when_it_begins_and_when_it_is_over() {
    let world = World::new();
    let manager = UnixDatagram::bind(world.path("notify")).unwrap();
    let mut command = world.command("simpd");
    command.arg(world.address(1)).env("NOTIFY_SOCKET", world.path("notify"));
    let _daemon = Daemon::start(command, world.socket(1));
    let well = format!("STATUS=receiving on {}:7777", world.address(1));
    assert_eq!(told(&manager), format!("READY=1\n{well}"));
    // No way leads there from an address of loopback.
    world.ctl(1, &["send", "--queue", "-t", "198.51.100.7", "hi"]).ok();
    let wrong = "datagrams for 198.51.100.7:7777 do not leave: it cannot be reached from the address of simpd (see: ip address)";
    assert_eq!(told(&manager), format!("STATUS={wrong}"));
    world.ctl(1, &["outbox", "cancel", "1"]).ok();
    assert_eq!(told(&manager), well);
}

#[test]
fn a_service_manager_is_told_that_the_configuration_is_read_again_and_what_came_of_it() {
    let world = World::new();
    let manager = UnixDatagram::bind(world.path("notify")).unwrap();
    let (config, well) = (world.path("simpd.toml"), format!("STATUS=receiving on {}:7777", world.address(1)));
    std::fs::write(&config, "").unwrap();
    let mut command = world.command("simpd");
    command.args([&world.address(1), "--config"]).arg(&config).env("NOTIFY_SOCKET", world.path("notify"));
    let daemon = Daemon::start(command, world.socket(1));
    assert_eq!(told(&manager), format!("READY=1\n{well}"));
    let refused = format!(
        "STATUS=configuration not changed: {}: line 1: max_chats '0': expected a whole number",
        config.display()
    );
    for (settings, status) in [("user = 'ann'", well), ("max_chats = 0", refused)] {
        std::fs::write(&config, settings).unwrap();
        daemon.signal(Signal::SIGHUP);
        let said = told(&manager);
        let since = said.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().split_once('\n').unwrap();
        assert!(
            since.0.parse::<u64>().unwrap() > 0 && since.1 == "STATUS=reading the configuration",
            "{said}"
        );
        let said = told(&manager);
        assert!(said.starts_with(&format!("READY=1\n{status}")), "{said}");
    }
}

#[test]
fn a_service_manager_with_a_watchdog_hears_of_an_idle_daemon_and_one_without_does_not() {
    let world = World::new();
    let manager = UnixDatagram::bind(world.path("notify")).unwrap();
    let start = |limit: &str, pid: Option<&str>| {
        let mut command = world.command("simpd");
        command.arg(world.address(1)).env("NOTIFY_SOCKET", world.path("notify"));
        command.env("WATCHDOG_USEC", limit);
        command.envs(pid.map(|pid| ("WATCHDOG_PID", pid)));
        let daemon = Daemon::start(command, world.socket(1));
        assert!(told(&manager).starts_with("READY=1\n"));
        daemon
    };
    let daemon = start("20000", None);
    for _ in 0..3 {
        assert_eq!(told(&manager), "WATCHDOG=1");
    }
    drop(daemon);
    manager.set_nonblocking(true).unwrap();
    while manager.recv(&mut [0]).is_ok() {}
    manager.set_nonblocking(false).unwrap();
    // That of another process is none of its business, and what makes no sense is no limit.
    for (limit, pid) in [("2", Some("1")), ("0", None), ("soon", None)] {
        let daemon = start(limit, pid);
        // It answers, and has said nothing else by then.
        assert_eq!(daemon.client().reply(&Request::Stop), Reply::Done);
        assert_eq!(told(&manager), "STOPPING=1\nSTATUS=stopping", "{limit}");
        assert_eq!(daemon.wait(), Some(0));
    }
}

#[test]
fn a_service_manager_that_is_not_there_or_did_not_start_it_is_told_nothing() {
    let world = World::new();
    for gone in ["", "/nowhere", "@", "no path"] {
        let mut command = world.command("simpd");
        command.arg(world.address(1)).env("NOTIFY_SOCKET", gone);
        let daemon = Daemon::start(command, world.socket(1));
        assert_eq!(daemon.client().reply(&Request::Stop), Reply::Done);
        assert_eq!((daemon.wait(), daemon.log().contains("notify")), (Some(0), false), "{gone}");
    }
    // In the background it is not the process that the service manager has started.
    let manager = UnixDatagram::bind(world.path("notify")).unwrap();
    let mut command = world.command("simpd");
    command.args([&world.address(1), "--background"]).env("NOTIFY_SOCKET", world.path("notify"));
    run(command, "").ok();
    let mut client = TestClient::connect(&world.socket(1));
    assert_eq!(client.reply(&Request::Stop), Reply::Done);
    assert_eq!(client.read(), None);
    manager.set_nonblocking(true).unwrap();
    assert!(manager.recv(&mut [0]).is_err());
}

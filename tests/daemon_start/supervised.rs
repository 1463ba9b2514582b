//! A simpd that a service manager has started, which wants to be told how it is (sd_notify(3)).

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

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

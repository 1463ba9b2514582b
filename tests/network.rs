//! A network that takes nothing for a while, and one that is not there: in a namespace of its own.

use std::fs::File;
use std::net::UdpSocket;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::sync::{Arc, mpsc};

use nix::poll::{PollFd, PollFlags, poll};
use nix::sched::{CloneFlags, setns};
use simp_control::{Answer, FailureKind, FollowFrom, Kind, Request, What, places};
use simp_proto::{Datagram, Operation};

use crate::datagrams::{ACK, SYN_ACK, wire};

use crate::harness::{
    DEADLINE, Daemon, Running, TestClient, World, connect, has_program, is_root, queued, run, send, skipped,
};

/// A network of our own; gone when the test ends.
struct Network<'a> {
    world: &'a World,
    holder: Running,
}

impl<'a> Network<'a> {
    /// One with these commands carried out in it; `None`, and `test` is skipped, if this machine cannot have it.
    fn new(test: &str, world: &'a World, setup: &str) -> Option<Self> {
        let programs = ["unshare", "nsenter", "ip", "tc"];
        if !is_root(test) || !programs.iter().all(|program| has_program(test, program)) {
            return None;
        }
        let mut command = world.command("unshare");
        command.args(["-n", "sh", "-c", &format!("ip link set lo up && {setup} && echo ready && exec cat")]);
        let mut holder = Running::start(command);
        if holder.read_line() != "ready" {
            skipped(test, "no network of our own can be made here");
            return None;
        }
        Some(Self { world, holder })
    }

    /// A program in this network.
    fn command(&self, program: &str) -> Command {
        let inner = self.world.command(program);
        let mut command = self.world.command("nsenter");
        command.args(["-t", &self.holder.id().to_string(), "-n"]).arg(inner.get_program());
        command
    }

    fn start(&self, address: &str, args: &[&str]) -> Daemon {
        let mut command = self.command("simpd");
        command.arg(address).args(args);
        let socket = self.world.path("run/simp").join(format!("{address}.sock"));
        Daemon::start(command, socket)
    }

    /// So many peers, 127.0.1.0 and so on, that open every chat and acknowledge everything; gone with what is returned.
    fn peers(&self, count: u8) -> Arc<()> {
        let (alive, path) = (Arc::new(()), format!("/proc/{}/ns/net", self.holder.id()));
        let stays = Arc::downgrade(&alive);
        let (ready, is_ready) = mpsc::channel();
        std::thread::spawn(move || {
            // Of this thread alone.
            setns(File::open(path).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
            let bind = |n| UdpSocket::bind(format!("127.0.1.{n}:7777")).unwrap();
            let sockets: Vec<UdpSocket> = (0..count).map(bind).collect();
            ready.send(()).unwrap();
            while stays.upgrade().is_some() {
                let fds = sockets.iter().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN));
                let mut fds: Vec<_> = fds.collect();
                poll(&mut fds, 100u8).unwrap();
                for (socket, _) in sockets.iter().zip(&fds).filter(|(_, fd)| fd.any() == Some(true)) {
                    answer(socket);
                }
            }
        });
        is_ready.recv().unwrap();
        alive
    }

    fn ip(&self, args: &str) {
        let mut command = self.command("ip");
        command.args(args.split_whitespace());
        run(command, "").ok();
    }
}

/// A text for the outbox.
fn keep(to: &str, text: &str) -> Request {
    let mut request = send(Some(to), text);
    if let Request::Send { queue, .. } = &mut request {
        *queue = true;
    }
    request
}

/// Answers one datagram.
fn answer(socket: &UdpSocket) {
    let mut buffer = [0; 2_048];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    let datagram = Datagram::decode(&buffer[..length]).unwrap();
    let operation = match datagram.operation {
        Operation::Syn => SYN_ACK,
        Operation::Chat | Operation::Fin => ACK,
        _ => return,
    };
    // Its way is as slow as the other.
    socket.send_to(&wire(operation, datagram.seq, "bob", b""), from).unwrap();
}

#[test]
fn what_does_not_fit_on_a_slow_way_waits_and_counts_as_no_attempt() {
    let (test, world) = ("what_does_not_fit_on_a_slow_way_waits_and_counts_as_no_attempt", World::new());
    let slow = "tc qdisc add dev lo root tbf rate 600kbit burst 4k limit 100m";
    let Some(network) = Network::new(test, &world, slow) else { return };
    let config = world.path("simpd.toml");
    std::fs::write(&config, "attempts = 1\nmax_chats = 1000\naccept = 'all'\n").unwrap();
    let args = ["--config", config.to_str().unwrap()];
    let alice = network.start("127.0.0.1", &args);
    let _peers = network.peers(250);
    let mut client = alice.client();
    client.follow(FollowFrom::End);
    let hosts: Vec<String> = (0..250).map(|n| format!("127.0.1.{n}")).collect();
    for host in &hosts {
        client.reply(&connect(host));
    }
    let mut opened = 0;
    while opened < hosts.len() {
        opened += usize::from(client.event().what.kind() == Kind::Opened);
    }
    // More than the system holds for one program, all at once.
    let mut sender = alice.client();
    hosts.iter().for_each(|host| sender.write(&send(Some(host), &"x".repeat(980))));
    hosts.iter().for_each(|_| assert!(matches!(sender.read(), Some(Answer::Reply(_)))));
    let mut delivered = 0;
    while delivered < hosts.len() {
        match client.event().what {
            What::Delivered { .. } => delivered += 1,
            What::Queued { .. } => {}
            other => panic!("{other:?} after {delivered}"),
        }
    }
    assert_eq!(client.status().counters.not_transmitted, 0);
}

#[test]
fn a_chat_outlives_a_time_without_a_network() {
    let (test, world) = ("a_chat_outlives_a_time_without_a_network", World::new());
    let Some(network) = Network::new(test, &world, "true") else { return };
    let config = world.path("simpd.toml");
    std::fs::write(&config, "attempts = 1\naccept = 'all'\nsecure = 'off'\n").unwrap();
    let args = ["--config", config.to_str().unwrap()];
    let (alice, _bob) = (network.start("127.0.0.1", &args), network.start("127.0.0.2", &args));
    let mut client = alice.client();
    client.follow(FollowFrom::End);
    client.reply(&connect("127.0.0.2"));
    client.expect(What::Inviting);
    client.expect(What::Opened { note: None });
    network.ip("route del local 127.0.0.0/8 dev lo table local");
    network.ip("route del local 127.0.0.1 dev lo table local");
    let message = client.send("hi");
    // The message, and it once more.
    client.status_when(|status| status.counters.not_transmitted >= 2);
    network.ip("route add local 127.0.0.1 dev lo table local");
    network.ip("route add local 127.0.0.0/8 dev lo table local");
    assert_eq!(client.event().what.kind(), Kind::Queued);
    client.expect(What::Delivered { message });
}

#[test]
fn an_invitation_that_cannot_leave_says_so() {
    let (test, world) = ("an_invitation_that_cannot_leave_says_so", World::new());
    let Some(network) = Network::new(test, &world, "true") else { return };
    let _alice = network.start("127.0.0.1", &[]);
    let mut command = world.command("simpctl");
    command.args(["-d", "127.0.0.1", "connect", "192.0.2.1"]);
    run(command, "").fails(1, "simpctl: 192.0.2.1:7777: no way leads there from this host (see: ip route)");
}

#[test]
fn an_address_that_comes_later_and_goes_is_waited_for() {
    let (test, world) = ("an_address_that_comes_later_and_goes_is_waited_for", World::new());
    let setup = "ip address add 192.0.2.8/32 dev lo";
    let Some(network) = Network::new(test, &world, setup) else { return };
    let manager = UnixDatagram::bind(world.path("notify")).unwrap();
    manager.set_read_timeout(Some(DEADLINE)).unwrap();
    let told = || {
        let mut bytes = [0; 4_096];
        let length = manager.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    let mut command = network.command("simpd");
    command.args(["192.0.2.7", "--user", "alice"]).env("NOTIFY_SOCKET", world.path("notify"));
    let mut alice = Running::start(command);
    let absent = "no interface has 192.0.2.7 yet: waiting for it (list them: ip address)";
    assert_eq!(alice.read_line(), format!("simpd: ready on 192.0.2.7:7777 as alice; {absent}"));
    assert_eq!(told(), format!("READY=1\nSTATUS={absent}"));
    // It is said once: what comes next on standard error is something else.
    assert!(alice.read_error_line().contains(" INFO simpd "));
    let mut client = TestClient::connect(&world.path("run/simp/192.0.2.7.sock"));
    let trouble = "no interface has 192.0.2.7; chats wait for it (list them: ip address)";
    assert_eq!(client.status().trouble.as_deref(), Some(trouble));
    let line = "no interface has 192.0.2.7 (list them: ip address)";
    client.fails(&connect("192.0.2.8"), FailureKind::Failed, line);
    client.reply(&keep("192.0.2.8", "early"));
    let _bob = network.start("192.0.2.8", &["--user", "bob", "--accept", "all"]);
    client.follow(FollowFrom::End);
    network.ip("address add 192.0.2.7/32 dev lo");
    client.expect(What::Opened { note: None });
    client.expect(What::Delivered { message: 1 });
    assert_eq!(client.status().trouble, None);
    assert_eq!(told(), "STATUS=receiving on 192.0.2.7:7777");

    // It goes, as with a lease that is not renewed, and comes back.
    network.ip("address del 192.0.2.7/32 dev lo");
    client.status_when(|status| status.trouble.as_deref() == Some(trouble));
    assert_eq!(told(), format!("STATUS={absent}"));
    let message = client.send("late");
    client.expect(queued("late"));
    network.ip("address add 192.0.2.7/32 dev lo");
    client.expect(What::Delivered { message });
}

#[test]
fn an_ipv6_address_that_is_not_known_to_be_ours_alone_is_waited_for() {
    let (test, world) = ("an_ipv6_address_that_is_not_known_to_be_ours_alone_is_waited_for", World::new());
    let setup = "ip link add va type veth peer name vb && ip link set va up && ip link set vb up && \
                 ip address add 2001:db8::7/64 dev va";
    let Some(network) = Network::new(test, &world, setup) else { return };
    let mut command = network.command("simpd");
    command.args(["2001:db8::7", "--user", "alice"]);
    let mut alice = Running::start(command);
    assert!(alice.read_line().starts_with("simpd: ready on [2001:db8::7]:7777 as alice"));
    let socket = places::socket_path(&world.path("run/simp"), "[2001:db8::7]:7777".parse().unwrap());
    TestClient::connect(&socket).status_when(|status| status.trouble.is_none());
}

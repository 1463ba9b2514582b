//! A disk that stays as it is: what is said of it, how often it is tried, and what it costs.

use std::fs;
use std::time::Instant;

use nix::errno::Errno;
use simp_control::{FailureKind, Filter, Request};
use simp_proto::Operation;

use super::refuse::{CHANGES, Disk, FOR_GOOD, OPENS, READS, WRITES, library};
use crate::harness::{DEADLINE, Daemon, TestClient, World, resident_kib, send};

fn start(world: &World, host: u8) -> (Disk, Daemon, String) {
    let state = world.path(&format!("state-{host}"));
    fs::create_dir(&state).unwrap();
    let disk =
        Disk::new(&library(world), world.path(&format!("order-{host}")), state.canonicalize().unwrap());
    let mut command = world.command("simpd");
    command.args([&world.address(host), "--user", "alice", "--accept", "all"]);
    disk.attach(&mut command);
    let log = state.canonicalize().unwrap().join("simp").join(world.address(host)).join("log.db");
    (disk, Daemon::start(command, world.socket(host)), log.into_os_string().into_string().unwrap())
}

#[test]
fn what_is_wrong_with_the_disk_is_said_with_the_remedy() {
    let world = World::new();
    let (disk, alice, log) = start(&world, 1);
    let mut client = alice.client();
    world.peer(2, "bob").open(&world.address(1));
    client.status_when(|status| status.last_id == 2);
    for (error, line) in [
        (
            Errno::ENOSPC,
            "the disk is full (free some space, or set XDG_STATE_HOME to a folder on another disk)",
        ),
        (
            Errno::EDQUOT,
            "the disk quota is exhausted (free some space, or set XDG_STATE_HOME to a folder on another disk)",
        ),
        (
            Errno::EROFS,
            "the disk is read-only (mount it for writing, or set XDG_STATE_HOME to a folder on another disk)",
        ),
        (
            Errno::EIO,
            "the disk fails: I/O error (see the system's log, or set XDG_STATE_HOME to a folder \
             on another disk)",
        ),
    ] {
        disk.fail(CHANGES, 0, FOR_GOOD, Some(error));
        let line = format!("nothing was changed: {log}: {line}");
        client.fails(&send(None, "refused"), FailureKind::Failed, &line);
        world.ctl(1, &["send", "refused"]).fails(1, &format!("simpctl: {line}"));
        assert_eq!(client.status().last_id, 2);
        disk.mend();
        client.status_when(|status| status.trouble.is_none());
    }
    let told = alice.log();
    assert_eq!(told.lines().filter(|line| line.contains("ERROR")).count(), 4, "{told}");
    assert_eq!(
        told.lines().filter(|line| line.contains("the log can be written again; all chats resume")).count(),
        4,
        "{told}"
    );
}

#[test]
fn a_disk_that_stays_full_is_tried_once_per_second_whatever_comes() {
    let world = World::new();
    let (to, (disk, alice, log)) = (world.address(1), start(&world, 1));
    let mut client = alice.client();
    let bob = world.peer(2, "bob");
    bob.open(&to);
    client.status_when(|status| status.last_id == 2);
    // Not only what makes a file longer: some of that has room all the same.
    disk.fail(WRITES + OPENS + READS, 0, FOR_GOOD, Some(Errno::ENOSPC));
    let line = format!(
        "nothing was changed: {log}: the disk is full (free some space, or set XDG_STATE_HOME to a folder on another disk)"
    );
    let began = Instant::now();
    let mut resident = None;
    // Only where the disk is tried a file is opened.
    let mut requests = 0;
    let mut flood = |client: &mut TestClient| {
        for seq in 0..50 {
            bob.send(&to, Operation::Chat, seq % 2, b"again and again");
        }
        client.fails(&send(None, "refused"), FailureKind::Failed, &line);
        // It may be that it cannot be read.
        client.ask(&Request::History { before: None, limit: 10, filter: Filter::default() });
        requests += 2;
    };
    while disk.opened() < 5 {
        flood(&mut client);
        if disk.opened() == 2 && resident.is_none() {
            resident = Some(resident_kib(alice.pid()));
        }
        assert!(began.elapsed() < DEADLINE);
    }
    // The first time is at once.
    let seconds = began.elapsed().as_secs_f64();
    assert!(seconds >= 4.0, "tried 5 times within {seconds} s");
    let grown = resident_kib(alice.pid()).saturating_sub(resident.unwrap());
    let status = client.status();
    println!(
        "disk full for {seconds:.1} s: tried 5 times, {requests} requests and {} datagrams meanwhile, {grown} KiB more",
        status.counters.ignored
    );
    assert!(grown < 512, "memory grows by {grown} KiB");
    assert_eq!(bob.arrived(), []);
    assert!(status.trouble.is_some() && status.counters.ignored > 0);
    assert_eq!(alice.log().lines().filter(|line| line.contains("ERROR")).count(), 1, "{}", alice.log());
    disk.mend();
    client.status_when(|status| status.trouble.is_none());
    bob.say(&to, 0, "again and again");
}

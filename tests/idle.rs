//! A daemon with nothing to do does nothing: it costs no processor time and wakes no laptop.

use std::time::Instant;

use crate::harness::{DEADLINE, Peer, World, has_program, run, skipped};

#[test]
fn a_daemon_with_ten_idle_chats_makes_no_system_call() {
    let test = "a_daemon_with_ten_idle_chats_makes_no_system_call";
    if !has_program(test, "strace") {
        return;
    }
    let world = World::new();
    let to = world.address(1);
    let alice = world.start(1, &["--user", "alice", "--accept", "all", "--max-chats", "10"]);
    // A client that waits, as a user's terminal does.
    let mut client = alice.client();
    let peers: Vec<Peer> = (2..12).map(|host| world.peer(host, "bob")).collect();
    for peer in &peers {
        peer.open(&to);
        peer.say(&to, 0, "hi");
    }
    // The last datagrams are dealt with, and then the turn of a first status is over before a second is read.
    assert_eq!(client.status_after(30).chats, 10);
    client.status();

    let trace = world.path("trace");
    let mut command = world.command("timeout");
    command.args(["-s", "INT", "2", "strace", "-f", "-o"]).arg(&trace);
    command.args(["-p", &alice.pid().to_string()]);
    let outcome = run(command, "");
    if !outcome.stderr.contains("attached") || outcome.stderr.contains("not permitted") {
        return skipped(test, outcome.stderr.trim());
    }
    let trace = std::fs::read_to_string(trace).unwrap();
    let calls: Vec<&str> = trace.lines().filter(|line| !line.contains("epoll_wait(")).collect();
    assert_eq!((trace.lines().count(), calls), (1, vec![]), "{trace}");
    // The number of the call and its arguments: it waits without a time limit, which is -1.
    let read = || std::fs::read_to_string(format!("/proc/{}/syscall", alice.pid())).unwrap();
    let (mut call, start) = (read(), Instant::now());
    // It may just be let go by strace, and go back to its call.
    while call.trim() == "running" && start.elapsed() < DEADLINE {
        std::thread::yield_now();
        call = read();
    }
    let limit = call.split_whitespace().nth(4).unwrap_or_default();
    assert!(limit.ends_with("ffffffff"), "{call}");
}

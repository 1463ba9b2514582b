//! Commands that wait while simpd is started with another log: the ids that they know mean something else there, and that
//! is said instead of following them.

use nix::sys::signal::Signal;
use simp_proto::Operation;

use crate::harness::{Daemon, Peer, Ran, Running, World};

const ALICE: [&str; 6] = ["--user", "alice", "--accept", "all", "--max-chats", "9"];

/// Alice's daemon with an open chat with a peer, and a copy of its log from before that.
fn begin(world: &World) -> (Daemon, Peer) {
    let alice = world.start(1, &ALICE);
    world.copy_log(1, "older");
    let peer = world.peer(3, "eve");
    peer.open(&world.address(1));
    (alice, peer)
}

/// Kills the daemon and starts it with a new log, which has more entries than the old one by the time that the command
/// looks again. Their texts are `new 0` and so on.
fn replace(world: &World, waits: &Running, alice: Daemon) -> (Daemon, u64) {
    start_with(world, waits, alice, || world.remove_log(1))
}

/// The same with the older copy of the log.
fn restore(world: &World, waits: &Running, alice: Daemon) -> (Daemon, u64) {
    start_with(world, waits, alice, || world.put_log_back(1, "older"))
}

fn start_with(world: &World, waits: &Running, alice: Daemon, swap: impl FnOnce()) -> (Daemon, u64) {
    let before = alice.client().status().last_id;
    waits.signal(Signal::SIGSTOP);
    alice.signal(Signal::SIGKILL);
    alice.wait();
    swap();
    let alice = world.start(1, &ALICE);
    let bob = world.peer(4, "bob");
    bob.open(&world.address(1));
    let mut count = 0;
    while alice.client().status().last_id <= before + 5 {
        let text = format!("new {count}");
        bob.send(&world.address(1), Operation::Chat, (count % 2) as u8, text.as_bytes());
        while bob.receive().operation != Operation::Ack {}
        count += 1;
    }
    waits.signal(Signal::SIGCONT);
    (alice, count)
}

/// It said that simpd went away, then this, and ended with status 1.
#[track_caller]
fn ended_with(world: &World, outcome: &Ran, line: &str) {
    let address = world.address(1);
    let said = format!(
        "simpctl: simpd on {address} went away, waiting for it\nsimpctl: {}\n",
        line.replace("SIMPD", &format!("simpd on {address}"))
    );
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(1), said.as_str()));
    assert_eq!(outcome.stdout, "");
}

#[test]
fn a_send_that_waits_says_that_what_becomes_of_its_message_is_not_known() {
    let world = World::new();
    let (alice, peer) = begin(&world);
    let sending = world.spawn_ctl(1, &["send", "important"]);
    peer.expect(Operation::Chat, 0, b"important");
    let message = alice.client().log().last().unwrap().id;
    let (_alice, _) = replace(&world, &sending, alice);
    let line = "but SIMPD has a different log than before: what becomes of it is not known";
    ended_with(&world, &sending.wait(), &format!("message {message} is queued, {line}"));
}

#[test]
fn a_connect_that_waits_says_that_what_becomes_of_it_is_not_known() {
    let world = World::new();
    let (alice, _peer) = begin(&world);
    let other = world.peer(5, "carol");
    let connecting = world.spawn_ctl(1, &["connect", &world.address(5)]);
    other.expect(Operation::Syn, 0, b"");
    alice.client().status_when(|status| status.clients == 2);
    let (_alice, _) = replace(&world, &connecting, alice);
    let invited = format!("{}:7777 is invited", world.address(5));
    let line = "but SIMPD has a different log than before: what becomes of it is not known";
    ended_with(&world, &connecting.wait(), &format!("{invited}, {line}"));
}

#[test]
fn a_send_whose_message_is_not_in_an_older_copy_does_not_take_another_for_it() {
    let world = World::new();
    let (alice, peer) = begin(&world);
    let sending = world.spawn_ctl(1, &["send", "important"]);
    peer.expect(Operation::Chat, 0, b"important");
    let message = alice.client().log().last().unwrap().id;
    let (_alice, _) = restore(&world, &sending, alice);
    let line = "but SIMPD has a different log than before: what becomes of it is not known";
    ended_with(&world, &sending.wait(), &format!("message {message} is queued, {line}"));
}

/// A listener with these options shows all of the other log from the beginning, once it has said this of it.
#[track_caller]
fn shows_the_other_log(
    options: &[&str],
    replace: fn(&World, &Running, Daemon) -> (Daemon, u64),
    says: &str,
) -> (World, Daemon, Running) {
    let world = World::new();
    let (alice, peer) = begin(&world);
    let mut listening = world.spawn_ctl(1, &[&["listen"], options].concat());
    peer.send(&world.address(1), Operation::Chat, 0, b"old");
    assert_eq!(listening.read_line(), "eve: old");
    alice.client().status();
    let (alice, count) = replace(&world, &listening, alice);
    let simpd = format!("simpctl: simpd on {}", world.address(1));
    assert_eq!(listening.read_error_line(), format!("{simpd} went away, waiting for it"));
    assert_eq!(listening.read_error_line(), format!("{simpd} has a different log than before: {says}"));
    for number in 0..count {
        assert_eq!(listening.read_line(), format!("bob: new {number}"));
    }
    (world, alice, listening)
}

#[test]
fn a_listener_says_so_and_misses_nothing_that_is_in_an_older_copy() {
    shows_the_other_log(&[], restore, "going on with what consumer default has not seen of it");
}

#[test]
fn a_listener_since_a_time_says_that_it_shows_again_what_it_has_shown() {
    let says = "going on with all that it has since the given time, also what was shown before";
    for replace in [replace, restore] {
        shows_the_other_log(&["--since", "1h"], replace, says);
    }
}

#[test]
fn a_listener_of_the_last_messages_goes_on_with_what_came_since_it_began() {
    let says = "going on with all that it has since the listener began, also what was shown before";
    for replace in [replace, restore] {
        shows_the_other_log(&["--last", "1"], replace, says);
    }
}

#[test]
fn a_listener_says_so_and_shows_all_that_is_in_the_new_log() {
    let says = "going on with what consumer mine has not seen of it";
    let (_world, alice, _listening) = shows_the_other_log(&["--consumer", "mine"], replace, says);
    // Its mark is one of the new log, too.
    let newest = alice.client().status().last_id;
    let mut client = alice.client();
    while client.0.consumers().unwrap().iter().all(|consumer| consumer.seen != newest) {}
}

#[test]
fn a_listener_that_began_after_an_id_ends() {
    let world = World::new();
    let (alice, peer) = begin(&world);
    let mut listening = world.spawn_ctl(1, &["listen", "--since", "0"]);
    peer.send(&world.address(1), Operation::Chat, 0, b"old");
    assert_eq!(listening.read_line(), "eve: old");
    let (_alice, _) = replace(&world, &listening, alice);
    let line = "SIMPD has a different log than before, in which the ids of the old one are those of something else (run \
                the command again)";
    ended_with(&world, &listening.wait(), line);
}

#[test]
fn a_log_keeps_its_id_over_restarts_and_a_new_one_has_another() {
    let world = World::new();
    let log = |alice: &Daemon| alice.client().status().log.unwrap();
    let alice = world.start(1, &ALICE);
    let first = log(&alice);
    let shown = world.ctl(1, &["status"]).ok();
    assert!(shown.contains(&format!(" {first}\n")) && shown.contains("\nlog "), "{shown}");
    alice.signal(Signal::SIGKILL);
    alice.wait();
    let alice = world.start(1, &ALICE);
    assert_eq!(log(&alice), first);
    alice.signal(Signal::SIGKILL);
    alice.wait();
    world.remove_log(1);
    let alice = world.start(1, &ALICE);
    assert_ne!(log(&alice), first);
}

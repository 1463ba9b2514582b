//! What a simpd that starts again goes on with, seen by bare peers. Commands that wait for it are in `restart`.

use nix::sys::signal::Signal;
use simp_control::{FailureKind, FollowFrom, Reason, Reply, Request, State, What};
use simp_proto::Operation;

use crate::harness::{Daemon, TestClient, World, connect, message, queued};

/// Stops the daemon on address 1 and starts it again.
fn restart(world: &World, alice: Daemon, signal: Signal) -> (Daemon, TestClient) {
    alice.signal(signal);
    alice.wait();
    let alice = world.start(1, &["--user", "alice"]);
    let mut client = alice.client();
    client.follow(FollowFrom::End);
    (alice, client)
}

/// An open chat goes on after a restart as if nothing had been.
fn goes_on(signal: Signal) {
    let world = World::new();
    let to = world.address(1);
    let alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let mut client = alice.client();
    let bob = world.peer(2, "bob");
    bob.open(&to);
    bob.say(&to, 0, "a");
    client.send("one");
    bob.hear(&to, 0, "one");
    // Opened, a message in, one out and delivered: five entries with the request.
    client.status_when(|status| status.last_id == 5);

    let (alice, mut client) = restart(&world, alice, signal);
    assert_eq!(bob.arrived(), []);
    let Reply::Chats { chats, .. } = client.reply(&Request::Chats { after: 0 }) else { panic!("no chats") };
    assert_eq!((chats.len(), chats[0].state, chats[0].peer.user.as_str()), (1, State::Open, "bob"));
    // A duplicate of the last one received, and the one after it.
    bob.say(&to, 0, "a");
    assert_eq!(client.status().counters.duplicates, 1);
    bob.say(&to, 1, "b");
    assert_eq!(client.expect(message("b")).chat, chats[0].chat);
    // The next of ours, with two after it, and no answer before the next restart.
    for text in ["two", "three", "four"] {
        client.send(text);
        client.expect(queued(text));
    }
    bob.expect(Operation::Chat, 1, b"two");

    let (_alice, mut client) = restart(&world, alice, signal);
    let Reply::Chats { chats, .. } = client.reply(&Request::Chats { after: 0 }) else { panic!("no chats") };
    assert_eq!(chats[0].queued, 3);
    bob.say(&to, 1, "b");
    for (seq, text) in [(1, "two"), (0, "three"), (1, "four")] {
        bob.hear(&to, seq, text);
        assert!(matches!(client.event().what, What::Delivered { .. }));
    }
    let shown = client.log().into_iter().filter(|event| matches!(event.what, What::Message { .. }));
    assert!(shown.map(|event| event.what).eq([message("a"), message("b")]));
}

#[test]
fn a_chat_goes_on_after_sigterm() {
    goes_on(Signal::SIGTERM);
}

#[test]
fn a_chat_goes_on_after_sigkill() {
    goes_on(Signal::SIGKILL);
}

#[test]
fn a_request_an_invitation_and_a_leaving_outlive_a_killed_daemon() {
    let world = World::new();
    let to = world.address(1);
    let alice = world.start(1, &["--user", "alice"]);
    let mut client = alice.client();
    client.follow(FollowFrom::End);
    let (bob, carol) = (world.peer(2, "bob"), world.peer(3, "carol"));
    bob.send(&to, Operation::Syn, 0, b"");
    client.expect(What::Request);
    client.reply(&connect(&world.address(3)));
    client.expect(What::Inviting);
    carol.expect(Operation::Syn, 0, b"");

    let (alice, mut client) = restart(&world, alice, Signal::SIGKILL);
    carol.expect(Operation::Syn, 0, b"");
    carol.accept(&to);
    client.expect(What::Opened { note: None });
    client.reply(&Request::Quit { who: None, chat: None, now: false });
    carol.expect(Operation::Fin, 0, b"");

    let (_alice, mut client) = restart(&world, alice, Signal::SIGKILL);
    carol.expect(Operation::Fin, 0, b"");
    carol.send(&to, Operation::Ack, 0, b"");
    client.expect(What::Closed { reason: Reason::Quit, text: None });
    client.reply(&Request::Accept { who: None });
    bob.is_accepted(&to);
    client.expect(What::Opened { note: None });
    client.fails(&Request::Accept { who: None }, FailureKind::NoSuch, "there is no request");
}

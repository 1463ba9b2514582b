//! A chat from the invitation to the end, to the byte, with its copies and repeats. Everybody in it follows the
//! specification.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use simp_control::{Reason, Reply, Request, State, What};
use simp_proto::Operation;

use super::{ACK, CHAT, ERR, FIN, SYN, SYN_ACK, followed, open_chat, wire};
use crate::harness::{TestClient, World, connect, message, queued, send};

fn chats(client: &mut TestClient) -> Vec<(String, State)> {
    match client.reply(&Request::Chats { after: 0 }) {
        Reply::Chats { chats, .. } => {
            chats.into_iter().map(|chat| (chat.peer.to_string(), chat.state)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_chat_that_a_peer_opens_is_the_specification_to_the_byte() {
    let world = World::new();
    let (to, from) = (world.address(1), world.address(2) + ":7777");
    let (_alice, mut client) = followed(&world, &["--user", "alice", "--accept", "all"]);
    let bob = world.peer(2, "bob");

    bob.send_raw(&to, &wire(SYN, 0, "bob", b""));
    assert_eq!(bob.receive_raw(), wire(SYN_ACK, 0, "alice", b""));
    let begun = client.expect(What::Request);
    assert_eq!((begun.peer.to_string(), begun.chat), (format!("bob@{from}"), begun.id));
    bob.send_raw(&to, &wire(ACK, 0, "bob", b""));
    client.expect(What::Opened { note: None });

    for (seq, text) in [(0, "one"), (1, "two"), (0, "three")] {
        client.write(&send(None, text));
        assert_eq!(bob.receive_raw(), wire(CHAT, seq, "alice", text.as_bytes()));
        bob.send_raw(&to, &wire(ACK, seq, "bob", b""));
        let Some(_reply) = client.read() else { panic!("no reply") };
        let message = client.expect(queued(text)).id;
        client.expect(What::Delivered { message });
    }
    for (seq, text) in [(0, "four"), (1, "five"), (0, "six")] {
        bob.send_raw(&to, &wire(CHAT, seq, "bob", text.as_bytes()));
        assert_eq!(bob.receive_raw(), wire(ACK, seq, "alice", b""));
        assert_eq!(client.expect(message(text)).chat, begun.chat);
    }

    bob.send_raw(&to, &wire(FIN, 1, "bob", b""));
    assert_eq!(bob.receive_raw(), wire(ACK, 1, "alice", b""));
    client.expect(What::Closed { reason: Reason::PeerQuit, text: None });
    assert_eq!((chats(&mut client), bob.arrived()), (vec![], vec![]));
}

#[test]
fn a_chat_that_we_open_is_the_specification_to_the_byte() {
    let world = World::new();
    let to = world.address(1);
    let (_alice, mut client) = followed(&world, &["--user", "alice"]);
    let bob = world.peer(2, "bob");

    let Reply::Chat { chat, .. } = client.reply(&connect(&world.address(2))) else { panic!("no chat") };
    assert_eq!((chat.state, chat.peer.user.as_str()), (State::Inviting, ""));
    client.expect(What::Inviting);
    assert_eq!(bob.receive_raw(), wire(SYN, 0, "alice", b""));
    bob.send_raw(&to, &wire(SYN_ACK, 0, "bob", b""));
    assert_eq!(bob.receive_raw(), wire(ACK, 0, "alice", b""));
    assert_eq!(client.expect(What::Opened { note: None }).peer.user, "bob");

    let sent = client.send("hi");
    client.expect(queued("hi"));
    assert_eq!(bob.receive_raw(), wire(CHAT, 0, "alice", b"hi"));
    bob.send_raw(&to, &wire(ACK, 0, "bob", b""));
    client.expect(What::Delivered { message: sent });

    client.reply(&Request::Quit { who: None, chat: None, now: false });
    assert_eq!(bob.receive_raw(), wire(FIN, 1, "alice", b""));
    assert_eq!(chats(&mut client), [(format!("bob@{}:7777", world.address(2)), State::Closing)]);
    bob.send_raw(&to, &wire(ACK, 1, "bob", b""));
    client.expect(What::Closed { reason: Reason::Quit, text: None });
    assert_eq!((chats(&mut client), bob.arrived()), (vec![], vec![]));
}

#[test]
fn a_peer_that_declines_or_is_busy_ends_the_invitation_with_its_words() {
    let world = World::new();
    let to = world.address(1);
    let (_alice, mut client) = followed(&world, &["--user", "alice"]);
    let bob = world.peer(2, "bob");
    for (answer, reason, text) in [
        (wire(FIN, 0, "bob", b""), Reason::PeerDeclined, None),
        (
            wire(ERR, 0, "bob", b"User already in another chat"),
            Reason::PeerBusy,
            Some("User already in another chat"),
        ),
        (wire(ERR, 0, "bob", b"not today"), Reason::PeerDeclined, Some("not today")),
    ] {
        client.reply(&connect(&world.address(2)));
        client.expect(What::Inviting);
        assert_eq!(bob.receive_raw(), wire(SYN, 0, "alice", b""));
        bob.send_raw(&to, &answer);
        client.expect(What::Closed { reason, text: text.map(str::to_owned) });
        client.status();
        bob.arrived();
    }
}

#[test]
fn a_duplicate_is_acknowledged_again_and_not_shown_again() {
    let world = World::new();
    let to = world.address(1);
    let (_alice, mut client, bob) = open_chat(&world, &[]);
    for (seq, text) in [(0, "first"), (1, "second")] {
        for _ in 0..3 {
            bob.say(&to, seq, text);
        }
    }
    client.expect(message("first"));
    client.expect(message("second"));
    assert_eq!(client.status().counters.duplicates, 4);
    // Nothing stands between the last message and what is asked for next.
    client.send("end");
    client.expect(queued("end"));
}

#[test]
fn a_message_is_in_the_log_when_its_ack_leaves() {
    let world = World::new();
    let to = world.address(1);
    let (mut alice, _client, bob) = open_chat(&world, &[]);
    for round in 0..6 {
        let text = format!("round {round}");
        bob.say(&to, round % 2, &text);
        alice.signal(Signal::SIGKILL);
        alice.wait();
        alice = world.start(1, &["--user", "alice"]);
        let last = alice.client().log().pop();
        assert_eq!(last.map(|event| event.what), Some(message(&text)));
    }
}

#[test]
fn a_copy_of_the_syn_changes_nothing_while_the_request_waits() {
    let world = World::new();
    let to = world.address(1);
    let (_alice, mut client) = followed(&world, &["--user", "alice"]);
    let bob = world.peer(2, "bob");
    for _ in 0..5 {
        bob.send(&to, Operation::Syn, 0, b"");
    }
    client.expect(What::Request);
    let status = client.status_after(5);
    assert_eq!((status.requests, status.chats, status.last_id, status.counters.ignored), (1, 0, 1, 4));
    assert_eq!(bob.arrived(), []);

    client.reply(&Request::Accept { who: Some("bob".to_owned()) });
    bob.is_accepted(&to);
    client.expect(What::Opened { note: None });
    assert_eq!(bob.arrived(), []);
}

#[test]
fn a_declined_request_ends_with_a_fin() {
    let world = World::new();
    let to = world.address(1);
    let (_alice, mut client) = followed(&world, &["--user", "alice"]);
    let bob = world.peer(2, "bob");
    bob.send(&to, Operation::Syn, 0, b"");
    client.expect(What::Request);
    client.reply(&Request::Decline { who: None });
    client.expect(What::Closed { reason: Reason::WeDeclined, text: None });
    assert_eq!(bob.receive_raw(), wire(FIN, 0, "alice", b""));
    bob.send_raw(&to, &wire(ACK, 0, "bob", b""));
    assert_eq!(client.status_after(2).requests, 0);
    assert_eq!(bob.arrived(), []);
}

#[test]
fn a_message_without_an_ack_comes_again_after_five_seconds_and_is_the_same() {
    let world = World::new();
    let to = world.address(1);
    let (_alice, mut client, bob) = open_chat(&world, &[]);
    let sent = client.send("are you there?");
    client.expect(queued("are you there?"));
    let first = bob.receive_raw();
    let at = Instant::now();
    assert_eq!(first, wire(CHAT, 0, "alice", b"are you there?"));
    assert_eq!(bob.receive_raw(), first);
    assert!(at.elapsed() > Duration::from_millis(4_900), "after {:?}", at.elapsed());
    assert_eq!(client.status().counters.retransmitted, 1);
    bob.send(&to, Operation::Ack, 0, b"");
    client.expect(What::Delivered { message: sent });
}

//! Datagrams of those whom we have no chat with: who invites us while we are busy, who speaks unasked, and two
//! thousand at once.

use std::net::UdpSocket;
use std::time::Instant;

use simp_control::What;
use simp_proto::{Datagram, Operation};

use super::{ACK, ERR, FIN, SYN, open_chat, wire};
use crate::harness::{Peer, World, resident_kib};

fn operations(datagrams: &[Datagram]) -> Vec<(Operation, u8, &[u8])> {
    datagrams.iter().map(|datagram| (datagram.operation, datagram.seq, datagram.payload.as_slice())).collect()
}

#[test]
fn whoever_invites_us_while_we_are_in_a_chat_is_told_once_for_each_syn() {
    let world = World::new();
    let to = world.address(1);
    let (_alice, mut client, bob) = open_chat(&world, &[]);
    let carol = world.peer(3, "carol");
    for _ in 0..2 {
        carol.send_raw(&to, &wire(SYN, 0, "carol", b""));
        assert_eq!(carol.receive_raw(), wire(ERR, 0, "alice", b"User already in another chat"));
        assert_eq!(carol.receive_raw(), wire(FIN, 0, "alice", b""));
    }
    carol.send_raw(&to, &wire(ACK, 0, "carol", b""));
    let status = client.status_after(5);
    assert_eq!((status.chats, status.requests), (1, 0));
    assert_eq!((carol.arrived(), bob.arrived()), (vec![], vec![]));
}

#[test]
fn a_chat_datagram_of_a_stranger_is_answered_once_a_second_for_each_address() {
    let world = World::new();
    let to = world.address(1);
    let alice = world.start(1, &["--user", "alice"]);
    let mut client = alice.client();
    let peers: Vec<Peer> = (2..5).map(|host| world.peer(host, "stranger")).collect();
    let began = Instant::now();
    for _ in 0..20 {
        for peer in &peers {
            peer.send(&to, Operation::Chat, 0, b"hello?");
        }
    }
    let status = client.status_after(60);
    let seconds = began.elapsed().as_secs() as usize;
    let mut answered = 0;
    for peer in &peers {
        let arrived = peer.arrived();
        assert!((2..=2 * (1 + seconds)).contains(&arrived.len()), "{arrived:?} in {seconds} s");
        for pair in operations(&arrived).chunks(2) {
            assert_eq!(pair, [(Operation::Err, 0, &b"No chat with you"[..]), (Operation::Fin, 0, b"")]);
            answered += 1;
        }
    }
    assert_eq!(status.counters.refused.rate, 60 - answered);
    assert_eq!((status.chats, status.requests, status.last_id), (0, 0, 0));
}

#[test]
fn a_fin_outside_any_chat_is_acknowledged_with_its_number() {
    let world = World::new();
    let to = world.address(1);
    let alice = world.start(1, &["--user", "alice"]);
    let peer = world.peer(2, "stranger");
    for seq in [0, 1, 7] {
        peer.send_raw(&to, &wire(FIN, seq, "stranger", b""));
        assert_eq!(peer.receive_raw(), wire(ACK, seq, "alice", b""));
    }
    // Whatever else a stranger says stays without an answer, or two daemons would answer each other for ever.
    peer.send(&to, Operation::Ack, 0, b"");
    peer.send(&to, Operation::Err, 0, b"No chat with you");
    let status = alice.client().status_after(5);
    assert_eq!((status.counters.ignored, status.counters.datagrams_out, status.last_id), (2, 3, 0));
}

#[test]
fn a_flood_of_invitations_leaves_a_live_chat_alone() {
    let world = World::new();
    let to = world.address(1);
    let alice = world.start(1, &["--user", "alice", "--accept", "bob", "--max-chats", "2"]);
    let mut client = alice.client();
    let bob = world.peer(2, "bob");
    bob.open(&to);
    bob.say(&to, 1, "before");
    let before = resident_kib(alice.pid());
    let syn = wire(SYN, 0, "mallory", b"");
    let mut seq = 0;
    for count in 0..2_000_u64 {
        // The sockets are gone before their answers come: those cause errors, which must not hurt either.
        let from = UdpSocket::bind((world.address(3 + (count % 200) as u8), 0)).unwrap();
        from.send_to(&syn, (to.as_str(), 7777)).unwrap();
        if count % 50 == 49 {
            bob.say(&to, seq, format!("message {count}"));
            seq = 1 - seq;
        }
    }
    let all = 2 + 1 + 2_000 + 40;
    let status = client.status_after(all);
    assert_eq!((status.chats, status.requests, status.counters.datagrams_in), (1, 64, all));
    let grown = resident_kib(alice.pid()).saturating_sub(before);
    assert!(grown < 4 << 10, "{grown} KiB more");
    let log = client.log();
    assert_eq!(log.iter().filter(|event| event.what == What::Request).count(), 1 + 64);
    assert_eq!(log.iter().filter(|event| matches!(event.what, What::Message { .. })).count(), 1 + 40);
    assert_eq!(bob.arrived(), []);
}

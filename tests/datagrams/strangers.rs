//! Datagrams of those whom we have no chat with: who invites us while we are busy, who speaks unasked, and two
//! thousand at once.

use std::net::UdpSocket;
use std::time::Instant;

use simp_control::{Reason, What};
use simp_proto::{Datagram, Operation};

use super::{ACK, ERR, FIN, SYN, SYN_ACK, open_chat, wire};
use crate::harness::{Peer, World, is_connected_to, resident_kib, send};

fn operations(datagrams: &[Datagram]) -> Vec<(Operation, u8, &[u8])> {
    datagrams.iter().map(|datagram| (datagram.operation, datagram.seq, datagram.payload.as_slice())).collect()
}

#[test]
fn whoever_invites_us_while_we_are_in_a_chat_is_told_once_a_second() {
    let world = World::new();
    let to = world.address(1);
    let (_alice, mut client, bob) = open_chat(&world, &[]);
    // So many show that he is there: he need not be asked.
    for seq in [0, 1, 0, 1] {
        client.reply(&send(None, "are you there?"));
        bob.hear(&to, seq, "are you there?");
    }
    client.status_after(6);
    let peers: Vec<Peer> = (3..6).map(|host| world.peer(host, "carol")).collect();
    let began = Instant::now();
    for _ in 0..20 {
        for peer in &peers {
            peer.send_raw(&to, &wire(SYN, 0, "carol", b""));
        }
    }
    let status = client.status_after(66);
    let seconds = began.elapsed().as_secs() as usize;
    let busy = [(Operation::Err, 0, &b"User already in another chat"[..]), (Operation::Fin, 0, b"")];
    for peer in &peers {
        let arrived = peer.arrived();
        assert!((2..=2 * (1 + seconds)).contains(&arrived.len()), "{arrived:?} in {seconds} s");
        assert!(operations(&arrived).chunks(2).all(|pair| pair == busy), "{arrived:?}");
    }
    assert_eq!((status.chats, status.requests), (1, 0));
    assert_eq!(bob.arrived(), vec![]);
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
            peer.send(&to, Operation::Chat, 0, b"hello? it is me");
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
    let (before, began) = (resident_kib(alice.pid()), Instant::now());
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
    assert_eq!((status.chats, status.requests, status.counters.datagrams_in), (1, 16, all));
    let grown = resident_kib(alice.pid()).saturating_sub(before);
    assert!(grown < 4 << 10, "{grown} KiB more");
    let log = client.log();
    // Some have given way to later ones: few at once, and few in each second.
    let requests = log.iter().filter(|event| event.what == What::Request).count() as u64;
    let most = 1 + 16 + 48 + 2 * (1 + began.elapsed().as_secs());
    assert!((1 + 16 + 48..=most).contains(&requests), "{requests} requests, at most {most}");
    assert_eq!(log.iter().filter(|event| matches!(event.what, What::Message { .. })).count(), 1 + 40);
    assert_eq!(bob.arrived(), []);
}

#[test]
fn chats_that_nobody_is_in_keep_nobody_out() {
    let world = World::new();
    let to = world.address(1);
    let alice = world.start(1, &["--user", "alice", "--accept", "all", "--max-chats", "3"]);
    // Whoever writes another's address on its datagrams does not hear what they bring, and can send these all the same.
    let nobodies: Vec<Peer> = (2..5).map(|host| world.peer(host, "nobody")).collect();
    for nobody in &nobodies {
        for operation in [SYN, ACK] {
            nobody.send_raw(&to, &wire(operation, 0, "nobody", b""));
        }
    }
    let mut client = alice.client();
    client.status_when(|status| status.chats == 3);
    let _carol = world.start(5, &["--user", "carol"]);
    let connected = world.ctl(5, &["connect", &to]).ok();
    is_connected_to(&format!("alice@{to}:7777"), &connected);
    let chats = world.ctl(1, &["chats"]).ok();
    assert!(chats.lines().count() == 1 && chats.contains("carol@"), "{chats}");
    let gone = client.log().into_iter().filter(|event| matches!(event.what, What::Closed { .. }));
    let reasons: Vec<_> = gone.map(|event| event.what).collect();
    assert_eq!(reasons, vec![What::Closed { reason: Reason::PeerGone, text: None }; 3]);
}

#[test]
fn what_is_shorter_than_a_header_is_not_answered() {
    let world = World::new();
    let to = world.address(1);
    let alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let peer = world.peer(2, "stranger");
    for operation in [SYN, SYN_ACK, FIN, ERR, [1, 9], [1, 7]] {
        for length in [0, 3, 34] {
            peer.send_raw(&to, &wire(operation, 0, "stranger", b"")[..length]);
        }
    }
    let status = alice.client().status_after(18);
    assert_eq!((status.counters.datagrams_out, status.chats, status.last_id), (0, 0, 0));
    assert_eq!((status.counters.refused.short, status.counters.refused.operation), (16, 2));
}

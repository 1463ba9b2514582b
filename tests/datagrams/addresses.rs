//! Where datagrams go to and come from: nobody there, a daemon on every address, IPv6, and IPv4 in its form.

use std::net::SocketAddr;

use simp_control::{FollowFrom, Reason, Request, What};
use simp_proto::Operation;

use super::{ACK, CHAT, FIN, SYN, SYN_ACK, wire};
use crate::harness::{Daemon, Peer, World, connect, has_ipv6, message, queued};

/// Connects to a port that nobody has, with a time limit of a day.
fn nobody_there(alice: &Daemon, address: &str) {
    let mut client = alice.client();
    client.follow(FollowFrom::End);
    client.reply(&Request::Connect {
        address: address.to_owned(),
        timeout_ms: Some(86_400_000),
        secure: None,
    });
    client.expect(What::Inviting);
    client.expect(What::Closed { reason: Reason::NobodyThere, text: None });
    let status = client.status();
    assert_eq!((status.chats, status.counters.datagrams_out, status.counters.retransmitted), (0, 1, 0));
}

#[test]
fn an_address_where_nobody_is_ends_the_invitation_at_the_first_syn() {
    let world = World::new();
    nobody_there(&world.start(1, &["--user", "alice"]), &world.address(9));
}

#[test]
fn an_ipv6_address_where_nobody_is_ends_the_invitation_at_the_first_syn() {
    if !has_ipv6("an_ipv6_address_where_nobody_is_ends_the_invitation_at_the_first_syn") {
        return;
    }
    let world = World::new();
    let alice = world.start_on(&format!("[::1]:{}", world.port(0)), &["--user", "alice"]);
    nobody_there(&alice, &format!("[::1]:{}", world.port(1)));
}

/// A chat with a daemon behind this address: every datagram of it comes from there.
fn chat_through(alice: &Daemon, to: &str, from: &str) {
    let to: SocketAddr = to.parse().unwrap();
    let mut client = alice.client();
    client.follow(FollowFrom::End);
    let bob = Peer::new(from, "bob");
    let came = |operation, seq| {
        let (datagram, source) = bob.receive_from();
        assert_eq!((datagram.operation, datagram.seq, source), (operation, seq, to));
    };
    bob.send_to(to, &wire(SYN, 0, "bob", b""));
    came(Operation::SynAck, 0);
    bob.send_to(to, &wire(ACK, 0, "bob", b""));
    assert_eq!(client.expect(What::Request).peer.address, bob.address().to_string());
    client.expect(What::Opened { note: None });
    bob.send_to(to, &wire(CHAT, 0, "bob", b"hi"));
    came(Operation::Ack, 0);
    client.expect(message("hi"));
    let sent = client.send("ho");
    client.expect(queued("ho"));
    came(Operation::Chat, 0);
    bob.send_to(to, &wire(ACK, 0, "bob", b""));
    client.expect(What::Delivered { message: sent });
    client.reply(&Request::Quit { who: None, chat: None, now: false });
    came(Operation::Fin, 1);
    bob.send_to(to, &wire(ACK, 1, "bob", b""));
    client.expect(What::Closed { reason: Reason::Quit, text: None });
    // A stranger's answer leaves from there too.
    bob.send_to(to, &wire(FIN, 1, "bob", b""));
    came(Operation::Ack, 1);
}

#[test]
fn a_daemon_on_every_address_answers_from_the_one_addressed() {
    let world = World::new();
    let port = world.port(0);
    let alice = world.start_on(&format!("0.0.0.0:{port}"), &["--user", "alice", "--accept", "all"]);
    for host in [5, 6] {
        chat_through(&alice, &format!("{}:{port}", world.address(host)), &(world.address(2) + ":0"));
    }
}

#[test]
fn a_daemon_on_every_ipv6_address_answers_ipv4_too_from_the_one_addressed() {
    if !has_ipv6("a_daemon_on_every_ipv6_address_answers_ipv4_too_from_the_one_addressed") {
        return;
    }
    let world = World::new();
    let port = world.port(0);
    let alice = world.start_on(&format!("[::]:{port}"), &["--user", "alice", "--accept", "all"]);
    chat_through(&alice, &format!("{}:{port}", world.address(5)), &(world.address(2) + ":0"));
    chat_through(&alice, &format!("[::1]:{port}"), "[::1]:0");
}

#[test]
fn a_daemon_on_an_ipv6_address_has_chats_there() {
    if !has_ipv6("a_daemon_on_an_ipv6_address_has_chats_there") {
        return;
    }
    let world = World::new();
    let port = world.port(0);
    let alice = world.start_on(&format!("[::1]:{port}"), &["--user", "alice", "--accept", "all"]);
    chat_through(&alice, &format!("[::1]:{port}"), "[::1]:0");
}

#[test]
fn an_ipv4_address_in_ipv6_form_is_the_same_peer() {
    if !has_ipv6("an_ipv4_address_in_ipv6_form_is_the_same_peer") {
        return;
    }
    let world = World::new();
    let bob = world.peer(2, "bob");
    for (own, port) in [("[::]", world.port(0)), ("0.0.0.0", world.port(1))] {
        let alice = world.start_on(&format!("{own}:{port}"), &["--user", "alice"]);
        let mut client = alice.client();
        client.follow(FollowFrom::End);
        client.reply(&connect(&format!("::ffff:{}", world.address(2))));
        client.expect(What::Inviting);
        let (syn, from) = bob.receive_from();
        assert_eq!(syn.operation, Operation::Syn);
        bob.send_to(from, &wire(SYN_ACK, 0, "bob", b""));
        bob.expect(Operation::Ack, 0, b"");
        assert_eq!(client.expect(What::Opened { note: None }).peer.address, world.address(2) + ":7777");
    }
}

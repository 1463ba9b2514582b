//! What a daemon makes of datagrams, seen by bare peers: a whole chat to the byte, and then what hostile and
//! odd ones do to it.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use simp_proto::control::{Event, From, Reason, Reply, Request, State, Status, What};
use simp_proto::{Datagram, Operation};

use crate::harness::{
    Client, Daemon, Peer, Random, World, connect, has_ipv6, is_root, message, queued, resident_kib, seed,
    send,
};

pub const ERR: [u8; 2] = [0x01, 0x01];
pub const SYN: [u8; 2] = [0x01, 0x02];
pub const ACK: [u8; 2] = [0x01, 0x04];
pub const SYN_ACK: [u8; 2] = [0x01, 0x06];
pub const FIN: [u8; 2] = [0x01, 0x08];
pub const CHAT: [u8; 2] = [0x02, 0x01];

/// A datagram written by hand, so that our own encoder is not its own witness.
pub fn wire(operation: [u8; 2], seq: u8, user: &str, payload: &[u8]) -> Vec<u8> {
    let mut user = user.as_bytes().to_vec();
    user.resize(32, 0);
    let length = (payload.len() as u32).to_be_bytes();
    [&operation, &[seq][..], &user, &length, payload].concat()
}

/// A daemon that accepts everybody, and a peer that it has a chat with.
fn open_chat(world: &World, args: &[&str]) -> (Daemon, Client, Peer) {
    let alice = world.start(1, &[&["--user", "alice", "--accept", "all"], args].concat());
    let mut client = alice.client();
    client.follow(From::End);
    let bob = world.peer(2, "bob");
    bob.open(&world.address(1));
    client.expect(What::Request);
    client.expect(What::Opened { note: None });
    (alice, client, bob)
}

/// The daemon on address 1, and a client that follows what happens there.
fn followed(world: &World, args: &[&str]) -> (Daemon, Client) {
    let daemon = world.start(1, args);
    let mut client = daemon.client();
    client.follow(From::End);
    (daemon, client)
}

fn operations(datagrams: &[Datagram]) -> Vec<(Operation, u8, &[u8])> {
    datagrams.iter().map(|datagram| (datagram.operation, datagram.seq, datagram.payload.as_slice())).collect()
}

fn chats(client: &mut Client) -> Vec<(String, State)> {
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

    client.reply(&Request::Quit { who: None, now: false });
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
            bob.send(&to, Operation::Chat, seq, text.as_bytes());
            bob.expect(Operation::Ack, seq, b"");
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
        bob.send(&to, Operation::Chat, round % 2, text.as_bytes());
        bob.expect(Operation::Ack, round % 2, b"");
        alice.signal(Signal::SIGKILL);
        alice.wait();
        alice = world.start(1, &["--user", "alice"]);
        let last = alice.client().log().pop();
        assert_eq!(last.map(|event| event.what), Some(message(&text)));
    }
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
    bob.expect(Operation::SynAck, 0, b"");
    bob.send(&to, Operation::Ack, 0, b"");
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
fn what_makes_no_sense_is_counted_by_its_reason_and_does_nothing_else() {
    let world = World::new();
    let to = world.address(1);
    let (_alice, mut client, bob) = open_chat(&world, &[]);
    let with = |at: usize, byte: u8| {
        let mut bytes = wire(CHAT, 0, "bob", b"hi");
        bytes[at] = byte;
        bytes
    };
    let refused = |status: &Status| {
        let refused = &status.counters.refused;
        [refused.short, refused.r#type, refused.operation, refused.port, refused.rate]
    };
    let before = client.status();
    let mut expected = refused(&before);
    for (count, (name, bytes, reason)) in [
        ("nothing", vec![], 0),
        ("one byte", vec![1], 0),
        ("a chat of 34 bytes", wire(CHAT, 0, "bob", b"")[..34].to_vec(), 0),
        ("a chat without length", wire(CHAT, 0, "bob", b"")[..38].to_vec(), 0),
        ("type 0", with(0, 0), 1),
        ("type 3", with(0, 3), 1),
        ("type 255", with(0, 255), 1),
        ("control operation 0", wire([1, 0], 0, "bob", b""), 2),
        ("control operation 0x10", wire([1, 0x10], 0, "bob", b""), 2),
    ]
    .into_iter()
    .enumerate()
    {
        bob.send_raw(&to, &bytes);
        let status = client.status_after(before.counters.datagrams_in + 1 + count as u64);
        expected[reason] += 1;
        assert_eq!(refused(&status), expected, "{name}");
        assert_eq!(
            (status.last_id, status.counters.datagrams_out, status.counters.ignored),
            (before.last_id, before.counters.datagrams_out, before.counters.ignored),
            "{name}"
        );
    }
    assert_eq!(bob.arrived(), []);
}

#[test]
fn a_length_that_disagrees_with_the_payload_loses_no_text() {
    let world = World::new();
    let to = world.address(1);
    let (_alice, mut client, bob) = open_chat(&world, &[]);
    for (seq, length, text) in
        [(0, 3_u32, "abc"), (1, u32::MAX, "abcdef"), (0, 0, "abcdef"), (1, 7, "abcdef")]
    {
        let mut bytes = wire(CHAT, seq, "bob", b"abcdef");
        bytes[35..39].copy_from_slice(&length.to_be_bytes());
        bob.send_raw(&to, &bytes);
        bob.expect(Operation::Ack, seq, b"");
        client.expect(message(text));
    }
}

#[test]
fn the_largest_datagram_there_can_be_arrives_whole() {
    let world = World::new();
    let (_alice, mut client, bob) = open_chat(&world, &[]);
    let text = "0123456789".repeat(6_547)[..65_507 - 39].to_owned();
    bob.send_raw(&world.address(1), &wire(CHAT, 0, "bob", text.as_bytes()));
    bob.expect(Operation::Ack, 0, b"");
    client.expect(message(&text));
}

#[test]
fn a_text_with_escapes_is_kept_exactly_as_it_came() {
    let world = World::new();
    let (_alice, mut client, bob) = open_chat(&world, &[]);
    let every_byte: Vec<u8> = (1..=255).chain([0, b'.']).collect();
    for (seq, bytes, text) in [
        (0, &b"\x1b[2J\x07\r\n"[..], "\x1b[2J\x07\r\n".to_owned()),
        (1, &every_byte, every_byte.iter().copied().map(char::from).collect()),
    ] {
        bob.send_raw(&world.address(1), &wire(CHAT, seq, "bob", bytes));
        bob.expect(Operation::Ack, seq, b"");
        client.expect(message(&text));
    }
}

#[test]
fn a_datagram_from_port_0_is_counted_and_not_answered() {
    use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn};
    use std::os::fd::AsRawFd as _;
    if !is_root("a_datagram_from_port_0_is_counted_and_not_answered") {
        return;
    }
    let world = World::new();
    let alice = world.start(1, &["--user", "alice", "--accept", "all"]);
    let socket = nix::sys::socket::socket(
        AddressFamily::Inet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::Udp,
    )
    .unwrap();
    let syn = wire(SYN, 0, "nobody", b"");
    // Source port, destination port, length, and no checksum.
    let header = [0, 7777, 8 + syn.len() as u16, 0].map(u16::to_be_bytes).concat();
    let to: SocketAddr = format!("{}:0", world.address(1)).parse().unwrap();
    let SocketAddr::V4(to) = to else { panic!("not IPv4") };
    let bytes = [header, syn].concat();
    nix::sys::socket::sendto(socket.as_raw_fd(), &bytes, &SockaddrIn::from(to), MsgFlags::empty()).unwrap();
    let status = alice.client().status_after(1);
    assert_eq!((status.counters.refused.port, status.counters.datagrams_out), (1, 0));
    assert_eq!((status.chats, status.requests, status.last_id), (0, 0, 0));
}

#[test]
fn ten_thousand_random_datagrams_do_no_harm() {
    let mut random = Random(seed());
    let world = World::new();
    let to = world.address(1);
    let alice = world.start(1, &["--user", "alice", "--accept", "all", "--max-chats", "1000"]);
    let mut client = alice.client();
    let peers: Vec<Peer> = (10..18).map(|host| world.peer(host, "noise")).collect();
    let before = resident_kib(alice.pid());
    for count in 1..=10_000 {
        let mut bytes: Vec<u8> = (0..random.below(120)).map(|_| random.next() as u8).collect();
        // Half of them look like SIMP, so that they get beyond the decoder.
        if random.below(2) == 0 {
            let operation = [ERR, SYN, ACK, SYN_ACK, FIN, CHAT][random.below(6) as usize];
            bytes = wire(operation, random.below(3) as u8, "noise", &bytes);
        }
        peers[random.below(8) as usize].send_raw(&to, &bytes);
        if count % 100 == 0 {
            client.status_after(count);
            peers.iter().for_each(|peer| drop(peer.arrived()));
        }
    }
    let grown = resident_kib(alice.pid()).saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} KiB more");
    let ids: Vec<u64> = client.log().iter().map(|event: &Event| event.id).collect();
    assert!(ids.iter().copied().eq(1..=ids.len() as u64), "the log has gaps");
    let bob = world.peer(2, "bob");
    bob.open(&to);
    bob.send(&to, Operation::Chat, 0, b"still there?");
    bob.expect(Operation::Ack, 0, b"");
}

#[test]
fn a_flood_of_invitations_leaves_a_live_chat_alone() {
    let world = World::new();
    let to = world.address(1);
    let alice = world.start(1, &["--user", "alice", "--accept", "bob", "--max-chats", "2"]);
    let mut client = alice.client();
    let bob = world.peer(2, "bob");
    bob.open(&to);
    bob.send(&to, Operation::Chat, 1, b"before");
    bob.expect(Operation::Ack, 1, b"");
    let before = resident_kib(alice.pid());
    let syn = wire(SYN, 0, "mallory", b"");
    let mut seq = 0;
    for count in 0..2_000_u64 {
        // The sockets are gone before their answers come: those cause errors, which must not hurt either.
        let from = UdpSocket::bind((world.address(3 + (count % 200) as u8), 0)).unwrap();
        from.send_to(&syn, (to.as_str(), 7777)).unwrap();
        if count % 50 == 49 {
            bob.send(&to, Operation::Chat, seq, format!("message {count}").as_bytes());
            bob.expect(Operation::Ack, seq, b"");
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

/// Connects to a port that nobody has, with a time limit of a day.
fn nobody_there(alice: &Daemon, address: &str) {
    let mut client = alice.client();
    client.follow(From::End);
    client.reply(&Request::Connect { address: address.to_owned(), timeout_ms: Some(86_400_000) });
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
    client.follow(From::End);
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
    client.reply(&Request::Quit { who: None, now: false });
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
        client.follow(From::End);
        client.reply(&connect(&format!("::ffff:{}", world.address(2))));
        client.expect(What::Inviting);
        let (syn, from) = bob.receive_from();
        assert_eq!(syn.operation, Operation::Syn);
        bob.send_to(from, &wire(SYN_ACK, 0, "bob", b""));
        bob.expect(Operation::Ack, 0, b"");
        assert_eq!(client.expect(What::Opened { note: None }).peer.address, world.address(2) + ":7777");
    }
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

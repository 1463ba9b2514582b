//! Datagrams that are malformed, odd, too large or random: they are counted, or lose no text, and do no harm.

use std::net::SocketAddr;

use simp_control::{Event, Status};
use simp_proto::Operation;

use super::{ACK, CHAT, ERR, FIN, SYN, SYN_ACK, open_chat, wire};
use crate::harness::{Peer, Random, World, is_root, message, resident_kib, seed};

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
fn the_largest_datagram_there_can_be_arrives_whole_if_the_user_wants_that() {
    let world = World::new();
    let config = world.path("simpd.toml");
    std::fs::write(&config, "message_max = 65535\n").unwrap();
    let (_alice, mut client, bob) = open_chat(&world, &["--config", config.to_str().unwrap()]);
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
            let operation = [ERR, SYN, ACK, SYN_ACK, FIN, CHAT][random.index(6)];
            bytes = wire(operation, random.below(3) as u8, "noise", &bytes);
        }
        peers[random.index(8)].send_raw(&to, &bytes);
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
    bob.say(&to, 0, "still there?");
}

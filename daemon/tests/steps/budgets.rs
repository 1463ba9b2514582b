//! What others may add to the log.

use std::net::SocketAddr;

use simp_control::{Kind, Reason, What};
use simp_engine::{Accept, Budget, Policy};
use simp_proto::Operation;

use super::{Host, ask_me, driver, peer};

/// A room for everybody, in which a second is worth 1,024 bytes of messages, and two invitations.
fn small() -> Policy {
    let budget = Budget { peer: 1_024, strangers: 1_024 };
    Policy { budget, ..driver::policy("ann", Accept::All, 10_000) }
}

fn port(n: u8, port: u16) -> SocketAddr {
    SocketAddr::new(peer(n).ip(), port)
}

/// With a chat that the peer has opened.
fn opened(policy: Policy) -> Host {
    let mut host = Host::with(policy);
    opens(&mut host, peer(2));
    host
}

fn opens(host: &mut Host, with: SocketAddr) {
    host.hears(with, Operation::Syn, 0);
    host.hears(with, Operation::Ack, 0);
    assert_eq!(host.says()[0], (with, Operation::SynAck, String::new()));
}

#[test]
fn a_message_that_finds_no_room_is_not_acknowledged_and_comes_again() {
    let mut host = opened(small());
    opens(&mut host, peer(3));
    host.is_heard_by(peer(3));
    // 4,096 bytes are four of these, each with 128 more; the last may go beyond.
    let text = "x".repeat(900);
    for n in 0..4 {
        host.hears_words(peer(2), Operation::Chat, n % 2, &text);
        assert_eq!(host.said(), [Operation::Ack]);
    }
    host.hears_words(peer(2), Operation::Chat, 0, &text);
    assert_eq!((host.said(), host.log(Kind::Message).len()), (vec![], 4));
    assert_eq!(host.status().counters.refused.budget, 1);
    // Nor by another name for the same: a line that comes as a SYN, another port of the host.
    host.hears_words(peer(2), Operation::Syn, 0, &text);
    opens(&mut host, port(2, 9));
    host.hears_words(port(2, 9), Operation::Chat, 0, &text);
    assert_eq!((host.said(), host.log(Kind::Message).len()), (vec![], 4));
    // Nor from another host: what nobody has heard of may be forged.
    opens(&mut host, peer(4));
    host.hears_words(peer(4), Operation::Chat, 0, &text);
    assert_eq!((host.said(), host.log(Kind::Message).len()), (vec![], 4));
    // Nobody who is there is held up.
    host.hears_words(peer(3), Operation::Chat, 0, &text);
    assert_eq!((host.said(), host.log(Kind::Message).len()), (vec![Operation::Ack], 5));
    // A copy 5 s later finds room.
    host.waits(5_000);
    host.says();
    host.hears_words(peer(2), Operation::Chat, 0, &text);
    assert_eq!((host.said(), host.log(Kind::Message).len()), (vec![Operation::Ack], 6));
}

#[test]
fn errors_of_a_peer_have_a_smaller_budget_and_its_messages_come_through() {
    let mut host = opened(Policy { budget: Budget { peer: 1 << 20, strangers: 1_024 }, ..small() });
    for n in 0..10_000 {
        host.driver.arrives(peer(2), super::datagram(Operation::Err, 0, &n.to_string()));
        if n % 10 == 0 {
            host.turn();
        }
    }
    host.turn();
    // 16 s are worth 16 KiB, and a turn takes more.
    let errors = host.log(Kind::Error).len();
    assert!((120..=140).contains(&errors), "{errors}");
    host.says();
    host.hears_words(peer(2), Operation::Chat, 0, "hi");
    assert_eq!(host.said(), [Operation::Ack]);
    // Whatever it has used up, it can end the chat.
    host.hears_words(peer(2), Operation::Fin, 1, "bye");
    assert_eq!(host.said(), [Operation::Ack]);
    assert_eq!(host.kinds().pop(), Some(Kind::Closed));
}

#[test]
fn a_host_that_opens_and_ends_chats_all_the_time_adds_little_to_the_log() {
    let mut host = Host::with(small());
    for n in 0..1_000 {
        let eve = port(2, 10_000 + n);
        host.hears(eve, Operation::Syn, 0);
        host.hears(eve, Operation::Ack, 0);
        host.hears(eve, Operation::Fin, 0);
    }
    // 16 s are worth 32 invitations.
    assert_eq!((host.log(Kind::Request).len(), host.kinds().len()), (32, 3 * 32));
    assert_eq!(host.status().counters.refused.budget, 1_000 - 32);
    host.says();
    // Others come in, and it does later.
    opens(&mut host, peer(3));
    host.waits(1_000);
    host.says();
    opens(&mut host, peer(2));
}

#[test]
fn any_number_of_peers_on_one_host_may_be_in_open_chats() {
    let mut host = Host::with(small());
    for n in 0..1_000 {
        opens(&mut host, port(2, 10_000 + n));
    }
    // When they leave they have all been there, and for a while nobody comes back.
    for n in 0..1_000 {
        host.hears(port(2, 10_000 + n), Operation::Fin, 0);
    }
    assert_eq!(host.kinds().len(), 3 * 1_000);
    host.says();
    host.hears(peer(2), Operation::Syn, 0);
    assert_eq!((host.said(), host.status().counters.refused.budget), (vec![], 1));
}

#[test]
fn strangers_with_forged_addresses_leave_room_for_whoever_is_expected() {
    let list = Accept::parse("127.0.0.3, 127.0.0.4").unwrap();
    let budget = Budget { peer: 1_024, strangers: 1_024 };
    let mut host = Host::with(Policy { accept: list, budget, ..ask_me(10_000) });
    let forged = |n: u32| SocketAddr::from(([127, 1, (n >> 8) as u8, n as u8], 7777));
    for n in 0..3_000 {
        host.hears(forged(n), Operation::Syn, 0);
        host.hears_words(forged(n), Operation::Fin, 0, &"x".repeat(10_000));
    }
    // 512 s are worth 1,024 invitations, each with its end.
    let closed = host.log(Kind::Closed);
    assert_eq!((closed.len(), host.kinds().len()), (1_024, 2 * 1_024));
    let words = format!("{} [9744 more bytes]", "x".repeat(256));
    let withdrawn = What::Closed { reason: Reason::Withdrawn, text: Some(words) };
    assert_eq!(closed[0].what, withdrawn);
    host.says();
    host.hears(peer(2), Operation::Syn, 0);
    assert_eq!(host.said(), []);
    opens(&mut host, peer(3));
    // A peer with messages in the outbox is, too.
    host.keep(peer(5), "hi", None);
    host.cannot_reach(peer(5));
    host.says();
    opens(&mut host, peer(5));
}

#[test]
fn strangers_with_forged_addresses_leave_room_for_whoever_was_here_before() {
    let mut host = Host::with(small());
    for n in [2, 3] {
        opens(&mut host, peer(n));
    }
    host.is_heard_by(peer(3));
    for n in [2, 3] {
        host.hears(peer(n), Operation::Fin, 0);
    }
    for n in 0..3_000_u32 {
        let forged = SocketAddr::from(([127, 1, (n >> 8) as u8, n as u8], 7777));
        host.hears(forged, Operation::Syn, 0);
        host.hears(forged, Operation::Fin, 0);
    }
    host.waits(10);
    host.says();
    // Anybody can open a chat from a forged address.
    host.hears(peer(2), Operation::Syn, 0);
    assert_eq!(host.said(), []);
    opens(&mut host, peer(3));
}

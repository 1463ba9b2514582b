//! ACKs of what was never sent, and other answers to nothing.

use simp_control::{FollowFrom, Reason, What};
use simp_proto::Operation;

use super::{Ann, harmless};
use crate::datagrams::{ACK, CHAT, ERR, SYN, SYN_ACK, wire};
use crate::harness::{Peer, queued};

const BOB: u8 = 2;

const FIN_ACK: [u8; 2] = [1, 0x0c];
const ERR_FIN: [u8; 2] = [1, 0x09];

/// ACKs of nothing, with every number that there may be.
fn acknowledge_nothing(peer: &Peer, ann: &Ann, times: u64) {
    let before = ann.client().status().counters.datagrams_in;
    for n in 0..times {
        for seq in [0, 1, 7, 255] {
            peer.send_raw(&ann.to, &wire(ACK, seq, "bob", b""));
        }
        if n % 25 == 24 {
            ann.client().status_after(before + 4 * (n + 1));
        }
    }
    ann.client().status_after(before + 4 * times);
}

#[test]
fn acks_before_a_chat_are_not_answered_and_the_chat_is_as_any_other() {
    let ann = Ann::start(&["--accept", "all"]);
    let bob = ann.world.peer(BOB, "bob");
    acknowledge_nothing(&bob, &ann, 100);
    let status = ann.client().status();
    assert_eq!((status.counters.ignored, status.counters.datagrams_out, status.last_id), (400, 0, 0));
    bob.open(&ann.to);
    let mut client = ann.client();
    client.follow(FollowFrom::End);
    let sent = client.send("hi");
    client.expect(queued("hi"));
    bob.expect(Operation::Chat, 0, b"hi");
    assert_eq!(ann.client().status().last_id, sent, "not delivered yet");
    bob.send(&ann.to, Operation::Ack, 0, b"");
    client.expect(What::Delivered { message: sent });
    drop(bob);
    ann.ctl(&["quit", "--now", "--timeout", "0.1"]);
    ann.serves(250);
}

#[test]
fn acks_in_a_chat_with_nothing_in_flight_deliver_nothing_that_comes_later() {
    let ann = Ann::open_to_all();
    let bob = ann.chats_with(BOB, "bob");
    let mut client = ann.client();
    client.follow(FollowFrom::End);
    for n in 0_u8..3 {
        acknowledge_nothing(&bob, &ann, 100);
        let text = format!("message {n}");
        let sent = client.send(&text);
        client.expect(queued(&text));
        bob.expect(Operation::Chat, n % 2, text.as_bytes());
        assert_eq!(ann.client().status().last_id, sent, "not delivered yet");
        bob.send(&ann.to, Operation::Ack, n % 2, b"");
        client.expect(What::Delivered { message: sent });
    }
    assert_eq!(bob.arrived(), []);
    ann.serves(250);
}

#[test]
fn acks_of_an_invitation_that_is_not_ours_open_nothing() {
    let ann = Ann::start(&[]);
    let bob = ann.world.peer(BOB, "bob");
    bob.send(&ann.to, Operation::Syn, 0, b"");
    ann.client().status_when(|status| status.requests == 1);
    acknowledge_nothing(&bob, &ann, 10);
    bob.send(&ann.to, Operation::SynAck, 0, b"");
    bob.send(&ann.to, Operation::Chat, 0, b"let me in");
    let status = ann.client().status_after(43);
    assert_eq!((status.requests, status.chats, status.last_id), (1, 0, 1));
    assert_eq!((bob.arrived(), ann.told(BOB)), (vec![], vec!["request".to_owned()]));
    ann.ctl(&["decline"]).ok();
    bob.expect(Operation::Fin, 0, b"");
    bob.send(&ann.to, Operation::Ack, 0, b"");
}

#[test]
fn a_syn_ack_in_an_open_chat_is_acknowledged_and_changes_nothing() {
    let ann = Ann::open_to_all();
    let bob = ann.chats_with(BOB, "bob");
    let before = ann.told(BOB);
    for seq in [0, 1, 7, 255] {
        bob.send_raw(&ann.to, &wire(SYN_ACK, seq, "bob", b""));
        bob.expect(Operation::Ack, seq, b"");
        bob.send_raw(&ann.to, &wire(SYN_ACK, seq, "Daemon", b""));
        bob.expect(Operation::Ack, seq, b"");
    }
    assert_eq!(ann.told(BOB), before);
    bob.say(&ann.to, 0, "hi");
    assert_eq!(ann.heard(BOB), ["hi"]);
    ann.says(&bob, 0, "ho");
    ann.serves(250);
}

#[test]
fn a_fin_of_another_kind_ends_the_chat_with_its_words_and_is_acknowledged() {
    let ann = Ann::open_to_all();
    let mut client = ann.client();
    client.follow(FollowFrom::End);
    for (host, operation, text) in
        [(2, FIN_ACK, None), (3, ERR_FIN, Some("gone \x1b[31m")), (4, ERR_FIN, None)]
    {
        let bob = ann.chats_with(host, "bob");
        client.expect(What::Request);
        client.expect(What::Opened { note: None });
        bob.send_raw(&ann.to, &wire(operation, 1, "bob", text.unwrap_or_default().as_bytes()));
        client.expect(What::Closed { reason: Reason::PeerQuit, text: text.map(str::to_owned) });
        bob.expect(Operation::Ack, 1, b"");
        // Said again: the same answer, and nothing else.
        bob.send_raw(&ann.to, &wire(ERR_FIN, 1, "bob", b"gone"));
        bob.expect(Operation::Ack, 1, b"");
        bob.send_raw(&ann.to, &wire(FIN_ACK, 1, "bob", b""));
        ann.client().status();
        assert_eq!(bob.arrived(), []);
    }
    let shown = harmless(ann.ctl(&["history", "--all", "--from", &ann.world.address(3)]).ok());
    assert!(shown.ends_with("is closed: peer quit (gone \\x1b[31m)\n"), "{shown}");
    ann.serves(250);
}

#[test]
fn errors_without_end_are_told_once_each_and_do_not_answer_anything() {
    let ann = Ann::open_to_all();
    let bob = ann.chats_with(BOB, "bob");
    for text in ["why?", "why?", "\x1b]0;owned\x07", "why?", ""] {
        bob.send(&ann.to, Operation::Err, 0, text.as_bytes());
    }
    bob.say(&ann.to, 0, "hi");
    let told = ann.told(BOB);
    assert_eq!(told[2..], ["error why?", "error \x1b]0;owned\x07", "error why?", "error ", "message hi"]);
    harmless(ann.ctl(&["history", "--all"]).ok());
    assert_eq!(bob.arrived(), []);
    ann.serves(250);
}

#[test]
fn a_message_that_nobody_acknowledges_is_delivered_by_no_answer_of_another_kind() {
    let ann = Ann::open_to_all();
    let bob = ann.chats_with(BOB, "bob");
    let mut client = ann.client();
    client.follow(FollowFrom::End);
    let sent = client.send("hi");
    client.expect(queued("hi"));
    bob.expect(Operation::Chat, 0, b"hi");
    for operation in [SYN_ACK, ERR, CHAT, SYN] {
        bob.send_raw(&ann.to, &wire(operation, 0, "bob", b""));
    }
    client.expect(What::Error { text: String::new() });
    client.expect(What::Message { text: String::new() });
    bob.expect(Operation::Ack, 0, b"");
    bob.expect(Operation::Ack, 0, b"");
    assert_eq!(ann.told(BOB).last().map(String::as_str), Some("message "));
    bob.send(&ann.to, Operation::Ack, 0, b"");
    client.expect(What::Delivered { message: sent });
    ann.serves(250);
}

//! Peers that send a SYN for every message (SIMP 2, 7).

use simp_proto::Operation;

use super::Ann;
use crate::datagrams::{CHAT, SYN, wire};
use crate::harness::Peer;

const BOB: u8 = 2;

/// SYN, and what the peer does with its answer; then a message, until it is acknowledged.
fn say_after_syn(ann: &Ann, peer: &Peer, seq: u8, text: &[u8]) {
    peer.open(&ann.to);
    peer.say(&ann.to, seq, text);
}

/// How often something was told.
fn count(told: &[String], what: &str) -> usize {
    told.iter().filter(|event| event.starts_with(what)).count()
}

#[test]
fn a_syn_before_every_message_soon_after_the_opening_costs_no_message_either_way() {
    let ann = Ann::open_to_all();
    // One counts on, one begins anew each time, one says the same each time.
    let peers = [2, 3, 4].map(|host| ann.chats_with(host, "bob"));
    for n in 0_u8..5 {
        say_after_syn(&ann, &peers[0], n % 2, &[b'0' + n]);
        say_after_syn(&ann, &peers[1], 0, &[b'0' + n]);
        say_after_syn(&ann, &peers[2], 0, b"again");
    }
    let numbers: Vec<String> = (0..5).map(|n| n.to_string()).collect();
    assert_eq!(
        (ann.heard(2), ann.heard(3), ann.heard(4)),
        (numbers.clone(), numbers, vec!["again".to_owned(); 5])
    );
    let sending =
        [2, 3, 4].map(|host| ann.world.spawn_ctl(1, &["send", "-t", &ann.world.address(host), "hi"]));
    for (peer, sending) in peers.iter().zip(sending) {
        peer.hear(&ann.to, 0, "hi");
        assert_eq!(sending.wait().ok(), "");
    }
    for host in [2, 3, 4] {
        let told = ann.told(host);
        assert_eq!((count(&told, "opened"), count(&told, "closed")), (1, 0), "{told:?}");
    }
    ann.serves(250);
}

#[test]
fn a_syn_before_every_message_of_one_that_we_invited_costs_no_message() {
    let ann = Ann::start(&["--max-chats", "2", "--accept", "zoe"]);
    let bob = ann.world.peer(BOB, "bob");
    let connecting = ann.world.spawn_ctl(1, &["connect", &ann.world.address(BOB)]);
    bob.expect(Operation::Syn, 0, b"");
    bob.accept(&ann.to);
    connecting.wait().ok();
    for n in 0_u8..5 {
        bob.send(&ann.to, Operation::Syn, 0, b"");
        bob.send(&ann.to, Operation::Chat, n % 2, &[b'0' + n]);
        // It may be told again that it has been accepted.
        while bob.receive().operation != Operation::Ack {}
    }
    assert_eq!(ann.heard(BOB), ["0", "1", "2", "3", "4"]);
    let told = ann.told(BOB);
    assert_eq!((count(&told, "opened"), count(&told, "closed")), (1, 0), "{told:?}");
    ann.serves(250);
}

#[test]
fn a_syn_while_a_message_of_ours_is_in_flight_does_not_deliver_it() {
    let ann = Ann::open_to_all();
    let bob = ann.chats_with(BOB, "bob");
    let sending = ann.world.spawn_ctl(1, &["send", "hi"]);
    bob.expect(Operation::Chat, 0, b"hi");
    for n in 0..3 {
        bob.send(&ann.to, Operation::Syn, 0, b"");
        bob.say(&ann.to, n % 2, [b'0' + n]);
    }
    assert_eq!(count(&ann.told(BOB), "delivered"), 0);
    bob.hear(&ann.to, 0, "hi");
    assert_eq!(sending.wait().ok(), "");
    assert_eq!(ann.heard(BOB), ["0", "1", "2"]);
    ann.serves(250);
}

#[test]
fn a_syn_long_after_the_opening_is_a_new_request_and_no_message_is_lost() {
    let ann = Ann::start(&["--accept", "bob", "--max-chats", "3"]);
    let bob = ann.chats_with(BOB, "bob");
    let eve = ann.world.peer(3, "eve");
    eve.send(&ann.to, Operation::Syn, 0, b"");
    ann.client().status_when(|status| status.requests == 1);
    let accepting = ann.world.spawn_ctl(1, &["accept", "eve"]);
    eve.is_accepted(&ann.to);
    accepting.wait().ok();
    // Nobody says anything for so long that a SYN is no late copy any more.
    let silence = ann.ctl(&["listen", "-n", "1", "--timeout", "10.1"]);
    silence.fails(6, "simpctl: no message within 10.1 s");

    // One whom ann always accepts: she is told what is lost, and the next chat goes on.
    let sending = ann.world.spawn_ctl(1, &["send", "-t", "bob", "hi"]);
    bob.expect(Operation::Chat, 0, b"hi");
    bob.send(&ann.to, Operation::Syn, 0, b"");
    let outcome = sending.wait();
    assert_eq!(outcome.status, Some(8));
    let line = "simpctl: not delivered: peer restarted (send it again with: simpctl resend ";
    assert!(outcome.stderr.starts_with(line) && outcome.stderr.lines().count() == 1, "{outcome:?}");
    // One who has to ask: what it says before it is accepted is not acknowledged, so that it comes again.
    eve.send(&ann.to, Operation::Syn, 0, b"");
    eve.send(&ann.to, Operation::Chat, 0, b"it is me again");
    ann.client().status_when(|status| status.requests == 1);
    assert_eq!((eve.arrived(), ann.heard(3)), (vec![], vec![]));
    let accepting = ann.world.spawn_ctl(1, &["accept", "eve"]);
    for peer in [&eve, &bob] {
        peer.is_accepted(&ann.to);
        peer.say(&ann.to, 0, "it is me again");
    }
    accepting.wait().ok();
    for host in [BOB, 3] {
        say_after_syn(&ann, if host == BOB { &bob } else { &eve }, 1, b"and again");
        assert_eq!(ann.heard(host), ["it is me again", "and again"]);
        let told = ann.told(host);
        assert_eq!(
            ["request", "opened", "closed peer restarted"].map(|what| count(&told, what)),
            [2, 2, 1],
            "{told:?}"
        );
    }
    ann.ctl(&["quit", "bob", "--now", "--timeout", "0.1"]);
    drop(ann.ctl(&["status"]).ok());
}

/// A line, as SYN with the text and as a message of the same text, both acknowledged.
fn say_as_line(ann: &Ann, peer: &Peer, seq: u8, text: &str) {
    peer.send_raw(&ann.to, &wire(SYN, 0, "bob", text.as_bytes()));
    peer.expect(Operation::Ack, 0, b"");
    peer.send_raw(&ann.to, &wire(CHAT, seq, "bob", format!("bob: {text}").as_bytes()));
    peer.expect(Operation::Ack, seq, b"");
}

#[test]
fn lines_that_come_as_syn_and_as_message_are_shown_once() {
    let ann = Ann::open_to_all();
    let bob = ann.chats_with(BOB, "bob");
    for n in 0_u8..4 {
        say_as_line(&ann, &bob, n % 2, &format!("line {n}"));
    }
    assert_eq!(ann.heard(BOB), ["line 0", "line 1", "line 2", "line 3"]);
    // One whose message never comes, and a message that is another.
    bob.send_raw(&ann.to, &wire(SYN, 0, "bob", b"as SYN only"));
    bob.expect(Operation::Ack, 0, b"");
    bob.say(&ann.to, 0, "as message only");
    assert_eq!(ann.heard(BOB)[4..], ["as SYN only", "as message only"]);
    ann.serves(250);
}

#[test]
fn the_same_line_said_twice_as_syn_and_as_message_is_shown_twice() {
    let ann = Ann::open_to_all();
    let bob = ann.chats_with(BOB, "bob");
    for seq in [0, 1] {
        say_as_line(&ann, &bob, seq, "ok");
    }
    assert_eq!(ann.heard(BOB), ["ok", "ok"]);
}

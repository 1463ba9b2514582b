//! Answers that come from elsewhere than where they are expected (SIMP 7, rule 2).

use std::net::SocketAddr;

use simp_proto::Operation;

use super::Ann;
use crate::datagrams::{ACK, CHAT, ERR, FIN, SYN_ACK, wire};
use crate::harness::{Peer, Running};

const BOB: u8 = 2;

/// Our simpctl invites bob, who has another port on the same address and takes the invitation on port 7777.
fn ann_invites_bob() -> (Ann, Running, Peer, Peer) {
    let ann = Ann::start(&["--max-chats", "3", "--accept", "zoe"]);
    let (bob, other) = (ann.world.peer(BOB, "bob"), beside(&ann, BOB));
    let connecting = ann.world.spawn_ctl(1, &["connect", &ann.world.address(BOB)]);
    bob.expect(Operation::Syn, 0, b"");
    (ann, connecting, bob, other)
}

/// Any other port of this address.
fn beside(ann: &Ann, host: u8) -> Peer {
    Peer::new(&(ann.world.address(host) + ":0"), "bob")
}

/// Is told that there is no chat, and can go.
#[track_caller]
fn is_refused(peer: &Peer, ann: &Ann) {
    peer.expect(Operation::Fin, 0, b"");
    peer.send(&ann.to, Operation::Ack, 0, b"");
}

/// Both sides talk, and bob is where he is expected.
#[track_caller]
fn talk(ann: &Ann, bob: &Peer) {
    let address = bob.address().to_string();
    bob.say(&ann.to, 0, "it is me");
    ann.says(bob, 0, "welcome");
    let heard = ann.ctl(&["listen", "-n", "1", "--timeout", "20", "--text", "--from", &address]);
    assert_eq!(heard.ok(), "it is me\n");
}

/// The command says that bob is there.
#[track_caller]
fn is_connected(connecting: Running, address: SocketAddr) {
    assert_eq!(connecting.wait().ok(), format!("connected to bob@{address}\n"));
}

#[test]
fn an_answer_from_another_host_is_none_and_the_invitation_goes_on() {
    let (ann, connecting, bob, _other) = ann_invites_bob();
    let eve = ann.world.peer(3, "bob");
    eve.send(&ann.to, Operation::SynAck, 0, b"");
    is_refused(&eve, &ann);
    for (operation, text) in
        [(FIN, &b""[..]), (ERR, b"User already in another chat"), ([1, 9], b"no"), (ACK, b"")]
    {
        eve.send_raw(&ann.to, &wire(operation, 0, "bob", text));
    }
    eve.expect(Operation::Ack, 0, b"");
    eve.expect(Operation::Ack, 0, b"");
    assert!(ann.ctl(&["chats"]).ok().contains(" inviting "), "nobody has answered yet");
    bob.accept(&ann.to);
    is_connected(connecting, bob.address());
    talk(&ann, &bob);
    assert_eq!((ann.told(3), eve.arrived()), (vec![], vec![]));
    ann.serves(250);
}

#[test]
fn an_answer_from_another_port_to_an_open_chat_changes_nothing() {
    let (ann, connecting, bob, other) = ann_invites_bob();
    bob.accept(&ann.to);
    is_connected(connecting, bob.address());
    let before = ann.told(BOB);
    other.send_raw(&ann.to, &wire(SYN_ACK, 0, "bob", b""));
    is_refused(&other, &ann);
    for (operation, text) in
        [(ACK, &b""[..]), (ERR, b"busy"), (FIN, b""), (CHAT, b"I am bob"), (SYN_ACK, b"")]
    {
        other.send_raw(&ann.to, &wire(operation, 0, "bob", text));
    }
    other.expect(Operation::Ack, 0, b"");
    ann.client().status_after(8);
    assert_eq!(ann.told(BOB), before);
    talk(&ann, &bob);
    assert_eq!(bob.arrived(), []);
    ann.serves(250);
}

#[test]
fn an_answer_from_a_port_with_a_chat_of_its_own_belongs_to_that_chat() {
    let ann = Ann::start(&["--max-chats", "3", "--accept", "all"]);
    let (bob, other) = (ann.world.peer(BOB, "bob"), beside(&ann, BOB));
    other.open(&ann.to);
    let connecting = ann.world.spawn_ctl(1, &["connect", &ann.world.address(BOB)]);
    bob.expect(Operation::Syn, 0, b"");
    other.accept(&ann.to);
    assert!(ann.ctl(&["chats"]).ok().contains(" inviting "), "bob has not answered yet");
    bob.accept(&ann.to);
    is_connected(connecting, bob.address());
    for peer in [&bob, &other] {
        talk(&ann, peer);
    }
    ann.serves(250);
}

#[test]
fn an_answer_from_another_port_takes_the_invitation_there() {
    let (ann, connecting, bob, other) = ann_invites_bob();
    other.accept(&ann.to);
    is_connected(connecting, other.address());
    talk(&ann, &other);
    // Once: a third port, and the one addressed, come too late.
    let third = beside(&ann, BOB);
    for late in [&third, &bob] {
        // One host is told so once a second, whichever of its ports asks.
        let told = loop {
            late.send(&ann.to, Operation::SynAck, 0, b"");
            ann.ctl(&["status"]).ok();
            let told = late.arrived();
            if !told.is_empty() {
                break told;
            }
        };
        assert!(told.iter().all(|it| it.operation == Operation::Fin), "{told:?}");
        late.send(&ann.to, Operation::Ack, 0, b"");
    }
    assert_eq!(ann.told(BOB).iter().filter(|event| event.as_str() == "opened").count(), 1);
    assert_eq!(other.arrived(), []);
    ann.ctl(&["chats"]).ok();
    ann.serves(250);
}

#[test]
fn a_refusal_from_another_port_is_one() {
    for (operation, text, status, line) in [
        (ERR, "User already in another chat", 5, " is busy: User already in another chat"),
        (FIN, "", 4, " declined"),
        ([1, 9], "no", 4, " declined: no"),
    ] {
        let (ann, connecting, bob, other) = ann_invites_bob();
        other.send_raw(&ann.to, &wire(operation, 0, "bob", text.as_bytes()));
        let outcome = connecting.wait();
        assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(status), ""));
        assert!(outcome.stderr.ends_with(&format!("{line}\n")), "{outcome:?}");
        assert_eq!((outcome.stderr.lines().count(), ann.ctl(&["chats"]).ok()), (1, String::new()));
        assert_eq!(bob.arrived(), []);
        ann.serves(250);
    }
}

//! Peers that claim another's name, change theirs, or have none.

use simp_proto::Operation;

use super::changing::talk;
use super::peer::{Bob, PLAIN, Ways};
use super::{Ann, harmless};
use crate::datagrams::{CHAT, SYN, wire};
use crate::harness::Peer;

const BOB: u8 = 2;
const EVE: u8 = 3;

/// A datagram with these bytes as its User.
fn of_user(operation: [u8; 2], user: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = wire(operation, 0, "", payload);
    bytes[3..3 + user.len()].copy_from_slice(user);
    bytes
}

/// Invites, and is accepted, under any name.
fn open_as(ann: &Ann, host: u8, user: &[u8]) -> Peer {
    let peer = ann.world.peer(host, "anybody");
    peer.send_raw(&ann.to, &of_user(SYN, user, b""));
    peer.expect(Operation::SynAck, 0, b"");
    peer.send_raw(&ann.to, &of_user([1, 4], user, b""));
    peer
}

#[test]
fn whoever_claims_anothers_name_says_nothing_in_the_chat_with_the_other() {
    let ann = Ann::open_to_all();
    let [two, three] = [BOB, EVE].map(|host| ann.world.address(host) + ":7777");
    let bob = ann.chats_with(BOB, "bob");
    let eve = ann.world.peer(EVE, "bob");
    // Without a chat: a message, an acknowledgement, the end.
    eve.send(&ann.to, Operation::Chat, 0, b"I am bob");
    eve.expect(Operation::Err, 0, b"No chat with you");
    eve.expect(Operation::Fin, 0, b"");
    eve.send(&ann.to, Operation::Fin, 0, b"");
    eve.expect(Operation::Ack, 0, b"");
    assert_eq!(ann.told(BOB), ["request", "opened"]);
    let sending = ann.world.spawn_ctl(1, &["send", "-t", "bob", "a secret"]);
    bob.expect(Operation::Chat, 0, b"a secret");
    eve.send(&ann.to, Operation::Ack, 0, b"");
    ann.client().status_when(|status| status.counters.ignored == 1);
    assert_eq!(ann.told(BOB).last().map(String::as_str), Some("queued a secret"), "not acknowledged yet");
    bob.send(&ann.to, Operation::Ack, 0, b"");
    assert_eq!(sending.wait().ok(), "");

    // She was let in, and has said nothing that anybody could not say blindly: bob has heard us.
    eve.open(&ann.to);
    for (peer, text) in [(&eve, "from eve"), (&bob, "from bob")] {
        peer.say(&ann.to, 0, text);
    }
    for (command, seq) in [(&["send", "-t", "bob", "hi"][..], 1), (&["send", "hi"], 0)] {
        let sending = ann.world.spawn_ctl(1, command);
        bob.hear(&ann.to, seq, "hi");
        assert_eq!(sending.wait().ok(), "");
    }
    // Once she has heard us too there are two bobs, and the name alone means none of them.
    let sending = ann.world.spawn_ctl(1, &["send", "-t", &three, "hi"]);
    eve.hear(&ann.to, 0, "hi");
    assert_eq!(sending.wait().ok(), "");
    for command in [&["send", "-t", "bob", "hi"][..], &["send", "hi"], &["quit", "bob"]] {
        let choose = if command[0] == "send" { "-t WHO" } else { "simpctl quit WHO" };
        let outcome = ann.ctl(command);
        let line = format!("simpctl: several match: bob@{two}, bob@{three} (choose one with {choose})");
        outcome.fails(7, &line);
    }
    assert_eq!((ann.heard(BOB), ann.heard(EVE)), (vec!["from bob".to_owned()], vec!["from eve".to_owned()]));
    let heard = ann.ctl(&["listen", "-n", "1", "--text", "--timeout", "20", "--from", &two]).ok();
    assert_eq!(heard, "from bob\n");
    for (peer, who, seq) in [(&bob, &two, 1), (&eve, &format!("bob@{three}"), 1)] {
        let sending = ann.world.spawn_ctl(1, &["send", "-t", who, "only you"]);
        peer.hear(&ann.to, seq, "only you");
        assert_eq!(sending.wait().ok(), "");
    }
    assert_eq!((bob.arrived(), eve.arrived()), (vec![], vec![]));
    ann.serves(250);
}

#[test]
fn a_name_that_looks_like_two_peers_stands_between_quotation_marks_in_errors_too() {
    let ann = Ann::open_to_all();
    let [two, three] = [BOB, EVE].map(|host| ann.world.address(host) + ":7777");
    let _bob = ann.chats_with(BOB, "bob");
    let _eve = ann.chats_with(EVE, "bob@10.0.0.9:7777, x");
    let both = format!("bob@{two}, \"bob@10.0.0.9:7777, x\"@{three}");
    ann.ctl(&["quit"])
        .fails(7, &format!("simpctl: several match: {both} (choose one with simpctl quit WHO)"));
    ann.ctl(&["quit", "zed"]).fails(7, &format!("simpctl: no match for zed among {both}"));
    ann.serves(250);
}

#[test]
fn a_name_that_changes_in_mid_chat_changes_nothing() {
    let ann = Ann::open_to_all();
    let bob = ann.chats_with(BOB, "bob");
    for (seq, user) in [(0, &b"root"[..]), (1, b""), (0, b"ann"), (1, b"\x1b[31mbob"), (0, b"Daemon")] {
        let mut chat = of_user(CHAT, user, user);
        chat[2] = seq;
        bob.send_raw(&ann.to, &chat);
        bob.expect(Operation::Ack, seq, b"");
    }
    assert!(ann.ctl(&["chats"]).ok().contains(&format!("bob@{}:7777", ann.world.address(BOB))));
    let shown = harmless(ann.ctl(&["listen", "-n", "5", "--timeout", "20"]).ok());
    assert!(shown.lines().all(|line| line.starts_with("bob: ")), "{shown}");
    let sending = ann.world.spawn_ctl(1, &["send", "-t", "bob", "hi"]);
    bob.expect(Operation::Chat, 0, b"hi");
    bob.send_raw(&ann.to, &of_user([1, 4], b"root", b""));
    assert_eq!(sending.wait().ok(), "");
    ann.serves(250);
}

#[test]
fn a_peer_of_any_name_is_shown_harmlessly_and_can_be_reached() {
    let ann = Ann::open_to_all();
    let longest = [b'x'; 32];
    for (host, (user, name)) in (2..).zip([
        (&b""[..], None),
        (b"   ", None),
        (b"ann", Some("ann")),
        (b"\0\0\0\0bob", Some("bob")),
        (b"a\0b", Some("a")),
        (&longest, Some(std::str::from_utf8(&longest).unwrap())),
        (b"eve\x1b[2J", Some("\"eve?[2J\"")),
        (b"\x1b]0;owned\x07", Some("\"]0;owned\"")),
        (b"two\nlines", Some("two?lines")),
        (b"j\xc3\xb6rg\x9b", Some("j??rg?")),
        (b"you", Some("\"you\"")),
        (b"bob@127.0.0.1:7777", Some("\"bob@127.0.0.1:7777\"")),
    ]) {
        let peer = open_as(&ann, host, user);
        let address = format!("{}:7777", ann.world.address(host));
        peer.send_raw(&ann.to, &of_user(CHAT, user, b"hi"));
        peer.expect(Operation::Ack, 0, b"");
        let shown = harmless(ann.ctl(&["listen", "-n", "1", "--timeout", "20"]).ok());
        assert_eq!(shown, format!("{}: hi\n", name.unwrap_or(&address)));
        let chats = harmless(ann.ctl(&["chats"]).ok());
        let row = name.map_or(format!(" {address} "), |name| format!(" {name}@{address} "));
        assert!(chats.contains(&row), "{chats}");
        let sending = ann.world.spawn_ctl(1, &["send", "-t", &address, "welcome"]);
        peer.expect(Operation::Chat, 0, b"welcome");
        peer.send_raw(&ann.to, &of_user([1, 4], user, b""));
        assert_eq!(sending.wait().ok(), "");
        harmless(ann.ctl(&["quit", &address, "--now", "--timeout", "0.1"]).stderr);
    }
    harmless(ann.ctl(&["history", "--all", "-n", "1000"]).ok());
    harmless(ann.ctl(&["history", "--all", "-n", "1000", "--json"]).ok());
    ann.serves(250);
}

/// Its datagrams come from user Daemon, as those of one that rings do (SIMP 7).
const DAEMON: Ways = Ways { form: named_daemon, ..PLAIN };

fn named_daemon(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[3..9].copy_from_slice(b"Daemon");
    bytes
}

#[test]
fn a_user_named_daemon_who_invites_is_told_that_we_accept_and_is_a_peer_as_any_other() {
    let ann = Ann::open_to_all();
    for host in [2, 3] {
        let bob = Bob::invites(&ann, host, DAEMON);
        let mut said = [Vec::new(), Vec::new()];
        // Once taking turns, and once talking before ann does.
        let who: &[usize] = if host == 2 { &[0, 1, 0, 1, 0, 1] } else { &[0, 0, 0, 1, 1, 0, 0, 1, 1, 1] };
        talk(&ann, &bob, &ann.world.address(host), &mut said, who);
        let shown = [vec!["ann accepted.".to_owned()], said[1].clone()].concat();
        assert_eq!((ann.heard(host), bob.shown()), (said[0].clone(), shown));
    }
    ann.serves(250);
}

#[test]
fn a_user_named_daemon_whom_we_invite_has_accepted_once_it_says_something() {
    let ann = Ann::open_to_all();
    let address = ann.world.address(BOB);
    let bob = Bob::new(&ann, BOB, DAEMON);
    let connecting = ann.world.spawn_ctl(1, &["connect", &address]);
    bob.is_invited();
    bob.say("theirs 0");
    assert_eq!(connecting.wait().ok(), format!("connected to Daemon@{address}:7777\n"));
    let mut said = [vec!["theirs 0".to_owned()], Vec::new()];
    talk(&ann, &bob, &address, &mut said, &[0, 0, 1, 1, 0, 0, 0, 1, 1, 1]);
    assert_eq!((ann.heard(BOB), bob.shown()), (said[0].clone(), said[1].clone()));
    ann.serves(250);
}

#[test]
fn whoever_rings_lets_nobody_else_in() {
    let ann = Ann::start(&["--accept", "Daemon,zoe", "--max-chats", "3"]);
    let port = ann.world.port(0);
    let address = format!("{}:{port}", ann.world.address(BOB));
    let eve = Peer::new(&address, "Daemon");
    let connecting = ann.world.spawn_ctl(1, &["connect", &address]);
    eve.expect(Operation::Syn, 0, b"");
    eve.accept(&ann.to);
    eve.say(&ann.to, 0, "eve accepted.");
    connecting.wait().ok();
    eve.send(&ann.to, Operation::Fin, 0, b"");
    eve.expect(Operation::Ack, 0, b"");
    // Somebody else behind the same address.
    let bob = ann.world.peer(BOB, "bob");
    bob.send(&ann.to, Operation::Syn, 0, b"");
    ann.client().status_when(|status| status.requests == 1);
    assert_eq!(bob.arrived(), [], "nobody has accepted yet");
    let accepting = ann.world.spawn_ctl(1, &["accept"]);
    bob.is_accepted(&ann.to);
    accepting.wait().ok();
    assert_eq!(bob.arrived(), [], "ann has said nothing yet");
    ann.serves(250);
}

#[test]
fn no_name_makes_the_line_of_a_peer_look_like_one_of_ours() {
    let ann = Ann::open_to_all();
    let bob = ann.chats_with(BOB, "bob");
    let eve = ann.chats_with(EVE, "you -> bob");
    eve.say(&ann.to, 0, "I owe eve 100");
    ann.says(&bob, 0, "I owe eve 100");
    let history = ann.ctl(&["history"]).ok();
    let sentences: Vec<_> = history.lines().map(|line| line.split_once("I owe").unwrap().0).collect();
    let words = |line: &str| line.splitn(4, ' ').last().unwrap().to_owned();
    assert_ne!(words(sentences[0]), words(sentences[1]), "{history}");
}

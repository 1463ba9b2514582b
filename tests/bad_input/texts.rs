//! What may be in a payload, and what Length may say of it.

use simp_control::Reason;
use simp_proto::Operation;

use super::{Ann, harmless};
use crate::datagrams::{CHAT, ERR, FIN, wire};
use crate::harness::{Peer, message};

const BOB: u8 = 2;

/// The most that fits into one UDP packet over IPv4.
const DATAGRAM_MAX: usize = 65_507;

/// A chat datagram with a Length of its own.
fn with_length(seq: u8, length: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = wire(CHAT, seq, "bob", payload);
    bytes[35..39].copy_from_slice(&length.to_be_bytes());
    bytes
}

/// What is on the terminal of a listener, without `bob: `.
fn listened(ann: &Ann) -> String {
    let line = harmless(ann.ctl(&["listen", "-n", "1", "--timeout", "20"]).ok());
    line.strip_prefix("bob: ").and_then(|line| line.strip_suffix('\n')).unwrap().to_owned()
}

/// The message leaves no trace in how ann speaks to bob afterwards.
fn still_plain(ann: &Ann, bob: &Peer, seq: u8, plain: bool) {
    let sending = ann.world.spawn_ctl(1, &["send", "still there?"]);
    bob.hear(&ann.to, seq, if plain { "still there?" } else { "\0still there?" });
    assert_eq!(sending.wait().ok(), "");
}

#[test]
fn any_bytes_in_a_text_are_kept_and_harmless_on_a_terminal() {
    let ann = Ann::start(&["--accept", "bob", "--max-chats", "2"]);
    let bob = ann.chats_with(BOB, "bob");
    for (n, (payload, text, shown)) in [
        (&b"a\0b"[..], "a\0b", "a\\x00b"),
        // Behind a text and before it a NUL belongs to how it is written (SIMP 7).
        (b"end\0", "end", "end"),
        (b"\0", "", ""),
        (b"a\rb\r\n", "a\rb\r\n", "a\\rb\\r\\n"),
        (b"bob: a\nann: b", "bob: a\nann: b", "bob: a\\nann: b"),
        (b"\x1b]0;owned\x07\x1b[2J", "\x1b]0;owned\x07\x1b[2J", "\\x1b]0;owned\\x07\\x1b[2J"),
        (b"\x7f\x08", "\x7f\x08", "\\x7f\\x08"),
        (
            "gr\u{fc}n \u{202e}x\u{9b}2J".as_bytes(),
            "gr\u{fc}n \u{202e}x\u{9b}2J",
            "gr\u{fc}n \\u{202e}x\\x9b2J",
        ),
        (b"gr\xfcn", "gr\u{fc}n", "gr\u{fc}n"),
        (b"\xff\xfe\x9b2J", "\u{ff}\u{fe}\u{9b}2J", "\u{ff}\u{fe}\\x9b2J"),
        (b"\xc3", "\u{c3}", "\u{c3}"),
        (b"", "", ""),
        (b" ", " ", " "),
        (b"%s%n{}", "%s%n{}", "%s%n{}"),
        (b"\0hi", "hi", "hi"),
        (b"\0\0hi", "\0hi", "\\x00hi"),
    ]
    .into_iter()
    .enumerate()
    {
        let seq = (n % 2) as u8;
        for _ in 0..2 {
            bob.send_raw(&ann.to, &wire(CHAT, seq, "bob", payload));
            bob.expect(Operation::Ack, seq, b"");
        }
        assert_eq!(listened(&ann), shown);
        assert_eq!(ann.client().log().pop().unwrap().what, message(text), "once, and exactly");
        still_plain(&ann, &bob, seq, !payload.starts_with(b"\0") || payload.len() == 1);
    }
    for command in [&["history", "--all", "-n", "100"][..], &["listen", "--since", "0", "-n", "16", "--text"]]
    {
        harmless(ann.ctl(command).ok());
    }
    let json = harmless(ann.ctl(&["listen", "--since", "0", "-n", "16", "--json"]).ok());
    assert_eq!(json.lines().count(), 16);
}

#[test]
fn a_length_that_lies_costs_no_text_and_no_memory() {
    let ann = Ann::open_to_all();
    let bob = ann.chats_with(BOB, "bob");
    for (n, (length, payload, shown)) in [
        (0, &b"after 0"[..], "after 0"),
        (3, b"abcd", "abc"),
        (5, b"abcd", "abcd"),
        (u32::MAX, b"the most", "the most"),
        (1 << 31, b"negative", "negative"),
        (4_u32.swap_bytes(), b"turn", "turn"),
        (9, b"", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let seq = (n % 2) as u8;
        bob.send_raw(&ann.to, &with_length(seq, length, payload));
        bob.expect(Operation::Ack, seq, b"");
        assert_eq!(listened(&ann), shown);
    }
    ann.serves(250);
}

#[test]
fn the_largest_datagrams_of_every_kind_are_read_and_change_no_more_than_small_ones() {
    let ann = Ann::open_to_all();
    let bob = ann.chats_with(BOB, "bob");
    let huge = vec![b'x'; DATAGRAM_MAX - 39];
    for seq in [0, 1] {
        bob.send_raw(&ann.to, &wire(CHAT, seq, "bob", &huge));
        bob.expect(Operation::Ack, seq, b"");
        // What nobody types is not kept, and the text says so.
        let kept = format!("{} [{} more bytes]", "x".repeat(4_096), huge.len() - 4_096);
        assert_eq!(listened(&ann), kept);
        assert_eq!(ann.client().log().pop().unwrap().what, message(&kept));
    }
    // An ACK and a SYN+ACK with that after them, an error of that length, and nonsense.
    for operation in [[1, 4], [1, 6], ERR, [1, 0x55], [9, 9]] {
        bob.send_raw(&ann.to, &wire(operation, 0, "bob", &huge));
    }
    bob.expect(Operation::Ack, 0, b"");
    still_plain(&ann, &bob, 0, true);
    assert_eq!(ann.told(BOB).iter().filter(|event| event.starts_with("error x")).count(), 1);
    // And as the last word.
    bob.send_raw(&ann.to, &wire(FIN, 0, "bob", &huge));
    bob.expect(Operation::Ack, 0, b"");
    let words = format!("{} [{} more bytes]", "x".repeat(256), huge.len() - 256);
    assert_eq!(ann.told(BOB).last().unwrap(), &format!("closed {} {words}", Reason::PeerQuit));
    ann.serves(250);
}

#[test]
fn the_words_of_an_invitation_a_refusal_and_an_end_are_harmless_on_a_terminal() {
    let ann = Ann::open_to_all();
    // NULs before and after the words are none of them.
    let words = b"\0\x1b[2J\r\nsimpctl: all\0 is well\x9b\0";
    for (host, operation) in [(2, FIN), (3, ERR), (4, [1, 9]), (5, [1, 4])] {
        let bob = ann.world.peer(host, "bob");
        let connecting = ann.world.spawn_ctl(1, &["connect", &ann.world.address(host)]);
        bob.expect(Operation::Syn, 0, b"");
        bob.send_raw(&ann.to, &wire(operation, 0, "bob", words));
        let outcome = connecting.wait();
        assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(4), ""), "{outcome:?}");
        let line = harmless(outcome.stderr);
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(line.ends_with(" declined: \\x1b[2J\\r\\nsimpctl: all\\x00 is well\\x9b\n"), "{line}");
    }
    let bob = ann.world.peer(6, "bob");
    bob.send_raw(&ann.to, &wire([1, 2], 0, "bob", words));
    bob.is_accepted(&ann.to);
    bob.send_raw(&ann.to, &wire(FIN, 0, "bob", words));
    bob.expect(Operation::Ack, 0, b"");
    harmless(ann.ctl(&["history", "--all", "-n", "100"]).ok());
    harmless(ann.ctl(&["history", "--all", "-n", "100", "--json"]).ok());
    ann.serves(250);
}

#[test]
fn the_same_text_twice_before_the_end_is_shown_twice() {
    let ann = Ann::open_to_all();
    let bob = ann.chats_with(BOB, "bob");
    bob.say(&ann.to, 0, "ok");
    assert_eq!(listened(&ann), "ok");
    bob.send(&ann.to, Operation::Chat, 1, b"ok");
    bob.send(&ann.to, Operation::Fin, 0, b"");
    ann.client().status_when(|status| status.chats == 0);
    assert_eq!(ann.heard(BOB), ["ok", "ok"]);
}

#[test]
fn the_same_text_twice_with_two_numbers_is_shown_twice_whatever_its_acks_say() {
    let ann = Ann::open_to_all();
    let bob = ann.chats_with(BOB, "bob");
    for seq in [0, 1] {
        let sending = ann.world.spawn_ctl(1, &["send", "hi"]);
        bob.expect(Operation::Chat, seq, b"hi");
        bob.send(&ann.to, Operation::Ack, 255, b"");
        assert_eq!(sending.wait().ok(), "");
    }
    for (seq, text) in [(0, &b"one"[..]), (1, b"ok"), (0, b"ok"), (1, b"ok")] {
        bob.say(&ann.to, seq, text);
    }
    assert_eq!(ann.heard(BOB), ["one", "ok", "ok", "ok"]);
}

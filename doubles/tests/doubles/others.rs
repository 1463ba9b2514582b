//! What was seen besides, and what is invented.

use super::*;

/// Both of its first two chats, each acknowledged with its number.
fn two_chats(row: &str) -> Vec<Vec<u8>> {
    let mut bob = Bob::invited(row);
    let mut chats = bob.writes("one");
    bob.hears(ACK, chats[0][2], "");
    chats.extend(bob.writes("two"));
    chats
}

#[test]
fn names_and_lengths_are_as_odd_as_they_were_seen() {
    let mut leading = plain(CHAT, 0, "", "one");
    leading[32..35].copy_from_slice(b"bob");
    assert_eq!(two_chats("leading-nul")[0], leading);
    assert_eq!(two_chats("receiver")[0], plain(CHAT, 0, "ann", "one"));
    let with_length = |length: [u8; 4]| {
        let mut bytes = plain(CHAT, 0, "bob", "one");
        bytes[35..39].copy_from_slice(&length);
        bytes
    };
    assert_eq!(two_chats("length-0")[0], with_length([0; 4]));
    assert_eq!(two_chats("length-little")[0], with_length([3, 0, 0, 0]));
    assert_eq!(two_chats("length-header")[0], with_length([0, 0, 0, 42]));
    assert_eq!(two_chats("nul-end")[0], plain(CHAT, 0, "bob", "one\0"));
    assert_eq!(two_chats("line-feed")[0], plain(CHAT, 0, "bob", "one\n"));
    assert_eq!(two_chats("nul-filled")[0].len(), 1_024);
}

#[test]
fn chats_carry_the_numbers_of_their_row() {
    for (row, numbers) in [
        ("plain", [0, 1]),
        ("repeat-mark", [0, 0]),
        ("from-1", [1, 0]),
        ("counts", [0, 1]),
        ("always-1", [1, 1]),
    ] {
        let chats = two_chats(row);
        assert_eq!([chats[0][2], chats[1][2]], numbers, "{row}");
    }
    let mut bob = Bob::invited("repeat-mark");
    bob.writes("one");
    assert_eq!(bob.waits(5_000), [plain(CHAT, 1, "bob", "one")]);
    bob.hears(CHAT, 0, "hi");
    bob.hears(CHAT, 1, "hi");
    bob.hears(CHAT, 1, "ho");
    assert_eq!(bob.double.shown(), ["hi", "ho"]);
}

#[test]
fn acks_carry_the_numbers_of_their_row() {
    for (row, numbers) in [
        ("plain", [0, 1, 0]),
        ("ack-next", [1, 0, 1]),
        ("ack-count", [1, 2, 3]),
        ("ack-0", [0, 0, 0]),
        ("ack-text", [0, 1, 0]),
    ] {
        let mut bob = Bob::invited(row);
        let acks: Vec<u8> = (0..3).flat_map(|n| bob.answers(CHAT, n & 1, "hi")).map(|ack| ack[2]).collect();
        assert_eq!(acks, numbers, "{row}");
    }
    assert_eq!(Bob::invited("ack-text").answers(CHAT, 0, "hi"), [plain(ACK, 0, "bob", "OK")]);
    assert_eq!(Bob::invited("never-acks").answers(CHAT, 0, "hi"), Vec::<Vec<u8>>::new());
    assert_eq!(Bob::invited("ack-ack").answers(ACK, 1, ""), [plain(ACK, 1, "bob", "")]);
    assert_eq!(Bob::invited("err-to-ack").answers(ACK, 1, ""), [plain(ERR, 0, "bob", "Unexpected ACK")]);
    let mut bob = Bob::invited("err-duplicate");
    bob.answers(CHAT, 0, "hi");
    assert_eq!(bob.answers(CHAT, 0, "hi"), [plain(ERR, 0, "bob", "Unexpected sequence")]);
}

#[test]
fn openings_are_those_of_their_row() {
    let mut bob = Bob::invited("syn-ack-always");
    bob.now = 60_000;
    assert_eq!(bob.answers(SYN, 0, ""), [plain(SYN_ACK, 0, "bob", "")]);
    let mut bob = Bob::of("syn-ack-1");
    bob.hears(SYN, 0, "");
    bob.double.accept(0);
    assert_eq!(bob.says(), [plain(SYN_ACK, 1, "bob", "")]);
    let mut bob = Bob::of("syn-5s");
    bob.double.invite(0, us());
    assert_eq!(bob.says().len() + bob.waits(10_000).len(), 3);
    let mut bob = Bob::of("err-syn-ack");
    bob.hears(SYN, 0, "");
    bob.double.decline(0);
    assert_eq!(bob.says(), [plain(ERR, 0, "bob", "Connection rejected"), plain(SYN_ACK, 0, "bob", "")]);
    for (row, invites) in [("ephemeral", true), ("other-port", false)] {
        let mut bob = Bob::of(row);
        if invites {
            bob.double.invite(0, us());
        } else {
            bob.hears(SYN, 0, "");
            bob.double.accept(0);
        }
        assert_eq!(bob.double.poll_transmit().unwrap().from, Port::Other, "{row}");
    }
}

#[test]
fn one_that_polls_answers_in_batches() {
    let mut bob = Bob::of("polls");
    bob.now = 1;
    assert_eq!(bob.answers(SYN, 0, ""), Vec::<Vec<u8>>::new());
    bob.waits(5_000);
    bob.double.accept(bob.now);
    bob.hears(ACK, 0, "");
    bob.hears(CHAT, 0, "hi");
    bob.hears(CHAT, 1, "ho");
    bob.double.say(bob.now, "one");
    assert_eq!(bob.says(), [plain(SYN_ACK, 0, "bob", "")]);
    let batch = [plain(ACK, 0, "bob", ""), plain(ACK, 1, "bob", ""), plain(CHAT, 0, "bob", "one")];
    assert_eq!(bob.waits(5_000), batch);
}

#[test]
fn refusals_and_ends_are_those_of_their_row() {
    let refusal = |row| {
        let mut bob = Bob::of(row);
        bob.hears(SYN, 0, "");
        bob.double.decline(0);
        bob.says()
    };
    assert_eq!(refusal("fin-text"), [plain(FIN, 1, "bob", "Connection rejected")]);
    assert_eq!(refusal("err-fin"), [plain(ERR_FIN, 0, "bob", "Connection rejected")]);
    assert_eq!(refusal("ack-refusal"), [plain(ACK, 0, "bob", "Connection rejected")]);
    assert_eq!(Bob::invited("fin-silent").answers(FIN, 0, ""), Vec::<Vec<u8>>::new());
    let mut bob = Bob::invited("fin-seq");
    bob.hears(CHAT, 0, "hi");
    bob.says();
    assert_eq!(bob.answers(FIN, 0, ""), Vec::<Vec<u8>>::new());
    assert_eq!(bob.answers(FIN, 1, ""), [plain(ACK, 1, "bob", "")]);
    let mut bob = Bob::invited("fin-leaves");
    bob.double.quit(0);
    assert_eq!((bob.says(), bob.double.state()), (vec![plain(FIN, 0, "bob", "")], DoubleState::Idle));
}
